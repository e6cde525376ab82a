//! Files to take away: the scenario, alone or with the files that it names, its report, a patch of own
//! files.

use std::io::{Cursor, Write};

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Router};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::curve::options;
use super::read::Question;
use super::{Aside, Asker};
use crate::experiment;
use crate::lab::Lab;
use crate::lab::asked::Asked;
use crate::lab::refusal::Refusal;
use crate::lab::setup::{OwnFile, Stage};
use crate::report;

/// Trials of a report that is made while somebody waits.
const TRIALS: u32 = 200;

pub(super) fn routes() -> Router<Lab> {
    Router::new()
        .route("/api/download/scenario", post(scenario))
        .route("/api/download/files", post(files))
        .route("/api/download/report", post(page))
        .route("/api/download/patch", post(patch))
}

/// The scenario with everything that was asked for written into it.
async fn scenario(
    Extension(aside): Extension<Aside>,
    Asked(question): Asked<Question>,
) -> Result<Response, Refusal> {
    let made = aside.make(move || {
        let stage = question.setup.stage()?;
        let name = format!("{}.toml", stage.scenario.name);
        Ok((name, stage.written().into_bytes()))
    });
    let (name, text) = made.await?;
    Ok(file(&name, "application/toml; charset=utf-8", text))
}

/// The scenario and the files that it names, in a folder of its name, with everything that was asked
/// for written into them.
async fn files(
    Extension(aside): Extension<Aside>,
    Asked(question): Asked<Question>,
) -> Result<Response, Refusal> {
    let made = aside.make(move || {
        let stage = question.setup.stage()?;
        let name = &stage.scenario.name;
        let packed = packed(name, &stage.texts());
        let packed = packed.map_err(|error| Refusal::Broken(error.to_string()))?;
        Ok((format!("{name}.zip"), packed))
    });
    let (name, archive) = made.await?;
    Ok(file(&name, "application/zip", archive))
}

/// An archive of texts, as they are: none is long enough to be worth packing.
fn packed(folder: &str, texts: &[OwnFile]) -> zip::result::ZipResult<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for one in texts {
        archive.start_file(format!("{folder}/{}", one.name), options)?;
        archive.write_all(one.text.as_bytes())?;
    }
    Ok(archive.finish()?.into_inner())
}

/// The page that `coalmine power` makes, of few trials.
async fn page(
    State(lab): State<Lab>,
    Asker(page): Asker,
    Asked(question): Asked<Question>,
) -> Result<Response, Refusal> {
    let made = lab.turns.play(page, "report", move |stop| {
        let mut scenario = question.setup.scenario()?;
        scenario.experiment.trials = Some(TRIALS.min(scenario.experiment.most_trials));
        let broken = |error: &dyn std::fmt::Display| Refusal::Broken(error.to_string());
        let results = experiment::run(&scenario, &options(stop)).map_err(|error| broken(&error))?;
        let files = report::render(&results).map_err(|error| broken(&error))?;
        let page = files.into_iter().find(|(name, _)| name == "report.html");
        let (_, page) = page.ok_or_else(|| broken(&"the report has no page"))?;
        Ok::<_, Refusal>((format!("{}-report.html", scenario.name), page))
    });
    let (name, page) = made.await??;
    Ok(file(&name, "text/html; charset=utf-8", page))
}

/// What was changed in the texts, as a unified diff.
async fn patch(
    Extension(aside): Extension<Aside>,
    Asked(question): Asked<Question>,
) -> Result<Response, Refusal> {
    let made = aside.make(move || {
        let stage = question.setup.stage()?;
        let patch = patch_of(&stage);
        if patch.is_empty() {
            return Err(Refusal::Conflict(
                "nothing was changed in the files, so there is no patch".to_owned(),
            ));
        }
        Ok((format!("{}.patch", stage.scenario.name), patch))
    });
    let (name, patch) = made.await?;
    let kind = "text/x-diff; charset=utf-8";
    Ok(file(&name, kind, patch.into_bytes()))
}

/// The difference of the texts as they came and as they are played: of own files only, where there
/// are any.
fn patch_of(stage: &Stage) -> String {
    let (mut before, mut after) = (stage.before.clone(), stage.rewritten());
    if !stage.own.is_empty() {
        before.texts.retain(|path, _| stage.own.contains(path));
        after.texts.retain(|path, _| stage.own.contains(path));
    }
    after.patch_since(&before)
}

/// A file that a browser keeps and does not show. Names of scenarios are letters, digits and dashes.
fn file(name: &str, kind: &'static str, bytes: Vec<u8>) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    (headers, bytes).into_response()
}
