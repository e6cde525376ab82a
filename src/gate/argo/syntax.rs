//! The structure of a condition: expr-lang's grammar, as far as conditions of analyses use it.
//!
//! Precedence and associativity are those of `expr-lang` v1.17.8 (`parser/operator/operator.go`).

use std::ops::Range;

use super::ConditionError;
use super::token::{Token, tokens};

/// A part of a condition.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// Where it stands in the text, in bytes.
    pub(super) at: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Name(String),
    /// What a closure is asked about: `#`.
    Item,
    List(Vec<Node>),
    /// `-`, `+` or `!`.
    Unary(&'static str, Box<Node>),
    /// Words are spelled as such: `in`; of `and`/`&&`, `or`/`||` and `^`/`**` the sign.
    Binary(&'static str, Box<Node>, Box<Node>),
    Choice(Box<[Node; 3]>),
    /// `base.key`, `base["key"]`, `base[0]`; `base?.key` gives nil where the base is nil.
    Member {
        base: Box<Node>,
        key: Box<Node>,
        optional: bool,
    },
    Slice {
        base: Box<Node>,
        from: Option<Box<Node>>,
        to: Option<Box<Node>>,
    },
    Call {
        name: String,
        args: Vec<Node>,
        closure: Option<Box<Node>>,
    },
    Let {
        name: String,
        value: Box<Node>,
        body: Box<Node>,
    },
}

/// Longest condition read, in bytes. With at most one `let` and no ranges it keeps what an evaluation
/// costs in proportion to what the query gave.
const LONGEST: usize = 4_000;
/// Deepest nesting read.
const DEEPEST: usize = 40;
/// Most operators, calls and values read.
const LARGEST: usize = 300;
/// Closures inside closures multiply the work.
const MOST_CLOSURES: usize = 2;

/// Functions that take a closure.
const CLOSURES: [&str; 11] = [
    "all",
    "any",
    "none",
    "one",
    "filter",
    "map",
    "find",
    "findIndex",
    "findLast",
    "count",
    "sum",
];

/// Comparisons that may be chained: `1 < x < 3`.
const CHAINED: [&str; 4] = ["<", ">", "<=", ">="];

/// Words between two operands that `not` may precede.
const NEGATED: [&str; 5] = ["in", "matches", "contains", "startsWith", "endsWith"];

const NOT: u8 = 50;
const SIGN: u8 = 90;

/// The operator that a token stands for, with its precedence.
fn binary(token: &Token) -> Option<(&'static str, u8)> {
    Some(match token {
        Token::Sign(sign) => match *sign {
            "|" => ("|", 0),
            "||" => ("||", 10),
            "&&" => ("&&", 15),
            sign @ ("==" | "!=" | "<" | ">" | "<=" | ">=") => (sign, 20),
            ".." => ("..", 25),
            sign @ ("+" | "-") => (sign, 30),
            sign @ ("*" | "/" | "%") => (sign, 60),
            "**" | "^" => ("**", 100),
            "??" => ("??", 200),
            _ => return None,
        },
        Token::Name(name) => match name.as_str() {
            "or" => ("||", 10),
            "and" => ("&&", 15),
            word => (NEGATED.into_iter().find(|known| *known == word)?, 20),
        },
        _ => return None,
    })
}

/// Reads a condition.
pub(super) fn parse(text: &str) -> Result<Node, ConditionError> {
    if text.trim().is_empty() {
        return Err(ConditionError::new("there is nothing in it", 0));
    }
    if text.len() > LONGEST {
        let message = format!("it is longer than {LONGEST} characters");
        return Err(ConditionError::new(message, 0));
    }
    let mut parser = Parser {
        tokens: tokens(text)?,
        next: 0,
        end: text.len(),
        depth: 0,
        size: 0,
        closures: 0,
        lets: 0,
    };
    let node = parser.sequence()?;
    match parser.peek() {
        None if node.depth() > DEEPEST => Err(too_deep(0)),
        None => Ok(node),
        Some(token) => {
            let message = format!("`{}` is not expected here", shown(token));
            Err(ConditionError::new(message, parser.at()))
        }
    }
}

struct Parser {
    tokens: Vec<(Token, Range<usize>)>,
    next: usize,
    end: usize,
    depth: usize,
    size: usize,
    closures: usize,
    lets: usize,
}

type Parsed = Result<Node, ConditionError>;

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|(token, _)| token)
    }

    fn at(&self) -> usize {
        self.tokens
            .get(self.next)
            .map_or(self.end, |(_, place)| place.start)
    }

    fn refuse<T>(&self, message: impl Into<String>) -> Result<T, ConditionError> {
        Err(ConditionError::new(message, self.at()))
    }

    /// Counts one more part.
    fn grow(&mut self) -> Result<(), ConditionError> {
        self.size += 1;
        if self.size > LARGEST {
            return self.refuse(format!("it has more than {LARGEST} parts"));
        }
        Ok(())
    }

    fn take(&mut self, sign: &str) -> bool {
        let taken = match self.peek() {
            Some(Token::Sign(found)) => *found == sign,
            Some(Token::Name(found)) => found == sign,
            _ => false,
        };
        self.next += usize::from(taken);
        taken
    }

    fn want(&mut self, sign: &str) -> Result<(), ConditionError> {
        if self.take(sign) {
            return Ok(());
        }
        match self.peek() {
            Some(token) => {
                let message = format!("`{sign}` is wanted before `{}`", shown(token));
                self.refuse(message)
            }
            None => self.refuse(format!("it ends where `{sign}` is wanted")),
        }
    }

    /// `let x = 1; x > 0`, or a plain expression.
    fn sequence(&mut self) -> Parsed {
        let at = self.at();
        if !self.take("let") {
            return self.expression(0);
        }
        self.lets += 1;
        if self.lets > 1 {
            return self.refuse("only one `let` is evaluated here");
        }
        let Some(Token::Name(name)) = self.peek().cloned() else {
            return self.refuse("a name is wanted after `let`");
        };
        self.next += 1;
        self.want("=")?;
        let value = Box::new(self.expression(0)?);
        self.want(";")?;
        let body = Box::new(self.sequence()?);
        let kind = Kind::Let { name, value, body };
        Ok(Node { kind, at })
    }

    /// An expression whose operators bind at least so strongly.
    fn expression(&mut self, least: u8) -> Parsed {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(too_deep(self.at()));
        }
        self.grow()?;
        let mut left = self.primary()?;
        loop {
            let negated = self.is_negated();
            let Some((operator, precedence)) = self
                .tokens
                .get(self.next + usize::from(negated))
                .and_then(|(token, _)| binary(token))
                .filter(|(_, precedence)| *precedence >= least)
            else {
                break;
            };
            let at = self.at();
            self.next += 1 + usize::from(negated);
            self.grow()?;
            left = match operator {
                "|" => {
                    let message = "`|` is not evaluated here: write the call itself";
                    return Err(ConditionError::new(message, at));
                }
                ".." => return Err(ConditionError::new("ranges are not evaluated here", at)),
                _ if CHAINED.contains(&operator) => self.comparison(left, operator, at)?,
                "**" => join(operator, left, self.expression(precedence)?, at),
                _ => join(operator, left, self.expression(precedence + 1)?, at),
            };
            if negated {
                let kind = Kind::Unary("!", Box::new(left));
                left = Node { kind, at };
            }
        }
        if least == 0 {
            left = self.choice(left)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    /// Whether `not in` and its like come next.
    fn is_negated(&self) -> bool {
        let word = |ahead: usize| match self.tokens.get(self.next + ahead) {
            Some((Token::Name(name), _)) => name.as_str(),
            _ => "",
        };
        word(0) == "not" && NEGATED.contains(&word(1))
    }

    /// `1 < x < 3` is `1 < x && x < 3`.
    fn comparison(&mut self, left: Node, operator: &'static str, at: usize) -> Parsed {
        let (mut left, mut operator, mut at) = (left, operator, at);
        let mut whole: Option<Node> = None;
        loop {
            let right = self.expression(21)?;
            let one = join(operator, left, right.clone(), at);
            whole = Some(match whole {
                None => one,
                Some(before) => join("&&", before, one, at),
            });
            let next = self.peek().and_then(binary).map(|(operator, _)| operator);
            match next.filter(|next| CHAINED.contains(next)) {
                Some(next) => {
                    at = self.at();
                    self.next += 1;
                    (left, operator) = (right, next);
                }
                None => break,
            }
        }
        match whole {
            Some(whole) => Ok(whole),
            None => self.refuse("a comparison is wanted"),
        }
    }

    fn choice(&mut self, condition: Node) -> Parsed {
        let at = self.at();
        if !self.take("?") {
            return Ok(condition);
        }
        let yes = self.expression(0)?;
        self.want(":")?;
        let no = self.expression(0)?;
        let kind = Kind::Choice(Box::new([condition, yes, no]));
        Ok(Node { kind, at })
    }

    fn primary(&mut self) -> Parsed {
        let at = self.at();
        for (words, operator, precedence) in [
            (["!", "not"].as_slice(), "!", NOT),
            (&["-"], "-", SIGN),
            (&["+"], "+", SIGN),
        ] {
            if words.iter().any(|word| self.take(word)) {
                let operand = Box::new(self.expression(precedence)?);
                let kind = Kind::Unary(operator, operand);
                return self.postfix(Node { kind, at });
            }
        }
        let kind = match self.peek().cloned() {
            None => return self.refuse("it ends where a value is wanted"),
            Some(Token::Int(value)) => Kind::Int(value),
            Some(Token::Float(value)) => Kind::Float(value),
            Some(Token::Text(text)) => Kind::Text(text),
            Some(Token::Name(name)) => return self.named(&name, at),
            Some(Token::Sign("(")) => {
                self.next += 1;
                let inner = self.sequence()?;
                self.want(")")?;
                return self.postfix(inner);
            }
            Some(Token::Sign("[")) => {
                self.next += 1;
                let kind = Kind::List(self.arguments("]")?);
                return self.postfix(Node { kind, at });
            }
            Some(Token::Sign("{")) => return self.refuse("maps are not evaluated here"),
            Some(Token::Sign(".")) if self.closures > 0 => {
                // `.field` is `#.field`; the point is read again.
                let kind = Kind::Item;
                return self.postfix(Node { kind, at });
            }
            Some(Token::Sign(sign)) => {
                return self.refuse(format!("`{sign}` stands where a value is wanted"));
            }
        };
        self.next += 1;
        self.postfix(Node { kind, at })
    }

    fn named(&mut self, name: &str, at: usize) -> Parsed {
        self.next += 1;
        let kind = match name {
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            "nil" => Kind::Nil,
            "if" => return Err(ConditionError::new("write `condition ? yes : no`", at)),
            "#" if self.closures > 0 => Kind::Item,
            _ if name.starts_with(['#', '$']) => {
                let message = format!("`{name}` is not evaluated here");
                return Err(ConditionError::new(message, at));
            }
            _ if self.take("(") => self.call(name)?,
            _ => Kind::Name(name.to_owned()),
        };
        self.postfix(Node { kind, at })
    }

    fn call(&mut self, name: &str) -> Result<Kind, ConditionError> {
        let name = name.to_owned();
        if !CLOSURES.contains(&name.as_str()) {
            let args = self.arguments(")")?;
            let closure = None;
            return Ok(Kind::Call {
                name,
                args,
                closure,
            });
        }
        let args = vec![self.expression(0)?];
        let mut closure = None;
        if self.take(",") {
            self.closures += 1;
            if self.closures > MOST_CLOSURES {
                let message =
                    format!("closures more than {MOST_CLOSURES} deep are not evaluated here");
                return self.refuse(message);
            }
            let inside = if self.take("{") {
                let inside = self.sequence()?;
                self.want("}")?;
                inside
            } else {
                self.expression(0)?
            };
            closure = Some(Box::new(inside));
            self.closures -= 1;
        }
        self.take(",");
        self.want(")")?;
        Ok(Kind::Call {
            name,
            args,
            closure,
        })
    }

    /// Values up to a closing sign.
    fn arguments(&mut self, close: &str) -> Result<Vec<Node>, ConditionError> {
        let mut found = Vec::new();
        while !self.take(close) {
            if !found.is_empty() {
                self.want(",")?;
                if self.take(close) {
                    break;
                }
            }
            found.push(self.expression(0)?);
        }
        Ok(found)
    }

    fn postfix(&mut self, base: Node) -> Parsed {
        let mut base = base;
        loop {
            let at = self.at();
            self.grow()?;
            let optional = self.take("?.");
            if optional && self.take("[") || self.take("[") {
                base = self.index(base, optional, at)?;
            } else if optional || self.take(".") {
                let Some(Token::Name(name)) = self.peek().cloned() else {
                    return self.refuse("a field is wanted after the point");
                };
                let place = self.at();
                self.next += 1;
                if self.take("(") {
                    return self.refuse(format!("`.{name}()` is not evaluated here"));
                }
                let key = Node {
                    kind: Kind::Text(name),
                    at: place,
                };
                base = member(base, key, optional, at);
            } else {
                return Ok(base);
            }
        }
    }

    /// What stands between brackets, after the opening one.
    fn index(&mut self, base: Node, optional: bool, at: usize) -> Parsed {
        let from = match self.peek() {
            Some(Token::Sign(":")) => None,
            _ => Some(self.expression(0)?),
        };
        if !self.take(":") {
            self.want("]")?;
            return match from {
                Some(key) => Ok(member(base, key, optional, at)),
                None => self.refuse("an index is wanted"),
            };
        }
        let to = match self.peek() {
            Some(Token::Sign("]")) => None,
            _ => Some(Box::new(self.expression(0)?)),
        };
        self.want("]")?;
        let kind = Kind::Slice {
            base: Box::new(base),
            from: from.map(Box::new),
            to,
        };
        Ok(Node { kind, at })
    }
}

fn too_deep(at: usize) -> ConditionError {
    ConditionError::new(format!("it is nested more than {DEEPEST} deep"), at)
}

impl Node {
    /// How many parts contain one another, this one included. Long chains lean to the left.
    fn depth(&self) -> usize {
        let parts: Vec<&Node> = match &self.kind {
            Kind::Unary(_, operand) => vec![operand],
            Kind::Binary(_, left, right) => vec![left, right],
            Kind::Choice(parts) => parts.iter().collect(),
            Kind::Member { base, key, .. } => vec![base, key],
            Kind::Slice { base, from, to } => {
                let bounds = [from, to].into_iter().flatten();
                bounds.chain([base]).map(Box::as_ref).collect()
            }
            Kind::List(items) => items.iter().collect(),
            Kind::Call { args, closure, .. } => args.iter().chain(closure.as_deref()).collect(),
            Kind::Let { value, body, .. } => vec![value, body],
            _ => Vec::new(),
        };
        1 + parts.into_iter().map(Node::depth).max().unwrap_or(0)
    }
}

fn member(base: Node, key: Node, optional: bool, at: usize) -> Node {
    let kind = Kind::Member {
        base: Box::new(base),
        key: Box::new(key),
        optional,
    };
    Node { kind, at }
}

fn join(operator: &'static str, left: Node, right: Node, at: usize) -> Node {
    let kind = Kind::Binary(operator, Box::new(left), Box::new(right));
    Node { kind, at }
}

fn shown(token: &Token) -> String {
    match token {
        Token::Int(value) => value.to_string(),
        Token::Float(value) => value.to_string(),
        Token::Text(text) => format!("\"{text}\""),
        Token::Name(name) => name.clone(),
        Token::Sign(sign) => (*sign).to_owned(),
    }
}
