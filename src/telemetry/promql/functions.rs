//! Names of functions and what kind each is.

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::token::T_EQL_REGEX;
use promql_parser::parser::{Call, Expr};

use super::Semantics;
use super::elements::{DatePart, Element};
use super::over_time::OverTime;

/// A function that is evaluated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Function {
    /// Of the samples in a window.
    OverTime(OverTime),
    /// Of one value.
    Element(Element),
    /// A part of a date; of now without an argument.
    Date(DatePart),
    HistogramQuantile,
    Scalar,
    Vector,
    Time,
    Pi,
    Timestamp,
    Absent,
    AbsentOverTime,
    LabelReplace,
    LabelJoin,
    Sort,
    SortDescending,
}

const TABLE: [(&str, Function); 66] = [
    ("abs", Function::Element(Element::Abs)),
    ("absent", Function::Absent),
    ("absent_over_time", Function::AbsentOverTime),
    ("acos", Function::Element(Element::Acos)),
    ("acosh", Function::Element(Element::Acosh)),
    ("asin", Function::Element(Element::Asin)),
    ("asinh", Function::Element(Element::Asinh)),
    ("atan", Function::Element(Element::Atan)),
    ("atanh", Function::Element(Element::Atanh)),
    ("avg_over_time", Function::OverTime(OverTime::Avg)),
    ("ceil", Function::Element(Element::Ceil)),
    ("changes", Function::OverTime(OverTime::Changes)),
    ("clamp", Function::Element(Element::Clamp)),
    ("clamp_max", Function::Element(Element::ClampMax)),
    ("clamp_min", Function::Element(Element::ClampMin)),
    ("cos", Function::Element(Element::Cos)),
    ("cosh", Function::Element(Element::Cosh)),
    ("count_over_time", Function::OverTime(OverTime::Count)),
    ("day_of_month", Function::Date(DatePart::DayOfMonth)),
    ("day_of_week", Function::Date(DatePart::DayOfWeek)),
    ("day_of_year", Function::Date(DatePart::DayOfYear)),
    ("days_in_month", Function::Date(DatePart::DaysInMonth)),
    ("deg", Function::Element(Element::Degrees)),
    ("delta", Function::OverTime(OverTime::Delta)),
    ("deriv", Function::OverTime(OverTime::Deriv)),
    ("exp", Function::Element(Element::Exp)),
    ("floor", Function::Element(Element::Floor)),
    ("histogram_quantile", Function::HistogramQuantile),
    ("hour", Function::Date(DatePart::Hour)),
    ("idelta", Function::OverTime(OverTime::Idelta)),
    ("increase", Function::OverTime(OverTime::Increase)),
    ("irate", Function::OverTime(OverTime::Irate)),
    ("label_join", Function::LabelJoin),
    ("label_replace", Function::LabelReplace),
    ("last_over_time", Function::OverTime(OverTime::Last)),
    ("ln", Function::Element(Element::Ln)),
    ("log10", Function::Element(Element::Log10)),
    ("log2", Function::Element(Element::Log2)),
    ("max_over_time", Function::OverTime(OverTime::Max)),
    ("min_over_time", Function::OverTime(OverTime::Min)),
    ("minute", Function::Date(DatePart::Minute)),
    ("month", Function::Date(DatePart::Month)),
    ("pi", Function::Pi),
    (
        "predict_linear",
        Function::OverTime(OverTime::PredictLinear),
    ),
    ("present_over_time", Function::OverTime(OverTime::Present)),
    ("quantile_over_time", Function::OverTime(OverTime::Quantile)),
    ("rad", Function::Element(Element::Radians)),
    ("rate", Function::OverTime(OverTime::Rate)),
    ("resets", Function::OverTime(OverTime::Resets)),
    ("round", Function::Element(Element::Round)),
    ("scalar", Function::Scalar),
    ("sgn", Function::Element(Element::Sign)),
    ("sin", Function::Element(Element::Sin)),
    ("sinh", Function::Element(Element::Sinh)),
    ("sort", Function::Sort),
    ("sort_desc", Function::SortDescending),
    ("sqrt", Function::Element(Element::Sqrt)),
    ("stddev_over_time", Function::OverTime(OverTime::Stddev)),
    ("stdvar_over_time", Function::OverTime(OverTime::Stdvar)),
    ("sum_over_time", Function::OverTime(OverTime::Sum)),
    ("tan", Function::Element(Element::Tan)),
    ("tanh", Function::Element(Element::Tanh)),
    ("time", Function::Time),
    ("timestamp", Function::Timestamp),
    ("vector", Function::Vector),
    ("year", Function::Date(DatePart::Year)),
];

impl Function {
    pub(super) fn named(name: &str) -> Option<Function> {
        let place = TABLE.binary_search_by(|(other, _)| (*other).cmp(name));
        place.ok().map(|place| TABLE[place].1)
    }
}

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|(name, _)| *name)
}

/// The text of an argument that is one.
pub(super) fn text_of(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::StringLiteral(text) => Some(&text.val),
        Expr::Paren(paren) => text_of(&paren.expr),
        _ => None,
    }
}

/// What a server would only notice when it evaluates: labels that are none and patterns that do not
/// read.
pub(super) fn check_relabelling(call: &Call, semantics: Semantics) -> Result<(), String> {
    let texts: Vec<&str> = call
        .args
        .args
        .iter()
        .skip(1)
        .filter_map(|arg| text_of(arg))
        .collect();
    let is_label = |name: &str| {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        !name.is_empty() && (semantics.durations_are_numbers || starts && name.chars().all(word))
    };
    let invalid = |name: &&str| format!("`{name}` is not a label's name in {}", call.func.name);
    if let Some(name) = texts.first().filter(|name| !is_label(name)) {
        return Err(invalid(name));
    }
    match call.func.name {
        "label_join" => match texts.iter().skip(2).find(|name| !is_label(name)) {
            Some(name) => Err(invalid(name)),
            None => Ok(()),
        },
        _ => match texts.get(3).map(|pattern| matcher(pattern, semantics)) {
            Some(Some(_)) => Ok(()),
            _ => Err("a pattern that does not read in label_replace".to_owned()),
        },
    }
}

/// An anchored pattern.
pub(super) fn matcher(pattern: &str, semantics: Semantics) -> Option<Matcher> {
    let text = match semantics.dot_matches_newline {
        true => format!("(?s:{pattern})"),
        false => pattern.to_owned(),
    };
    Matcher::new_matcher(T_EQL_REGEX, String::new(), text).ok()
}

/// What a pattern makes of a text; `None` where it does not match.
pub(super) fn expand(matcher: &Matcher, text: &str, replacement: &str) -> Option<String> {
    let MatchOp::Re(pattern) = &matcher.op else {
        return None;
    };
    let captures = pattern.captures(text)?;
    let mut expanded = String::new();
    captures.expand(replacement, &mut expanded);
    Some(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_found_by_their_names() {
        assert!(TABLE.is_sorted_by_key(|(name, _)| *name));
        assert_eq!(
            Function::named("rate"),
            Some(Function::OverTime(OverTime::Rate))
        );
        assert_eq!(Function::named("Rate"), None);
    }
}
