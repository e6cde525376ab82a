//! What everybody may read about each gate of a staged rollout: the text that documents its code.

use super::statistical::{Guarantee, Reads, shelf};
use crate::base::Probability;

/// A gate's page.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Manual {
    /// Its name in scenarios: `kind = "..."`.
    pub kind: &'static str,
    /// What it promises about rolling back a good canary over all looks of a rollout, as it is
    /// usually set up; `None`: what its parts promise.
    pub guarantee: Option<Guarantee>,
    /// What it reads; `None`: what it is told to.
    pub reads: Option<Reads>,
    /// What it is, what it does, when it errs, its parameters, the data it needs, and its source, in
    /// Markdown.
    pub text: &'static str,
}

impl Manual {
    /// The first sentence: what it is.
    pub fn summary(&self) -> String {
        let paragraph = self.text.split("\n\n").next().unwrap_or_default();
        paragraph.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// Those that judge the window of each look by itself.
const WINDOWED: [Manual; 6] = [
    windowed(
        "success-ratio",
        Some(Reads::Errors),
        include_str!("manual/success-ratio.md"),
    ),
    windowed(
        "latency-quantile",
        Some(Reads::Latency),
        include_str!("manual/latency-quantile.md"),
    ),
    windowed("ratio", None, include_str!("manual/comparison.md")),
    windowed("difference", None, include_str!("manual/comparison.md")),
    windowed(
        "z-test",
        Some(Reads::Errors),
        include_str!("manual/z-test.md"),
    ),
    windowed("business", None, include_str!("manual/business.md")),
];

const fn windowed(kind: &'static str, reads: Option<Reads>, text: &'static str) -> Manual {
    Manual {
        kind,
        guarantee: Some(Guarantee::None),
        reads,
        text,
    }
}

/// Tests that go from look to look: those that we recommend, then the classics.
const TESTS: [(&str, &str); 24] = [
    ("exact-spending", include_str!("manual/exact-spending.md")),
    ("split-evidence", include_str!("manual/split-evidence.md")),
    (
        "two-sided-evidence",
        include_str!("manual/two-sided-evidence.md"),
    ),
    ("joint-spending", include_str!("manual/joint-spending.md")),
    (
        "latency-evidence",
        include_str!("manual/latency-evidence.md"),
    ),
    ("change-evidence", include_str!("manual/change-evidence.md")),
    ("change-spending", include_str!("manual/change-spending.md")),
    ("cumulative-z", include_str!("manual/cumulative-z.md")),
    (
        "group-sequential",
        include_str!("manual/group-sequential.md"),
    ),
    ("yeast", include_str!("manual/yeast.md")),
    ("fisher", include_str!("manual/fisher.md")),
    ("sprt", include_str!("manual/sprt.md")),
    ("msprt", include_str!("manual/msprt.md")),
    ("lindon-malek", include_str!("manual/lindon-malek.md")),
    ("cusum", include_str!("manual/cusum.md")),
    (
        "shiryaev-roberts",
        include_str!("manual/shiryaev-roberts.md"),
    ),
    ("beta-binomial", include_str!("manual/beta-binomial.md")),
    ("mann-whitney", include_str!("manual/mann-whitney.md")),
    ("ks", include_str!("manual/ks.md")),
    ("quantile-ab", include_str!("manual/quantile-ab.md")),
    ("dkw", include_str!("manual/dkw.md")),
    ("clustered-z", include_str!("manual/clustered-z.md")),
    ("sample-ratio", include_str!("manual/sample-ratio.md")),
    ("combined", include_str!("manual/combined.md")),
];

/// The pages of all gates: first the tests, then those that judge windows.
pub fn manuals() -> Vec<Manual> {
    let set_up = shelf(Probability::ZERO);
    let tests = TESTS.map(|(kind, text)| {
        // Set up in several ways, it promises what the best of them does.
        let entries = set_up.iter().map(|(_, method)| method.entry());
        let entry = entries
            .filter(|entry| entry.kind == kind)
            .min_by_key(|entry| match entry.guarantee {
                Guarantee::Anytime => 0,
                Guarantee::PlannedHorizon => 1,
                Guarantee::FixedHorizon => 2,
                Guarantee::RunLength => 3,
                Guarantee::None => 4,
            });
        Manual {
            kind,
            guarantee: entry.map(|entry| entry.guarantee),
            reads: entry.map(|entry| entry.reads),
            text,
        }
    });
    tests.into_iter().chain(WINDOWED).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_has_the_same_headings() {
        for manual in manuals() {
            let headings: Vec<&str> = (manual.text.lines())
                .filter_map(|line| line.strip_prefix("# "))
                .collect();
            let same = [
                "What it does",
                "When it errs",
                "Parameters",
                "Data it needs",
                "Source",
            ];
            assert_eq!(headings, same, "{}", manual.kind);
        }
    }

    #[test]
    fn every_test_that_is_compared_has_a_page() {
        for (name, method) in shelf(Probability::ZERO) {
            let kind = method.entry().kind;
            assert!(TESTS.iter().any(|(known, _)| *known == kind), "{name}");
        }
    }
}
