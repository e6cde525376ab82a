//! `filters` of a rule: copies of requests, and what decides nothing here.

use super::super::findings::{Field, Fields};
use super::super::split::{Destination, Mirror, Reading, Said, whole_within};
use crate::base::Probability;

/// The mirrors of a rule; `None` when the rule answers with a redirect.
pub(super) fn read(reading: &mut Reading<'_>, fields: &Fields<'_>) -> Option<Vec<Mirror>> {
    let mut found = Vec::new();
    let Some(field) = fields.get("filters") else {
        return Some(found);
    };
    for item in reading.findings.list(&field) {
        let Some(filter) = reading.findings.map(&item) else {
            continue;
        };
        let Some((kind, _)) = reading.findings.text(&filter, "type") else {
            continue;
        };
        match kind {
            "RequestRedirect" => return None,
            "RequestMirror" => found.extend(mirror(reading, &item, &filter)),
            "ExtensionRef" => {
                let message = "what it does stands elsewhere: it is taken to change nothing";
                (reading.findings).warn(&item.path, message, item.key_span.clone());
                reading
                    .findings
                    .mark_ignored(&item.path, "what it does stands elsewhere");
            }
            _ => {
                let why = "headers and addresses are not simulated";
                reading.findings.mark_ignored(&item.path, why);
            }
        }
    }
    Some(found)
}

fn mirror(reading: &mut Reading<'_>, item: &Field<'_>, filter: &Fields<'_>) -> Option<Mirror> {
    let Some(field) = filter.get("requestMirror") else {
        let help = "write requestMirror: {backendRef: {name: my-canary, port: 80}}";
        let place = item.key_span.clone();
        (reading.findings).error(&filter.path_of("requestMirror"), "is missing", place, help);
        return None;
    };
    let inner = reading.findings.map(&field)?;
    let backend = inner.get("backendRef")?;
    let backend = reading.findings.map(&backend)?;
    let (name, _) = reading.findings.text(&backend, "name")?;
    let share = share(reading, &inner)?;
    Some(Mirror {
        to: Destination {
            host: name.to_owned(),
            subset: None,
        },
        path: item.path.clone(),
        share: share.unwrap_or_else(|| reading.said(Probability::ONE, &field)),
    })
}

/// `percent` or `fraction`; all where neither is said; `None` on record when it cannot be.
fn share(reading: &mut Reading<'_>, inner: &Fields<'_>) -> Option<Option<Said<Probability>>> {
    if let Some(field) = inner.get("percent") {
        let percent = whole_within(reading, &field, 0, 100)?;
        let share = Probability::new(percent as f64 / 100.0)?;
        return Some(Some(reading.said(share, &field)));
    }
    let Some(field) = inner.get("fraction") else {
        return Some(None);
    };
    let fraction = reading.findings.map(&field)?;
    let numerator = whole_within(reading, &fraction.get("numerator")?, 0, i64::MAX)?;
    let denominator = match fraction.get("denominator") {
        Some(field) => whole_within(reading, &field, 1, i64::MAX)?,
        None => 100,
    };
    let Some(share) = Probability::new(numerator as f64 / denominator as f64) else {
        let message = format!("{numerator} of {denominator} is more than all");
        let help = "write a numerator up to the denominator";
        (reading.findings).error(&field.path, &message, field.place(), help);
        return None;
    };
    Some(Some(reading.said(share, &field)))
}
