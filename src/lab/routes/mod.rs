//! What is answered, one file for each group of routes.

pub mod about;
mod aside;
pub mod catalog;
pub mod curve;
pub mod download;
pub mod learn;
pub mod measure;
pub mod read;
pub mod rollout;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::{Extension, Router};

use super::Lab;
use super::refusal::Refusal;
use super::turns::Page;
pub(super) use aside::Aside;

/// All routes under `/api`.
pub(super) fn all() -> Router<Lab> {
    Router::new()
        .merge(catalog::routes())
        .merge(read::routes())
        .merge(curve::routes())
        .merge(rollout::routes())
        .merge(measure::routes())
        .merge(learn::routes())
        .merge(download::routes())
        .merge(about::routes())
        .merge(super::live::routes())
        .layer(Extension(Aside::default()))
}

/// Which page asks: a random word in a header.
#[derive(Debug)]
pub(super) struct Asker(pub Page);

impl<S: Send + Sync> FromRequestParts<S> for Asker {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Asker, Refusal> {
        /// Longer words are no page's.
        const LONGEST: usize = 64;
        let page = parts.headers.get("x-coalmine-page");
        let page = page.and_then(|page| page.to_str().ok());
        let page = page.filter(|page| !page.is_empty() && page.len() <= LONGEST);
        Ok(Asker(page.map(str::to_owned)))
    }
}
