//! The figures of one decision, as a script hands them over: JSON in, a gate with what it sees out.

mod argo;
mod flagger;
mod kayenta;
mod threshold;

pub use argo::{ArgoCase, argo};
pub use flagger::{FlaggerCase, flagger};
pub use kayenta::{KayentaCase, kayenta};
pub use threshold::{ThresholdCase, threshold};

use super::Manifest;
use super::findings::{Field, Fields, Findings};
use super::yaml::{self, Node, Value};
use crate::base::{Probability, Problem, Problems};

/// The one document of some text.
fn document(data: &Manifest) -> Result<Node, Problems> {
    let refuse =
        |message: String, help: &str| data.refuse(vec![Problem::error(message, None).help(help)]);
    let mut all = yaml::documents(&data.text).map_err(|problem| {
        let message = problem.message.replace("not valid YAML", "not valid JSON");
        data.refuse(vec![Problem { message, ..problem }])
    })?;
    match all.len() {
        1 => Ok(all.remove(0)),
        0 => Err(refuse(
            "there is nothing to judge".to_owned(),
            "write a data set in JSON",
        )),
        many => Err(refuse(format!("{many} documents"), "write one data set")),
    }
}

/// The fields of a document that must be an object.
fn object<'a>(data: &Manifest, node: &'a Node) -> Result<Fields<'a>, Problems> {
    Fields::of_document(node).ok_or_else(|| {
        let message = format!("{} is no data set", node.kind());
        let problem = Problem::error(message, Some(node.span.clone()));
        data.refuse(vec![problem.help("write an object: { … }")])
    })
}

/// What was read, unless something is wrong.
fn settled<T>(data: &Manifest, findings: Findings, read: Option<T>) -> Result<T, Problems> {
    match read {
        Some(read) if findings.errors() == 0 => Ok(read),
        _ => Err(data.refuse(findings.problems)),
    }
}

/// A field that has to be there.
fn required<'a>(
    findings: &mut Findings,
    fields: &Fields<'a>,
    key: &str,
    help: &str,
) -> Option<Field<'a>> {
    let field = fields.get(key);
    if field.is_none() {
        let place = fields.null(key).unwrap_or_else(|| fields.place.clone());
        findings.error(&fields.path_of(key), "is missing", place, help);
    }
    field
}

/// A share: `"99%"`, or 0.99.
fn share(findings: &mut Findings, fields: &Fields<'_>, key: &str) -> Option<Probability> {
    let field = fields.get(key)?;
    let read = match &field.node.value {
        Value::Number(number) => Probability::new(*number),
        Value::Text(text) => text.parse().ok(),
        _ => None,
    };
    if read.is_none() {
        let help = "write a percentage, like \"99%\", or a number from 0 to 1";
        findings.error(&field.path, "is no share", field.place(), help);
    }
    read
}

/// A whole number that counts something; 0 when absent.
fn count(findings: &mut Findings, fields: &Fields<'_>, key: &str) -> u64 {
    let Some(field) = fields.get(key) else {
        return 0;
    };
    let number = findings.integer(&field);
    let read = number.and_then(|number| u64::try_from(number).ok());
    if number.is_some() && read.is_none() {
        findings.error(
            &field.path,
            "is below 0",
            field.place(),
            "write a number of requests",
        );
    }
    read.unwrap_or(0)
}

/// A number as a series holds it: null and `"NaN"` are missing.
fn sample(node: &Node) -> Option<f64> {
    match &node.value {
        Value::Null => Some(f64::NAN),
        Value::Number(number) => Some(*number),
        Value::Text(text) => match text.trim() {
            "NaN" => Some(f64::NAN),
            "+Inf" | "Inf" | "Infinity" => Some(f64::INFINITY),
            "-Inf" | "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}
