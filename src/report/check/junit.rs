//! What came of checks, as JUnit XML: a suite for each scenario, a case for each clause and for the
//! baseline. No times: equal input gives equal bytes.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{cell, changes, headline, measured, named, reason, worse};
use crate::experiment::check::baseline::Baseline;
use crate::experiment::check::{Checked, Clause, Outcome};
use crate::report::ReportError;

/// All checks. A clause that is broken, and a baseline with something worse, is a failure; an undecided
/// clause is skipped, or a failure where it is strict.
///
/// # Errors
/// When the XML cannot be written, which no check should bring about.
pub fn check_junit(all: &[Checked], strict: bool) -> Result<String, ReportError> {
    let mut report = Report::new("coalmine check");
    for checked in all {
        let mut suite = TestSuite::new(checked.scenario.name.as_str());
        for clause in &checked.clauses {
            suite.add_test_case(of_clause(checked, clause, strict));
        }
        if let Some(baseline) = &checked.baseline {
            suite.add_test_case(of_baseline(checked, baseline));
        }
        report.add_test_suite(suite);
    }
    report.to_string().map_err(ReportError::drawing)
}

fn of_clause(checked: &Checked, clause: &Clause, strict: bool) -> TestCase {
    let status = match clause.outcome {
        Outcome::Holds => TestCaseStatus::success(),
        Outcome::Undecided if !strict => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(reason(clause));
            status
        }
        Outcome::Broken | Outcome::Undecided => failure("expectation", &reason(clause)),
    };
    let mut case = case(checked, clause.expected.that.to_string(), status);
    case.extra
        .insert("line".into(), clause.expected.line.to_string().into());
    if let Some(why) = &clause.expected.why {
        case.set_system_out(format!("{}\n{why}", measured(clause)));
    } else {
        case.set_system_out(measured(clause));
    }
    case
}

fn of_baseline(checked: &Checked, baseline: &Baseline) -> TestCase {
    let status = match baseline.regressions().next() {
        None => TestCaseStatus::success(),
        Some(_) => {
            let (worst, rest) = named(baseline);
            let mut lines: Vec<String> = worst
                .iter()
                .map(|one| format!("{}: {}", cell(one), worse(one)))
                .collect();
            if rest > 0 {
                lines.push(format!("… and {rest} more"));
            }
            lines.extend(changes(baseline));
            let mut status = failure("baseline", &headline(checked, baseline));
            status.set_description(lines.join("\n"));
            status
        }
    };
    case(checked, "no worse than the baseline".to_owned(), status)
}

fn case(checked: &Checked, name: String, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(checked.scenario.name.as_str());
    case.extra
        .insert("file".into(), checked.file.as_str().into());
    case
}

fn failure(kind: &str, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_type(kind).set_message(message);
    status
}
