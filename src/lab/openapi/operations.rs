//! Every operation of the API, with an example of what it takes.

use serde_json::{Value, json};

use super::{Answer, Operation, schema_of};
use crate::experiment::curve::Curve;
use crate::lab::live::{Added, Event, Start, Status};
use crate::lab::routes::{catalog, curve, learn, measure, read, rollout};
use crate::lab::turns::Tally;

fn setup() -> Value {
    json!({ "setup": { "scenario": "low-traffic" } })
}

fn changed() -> Value {
    json!({ "setup": { "scenario": "low-traffic", "set": ["rollout.failures=2"] } })
}

fn curve_question() -> Value {
    json!({
        "setup": { "scenario": "low-traffic", "rate": "20/s", "percentages": [1, 5, 20] },
        "trials": 100,
        "rivals": true,
    })
}

fn rollout_question() -> Value {
    json!({ "setup": { "scenario": "low-traffic" }, "replicate": 2, "held_percent": 5 })
}

fn measure_question() -> Value {
    json!({
        "setup": { "scenario": "low-traffic" },
        "asks": ["power at 1%", "detection_p90", "exposure.users"],
        "trials": 100,
    })
}

fn start() -> Value {
    json!({ "setup": { "scenario": "low-traffic" }, "speed": 30 })
}

fn fault() -> Value {
    json!({ "kind": "errors", "target": "canary", "probability": 0.05 })
}

const PLAIN: Operation = Operation {
    method: "get",
    path: "",
    id: "",
    summary: "",
    part: None,
    body: None,
    answer: (200, "", Answer::Empty),
    refusals: &[],
};

/// All operations.
pub(super) const ALL: &[Operation] = &[
    Operation {
        path: "/api/catalog",
        id: "catalog",
        summary: "Scenarios, lessons, gates, pages of the book, and what is too much",
        answer: (
            200,
            "The catalog",
            Answer::Json(schema_of::<catalog::Catalog>),
        ),
        ..PLAIN
    },
    Operation {
        method: "post",
        path: "/api/read",
        id: "read",
        summary: "What a setup is understood as, and what can be moved in it",
        body: Some((schema_of::<read::Question>, setup)),
        answer: (
            200,
            "What was understood",
            Answer::Json(schema_of::<read::Understood>),
        ),
        refusals: &[429],
        ..PLAIN
    },
    Operation {
        method: "post",
        path: "/api/curve",
        id: "curve",
        summary: "Power and false rollbacks against the canary's percentage, with rivals",
        body: Some((schema_of::<curve::Question>, curve_question)),
        answer: (200, "The curve", Answer::Json(schema_of::<Curve>)),
        refusals: &[409, 429],
        ..PLAIN
    },
    Operation {
        method: "post",
        path: "/api/rollout",
        id: "rollout",
        summary: "One rollout, tick by tick",
        body: Some((schema_of::<rollout::Question>, rollout_question)),
        answer: (
            200,
            "The rollout",
            Answer::Json(schema_of::<rollout::Rollout>),
        ),
        refusals: &[409, 429],
        ..PLAIN
    },
    Operation {
        method: "post",
        path: "/api/measure",
        id: "measure",
        summary: "Single figures, each with its 95 % interval",
        body: Some((schema_of::<measure::Question>, measure_question)),
        answer: (
            200,
            "The figures",
            Answer::Json(schema_of::<measure::Answers>),
        ),
        refusals: &[409, 429],
        ..PLAIN
    },
    Operation {
        path: "/api/lessons/{id}",
        id: "lesson",
        summary: "A lesson",
        part: Some(("id", "thirty-requests", "string")),
        answer: (200, "The lesson", Answer::Json(schema_of::<learn::Taught>)),
        refusals: &[400, 404],
        ..PLAIN
    },
    Operation {
        path: "/api/book/{subject}",
        id: "book",
        summary: "A page of the book",
        part: Some(("subject", "gates", "string")),
        answer: (200, "The page", Answer::Json(schema_of::<learn::Page>)),
        refusals: &[400, 404],
        ..PLAIN
    },
    Operation {
        method: "post",
        path: "/api/download/scenario",
        id: "downloadScenario",
        summary: "The scenario with everything that was asked for written into it",
        body: Some((schema_of::<read::Question>, setup)),
        answer: (200, "A scenario file", Answer::File("application/toml")),
        refusals: &[429],
        ..PLAIN
    },
    Operation {
        method: "post",
        path: "/api/download/files",
        id: "downloadFiles",
        summary: "The scenario and the files that it names, changed in the same way, in one archive",
        body: Some((schema_of::<read::Question>, setup)),
        answer: (200, "An archive", Answer::File("application/zip")),
        refusals: &[429],
        ..PLAIN
    },
    Operation {
        method: "post",
        path: "/api/download/report",
        id: "downloadReport",
        summary: "The page that `coalmine power` makes, of few trials",
        body: Some((schema_of::<read::Question>, setup)),
        answer: (200, "A page that stands alone", Answer::File("text/html")),
        refusals: &[409, 429],
        ..PLAIN
    },
    Operation {
        method: "post",
        path: "/api/download/patch",
        id: "downloadPatch",
        summary: "What was changed in the texts, as a unified diff",
        body: Some((schema_of::<read::Question>, changed)),
        answer: (200, "A patch", Answer::File("text/x-diff")),
        refusals: &[409, 429],
        ..PLAIN
    },
    Operation {
        path: "/api/turns",
        id: "turns",
        summary: "How many simulations run and wait, and how they ended",
        answer: (200, "The tally", Answer::Json(schema_of::<Tally>)),
        ..PLAIN
    },
    Operation {
        path: "/api/openapi.json",
        id: "openapi",
        summary: "This description",
        answer: (
            200,
            "The description",
            Answer::Json(schema_of::<serde_json::Map<String, Value>>),
        ),
        ..PLAIN
    },
    Operation {
        path: "/api/live",
        id: "liveStatus",
        summary: "Where the live run stands",
        answer: (200, "Its state", Answer::Json(schema_of::<Status>)),
        ..PLAIN
    },
    Operation {
        method: "post",
        path: "/api/live",
        id: "liveStart",
        summary: "Starts a rollout for real, over sockets of this machine",
        body: Some((schema_of::<Start>, start)),
        answer: (201, "It starts", Answer::Json(schema_of::<Status>)),
        refusals: &[409, 429],
        ..PLAIN
    },
    Operation {
        path: "/api/live/events",
        id: "liveEvents",
        summary: "What happens in live runs: ready, pulse, tick, fault and end, each with a number; \
                  `Last-Event-ID` goes on after one",
        answer: (
            200,
            "Events as they happen",
            Answer::Events(schema_of::<Event>),
        ),
        ..PLAIN
    },
    Operation {
        path: "/api/live/faults",
        id: "liveFaults",
        summary: "The faults of the live run",
        answer: (200, "The faults", Answer::Json(schema_of::<Value>)),
        refusals: &[409],
        ..PLAIN
    },
    Operation {
        method: "post",
        path: "/api/live/faults",
        id: "liveFault",
        summary: "Adds a fault to the live run, as the control API of a live run takes it",
        body: Some((schema_of::<serde_json::Map<String, Value>>, fault)),
        answer: (201, "It is there", Answer::Json(schema_of::<Added>)),
        refusals: &[409],
        ..PLAIN
    },
    Operation {
        method: "delete",
        path: "/api/live/faults/{id}",
        id: "liveFaultGone",
        summary: "Takes a fault out of the live run",
        part: Some(("id", "1", "integer")),
        answer: (204, "It is gone", Answer::Empty),
        refusals: &[400, 404, 409],
        ..PLAIN
    },
    Operation {
        method: "post",
        path: "/api/live/stop",
        id: "liveStop",
        summary: "Ends the live run with what is there",
        answer: (204, "It ends", Answer::Empty),
        ..PLAIN
    },
];
