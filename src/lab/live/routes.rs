//! What the page asks of a live run.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use axum::routing::{delete, get, post};
use axum::{Extension, Json, Router};
use futures_core::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

use super::{Event, Live, LiveError, Status};
use crate::lab::Lab;
use crate::lab::asked::Asked;
use crate::lab::refusal::Refusal;
use crate::lab::routes::Aside;
use crate::lab::setup::Setup;

/// Time between two signs of life in a stream where nothing happens.
const STILL_HERE: Duration = Duration::from_secs(10);

/// A live run to start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// What to play.
    pub setup: Setup,
    /// Whether to put a canary as good as stable in place of the faulty one.
    #[serde(default)]
    pub good: bool,
    /// How many times faster than the clock on the wall; absent: so fast that it takes less than a
    /// minute.
    #[serde(default)]
    pub speed: Option<f64>,
}

/// A fault that was added by hand.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Added {
    /// Its number.
    pub id: u64,
}

/// The routes of live runs, below `/api/live`. All of them start load or reach into what does.
pub(in crate::lab) fn routes() -> Router<Lab> {
    Router::new()
        .route("/api/live", get(status).post(start))
        .route("/api/live/events", get(events))
        .route("/api/live/faults", get(faults).post(add_fault))
        .route("/api/live/faults/{id}", delete(remove_fault))
        .route("/api/live/stop", post(stop))
}

async fn status(State(lab): State<Lab>) -> Json<Status> {
    Json(lab.live.status())
}

async fn start(
    State(lab): State<Lab>,
    Extension(aside): Extension<Aside>,
    Asked(asked): Asked<Start>,
) -> Result<(StatusCode, Json<Status>), Refusal> {
    let Start { setup, good, speed } = asked;
    let scenario = aside.make(move || setup.scenario()).await?;
    let status = lab.live.start(scenario, good, speed)?;
    Ok((StatusCode::CREATED, Json(status)))
}

async fn faults(State(lab): State<Lab>) -> Result<Json<Value>, Refusal> {
    Ok(Json(lab.live.faults().await?))
}

async fn add_fault(
    State(lab): State<Lab>,
    Asked(fault): Asked<Value>,
) -> Result<(StatusCode, Json<Added>), Refusal> {
    let id = lab.live.add_fault(&fault).await?;
    Ok((StatusCode::CREATED, Json(Added { id })))
}

async fn remove_fault(State(lab): State<Lab>, Path(id): Path<u64>) -> Result<StatusCode, Refusal> {
    lab.live.remove_fault(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn stop(State(lab): State<Lab>) -> StatusCode {
    lab.live.stop();
    StatusCode::NO_CONTENT
}

/// The events of the run from the one after `Last-Event-ID`, and of the runs after it.
async fn events(
    State(lab): State<Lab>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Sent, Infallible>>> {
    let last = headers.get("last-event-id");
    let after = last.and_then(|id| id.to_str().ok()?.parse().ok());
    let stream = Events::new(lab.live, after.unwrap_or(0));
    Sse::new(stream).keep_alive(KeepAlive::new().interval(STILL_HERE))
}

/// What happens in live runs, as a stream that ends with whoever reads it.
struct Events {
    live: Arc<Live>,
    after: u64,
    ready: std::vec::IntoIter<Event>,
    news: Pin<Box<dyn Future<Output = watch::Receiver<u64>> + Send>>,
}

impl Events {
    fn new(live: Arc<Live>, after: u64) -> Events {
        let mut news = live.news();
        news.mark_changed();
        Events {
            live,
            after,
            ready: Vec::new().into_iter(),
            news: more(news),
        }
    }
}

fn more(
    mut news: watch::Receiver<u64>,
) -> Pin<Box<dyn Future<Output = watch::Receiver<u64>> + Send>> {
    Box::pin(async move {
        // The sender lives as long as `Events` holds the run.
        let _ = news.changed().await;
        news
    })
}

impl Stream for Events {
    type Item = Result<Sent, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(event) = self.ready.next() {
                self.after = event.id;
                let sent = Sent::default()
                    .id(event.id.to_string())
                    .event(event.happening.name());
                return Poll::Ready(Some(Ok(sent.data(event.happening.data()))));
            }
            let Poll::Ready(news) = self.news.as_mut().poll(context) else {
                return Poll::Pending;
            };
            self.news = more(news);
            self.ready = self.live.events(self.after).into_iter();
        }
    }
}

impl From<LiveError> for Refusal {
    fn from(error: LiveError) -> Refusal {
        let told = error.to_string();
        match error {
            LiveError::Busy | LiveError::Idle => Refusal::Conflict(told),
            LiveError::TooLong(_) | LiveError::TooFast(_) | LiveError::Speed(_) => {
                Refusal::Impossible(told)
            }
            LiveError::Refused { status: 404, .. } => Refusal::Missing(told),
            LiveError::Refused { status: 409, .. } => Refusal::Conflict(told),
            LiveError::Refused { .. } => Refusal::Impossible(told),
            // A run that has just ended looks the same.
            LiveError::Unreachable(_) => Refusal::Conflict(told),
            LiveError::Thread(_) => Refusal::Broken(told),
        }
    }
}
