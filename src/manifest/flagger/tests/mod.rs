//! Canaries to read: one that is in order, and its variations.

mod accepted;
mod refused;
mod templates;
mod warned;

use std::path::PathBuf;

use super::Import;
use crate::base::{Problem, place};
use crate::manifest::{Manifest, Measured, Remark};

const CANARY: &str = "\
apiVersion: flagger.app/v1beta1
kind: Canary
metadata:
  name: checkout
  namespace: shop
spec:
  provider: istio
  targetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: checkout
  service:
    port: 8080
  analysis:
    interval: 30s
    threshold: 3
    stepWeight: 20
    maxWeight: 60
    metrics:
    - name: request-success-rate
      interval: 30s
      thresholdRange:
        min: 99
";

fn read(manifests: &[Manifest]) -> Result<Import, crate::base::Problems> {
    super::read(manifests, &Measured::plain())
}

fn manifest(text: &str) -> Manifest {
    Manifest {
        path: PathBuf::from("canary.yaml"),
        text: text.to_owned(),
    }
}

fn import(text: &str) -> Import {
    read(&[manifest(text)]).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

/// The example with one part replaced, which must be there.
fn changed(from: &str, to: &str) -> String {
    assert!(CANARY.contains(from), "{from}");
    CANARY.replacen(from, to, 1)
}

/// Each error as `line: message (help)`.
fn errors(text: &str) -> Vec<String> {
    match read(&[manifest(text)]) {
        Ok(import) => panic!("accepted: {import:?}\n{text}"),
        Err(problems) => lines(text, &problems.problems),
    }
}

/// Each warning in the same way.
fn warned(text: &str, remarks: &[Remark]) -> Vec<String> {
    let problems: Vec<Problem> = remarks.iter().map(|one| one.problem.clone()).collect();
    lines(text, &problems)
}

fn lines(text: &str, problems: &[Problem]) -> Vec<String> {
    let line = |problem: &Problem| {
        let line = problem.span.as_ref().map(|span| place(text, span.start).0);
        let help = problem.help.as_deref().unwrap_or_default();
        format!("{}: {} ({help})", line.unwrap_or(0), problem.message)
    };
    problems.iter().map(line).collect()
}
