//! Recordings drawn anew from their blocks.

use coalmine::base::{Seed, Span};
use coalmine::experiment::replay::{Measured, Parts, ResampleError, replay};
use coalmine::experiment::{self};
use coalmine::scenario;
use coalmine::telemetry::Version;
use coalmine::telemetry::recording::{self, Row};

use super::Place;

fn measured(name: &str) -> Measured {
    let scenario = scenario::find(name).unwrap().scenario().unwrap();
    let (engine, _) = experiment::engine(&scenario);
    let mut bytes = Vec::new();
    let seed = scenario.experiment.seed;
    experiment::watch_recorded(&scenario, seed, 0, true, engine, &mut bytes).unwrap();
    Measured {
        recording: recording::read(bytes.as_slice()).unwrap(),
        begun: None,
    }
}

/// What the canary has answered in all, and failed.
fn totals(rows: &[Row]) -> [u64; 2] {
    let last = rows.iter().rev().find_map(|row| match row {
        Row::Scrape {
            version: Version::Canary,
            route: None,
            counters,
            ..
        } => Some(counters.requests),
        _ => None,
    });
    last.unwrap()
}

#[test]
fn what_is_drawn_has_on_average_what_was_recorded() {
    let measured = measured("hidden-outage");
    let parts = Parts::of(&measured, Some(Span::from_secs(60))).unwrap();
    let drawn: Vec<[u64; 2]> = (0..400)
        .map(|replicate| totals(&parts.drawn(Seed::DEFAULT, replicate).rows))
        .collect();
    let was = totals(&measured.recording.rows);
    let counts: Vec<f64> = drawn.iter().map(|of| of[0] as f64).collect();
    let mean = counts.iter().sum::<f64>() / 400.0;
    let variance = counts.iter().map(|of| (of - mean).powi(2)).sum::<f64>() / 399.0;
    // Five standard errors of the mean of 400 draws.
    let error = 5.0 * (variance / 400.0).sqrt();
    assert!(variance > 0.0);
    assert!(
        (mean - was[0] as f64).abs() < error,
        "{mean} of {was:?}, ±{error}"
    );
}

#[test]
fn a_draw_keeps_times_weights_and_whole_numbers() {
    let measured = measured("plain-flagger");
    let parts = Parts::of(&measured, None).unwrap();
    let drawn = parts.drawn(Seed::DEFAULT, 7);
    assert_eq!(drawn, parts.drawn(Seed::DEFAULT, 7));
    assert_ne!(drawn.rows, parts.drawn(Seed::DEFAULT, 8).rows);
    let times = |rows: &[Row]| -> Vec<u64> {
        let scrape = |row: &&Row| matches!(row, Row::Scrape { .. } | Row::Weights { .. });
        rows.iter()
            .filter(scrape)
            .map(|row| row.at().as_nanos())
            .collect()
    };
    let mut expected = times(&measured.recording.rows);
    expected.sort_unstable();
    assert_eq!(times(&drawn.rows), expected);
    let mut before = [[0; 2]; 3];
    for row in &drawn.rows {
        if let Row::Scrape {
            version,
            route: None,
            counters,
            ..
        } = row
        {
            let last = &mut before[*version as usize];
            assert!(counters.requests[0] >= last[0] && counters.requests[1] >= last[1]);
            *last = counters.requests;
        }
    }
    // And it can be replayed.
    let scenario = scenario::find("plain-flagger").unwrap().scenario().unwrap();
    let drawn = Measured {
        recording: drawn,
        begun: None,
    };
    let replay = replay(&scenario, &drawn, Seed::DEFAULT);
    assert!(replay.rows.len() > 3 && replay.agreement.is_none());
}

#[test]
fn what_cannot_be_drawn_anew_says_why() {
    let whole = measured("plain-flagger");
    let mut short = whole.clone();
    short.recording.rows.truncate(6);
    let error = Parts::of(&short, None).unwrap_err();
    assert!(matches!(error, ResampleError::TooShort(_)), "{error}");
}

#[test]
fn the_answer_has_its_interval_and_is_the_same_on_any_number_of_threads() {
    let place = Place::new();
    place.answered(&["run", "plain-flagger", "--virtual", "--record", "it.jsonl"]);
    let arguments = [
        "replay",
        "it.jsonl",
        "--scenario",
        "plain-flagger",
        "--set",
        "flagger:spec.analysis.threshold=2",
        "--resample",
        "200",
    ];
    let told = place.json(&arguments);
    let drawn = &told["resampled"];
    let of = |name: &str| drawn["rolled_back"][name].as_f64().unwrap();
    assert!(
        of("low") <= of("estimate") && of("estimate") <= of("high"),
        "{drawn:#}"
    );
    assert!(of("high") - of("low") < 0.15, "{drawn:#}");
    // A canary that fails ten times as often as it may, in a recording that was rolled back.
    assert!(of("estimate") > 0.5, "{drawn:#}");
    let text = place.answered(&arguments);
    assert!(
        text.contains("Drawn anew 200 times, it is rolled back in"),
        "{text}"
    );
    let once = std::process::Command::new(env!("CARGO_BIN_EXE_coalmine"))
        .args(arguments)
        .current_dir(place.path(""))
        .env("RAYON_NUM_THREADS", "1")
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(once.stdout).unwrap(), text);
}
