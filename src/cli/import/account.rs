//! What became of every field, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use super::super::output;
use crate::base::place;
use crate::manifest::{Account, Accounted, Fate};
use crate::scenario::draft::{Draft, Source};

/// What a reader of the scenario should know, in few lines: warnings, what was read, what was not.
pub(super) fn short(sources: &[Source], draft: &Draft) -> String {
    let mut text = String::new();
    for line in warnings(sources, draft) {
        let line = output::narrow(&format!("warning: {line}"), output::WIDTH, "  ");
        let _ = writeln!(text, "{line}");
    }
    for account in &draft.accounts {
        let _ = writeln!(
            text,
            "{}: {}",
            file(sources, account.file),
            counted(account)
        );
        let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for field in &account.fields {
            if let Fate::Ignored(why) = &field.fate
                && !is_plain(field)
            {
                reasons.entry(why).or_default().push(&field.path);
            }
        }
        for (why, paths) in reasons {
            let shown = match paths.as_slice() {
                [one] => (*one).to_owned(),
                several => format!("{} and {} more", several[0], several.len() - 1),
            };
            let line = output::narrow(&format!("  {shown}: {why}"), output::WIDTH, "    ");
            let _ = writeln!(text, "{line}");
        }
    }
    text
}

/// Names, labels and statuses are nobody's concern.
fn is_plain(field: &Accounted) -> bool {
    field.path.starts_with("metadata") || field.path.starts_with("status")
}

fn counted(account: &Account) -> String {
    if let Some(why) = &account.unread {
        return format!("{}: not read, {why}", account.title);
    }
    let used = account
        .fields
        .iter()
        .filter(|field| field.fate == Fate::Used)
        .count();
    let ignored = account.fields.len() - used;
    format!("{}: {used} fields used, {ignored} ignored", account.title)
}

/// Every field of every resource on a line, in the order of the files.
pub(super) fn whole(sources: &[Source], draft: &Draft) -> String {
    let mut text = String::new();
    for account in &draft.accounts {
        let _ = writeln!(
            text,
            "{}: {}",
            file(sources, account.file),
            counted(account)
        );
        for field in &account.fields {
            let line = line(sources, account, field);
            let line = line.map_or_else(String::new, |line| line.to_string());
            let _ = match &field.fate {
                Fate::Used => writeln!(text, "{line:>6}  used     {}", field.path),
                Fate::Ignored(why) => writeln!(text, "{line:>6}  ignored  {}: {why}", field.path),
            };
        }
    }
    for line in warnings(sources, draft) {
        let _ = writeln!(text, "warning: {line}");
    }
    text
}

fn warnings(sources: &[Source], draft: &Draft) -> Vec<String> {
    let remarks = draft
        .warnings
        .iter()
        .map(|remark| match sources.get(remark.file) {
            Some(source) => remark
                .problem
                .one_line(&source.manifest.path, &source.manifest.text),
            None => remark.problem.one_line(Path::new(""), ""),
        });
    remarks.collect()
}

fn file(sources: &[Source], file: usize) -> String {
    let source = sources.get(file);
    source.map_or_else(String::new, |source| {
        source.manifest.path.display().to_string()
    })
}

fn line(sources: &[Source], account: &Account, field: &Accounted) -> Option<usize> {
    let source = sources.get(account.file)?;
    Some(place(&source.manifest.text, field.span.as_ref()?.start).0)
}

/// All of it for programs.
#[derive(Debug, Serialize)]
struct Told {
    scenario: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    controller: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    split: Option<ToldSplit>,
    warnings: Vec<String>,
    resources: Vec<ToldResource>,
}

#[derive(Debug, Serialize)]
struct ToldSplit {
    resource: String,
    stable: Option<String>,
    canary: Option<String>,
    why: String,
    /// The canary's percentage.
    weight: Option<f64>,
    matches: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ToldResource {
    file: String,
    resource: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    unread: Option<String>,
    fields: Vec<ToldField>,
}

#[derive(Debug, Serialize)]
struct ToldField {
    path: String,
    line: Option<usize>,
    used: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

pub(super) fn json(sources: &[Source], draft: &Draft) -> Result<String, serde_json::Error> {
    let name = |one: &Option<_>| one.as_ref().map(ToString::to_string);
    let told = Told {
        scenario: draft.text.clone(),
        controller: draft.controller,
        split: draft.split.as_ref().map(|split| ToldSplit {
            resource: split.title.clone(),
            stable: name(&split.stable),
            canary: name(&split.canary),
            why: split.why.clone(),
            weight: split.weight.as_ref().map(|weight| weight.value),
            matches: split.matches.iter().map(|one| one.value.clone()).collect(),
        }),
        warnings: warnings(sources, draft),
        resources: draft
            .accounts
            .iter()
            .map(|account| resource(sources, account))
            .collect(),
    };
    let mut text = serde_json::to_string_pretty(&told)?;
    text.push('\n');
    Ok(text)
}

fn resource(sources: &[Source], account: &Account) -> ToldResource {
    let fields = account.fields.iter().map(|field| ToldField {
        path: field.path.clone(),
        line: line(sources, account, field),
        used: field.fate == Fate::Used,
        why: match &field.fate {
            Fate::Used => None,
            Fate::Ignored(why) => Some(why.clone()),
        },
    });
    ToldResource {
        file: file(sources, account.file),
        resource: account.title.clone(),
        unread: account.unread.clone(),
        fields: fields.collect(),
    }
}
