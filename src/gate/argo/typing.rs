//! Types of a condition. Argo compiles it anew for each measurement, against the type of what the
//! query gave: an unknown name, or a list held against a number, is an error whatever the values are.
//!
//! Rules are those of `expr-lang` v1.17.8 (`checker/checker.go`), names those of
//! `utils/evaluate/evaluate.go`.

use super::ConditionError;
use super::syntax::{Kind, Node};

/// The type of a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Type {
    /// Known only when it is there.
    Any,
    Nil,
    Bool,
    Int,
    Float,
    Text,
    List(Box<Type>),
    /// By field names; the fields are anything.
    Map,
}

/// What a function takes as its first argument.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Takes {
    Anything,
    Number,
    Float,
    Text,
    List,
    /// A number, or a list of them.
    Numbers,
    /// A text, a list or a map.
    Sized,
    Map,
}

/// What a function gives.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Gives {
    Any,
    Bool,
    Int,
    Float,
    Text,
    /// What it takes.
    Same,
    /// An item of the list that it takes.
    Item,
    /// What the closure gives, or an item.
    Closure,
    /// A list of what the closure gives.
    ListOfClosure,
    ListOfAny,
    ListOfText,
}

/// A function: its name, how many arguments it takes, the first of them, and what it gives.
struct Function(&'static str, [usize; 2], Takes, Gives);

const FUNCTIONS: [Function; 47] = [
    Function("isNaN", [1, 1], Takes::Float, Gives::Bool),
    Function("isInf", [1, 1], Takes::Float, Gives::Bool),
    Function("isNil", [1, 1], Takes::Anything, Gives::Bool),
    Function("asInt", [1, 1], Takes::Anything, Gives::Int),
    Function("asFloat", [1, 1], Takes::Anything, Gives::Float),
    Function("default", [2, 2], Takes::Anything, Gives::Any),
    Function("len", [1, 1], Takes::Sized, Gives::Int),
    Function("all", [1, 1], Takes::List, Gives::Bool),
    Function("any", [1, 1], Takes::List, Gives::Bool),
    Function("one", [1, 1], Takes::List, Gives::Bool),
    Function("none", [1, 1], Takes::List, Gives::Bool),
    Function("filter", [1, 1], Takes::List, Gives::Same),
    Function("map", [1, 1], Takes::List, Gives::ListOfClosure),
    Function("find", [1, 1], Takes::List, Gives::Item),
    Function("findIndex", [1, 1], Takes::List, Gives::Int),
    Function("findLast", [1, 1], Takes::List, Gives::Item),
    Function("count", [1, 1], Takes::List, Gives::Int),
    Function("sum", [1, 1], Takes::List, Gives::Closure),
    Function("mean", [1, 9], Takes::Numbers, Gives::Float),
    Function("median", [1, 9], Takes::Numbers, Gives::Float),
    Function("min", [1, 9], Takes::Numbers, Gives::Item),
    Function("max", [1, 9], Takes::Numbers, Gives::Item),
    Function("first", [1, 1], Takes::List, Gives::Item),
    Function("last", [1, 1], Takes::List, Gives::Item),
    Function("take", [2, 2], Takes::List, Gives::Same),
    Function("reverse", [1, 1], Takes::List, Gives::Same),
    Function("uniq", [1, 1], Takes::List, Gives::ListOfAny),
    Function("sort", [1, 2], Takes::List, Gives::ListOfAny),
    Function("get", [2, 2], Takes::Anything, Gives::Any),
    Function("keys", [1, 1], Takes::Map, Gives::ListOfAny),
    Function("values", [1, 1], Takes::Map, Gives::ListOfAny),
    Function("abs", [1, 1], Takes::Number, Gives::Same),
    Function("ceil", [1, 1], Takes::Number, Gives::Float),
    Function("floor", [1, 1], Takes::Number, Gives::Float),
    Function("round", [1, 1], Takes::Number, Gives::Float),
    Function("int", [1, 1], Takes::Anything, Gives::Int),
    Function("float", [1, 1], Takes::Anything, Gives::Float),
    Function("string", [1, 1], Takes::Anything, Gives::Text),
    Function("type", [1, 1], Takes::Anything, Gives::Text),
    Function("upper", [1, 1], Takes::Text, Gives::Text),
    Function("lower", [1, 1], Takes::Text, Gives::Text),
    Function("trim", [1, 2], Takes::Text, Gives::Text),
    Function("trimPrefix", [2, 2], Takes::Text, Gives::Text),
    Function("trimSuffix", [2, 2], Takes::Text, Gives::Text),
    Function("split", [2, 3], Takes::Text, Gives::ListOfText),
    Function("hasPrefix", [2, 2], Takes::Text, Gives::Bool),
    Function("hasSuffix", [2, 2], Takes::Text, Gives::Bool),
];

/// Functions of the language that are not evaluated here.
const ELSEWHERE: [&str; 27] = [
    "now",
    "date",
    "duration",
    "timezone",
    "toJSON",
    "fromJSON",
    "toBase64",
    "fromBase64",
    "concat",
    "flatten",
    "repeat",
    "replace",
    "splitAfter",
    "join",
    "reduce",
    "groupBy",
    "sortBy",
    "toPairs",
    "fromPairs",
    "indexOf",
    "lastIndexOf",
    "findLastIndex",
    "bitand",
    "bitor",
    "bitxor",
    "bitnot",
    "bitshl",
];

/// Names in sight: `result`, what `let` names, and what a closure is asked about.
#[derive(Debug, Clone)]
struct Scope<'a> {
    result: &'a Type,
    named: Vec<(&'a str, Type)>,
    items: Vec<Type>,
}

/// The type of a condition when the query gave something of this type.
pub(super) fn check(node: &Node, result: &Type) -> Result<Type, ConditionError> {
    let mut scope = Scope {
        result,
        named: Vec::new(),
        items: Vec::new(),
    };
    scope.visit(node)
}

impl Type {
    fn is(&self, wanted: &[Type]) -> bool {
        *self == Type::Any || wanted.contains(self)
    }

    fn is_number(&self) -> bool {
        self.is(&[Type::Int, Type::Float])
    }

    /// Whether `==` takes both.
    fn compares_to(&self, other: &Type) -> bool {
        match (self, other) {
            (Type::Any | Type::Nil, _) | (_, Type::Any | Type::Nil) => true,
            (Type::List(_), Type::List(_)) => true,
            (Type::Int | Type::Float, Type::Int | Type::Float) => true,
            _ => self == other,
        }
    }

    fn words(&self) -> &'static str {
        match self {
            Type::Any => "anything",
            Type::Nil => "nil",
            Type::Bool => "true or false",
            Type::Int => "a whole number",
            Type::Float => "a number",
            Type::Text => "a text",
            Type::List(_) => "a list",
            Type::Map => "an object",
        }
    }
}

type Checked = Result<Type, ConditionError>;

fn refuse<T>(node: &Node, message: impl Into<String>) -> Result<T, ConditionError> {
    Err(ConditionError::new(message, node.at))
}

impl<'a> Scope<'a> {
    fn visit(&mut self, node: &'a Node) -> Checked {
        Ok(match &node.kind {
            Kind::Nil => Type::Nil,
            Kind::Bool(_) => Type::Bool,
            Kind::Int(_) => Type::Int,
            Kind::Float(_) => Type::Float,
            Kind::Text(_) => Type::Text,
            Kind::Item => self.items.last().cloned().unwrap_or(Type::Any),
            Kind::Name(name) => self.name(node, name)?,
            Kind::List(items) => {
                for item in items {
                    self.visit(item)?;
                }
                Type::List(Box::new(Type::Any))
            }
            Kind::Unary(operator, operand) => self.unary(node, operator, operand)?,
            Kind::Binary(operator, left, right) => self.binary(node, operator, left, right)?,
            Kind::Choice(parts) => {
                let [condition, yes, no] = parts.as_ref();
                self.want_truth(condition)?;
                let (yes, no) = (self.visit(yes)?, self.visit(no)?);
                match (&yes, &no) {
                    (Type::Nil, _) => no,
                    (_, Type::Nil) => yes,
                    _ if yes == no => yes,
                    _ => Type::Any,
                }
            }
            Kind::Member { base, key, .. } => self.member(node, base, key)?,
            Kind::Slice { base, from, to } => {
                for bound in [from, to].into_iter().flatten() {
                    if !self.visit(bound)?.is(&[Type::Int]) {
                        return refuse(bound, "the bound of a slice must be a whole number");
                    }
                }
                match self.visit(base)? {
                    sliced @ (Type::Any | Type::Text | Type::List(_)) => sliced,
                    other => {
                        let message = format!("{} has no parts to slice", other.words());
                        return refuse(node, message);
                    }
                }
            }
            Kind::Call {
                name,
                args,
                closure,
            } => self.call(node, name, args, closure.as_deref())?,
            Kind::Let { name, value, body } => {
                if is_reserved(name) {
                    return refuse(node, format!("`{name}` has a meaning already"));
                }
                let value = self.visit(value)?;
                self.named.push((name, value));
                let body = self.visit(body)?;
                self.named.pop();
                body
            }
        })
    }

    fn name(&self, node: &Node, name: &str) -> Checked {
        if name == "result" {
            return Ok(self.result.clone());
        }
        let named = self.named.iter().rev().find(|(known, _)| *known == name);
        if let Some((_, known)) = named {
            return Ok(known.clone());
        }
        let mut message = format!("`{name}` is not known: what the query gave is called `result`");
        if FUNCTIONS.iter().any(|function| function.0 == name) {
            message = format!("`{name}` is a function: write `{name}(…)`");
        }
        refuse(node, message)
    }

    fn want_truth(&mut self, node: &'a Node) -> Result<(), ConditionError> {
        let found = self.visit(node)?;
        if found.is(&[Type::Bool]) {
            return Ok(());
        }
        let message = format!("{} stands where true or false is wanted", found.words());
        refuse(node, message)
    }

    fn unary(&mut self, node: &'a Node, operator: &str, operand: &'a Node) -> Checked {
        if operator == "!" {
            self.want_truth(operand)?;
            return Ok(Type::Bool);
        }
        let found = self.visit(operand)?;
        if found.is_number() {
            return Ok(found);
        }
        refuse(node, format!("`{operator}` before {}", found.words()))
    }

    fn binary(
        &mut self,
        node: &'a Node,
        operator: &'static str,
        left: &'a Node,
        right: &'a Node,
    ) -> Checked {
        if matches!(operator, "&&" | "||") {
            self.want_truth(left)?;
            self.want_truth(right)?;
            return Ok(Type::Bool);
        }
        let (l, r) = (self.visit(left)?, self.visit(right)?);
        let both = |wanted: &[Type]| l.is(wanted) && r.is(wanted);
        let numbers = both(&[Type::Int, Type::Float]);
        let texts = both(&[Type::Text]);
        let gives = match operator {
            "==" | "!=" => l.compares_to(&r).then_some(Type::Bool),
            "<" | ">" | "<=" | ">=" => (numbers || texts).then_some(Type::Bool),
            "matches" | "contains" | "startsWith" | "endsWith" => texts.then_some(Type::Bool),
            "in" => match &r {
                Type::Any | Type::Nil => true,
                Type::Map => l.is(&[Type::Text]),
                Type::List(item) => l.compares_to(item),
                _ => false,
            }
            .then_some(Type::Bool),
            "/" | "**" => numbers.then_some(Type::Float),
            "%" => both(&[Type::Int]).then_some(Type::Int),
            "??" => Some(match (&l, &r) {
                (Type::Nil, _) => r.clone(),
                (_, Type::Nil) => l.clone(),
                _ if l == r => l.clone(),
                _ => Type::Any,
            }),
            _ => arithmetic(&l, &r, numbers, texts && operator == "+"),
        };
        if let Some(gives) = gives {
            return Ok(gives);
        }
        let mut message = format!("{} `{operator}` {}", l.words(), r.words());
        if let (Type::List(_), true) = (&l, r.is_number()) {
            message.push_str(": take one of the list, as in `result[0]`");
        }
        refuse(node, message)
    }

    fn member(&mut self, node: &Node, base: &'a Node, key: &'a Node) -> Checked {
        let (found, key_type) = (self.visit(base)?, self.visit(key)?);
        match &found {
            Type::Any => Ok(Type::Any),
            Type::Map if key_type.is(&[Type::Text]) => Ok(Type::Any),
            Type::List(item) if key_type.is(&[Type::Int]) => Ok((**item).clone()),
            _ => {
                let what = match &key.kind {
                    Kind::Text(field) => format!("field `{field}`"),
                    Kind::Int(index) => format!("item {index}"),
                    _ => "such part".to_owned(),
                };
                refuse(node, format!("{} has no {what}", found.words()))
            }
        }
    }

    fn call(
        &mut self,
        node: &Node,
        name: &str,
        args: &'a [Node],
        closure: Option<&'a Node>,
    ) -> Checked {
        let Some(Function(_, arity, takes, gives)) =
            FUNCTIONS.iter().find(|function| function.0 == name)
        else {
            let message = match ELSEWHERE.contains(&name) {
                true => format!("`{name}()` is not evaluated here"),
                false => format!("there is no function `{name}`"),
            };
            return refuse(node, message);
        };
        if !(arity[0]..=arity[1]).contains(&args.len()) {
            let message = format!("`{name}()` with {} arguments", args.len());
            return refuse(node, message);
        }
        let mut types = Vec::with_capacity(args.len());
        for arg in args {
            types.push(self.visit(arg)?);
        }
        let first = types.first().cloned().unwrap_or(Type::Any);
        if !takes.accepts(&first, &args[0]) {
            return refuse(node, format!("`{name}()` of {}", first.words()));
        }
        let item = match &first {
            Type::List(item) => (**item).clone(),
            Type::Any => Type::Any,
            other => other.clone(),
        };
        let answer = match closure {
            Some(closure) => {
                self.items.push(item.clone());
                let answer = self.visit(closure)?;
                self.items.pop();
                self.check_answer(name, closure, &answer)?;
                Some(answer)
            }
            None if matches!(name, "sum" | "count") || *takes != Takes::List => None,
            None if matches!(
                name,
                "first" | "last" | "take" | "reverse" | "uniq" | "sort"
            ) =>
            {
                None
            }
            None => return refuse(node, format!("`{name}()` wants a closure, like `# > 0`")),
        };
        Ok(gives.of(first, item, answer))
    }

    /// A closure says yes or no, except where it makes values.
    fn check_answer(
        &self,
        name: &str,
        closure: &Node,
        answer: &Type,
    ) -> Result<(), ConditionError> {
        let fits = match name {
            "map" => true,
            "sum" => answer.is_number(),
            _ => answer.is(&[Type::Bool]),
        };
        if fits {
            return Ok(());
        }
        let message = format!("the closure of `{name}()` gives {}", answer.words());
        refuse(closure, message)
    }
}

fn arithmetic(l: &Type, r: &Type, numbers: bool, texts: bool) -> Option<Type> {
    match (l, r) {
        _ if !numbers && !texts => None,
        (Type::Any, Type::Any) => Some(Type::Any),
        (Type::Text, _) | (_, Type::Text) => Some(Type::Text),
        (Type::Int, Type::Int) => Some(Type::Int),
        (Type::Any, _) | (_, Type::Any) => Some(Type::Any),
        _ => Some(Type::Float),
    }
}

/// Names that `let` cannot give.
fn is_reserved(name: &str) -> bool {
    name == "result"
        || ELSEWHERE.contains(&name)
        || FUNCTIONS.iter().any(|function| function.0 == name)
}

impl Takes {
    fn accepts(self, found: &Type, arg: &Node) -> bool {
        match self {
            Takes::Anything => true,
            Takes::Number => found.is_number(),
            // A whole number that is written out becomes one with a point.
            Takes::Float => found.is(&[Type::Float]) || matches!(arg.kind, Kind::Int(_)),
            Takes::Text => found.is(&[Type::Text]),
            Takes::List => matches!(found, Type::Any | Type::List(_)),
            Takes::Numbers => match found {
                Type::List(item) => item.is_number(),
                other => other.is_number(),
            },
            Takes::Sized => matches!(found, Type::Any | Type::Text | Type::List(_) | Type::Map),
            Takes::Map => matches!(found, Type::Any | Type::Map),
        }
    }
}

impl Gives {
    fn of(self, first: Type, item: Type, answer: Option<Type>) -> Type {
        match self {
            Gives::Any => Type::Any,
            Gives::Bool => Type::Bool,
            Gives::Int => Type::Int,
            Gives::Float => Type::Float,
            Gives::Text => Type::Text,
            Gives::Same => first,
            Gives::Item => item,
            Gives::Closure => answer.unwrap_or(item),
            Gives::ListOfClosure => Type::List(Box::new(answer.unwrap_or(Type::Any))),
            Gives::ListOfAny => Type::List(Box::new(Type::Any)),
            Gives::ListOfText => Type::List(Box::new(Type::Text)),
        }
    }
}
