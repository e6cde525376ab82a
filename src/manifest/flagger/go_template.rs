//! Go's `text/template`, as far as queries need it: text and actions, functions without data,
//! variables, pipelines, `if`, and `missingkey=error`.
//!
//! Flagger 1.44.0, `pkg/metrics/observers/*.go` (how queries are rendered); Go's `text/template`.

mod parse;

use std::collections::BTreeMap;

use parse::{Command, Item, Operand, Pipeline};

/// What a query's template may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Model {
    /// Functions without arguments and their texts: `name`, `interval` and so on.
    pub(super) texts: Vec<(&'static str, String)>,
    /// The map that the function `variables` returns.
    pub(super) variables: BTreeMap<String, String>,
}

/// Why a template does not render.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum TemplateError {
    /// It is not a template.
    #[error("{what}")]
    Syntax {
        /// What is wrong.
        what: String,
        /// The action that it is wrong in, as written.
        action: String,
    },
    /// It asks for a variable that is not there.
    #[error("there is no variable `{0}`")]
    NoVariable(String),
}

/// A value in a template.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Text(String),
    Number(f64),
    Truth(bool),
    Variables,
    /// What a template has for data: nothing.
    Nothing,
}

/// Renders a template.
///
/// # Errors
/// When it is no template that is understood here, or asks for what is not there.
pub(super) fn render(text: &str, model: &Model) -> Result<String, TemplateError> {
    let items = parse::parse(text)?;
    let mut rendering = Rendering {
        model,
        variables: Vec::new(),
        out: String::new(),
    };
    rendering.all(&items)?;
    Ok(rendering.out)
}

/// Whether a template calls a function anywhere.
pub(super) fn calls(text: &str, function: &str) -> bool {
    parse::parse(text).is_ok_and(|items| items.iter().any(|item| item.calls(function)))
}

struct Rendering<'m> {
    model: &'m Model,
    variables: Vec<(String, Value)>,
    out: String,
}

impl Rendering<'_> {
    fn all(&mut self, items: &[Item]) -> Result<(), TemplateError> {
        for item in items {
            match item {
                Item::Text(text) => self.out.push_str(text),
                Item::Action(pipeline) => {
                    let value = self.pipeline(pipeline)?;
                    if pipeline.declared.is_none() {
                        let shown = self.shown(&value);
                        self.out.push_str(&shown);
                    }
                }
                Item::If {
                    condition,
                    then,
                    otherwise,
                } => {
                    let known = self.variables.len();
                    let value = self.pipeline(condition)?;
                    let chosen = if self.truth(&value) { then } else { otherwise };
                    self.all(chosen)?;
                    self.variables.truncate(known);
                }
            }
        }
        Ok(())
    }

    fn pipeline(&mut self, pipeline: &Pipeline) -> Result<Value, TemplateError> {
        let mut value = None;
        for command in &pipeline.commands {
            value = Some(self.command(command, value, &pipeline.action)?);
        }
        let value = value.unwrap_or(Value::Nothing);
        match &pipeline.declared {
            Some((name, true)) => self.variables.push((name.clone(), value.clone())),
            Some((name, false)) => {
                let mut known = self.variables.iter_mut().rev();
                match known.find(|(other, _)| other == name) {
                    Some((_, old)) => *old = value.clone(),
                    None => {
                        return Err(syntax(
                            &pipeline.action,
                            format!("`{name}` is not declared"),
                        ));
                    }
                }
            }
            None => {}
        }
        Ok(value)
    }

    fn command(
        &mut self,
        command: &Command,
        piped: Option<Value>,
        action: &str,
    ) -> Result<Value, TemplateError> {
        let Command { first, arguments } = command;
        if let Operand::Function(name) = first {
            let mut values = Vec::new();
            for argument in arguments {
                values.push(self.operand(argument, action)?);
            }
            values.extend(piped);
            return self.call(name, &values, action);
        }
        if !arguments.is_empty() || piped.is_some() {
            return Err(syntax(action, "only functions take arguments".to_owned()));
        }
        self.operand(first, action)
    }

    fn operand(&mut self, operand: &Operand, action: &str) -> Result<Value, TemplateError> {
        Ok(match operand {
            Operand::Text(text) => Value::Text(text.clone()),
            Operand::Number(number) => Value::Number(*number),
            Operand::Truth(truth) => Value::Truth(*truth),
            Operand::Data(path) => {
                let what = format!(
                    "there is no data behind `{path}`: queries have functions without a dot, like \
                     `{{{{ namespace }}}}`"
                );
                return Err(syntax(action, what));
            }
            Operand::Variable(name) => {
                let known = self.variables.iter().rev();
                let found = known.into_iter().find(|(other, _)| other == name);
                match found {
                    Some((_, value)) => value.clone(),
                    None => return Err(syntax(action, format!("`{name}` is not declared"))),
                }
            }
            Operand::Function(name) => self.call(name, &[], action)?,
            Operand::Field(of, key) => {
                let of = self.operand(of, action)?;
                if of != Value::Variables {
                    return Err(syntax(action, format!("there is no field `{key}` in it")));
                }
                let found = self.model.variables.get(key);
                let found = found.ok_or_else(|| TemplateError::NoVariable(key.clone()))?;
                Value::Text(found.clone())
            }
            Operand::Pipeline(pipeline) => self.pipeline(pipeline)?,
        })
    }

    fn call(&mut self, name: &str, values: &[Value], action: &str) -> Result<Value, TemplateError> {
        let own = self.model.texts.iter().find(|(other, _)| *other == name);
        let is_own = own.is_some() || name == "variables";
        if is_own && !values.is_empty() {
            return Err(syntax(action, format!("`{name}` takes no arguments")));
        }
        if let Some((_, text)) = own {
            return Ok(Value::Text(text.clone()));
        }
        let too_few = || syntax(action, format!("`{name}` wants more arguments"));
        Ok(match name {
            "variables" => Value::Variables,
            "printf" => {
                let (format, values) = values.split_first().ok_or_else(too_few)?;
                let format = self.shown(format);
                Value::Text(self.printf(&format, values, action)?)
            }
            // Spaces only where neither neighbour is a text.
            "print" => {
                let mut out = String::new();
                for (index, value) in values.iter().enumerate() {
                    let before = index.checked_sub(1).and_then(|before| values.get(before));
                    let texts = |value: &Value| matches!(value, Value::Text(_));
                    if before.is_some_and(|before| !texts(before) && !texts(value)) {
                        out.push(' ');
                    }
                    out.push_str(&self.shown(value));
                }
                Value::Text(out)
            }
            "println" => {
                let all: Vec<String> = values.iter().map(|value| self.shown(value)).collect();
                Value::Text(all.join(" ") + "\n")
            }
            "index" => {
                let [Value::Variables, key] = values else {
                    return Err(syntax(
                        action,
                        "`index` wants `variables` and a key".to_owned(),
                    ));
                };
                // Unlike a field, a key that is not there is an empty text.
                let key = self.shown(key);
                Value::Text(self.model.variables.get(&key).cloned().unwrap_or_default())
            }
            "len" => match values {
                [Value::Text(text)] => Value::Number(text.len() as f64),
                [Value::Variables] => Value::Number(self.model.variables.len() as f64),
                _ => return Err(syntax(action, "`len` wants a text".to_owned())),
            },
            "not" => Value::Truth(!self.truth(values.first().ok_or_else(too_few)?)),
            "and" | "or" => {
                let stop = name == "or";
                let found = values.iter().find(|value| self.truth(value) == stop);
                found.or(values.last()).cloned().ok_or_else(too_few)?
            }
            "eq" | "ne" => {
                let (first, others) = values.split_first().ok_or_else(too_few)?;
                let equal = others.contains(first);
                Value::Truth(equal == (name == "eq"))
            }
            _ => return Err(syntax(action, format!("there is no function `{name}`"))),
        })
    }

    /// Go's `fmt.Sprintf` with the verbs `%s %v %d %q %t %%`.
    fn printf(
        &self,
        format: &str,
        values: &[Value],
        action: &str,
    ) -> Result<String, TemplateError> {
        let mut values = values.iter();
        let (mut out, mut chars) = (String::new(), format.chars());
        while let Some(char) = chars.next() {
            if char != '%' {
                out.push(char);
                continue;
            }
            let verb = chars.next();
            if verb == Some('%') {
                out.push('%');
                continue;
            }
            let value = values.next();
            match (verb, value) {
                (Some(verb), None) => out.push_str(&format!("%!{verb}(MISSING)")),
                (Some('s' | 'v' | 't' | 'd'), Some(value)) => out.push_str(&self.shown(value)),
                (Some('q'), Some(value)) => out.push_str(&format!("{:?}", self.shown(value))),
                (verb, _) => {
                    let verb = verb.map_or(String::new(), String::from);
                    let what = format!("`%{verb}` is a verb of printf that is not understood here");
                    return Err(syntax(action, what));
                }
            }
        }
        match values.next() {
            None => Ok(out),
            Some(_) => Err(syntax(
                action,
                "printf has more values than verbs".to_owned(),
            )),
        }
    }

    fn shown(&self, value: &Value) -> String {
        match value {
            Value::Text(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Truth(truth) => truth.to_string(),
            Value::Nothing => "<no value>".to_owned(),
            Value::Variables => {
                let all = self.model.variables.iter();
                let all: Vec<String> = all.map(|(key, value)| format!("{key}:{value}")).collect();
                format!("map[{}]", all.join(" "))
            }
        }
    }

    fn truth(&self, value: &Value) -> bool {
        match value {
            Value::Text(text) => !text.is_empty(),
            Value::Number(number) => *number != 0.0,
            Value::Truth(truth) => *truth,
            Value::Variables => !self.model.variables.is_empty(),
            Value::Nothing => false,
        }
    }
}

fn syntax(action: &str, what: String) -> TemplateError {
    TemplateError::Syntax {
        what,
        action: action.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        let texts = ["name", "namespace", "target", "service", "ingress", "route"];
        let mut texts: Vec<(&'static str, String)> =
            texts.map(|name| (name, format!("a-{name}"))).to_vec();
        texts.push(("interval", "1m".to_owned()));
        let variables = [("direction", "inbound"), ("my-key", "v"), ("empty", "")];
        let variables = variables.map(|(key, value)| (key.to_owned(), value.to_owned()));
        Model {
            texts,
            variables: variables.into(),
        }
    }

    #[test]
    fn actions_become_what_they_say() {
        for (text, rendered) in [
            ("plain { } text", "plain { } text"),
            ("[{{ interval }}]", "[1m]"),
            ("[{{interval}}]", "[1m]"),
            ("{{ namespace }}-{{ target }}", "a-namespace-a-target"),
            ("{{ variables.direction }}", "inbound"),
            ("{{ index variables \"my-key\" }}", "v"),
            ("{{ index variables \"absent\" }}", ""),
            ("a {{- namespace -}} b", "aa-namespaceb"),
            ("a {{/* what */}} b", "a  b"),
            ("a {{- /* what */ -}} b", "ab"),
            ("{{ printf \"%s_%v%%\" name `raw` }}", "a-name_raw%"),
            ("{{ printf \"%q\" name }}", "\"a-name\""),
            ("{{ name | printf \"%s-%s\" target }}", "a-target-a-name"),
            (
                "{{- $x := printf \"%s.\" name }}{{ $x }}{{$x}}",
                "a-name.a-name.",
            ),
            ("{{ $x := name }}{{ $x = target }}{{ $x }}", "a-target"),
            ("{{ if variables.empty }}a{{ else }}b{{ end }}", "b"),
            ("{{ if eq name \"a-name\" }}a{{ end }}", "a"),
            (
                "{{ if ne name \"a\" \"b\" }}a{{ else if true }}b{{ end }}",
                "a",
            ),
            ("{{ if not true }}a{{ else if and name 1 }}b{{ end }}", "b"),
            ("{{ or variables.empty \"else\" }}", "else"),
            ("{{ print name \"x\" 1 2 }}", "a-namex1 2"),
            ("{{ (printf \"%s\" name) }}", "a-name"),
            ("{{ \"a\\tb\\\"\" }}", "a\tb\""),
            ("{{\n  namespace\n}}", "a-namespace"),
            ("{{ len name }}", "6"),
        ] {
            assert_eq!(render(text, &model()).as_deref(), Ok(rendered), "{text}");
        }
    }

    #[test]
    fn what_is_not_there_is_an_error_and_never_an_empty_text() {
        let no_variable = |text: &str| match render(text, &model()) {
            Err(TemplateError::NoVariable(key)) => key,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(no_variable("{{ variables.absent }}"), "absent");
        assert_eq!(
            no_variable("{{ $v := variables }}{{ $v.absent }}"),
            "absent"
        );
        for (text, what, action) in [
            ("a {{ foo }}", "there is no function `foo`", "{{ foo }}"),
            (
                "{{ .Values.x }}",
                "there is no data behind `.Values.x`",
                "{{ .Values.x }}",
            ),
            ("{{ $x }}", "`$x` is not declared", "{{ $x }}"),
            ("{{ name.x }}", "there is no field `x`", "{{ name.x }}"),
            (
                "{{ name namespace }}",
                "`name` takes no arguments",
                "{{ name namespace }}",
            ),
            (
                "{{ \"a\" name }}",
                "only functions take arguments",
                "{{ \"a\" name }}",
            ),
            ("{{ printf \"%x\" name }}", "`%x` is a verb", "{{ printf"),
            ("{{ namespace", "is not closed", "{{ namespace"),
            ("{{ }}", "is empty", "{{ }}"),
            ("{{ if name }}", "has no end", "{{ if name }}"),
            ("{{ end }}", "ends nothing", "{{ end }}"),
            (
                "{{ range variables }}{{ end }}",
                "`range` is not understood here",
                "{{ range",
            ),
            ("{{ \"a }}", "is not closed", "{{ \"a }}"),
            ("{{ name ? }}", "`?`", "{{ name ? }}"),
        ] {
            let Err(TemplateError::Syntax {
                what: said,
                action: at,
            }) = render(text, &model())
            else {
                panic!("{text} renders");
            };
            assert!(said.contains(what), "{text}: {said}");
            assert!(at.starts_with(action), "{text}: {at}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_and_no_text_is_too_odd() {
        let deep = "{{ ".to_owned() + &"(".repeat(200_000);
        assert!(render(&deep, &model()).is_err());
        let deep = "{{ if name }}".repeat(100_000);
        assert!(render(&deep, &model()).is_err());
        for text in [
            "{{",
            "{{-",
            "{{- ",
            "}}",
            "{{/*",
            "{{ - }}",
            "{{ | }}",
            "{{ \\ }}",
            "{{ 'a' }}",
        ] {
            let _ = render(text, &model());
        }
    }

    #[test]
    fn it_can_be_told_what_a_template_calls() {
        assert!(calls("a[{{ interval }}]", "interval"));
        assert!(calls(
            "{{ if true }}{{ printf \"%s\" (interval) }}{{ end }}",
            "interval"
        ));
        assert!(!calls("a[1m]", "interval"));
    }
}
