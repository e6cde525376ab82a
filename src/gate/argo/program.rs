//! Conditions as `expr-lang`'s interpreter runs them.
//!
//! The interpreter is asked with Go's meaning spelled out: an index past the end is an error and not
//! nil, `isNil` and `default` look at the whole result, and every closure and operand is bracketed.

use std::fmt::Write;
use std::sync::LazyLock;

use expr::{Context, Environment, Program, Value};

use super::ConditionError;
use super::syntax::{Kind, Node};

/// A condition, ready to run.
#[derive(Debug, Clone)]
pub(super) struct Runnable(Program);

impl Runnable {
    pub(super) fn new(node: &Node) -> Result<Runnable, ConditionError> {
        let mut text = String::new();
        write_node(&mut text, node);
        let program = expr::compile(&text).map_err(|error| {
            // The place is one of the spelled-out text.
            ConditionError::new(format!("it is not evaluated here: {error}"), node.at)
        })?;
        Ok(Runnable(program))
    }

    pub(super) fn run(&self, result: Value) -> Result<Value, ConditionError> {
        let mut context = Context::default();
        context.insert("result", result);
        let ran = ENVIRONMENT.run(&self.0, &context);
        ran.map_err(|error| ConditionError::new(error.to_string(), 0))
    }
}

/// Whether a name matches a regular expression anywhere; one that is not valid matches nothing, as in
/// Argo's `dryRun`.
pub fn matches(name: &str, pattern: &str) -> bool {
    static MATCH: LazyLock<Option<Program>> =
        LazyLock::new(|| expr::compile("name matches pattern").ok());
    let mut context = Context::default();
    context.insert("name", name);
    context.insert("pattern", pattern);
    let ran = MATCH
        .as_ref()
        .map(|program| ENVIRONMENT.run(program, &context));
    matches!(ran, Some(Ok(Value::Bool(true))))
}

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.add_function("isNaN", |call| {
        Ok(Value::Bool(float_of(&call.args)?.is_nan()))
    });
    environment.add_function("isInf", |call| {
        Ok(Value::Bool(float_of(&call.args)?.is_infinite()))
    });
    // Both ignore what they are given, as Argo's do.
    environment.add_function("isNil", |call| {
        Ok(Value::Bool(matches!(
            call.ctx.get("result"),
            None | Some(Value::Nil)
        )))
    });
    environment.add_function("default", |mut call| {
        Ok(match call.ctx.get("result") {
            None | Some(Value::Nil) => call.args.pop().unwrap_or_default(),
            Some(result) => result.clone(),
        })
    });
    environment.add_function("asInt", |call| as_int(&call.args));
    environment.add_function("asFloat", |call| as_float(&call.args));
    environment.add_function("part", |call| part(call.args));
    environment.add_function("partOrNil", |call| match call.args.first() {
        None | Some(Value::Nil) => Ok(Value::Nil),
        Some(_) => part(call.args),
    });
    environment
});

type Ran = Result<Value, expr::Error>;

fn refuse<T>(message: &str) -> Result<T, expr::Error> {
    Err(expr::Error::ExprError(message.to_owned()))
}

fn float_of(args: &[Value]) -> Result<f64, expr::Error> {
    match args {
        [Value::Float(value)] => Ok(*value),
        [Value::Integer(value)] => Ok(*value as f64),
        _ => refuse("a number is wanted"),
    }
}

fn as_int(args: &[Value]) -> Ran {
    match args {
        [Value::Integer(value)] => Ok(Value::Integer(*value)),
        [Value::Float(value)] => Ok(Value::Integer(*value as i64)),
        [Value::String(text)] => match text.parse() {
            Ok(value) => Ok(Value::Integer(value)),
            Err(_) => refuse("the text is not a whole number"),
        },
        _ => refuse("a number or a text is wanted"),
    }
}

fn as_float(args: &[Value]) -> Ran {
    match args {
        [Value::Integer(value)] => Ok(Value::Float(*value as f64)),
        [Value::Float(value)] => Ok(Value::Float(*value)),
        [Value::String(text)] => match text.parse() {
            Ok(value) => Ok(Value::Float(value)),
            Err(_) => refuse("the text is not a number"),
        },
        _ => refuse("a number or a text is wanted"),
    }
}

/// An item of a list or a field of an object; an error past the end of a list, nil for a field that
/// is not there.
fn part(args: Vec<Value>) -> Ran {
    let Ok([base, key]) = <[Value; 2]>::try_from(args) else {
        return refuse("an index is wanted");
    };
    match (base, key) {
        (Value::Array(mut items), Value::Integer(index)) => {
            let length = items.len() as i64;
            let at = if index < 0 { index + length } else { index };
            if !(0..length).contains(&at) {
                return refuse(match length {
                    0 => "the result is empty: there is no such item",
                    _ => "there is no such item",
                });
            }
            Ok(items.swap_remove(at as usize))
        }
        (Value::Map(mut fields), Value::String(key)) => {
            Ok(fields.swap_remove(&key).unwrap_or_default())
        }
        (Value::Nil, _) => refuse("nil has no parts"),
        _ => refuse("it has no such part"),
    }
}

/// Spells a condition out.
fn write_node(text: &mut String, node: &Node) {
    match &node.kind {
        Kind::Nil => text.push_str("nil"),
        Kind::Bool(truth) => {
            let _ = write!(text, "{truth}");
        }
        Kind::Int(value) => {
            let _ = write!(text, "{value}");
        }
        // With an exponent, so that it stays a number with a point.
        Kind::Float(value) => {
            let _ = write!(text, "{value:e}");
        }
        Kind::Text(value) => write_text(text, value),
        Kind::Name(name) => text.push_str(name),
        Kind::Item => text.push('#'),
        Kind::List(items) => {
            text.push('[');
            write_all(text, items);
            text.push(']');
        }
        Kind::Unary(operator, operand) => {
            text.push('(');
            text.push_str(operator);
            write_bracketed(text, operand);
            text.push(')');
        }
        Kind::Binary(operator, left, right) => {
            text.push('(');
            write_bracketed(text, left);
            let _ = write!(text, " {operator} ");
            write_bracketed(text, right);
            text.push(')');
        }
        Kind::Choice(parts) => {
            let [condition, yes, no] = parts.as_ref();
            text.push('(');
            write_bracketed(text, condition);
            text.push_str(" ? ");
            write_bracketed(text, yes);
            text.push_str(" : ");
            write_bracketed(text, no);
            text.push(')');
        }
        Kind::Member { base, key, .. } => {
            // From the first `?.` on, nil goes through to the end of the chain.
            let function = if is_optional(node) {
                "partOrNil("
            } else {
                "part("
            };
            text.push_str(function);
            write_node(text, base);
            text.push_str(", ");
            write_node(text, key);
            text.push(')');
        }
        Kind::Slice { base, from, to } => {
            write_bracketed(text, base);
            text.push('[');
            if let Some(from) = from {
                write_bracketed(text, from);
            }
            text.push(':');
            if let Some(to) = to {
                write_bracketed(text, to);
            }
            text.push(']');
        }
        Kind::Call {
            name,
            args,
            closure,
        } => {
            text.push_str(name);
            text.push('(');
            write_all(text, args);
            match closure {
                Some(closure) => {
                    text.push_str(", {");
                    write_node(text, closure);
                    text.push('}');
                }
                // Lest an argument with a `#` of its own be taken for the closure.
                None if matches!(name.as_str(), "sum" | "count") => text.push_str(", {#}"),
                None => {}
            }
            text.push(')');
        }
        Kind::Let { name, value, body } => {
            let _ = write!(text, "let {name} = ");
            write_node(text, value);
            text.push_str("; ");
            write_node(text, body);
        }
    }
}

fn write_all(text: &mut String, nodes: &[Node]) {
    for (index, node) in nodes.iter().enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        write_node(text, node);
    }
}

/// Writes a part so that its neighbours cannot reach into it.
fn write_bracketed(text: &mut String, node: &Node) {
    match node.kind {
        Kind::Slice { .. } | Kind::Let { .. } => {
            text.push('(');
            write_node(text, node);
            text.push(')');
        }
        _ => write_node(text, node),
    }
}

fn is_optional(node: &Node) -> bool {
    match &node.kind {
        Kind::Member { base, optional, .. } => *optional || is_optional(base),
        _ => false,
    }
}

fn write_text(text: &mut String, value: &str) {
    text.push('"');
    for c in value.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            c => text.push(c),
        }
    }
    text.push('"');
}
