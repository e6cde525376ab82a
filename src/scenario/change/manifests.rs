//! Changes in the manifests of a controller.

use std::path::PathBuf;

use super::{Obstacle, nearest};
use crate::manifest::edit::{self, EditError, Edited, Scalar, Which};
use crate::manifest::place::Path;
use crate::manifest::{self, Fate, Manifest};
use crate::scenario::Bundle;
use crate::scenario::controllers::{self, Controller};

type Resource<'a> = Option<(&'a str, &'a str)>;

impl Bundle {
    pub(super) fn change_manifest(
        &mut self,
        controller: Controller,
        resource: Resource<'_>,
        path: &Path,
        value: &toml::Value,
    ) -> Result<(), Obstacle> {
        let value = scalar(value)?;
        let which = which(controller, resource);
        let (file, edited) =
            self.among_manifests(controller, |text| edit::set(text, which, path, &value))?;
        self.put(file.clone(), edited.text.clone());
        self.check_it_decides(controller, &file, &edited)
    }

    pub(super) fn manifest_value(
        &self,
        controller: Controller,
        resource: Resource<'_>,
        path: &Path,
    ) -> Result<Option<toml::Value>, Obstacle> {
        let which = which(controller, resource);
        let found = self.among_manifests(controller, |text| edit::get(text, which, path))?;
        Ok(found.1.map(|value| match value {
            Scalar::Number(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
                toml::Value::Integer(number as i64)
            }
            Scalar::Number(number) => toml::Value::Float(number),
            Scalar::Truth(truth) => toml::Value::Boolean(truth),
            Scalar::Text(text) => toml::Value::String(text),
        }))
    }

    /// The first of the controller's manifests with which something can be done; where there is
    /// none, the most telling reason.
    fn among_manifests<T>(
        &self,
        controller: Controller,
        work: impl Fn(&str) -> Result<T, EditError>,
    ) -> Result<(PathBuf, T), Obstacle> {
        let mut reason = None;
        for path in self.manifests(controller)? {
            match work(self.text_of(&path)?) {
                Ok(done) => return Ok((path, done)),
                Err(error) => {
                    let is_vague = matches!(reason, None | Some(EditError::NoResource(_)));
                    reason = if is_vague { Some(error) } else { reason };
                }
            }
        }
        let none =
            || Obstacle::NoManifests(format!("no manifest of {} is named", controller.key()));
        Err(reason.map_or_else(none, Obstacle::Edit))
    }

    /// The paths of the manifests that the rollout follows.
    pub(in crate::scenario) fn manifests(
        &self,
        controller: Controller,
    ) -> Result<Vec<PathBuf>, Obstacle> {
        let over = &self.overrides;
        let named = match controller {
            Controller::Flagger => &over.flagger,
            Controller::Argo => &over.argo,
            Controller::Kayenta => &over.kayenta,
        };
        if !named.is_empty() {
            return Ok(named.clone());
        }
        let own = self.own_table()?;
        let rollout = own.get("rollout");
        let names = rollout.and_then(|rollout| rollout.get(controller.key()));
        let names: Vec<&str> = match names {
            Some(toml::Value::String(name)) => vec![name.as_str()],
            Some(toml::Value::Array(names)) => {
                names.iter().filter_map(toml::Value::as_str).collect()
            }
            _ => Vec::new(),
        };
        if names.is_empty() {
            let key = controller.key();
            return Err(Obstacle::NoManifests(format!(
                "the rollout follows no manifest of {key}: name one with --{key} FILE, or change a \
                 place in the scenario, like rollout.interval"
            )));
        }
        let here = self.whereabouts();
        Ok(names.into_iter().map(|name| here.path(name)).collect())
    }

    /// A field that nothing reads would be changed in vain.
    fn check_it_decides(
        &self,
        controller: Controller,
        file: &std::path::Path,
        edited: &Edited,
    ) -> Result<(), Obstacle> {
        let mut manifests = Vec::new();
        for path in self.manifests(controller)? {
            let text = self.text_of(&path)?.to_owned();
            manifests.push(Manifest { path, text });
        }
        let Ok(found) = manifest::sort(&manifests) else {
            return Ok(());
        };
        // What the importer refuses is said when the scenario is read.
        let Ok((accounts, remarks)) = controllers::account(controller, &manifests, &found) else {
            return Ok(());
        };
        let own = accounts.iter().find(|account| {
            let is_its_file = manifests
                .get(account.file)
                .is_some_and(|manifest| manifest.path == file);
            is_its_file && (account.title == edited.title || edited.title.is_empty())
        });
        let Some(own) = own else {
            return Ok(());
        };
        let place = &edited.place;
        let above = |path: &str| {
            let rest = place.strip_prefix(path);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let fields = own.fields.iter().filter(|field| above(&field.path));
        let Some(field) = fields.max_by_key(|field| field.path.len()) else {
            return Ok(());
        };
        let Fate::Ignored(why) = &field.fate else {
            return Ok(());
        };
        let told = (remarks.iter())
            .find(|remark| remark.problem.message.starts_with(&format!("{place}:")))
            .and_then(|remark| remark.problem.help.clone());
        let known: Vec<&str> = (own.fields.iter())
            .filter(|field| field.fate == Fate::Used)
            .map(|field| field.path.as_str())
            .collect();
        let help = told.or_else(|| {
            let near = nearest(place, &known)?;
            Some(format!("did you mean `{near}`?"))
        });
        Err(Obstacle::Idle {
            why: why.clone(),
            help,
        })
    }
}

fn which<'a>(controller: Controller, resource: Resource<'a>) -> Which<'a> {
    match (resource, controller) {
        (Some((kind, name)), _) => Which {
            kind: Some(kind),
            name: Some(name),
        },
        // A canary config has no kind.
        (None, Controller::Kayenta) => Which {
            kind: None,
            name: None,
        },
        (None, Controller::Flagger | Controller::Argo) => Which {
            kind: Some(controller.subject()),
            name: None,
        },
    }
}

fn scalar(value: &toml::Value) -> Result<Scalar, Obstacle> {
    Ok(match value {
        toml::Value::String(text) => Scalar::Text(text.clone()),
        toml::Value::Integer(number) => Scalar::Number(*number as f64),
        toml::Value::Float(number) => Scalar::Number(*number),
        toml::Value::Boolean(truth) => Scalar::Truth(*truth),
        toml::Value::Datetime(time) => Scalar::Text(time.to_string()),
        toml::Value::Array(_) => return Err(Obstacle::NotScalar("a list")),
        toml::Value::Table(_) => return Err(Obstacle::NotScalar("a table")),
    })
}
