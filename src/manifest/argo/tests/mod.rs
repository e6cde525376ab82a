//! Rollouts to read: one that is in order, and its variations.

mod accepted;
mod refused;
mod templates;

use std::path::PathBuf;

use super::{Circumstances, Import, read};
use crate::base::{Problem, place};
use crate::manifest::{Manifest, Measured};

const ROLLOUT: &str = "\
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata:
  name: checkout
  namespace: shop
  labels: {tier: front}
spec:
  replicas: 8
  selector:
    matchLabels: {app: checkout}
  template:
    metadata:
      labels: {app: checkout}
  strategy:
    canary:
      canaryService: checkout-new
      stableService: checkout-old
      trafficRouting:
        managedRoutes: [{name: testers}]
        istio:
          virtualService: {name: checkout}
      steps:
      - setWeight: 5
      - pause: {duration: 90s}
      - setWeight: 40
      - pause: {}
";

fn manifest(text: &str) -> Manifest {
    Manifest {
        path: PathBuf::from("rollout.yaml"),
        text: text.to_owned(),
    }
}

fn import(text: &str) -> Import {
    let read = read(
        &[manifest(text)],
        &Circumstances::default(),
        &Measured::plain(),
    );
    read.unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

/// The example with one part replaced, which must be there.
fn changed(from: &str, to: &str) -> String {
    assert!(ROLLOUT.contains(from), "{from}");
    ROLLOUT.replacen(from, to, 1)
}

/// Each error as `line: message (help)`.
fn errors(text: &str) -> Vec<String> {
    match read(
        &[manifest(text)],
        &Circumstances::default(),
        &Measured::plain(),
    ) {
        Ok(import) => panic!("accepted: {import:?}\n{text}"),
        Err(problems) => lines(text, &problems.problems),
    }
}

/// Each warning in the same way.
fn warned(text: &str) -> Vec<String> {
    let remarks = import(text).warnings;
    let problems: Vec<Problem> = remarks.into_iter().map(|one| one.problem).collect();
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
