//! What the server says of itself: its API, and how busy it is.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::Value;

use crate::lab::turns::Tally;
use crate::lab::{Lab, openapi};

pub(super) fn routes() -> Router<Lab> {
    Router::new()
        .route("/api/openapi.json", get(description))
        .route("/api/turns", get(turns))
}

async fn description() -> Json<&'static Value> {
    Json(openapi::description())
}

async fn turns(State(lab): State<Lab>) -> Json<Tally> {
    Json(lab.turns.tally())
}
