//! The annotations of an Ingress that ingress-nginx reads.

use super::super::findings::{Field, Fields};
use super::super::split::{Reading, Retries, Said, Sticky};
use crate::base::Span;

const PREFIX: &str = "nginx.ingress.kubernetes.io/";

/// The path of the weight in an Ingress.
pub(super) const WEIGHT_PATH: &str =
    "metadata.annotations.nginx.ingress.kubernetes.io/canary-weight";

/// The least total of weights that counts; a smaller one is taken for it.
const TOTAL: f64 = 100.0;

/// The annotations of one Ingress.
#[derive(Debug)]
pub(super) struct Annotations<'a> {
    fields: Option<Fields<'a>>,
}

/// What they say.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) canary: bool,
    pub(super) weight: Option<Said<f64>>,
    pub(super) total: f64,
    /// Conditions that send a request to the canary, in the order in which they are asked.
    pub(super) matches: Vec<Said<String>>,
    pub(super) sticky: Option<Sticky>,
    /// Whether session affinity comes after the rules of the canary.
    pub(super) legacy: bool,
    pub(super) retries: Option<Retries>,
    pub(super) timeout: Option<Said<Span>>,
}

impl<'a> Annotations<'a> {
    pub(super) fn of(reading: &mut Reading<'_>, document: &Fields<'a>) -> Annotations<'a> {
        let metadata = document.get("metadata");
        let metadata = metadata.and_then(|field| reading.findings.map(&field));
        let field = metadata.and_then(|metadata| metadata.get("annotations"));
        Annotations {
            fields: field.and_then(|field| reading.findings.map(&field)),
        }
    }

    /// An annotation, used.
    fn text(&self, reading: &mut Reading<'_>, name: &str) -> Option<(&'a str, Field<'a>)> {
        let fields = self.fields.as_ref()?;
        reading.findings.text(fields, &format!("{PREFIX}{name}"))
    }

    /// A whole number, used; an error where it is none.
    fn number(&self, reading: &mut Reading<'_>, name: &str) -> Option<Said<f64>> {
        let (text, field) = self.text(reading, name)?;
        match text.trim().parse::<u32>() {
            Ok(number) => Some(reading.said(f64::from(number), &field)),
            Err(_) => {
                let message = format!("`{text}` is no whole number from 0 on");
                let help = "write a number in quotes, like \"10\"";
                (reading.findings).error(&field.path, &message, field.place(), help);
                None
            }
        }
    }

    fn marks(&self, reading: &mut Reading<'_>, name: &str, why: &str) {
        let fields = self.fields.as_ref();
        let field = fields.and_then(|fields| fields.get(&format!("{PREFIX}{name}")));
        if let Some(field) = field {
            reading.findings.mark_ignored(&field.path, why);
        }
    }

    /// Notes that the rules of a canary decide nothing without `canary: "true"`.
    pub(super) fn mark_idle(&self, reading: &mut Reading<'_>) {
        for name in [
            "canary-weight",
            "canary-weight-total",
            "canary-by-header",
            "canary-by-header-value",
            "canary-by-header-pattern",
            "canary-by-cookie",
        ] {
            self.marks(reading, name, "without canary: \"true\" it decides nothing");
        }
    }

    pub(super) fn settings(&self, reading: &mut Reading<'_>) -> Settings {
        let canary = match self.text(reading, "canary") {
            None => false,
            Some(("true", _)) => true,
            Some(("false", _)) => false,
            Some((other, field)) => {
                let message = format!("`{other}` is neither \"true\" nor \"false\"");
                let help = "write \"true\" in quotes";
                (reading.findings).error(&field.path, &message, field.place(), help);
                false
            }
        };
        let weight = self.number(reading, "canary-weight");
        let total = self.total(reading, weight.as_ref());
        Settings {
            canary,
            total,
            matches: [self.header(reading), self.cookie(reading)]
                .into_iter()
                .flatten()
                .collect(),
            weight,
            sticky: self.sticky(reading),
            legacy: self
                .text(reading, "affinity-canary-behavior")
                .is_some_and(|(behaviour, _)| behaviour == "legacy"),
            retries: self.retries(reading),
            timeout: self.seconds(reading, "proxy-read-timeout"),
        }
    }

    fn total(&self, reading: &mut Reading<'_>, weight: Option<&Said<f64>>) -> f64 {
        let total = match self.number(reading, "canary-weight-total") {
            Some(said) if said.value < TOTAL => {
                let path = format!("metadata.annotations.{PREFIX}canary-weight-total");
                let message = format!("a total below {TOTAL} counts as {TOTAL}");
                (reading.findings).warn(&path, &message, said.place.span.clone());
                TOTAL
            }
            Some(said) => said.value,
            None => TOTAL,
        };
        if let Some(weight) = weight.filter(|weight| weight.value > total) {
            let message =
                format!("a weight above the total of {total} sends every request to the canary");
            (reading.findings).warn(WEIGHT_PATH, &message, weight.place.span.clone());
        }
        total
    }

    /// The header's rule: its value, else its pattern, else `always`.
    fn header(&self, reading: &mut Reading<'_>) -> Option<Said<String>> {
        let header = self.text(reading, "canary-by-header");
        let value = self.text(reading, "canary-by-header-value");
        let pattern = self.text(reading, "canary-by-header-pattern");
        let Some((name, field)) = header else {
            for key in ["canary-by-header-value", "canary-by-header-pattern"] {
                self.marks(reading, key, "there is no canary-by-header");
            }
            return None;
        };
        if value.is_some() {
            self.marks(
                reading,
                "canary-by-header-pattern",
                "the header's value comes first",
            );
        }
        let wanted = match (value, pattern) {
            (Some((value, _)), _) => format!("header {name}: {value}"),
            (None, Some((pattern, _))) => format!("header {name} like {pattern}"),
            (None, None) => format!("header {name}: always"),
        };
        Some(reading.said(wanted, &field))
    }

    fn cookie(&self, reading: &mut Reading<'_>) -> Option<Said<String>> {
        let (name, field) = self.text(reading, "canary-by-cookie")?;
        Some(reading.said(format!("cookie {name}=always"), &field))
    }

    fn sticky(&self, reading: &mut Reading<'_>) -> Option<Sticky> {
        let (affinity, field) = self.text(reading, "affinity")?;
        let age = self.seconds(reading, "session-cookie-max-age");
        let expires = self.seconds(reading, "session-cookie-expires");
        if age.is_some() {
            self.marks(
                reading,
                "session-cookie-expires",
                "the maximal age comes first",
            );
        }
        if affinity != "cookie" {
            let message = format!("`{affinity}` is no affinity of ingress-nginx: there is none");
            (reading.findings).warn(&field.path, &message, field.place());
            reading
                .findings
                .mark_ignored(&field.path, "there is no such affinity");
            return None;
        }
        Some(Sticky {
            lifetime: age.or(expires),
            first: true,
            outlives_rollback: false,
            place: reading.place(&field),
        })
    }

    /// Seconds above zero.
    fn seconds(&self, reading: &mut Reading<'_>, name: &str) -> Option<Said<Span>> {
        let said = self.number(reading, name)?;
        (said.value > 0.0).then(|| Said {
            value: Span::from_secs_f64(said.value),
            place: said.place,
        })
    }

    /// `proxy-next-upstream`, where it is said.
    fn retries(&self, reading: &mut Reading<'_>) -> Option<Retries> {
        let tries = self.number(reading, "proxy-next-upstream-tries");
        let Some((text, field)) = self.text(reading, "proxy-next-upstream") else {
            self.marks(
                reading,
                "proxy-next-upstream-tries",
                "there is no proxy-next-upstream",
            );
            return None;
        };
        let said: Vec<&str> = text.split_whitespace().collect();
        let on_errors = said.iter().any(|one| one.starts_with("http_5"));
        let on_resets = said.iter().any(|one| matches!(*one, "error" | "timeout"));
        let tries = tries.map_or(3.0, |tries| tries.value);
        // Zero is any number.
        let attempts = if tries == 0.0 {
            100
        } else {
            (tries as u32).clamp(1, 101) - 1
        };
        (attempts > 0 && (on_errors || on_resets) && !said.contains(&"off")).then(|| Retries {
            attempts,
            on_errors,
            on_resets,
            per_try_timeout: None,
            backoff: None,
            place: Some(reading.place(&field)),
        })
    }
}
