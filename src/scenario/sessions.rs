//! How a user's requests follow one another.

use super::latency;
use super::reader::Value;
use crate::model::traffic::Sessions;

/// `measured`, or a table of what differs from it.
pub(super) fn read(value: &Value<'_>) -> Option<Sessions> {
    if !value.is_table() {
        return value
            .choice(&[("measured", ())])
            .map(|()| Sessions::measured());
    }
    let mut table = value.table()?;
    let measured = Sessions::measured();
    let single = match table.get("single") {
        None => Some(measured.single),
        Some(value) => value.share(),
    };
    let mean = table.get("pages");
    let pages = match &mean {
        None => Some(measured.pages),
        Some(value) => value.number(1.0..=10_000.0),
    };
    let embedded = match table.get("embedded") {
        None => Some(measured.embedded),
        Some(value) => value.number(0.0..=10_000.0),
    };
    let think = match table.get("think") {
        None => Some(measured.think),
        Some(value) => latency::read(&value),
    };
    table.finish();
    let (single, pages) = (single?, pages?);
    // Sessions of more than one page have two at least; with none of those the mean is 1.
    let least = 1.0 + single.complement();
    let is_possible = match single.complement() == 0.0 {
        true => pages == 1.0,
        false => pages >= least - 1e-9,
    };
    if !is_possible {
        mean.as_ref().unwrap_or(value).refuse(
            format_args!("{pages} pages on average cannot be with {single} of a single page"),
            match single.complement() == 0.0 {
                true => "write pages = 1".to_owned(),
                false => format!("write {least} or more: the others have two at least"),
            },
        );
        return None;
    }
    Some(Sessions {
        single,
        pages: pages.max(least),
        embedded: embedded?,
        think: think?,
    })
}
