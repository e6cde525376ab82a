//! The body of a request: JSON that says so, not too large, not too slow, with no field that nobody
//! reads.

use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use serde::de::DeserializeOwned;

use super::refusal::Refusal;

/// The most bytes of a request that are read.
pub const MOST_BYTES: usize = 1024 * 1024;
/// How long a request may take to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a request asks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Asked<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Asked<T>, Refusal> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        // Forms of other sites cannot send this type without asking first.
        if !kind.eq_ignore_ascii_case("application/json") {
            return Err(Refusal::Type);
        }
        let length = request.headers().get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if length.is_some_and(|length| length > MOST_BYTES) {
            return Err(Refusal::TooLarge(MOST_BYTES));
        }
        let read = to_bytes(request.into_body(), MOST_BYTES + 1);
        let read = tokio::time::timeout(PATIENCE, read).await;
        let bytes = match read {
            Err(_) => return Err(Refusal::Slow),
            Ok(Err(_)) => return Err(Refusal::TooLarge(MOST_BYTES)),
            Ok(Ok(bytes)) if bytes.len() > MOST_BYTES => {
                return Err(Refusal::TooLarge(MOST_BYTES));
            }
            Ok(Ok(bytes)) => bytes,
        };
        serde_json::from_slice(&bytes)
            .map(Asked)
            .map_err(|error| Refusal::Malformed(format!("the request is not understood: {error}")))
    }
}
