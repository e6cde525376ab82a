//! A setup written out: everything that was asked for beside the texts, put into the scenario's own.

use std::path::Path;

use toml_edit::{DocumentMut, Item, Table, value};

use super::setup::{OwnFile, Stage};
use crate::scenario::{Bundle, Change, Overrides};

impl Stage {
    /// The scenario's own text as it is played. What cannot be written as a field, such as another mean
    /// of recorded traffic, stands below it in comments.
    pub fn written(&self) -> String {
        self.text_of(&self.rewritten())
    }

    fn text_of(&self, bundle: &Bundle) -> String {
        if bundle.overrides != Overrides::default() {
            return self.scenario.source.clone() + "\n";
        }
        let text = bundle.texts.get(&bundle.path).map(Vec::as_slice);
        String::from_utf8_lossy(text.unwrap_or_default()).into_owned()
    }

    /// Every text as it is played, the scenario's own first, under the names by which they call each
    /// other.
    pub fn texts(&self) -> Vec<OwnFile> {
        let bundle = self.rewritten();
        let named = |path: &Path, text: String| OwnFile {
            name: path.display().to_string(),
            text,
            original: None,
        };
        let own = match bundle.is_builtin {
            true => bundle.path.file_name().map(Path::new),
            false => None,
        };
        let own = named(own.unwrap_or(&bundle.path), self.text_of(&bundle));
        let others = bundle
            .texts
            .iter()
            .filter(|(path, _)| **path != bundle.path);
        let others =
            others.map(|(path, text)| named(path, String::from_utf8_lossy(text).into_owned()));
        std::iter::once(own).chain(others).collect()
    }

    /// The texts with everything that was asked for in them, where that makes the same scenario; else
    /// as they are played, with what was asked for beside them.
    pub fn rewritten(&self) -> Bundle {
        if self.bundle.overrides == Overrides::default() {
            return self.bundle.clone();
        }
        let rewritten = self.write_out();
        let is_same = |bundle: &Bundle| {
            let read = bundle.scenario();
            read.is_ok_and(|read| read.plays_like(&self.scenario))
        };
        rewritten
            .filter(is_same)
            .unwrap_or_else(|| self.bundle.clone())
    }

    fn write_out(&self) -> Option<Bundle> {
        let asked = &self.asked;
        let mut bundle = Bundle {
            overrides: Overrides::default(),
            ..self.bundle.clone()
        };
        let quoted = |text: &str| toml::Value::String(text.trim().to_owned());
        let mut changes = Vec::new();
        let mut put = |place: &str, value: toml::Value| {
            let place = place.parse().ok()?;
            changes.push(Change { place, value });
            Some(())
        };
        if let Some(rate) = &asked.rate {
            put("traffic.rate", quoted(rate))?;
        }
        if let Some(errors) = &asked.errors {
            put("stable.errors", quoted(errors))?;
        }
        if let Some(latency) = &asked.latency {
            put("stable.latency", quoted(latency))?;
        }
        if let Some(weights) = &self.bundle.overrides.weights {
            let weights = weights.iter().map(|weight| quoted(&weight.to_string()));
            put("experiment.weights", toml::Value::Array(weights.collect()))?;
        }
        if let Some(seed) = self.bundle.overrides.seed {
            put(
                "experiment.seed",
                toml::Value::Integer(i64::try_from(seed.0).ok()?),
            )?;
        }
        if asked.canary_errors.is_some() || asked.canary_latency.is_some() {
            let text = bundle.texts.get(&bundle.path)?;
            let text = self.with_a_canary_anew(std::str::from_utf8(text).ok()?)?;
            bundle.texts.insert(bundle.path.clone(), text.into_bytes());
        }
        bundle.changed(&changes).ok()
    }

    /// The canary as stable but for what was asked for, and nothing wrong beside it.
    fn with_a_canary_anew(&self, text: &str) -> Option<String> {
        let mut document: DocumentMut = text.parse().ok()?;
        document.remove("faults");
        if let Some(stable) = document.get_mut("stable").and_then(Item::as_table_like_mut) {
            stable.remove("faults");
        }
        document.remove("canary");
        let mut canary = Table::new();
        let fields = [
            ("errors", &self.asked.canary_errors),
            ("latency", &self.asked.canary_latency),
        ];
        for (key, text) in fields {
            if let Some(text) = text {
                canary.insert(key, value(text.trim()));
            }
        }
        document.insert("canary", Item::Table(canary));
        Some(document.to_string())
    }
}
