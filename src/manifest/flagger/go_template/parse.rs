//! Text to the items of a template.

use super::{TemplateError, syntax};

/// A part of a template.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    /// As it is.
    Text(String),
    /// What an action comes to.
    Action(Pipeline),
    /// One of two parts.
    If {
        condition: Pipeline,
        then: Vec<Item>,
        otherwise: Vec<Item>,
    },
}

/// Commands, each of which gets the value of the one before as its last argument.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pipeline {
    /// The variable that gets the value, and whether it is a new one.
    pub(super) declared: Option<(String, bool)>,
    pub(super) commands: Vec<Command>,
    /// The action as written.
    pub(super) action: String,
}

/// A value, or a function with its arguments.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Command {
    pub(super) first: Operand,
    pub(super) arguments: Vec<Operand>,
}

/// Something that has a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    Text(String),
    Number(f64),
    Truth(bool),
    /// `.a.b`, which has no value here.
    Data(String),
    /// With its `$`.
    Variable(String),
    Function(String),
    Field(Box<Operand>, String),
    Pipeline(Box<Pipeline>),
}

/// Deeper nesting than this is nobody's query.
const MOST_DEPTH: usize = 64;

impl Item {
    /// Whether a function is called in it.
    pub(super) fn calls(&self, function: &str) -> bool {
        match self {
            Item::Text(_) => false,
            Item::Action(pipeline) => pipeline.calls(function),
            Item::If {
                condition,
                then,
                otherwise,
            } => {
                let mut parts = then.iter().chain(otherwise);
                condition.calls(function) || parts.any(|item| item.calls(function))
            }
        }
    }
}

impl Pipeline {
    fn calls(&self, function: &str) -> bool {
        self.commands.iter().any(|command| {
            let mut operands = command.arguments.iter().chain([&command.first]);
            operands.any(|operand| operand.calls(function))
        })
    }
}

impl Operand {
    fn calls(&self, function: &str) -> bool {
        match self {
            Operand::Function(name) => name == function,
            Operand::Field(of, _) => of.calls(function),
            Operand::Pipeline(pipeline) => pipeline.calls(function),
            _ => false,
        }
    }
}

/// Parses a template.
pub(super) fn parse(text: &str) -> Result<Vec<Item>, TemplateError> {
    let mut pieces = pieces(text)?.into_iter();
    let (items, ended) = block(&mut pieces, 0)?;
    match ended {
        None => Ok(items),
        Some((word, action)) => Err(syntax(&action, format!("`{word}` ends nothing"))),
    }
}

/// Text between actions, and actions.
#[derive(Debug)]
enum Piece {
    Text(String),
    /// All of it as written, and what is inside.
    Action(String, String),
}

/// Cuts a text into actions and what is between them, with white space trimmed where they ask.
fn pieces(text: &str) -> Result<Vec<Piece>, TemplateError> {
    let (mut found, mut rest, mut trim) = (Vec::new(), text, false);
    while let Some(start) = rest.find("{{") {
        let (before, action) = rest.split_at(start);
        let inside = &action[2..];
        let trims_before = inside.starts_with('-') && inside[1..].starts_with(char::is_whitespace);
        let length = action_length(action)
            .ok_or_else(|| syntax(shortened(action), "the action is not closed".to_owned()))?;
        let (action, after) = action.split_at(length);
        let mut inside = &action[2..length - 2];
        inside = if trims_before { &inside[1..] } else { inside };
        let trims_after = inside.ends_with('-')
            && inside[..inside.len() - 1].ends_with(|c: char| c.is_whitespace() || c == '/');
        inside = if trims_after {
            &inside[..inside.len() - 1]
        } else {
            inside
        };
        let before = if trim { before.trim_start() } else { before };
        let before = if trims_before {
            before.trim_end()
        } else {
            before
        };
        found.push(Piece::Text(before.to_owned()));
        let is_comment = inside.trim().starts_with("/*") && inside.trim().ends_with("*/");
        if !is_comment {
            found.push(Piece::Action(action.to_owned(), inside.trim().to_owned()));
        }
        (rest, trim) = (after, trims_after);
    }
    let last = if trim { rest.trim_start() } else { rest };
    found.push(Piece::Text(last.to_owned()));
    Ok(found)
}

/// Bytes from `{{` to the end of the `}}` that is not inside a text.
fn action_length(action: &str) -> Option<usize> {
    let bytes = action.as_bytes();
    let (mut at, mut quote) = (2, None);
    while at < bytes.len() {
        match (quote, bytes[at]) {
            (None, b'}') if bytes.get(at + 1) == Some(&b'}') => return Some(at + 2),
            (None, b'/') if bytes.get(at + 1) == Some(&b'*') => {
                at += action[at..].find("*/")?;
            }
            (None, mark @ (b'"' | b'`' | b'\'')) => quote = Some(mark),
            (Some(b'"' | b'\''), b'\\') => at += 1,
            (Some(mark), byte) if mark == byte => quote = None,
            _ => {}
        }
        at += 1;
    }
    None
}

/// The beginning of a text, for messages.
fn shortened(text: &str) -> &str {
    const SHOWN: usize = 40;
    let line = text.lines().next().unwrap_or_default();
    let end = line
        .char_indices()
        .nth(SHOWN)
        .map_or(line.len(), |(end, _)| end);
    &line[..end]
}

/// A keyword that ends a block, and its action.
type Ended = Option<(String, String)>;

/// The items up to `else`, `end` or the end of the text.
fn block(
    pieces: &mut std::vec::IntoIter<Piece>,
    depth: usize,
) -> Result<(Vec<Item>, Ended), TemplateError> {
    let mut items = Vec::new();
    while let Some(piece) = pieces.next() {
        let (action, inside) = match piece {
            Piece::Text(text) => {
                items.push(Item::Text(text));
                continue;
            }
            Piece::Action(action, inside) => (action, inside),
        };
        let word = inside.split(char::is_whitespace).next().unwrap_or_default();
        match word {
            "end" | "else" => return Ok((items, Some((inside, action)))),
            "if" => {
                let condition = inside[word.len()..].to_owned();
                items.push(conditional(pieces, &condition, &action, depth)?);
            }
            "range" | "with" | "define" | "template" | "block" | "break" | "continue" => {
                let what = format!("`{word}` is not understood here");
                return Err(syntax(&action, what));
            }
            _ => items.push(Item::Action(pipeline(&inside, &action)?)),
        }
    }
    Ok((items, None))
}

fn conditional(
    pieces: &mut std::vec::IntoIter<Piece>,
    condition: &str,
    action: &str,
    depth: usize,
) -> Result<Item, TemplateError> {
    if depth >= MOST_DEPTH {
        return Err(syntax(action, "this is nested too deeply".to_owned()));
    }
    let condition = pipeline(condition.trim(), action)?;
    let (then, ended) = block(pieces, depth + 1)?;
    let no_end = || syntax(action, "`if` has no end".to_owned());
    let (word, at) = ended.ok_or_else(no_end)?;
    let otherwise = match word.strip_prefix("else").map(str::trim) {
        None => Vec::new(),
        Some("") => {
            let (items, ended) = block(pieces, depth + 1)?;
            match ended.ok_or_else(no_end)? {
                (word, _) if word == "end" => items,
                (word, at) => return Err(syntax(&at, format!("`{word}` follows an else"))),
            }
        }
        Some(rest) => match rest.strip_prefix("if") {
            // It shares the end of the first.
            Some(condition) => vec![conditional(pieces, condition, &at, depth + 1)?],
            None => return Err(syntax(&at, format!("`{word}` is not understood"))),
        },
    };
    Ok(Item::If {
        condition,
        then,
        otherwise,
    })
}

/// A word of an action.
#[derive(Debug, Clone, PartialEq)]
enum Token {
    Text(String),
    Number(f64),
    /// A name, perhaps with a `$` or dots: `$x.a`, `variables.b`, `.c`.
    Name(String),
    Mark(&'static str),
}

fn pipeline(inside: &str, action: &str) -> Result<Pipeline, TemplateError> {
    let tokens = tokens(inside, action)?;
    let mut parser = Parser {
        tokens: tokens.into_iter().peekable(),
        action,
        depth: 0,
    };
    let pipeline = parser.pipeline()?;
    match parser.tokens.next() {
        None => Ok(pipeline),
        Some(token) => Err(syntax(action, format!("{token:?} does not belong there"))),
    }
}

fn tokens(inside: &str, action: &str) -> Result<Vec<Token>, TemplateError> {
    let (mut found, mut rest) = (Vec::new(), inside.trim_start());
    while let Some(first) = rest.chars().next() {
        let marks = [":=", "=", "|", "(", ")", ","];
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '$');
        if let Some(mark) = marks.into_iter().find(|mark| rest.starts_with(mark)) {
            found.push(Token::Mark(mark));
            rest = &rest[mark.len()..];
        } else if first == '"' || first == '`' {
            let (text, after) = quoted(rest)
                .ok_or_else(|| syntax(action, "a text in it is not closed".to_owned()))?;
            found.push(Token::Text(text));
            rest = after;
        } else if first.is_ascii_digit() || first == '-' {
            let end = rest[1..]
                .find(|c: char| !is_name(c))
                .map_or(rest.len(), |end| end + 1);
            let number = rest[..end].parse::<f64>();
            let number =
                number.map_err(|_| syntax(action, format!("`{}` is no number", &rest[..end])))?;
            found.push(Token::Number(number));
            rest = &rest[end..];
        } else if is_name(first) {
            let end = rest.find(|c: char| !is_name(c)).unwrap_or(rest.len());
            found.push(Token::Name(rest[..end].to_owned()));
            rest = &rest[end..];
        } else {
            return Err(syntax(action, format!("`{first}` does not belong there")));
        }
        rest = rest.trim_start();
    }
    Ok(found)
}

/// A text in quotes at the start, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    if let Some(raw) = text.strip_prefix('`') {
        let end = raw.find('`')?;
        return Some((raw[..end].to_owned(), &raw[end + 1..]));
    }
    let mut out = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((out, &text[at + 1..])),
            '\n' => return None,
            '\\' => out.push(match chars.next()?.1 {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                same @ ('"' | '\\' | '\'') => same,
                _ => return None,
            }),
            _ => out.push(char),
        }
    }
    None
}

struct Parser<'a> {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    action: &'a str,
    depth: usize,
}

impl Parser<'_> {
    fn pipeline(&mut self) -> Result<Pipeline, TemplateError> {
        let mut commands = vec![self.command()?];
        let mut declared = None;
        if let Some(Token::Mark(mark @ (":=" | "="))) = self.tokens.peek().cloned() {
            self.tokens.next();
            let Command { first, arguments } = commands.remove(0);
            let (Operand::Variable(name), true) = (first, arguments.is_empty()) else {
                return self.fail("only a variable like `$x` can be declared");
            };
            declared = Some((name, mark == ":="));
            commands.push(self.command()?);
        }
        while self.tokens.next_if_eq(&Token::Mark("|")).is_some() {
            commands.push(self.command()?);
        }
        Ok(Pipeline {
            declared,
            commands,
            action: self.action.to_owned(),
        })
    }

    fn command(&mut self) -> Result<Command, TemplateError> {
        let Some(first) = self.operand()? else {
            return self.fail("the action is empty, or a part of it");
        };
        let mut arguments = Vec::new();
        while let Some(argument) = self.operand()? {
            arguments.push(argument);
        }
        Ok(Command { first, arguments })
    }

    fn operand(&mut self) -> Result<Option<Operand>, TemplateError> {
        let Some(token) = self.tokens.peek().cloned() else {
            return Ok(None);
        };
        let operand = match token {
            Token::Mark("(") => {
                self.tokens.next();
                self.depth += 1;
                if self.depth > MOST_DEPTH {
                    return self.fail("this is nested too deeply");
                }
                let inside = self.pipeline()?;
                self.depth -= 1;
                if self.tokens.next_if_eq(&Token::Mark(")")).is_none() {
                    return self.fail("a bracket is not closed");
                }
                return Ok(Some(Operand::Pipeline(Box::new(inside))));
            }
            Token::Mark(_) => return Ok(None),
            Token::Text(text) => Operand::Text(text),
            Token::Number(number) => Operand::Number(number),
            Token::Name(name) => named(&name),
        };
        self.tokens.next();
        Ok(Some(operand))
    }

    fn fail<T>(&self, what: &str) -> Result<T, TemplateError> {
        Err(syntax(self.action, what.to_owned()))
    }
}

/// What a name with its dots stands for.
fn named(name: &str) -> Operand {
    if name.starts_with('.') {
        return Operand::Data(name.to_owned());
    }
    let mut parts = name.split('.');
    let first = parts.next().unwrap_or_default();
    let first = match first {
        "true" => Operand::Truth(true),
        "false" => Operand::Truth(false),
        _ if first.starts_with('$') => Operand::Variable(first.to_owned()),
        _ => Operand::Function(first.to_owned()),
    };
    parts.fold(first, |of, key| {
        Operand::Field(Box::new(of), key.to_owned())
    })
}
