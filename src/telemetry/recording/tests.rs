//! Recordings: of the first version, damaged, cut off, and replayed.

use proptest::prelude::*;

use super::*;
use crate::base::Rate;
use crate::base::Weight;
use crate::telemetry::promql::{Answer, Labels};
use crate::telemetry::{
    Birth, Buckets, Figure, Figures, GoalSums, Phase, Sampling, Status, Unit, UserFailures,
    Weights, Window,
};

/// One that the first version wrote, with all kinds of rows.
const FIRST: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/formats/recording-v1.jsonl"
));
/// One of the second, with the kinds that it brought.
const SECOND: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/formats/recording-v2.jsonl"
));

fn subject() -> Subject {
    let phase = Span::from_millis(7_500);
    let sampling = Sampling::Scraped {
        interval: Span::from_secs(15),
        phase: Phase::Fixed(phase),
    };
    let buckets = Buckets::new(vec![0.1, 0.5], Unit::Seconds).unwrap();
    let plan = Plan {
        probes: Rate::per_second(0.5).unwrap(),
        delay: Span::from_secs(5),
        routes: 1,
        goals: 1,
        ..Plan::plain(sampling, Birth::FirstRequest, buckets)
    };
    Subject {
        plan,
        phase,
        routes: vec!["checkout".to_owned()],
        goals: vec!["conversion".to_owned()],
        luck: None,
    }
}

fn written(subject: &Subject, rows: &[Row]) -> Vec<u8> {
    let mut recorder = Recorder::new(Vec::new(), subject).unwrap();
    for row in rows {
        recorder.row(row).unwrap();
    }
    recorder.finish().unwrap()
}

#[test]
fn a_recording_of_the_first_version_is_read() {
    let recording = read(FIRST.as_bytes()).unwrap();
    assert_eq!(recording.subject, subject());
    assert!(!recording.cut);
    assert_eq!(recording.rows.len(), 4);
    let Row::Scrape {
        at,
        version,
        route,
        counters,
    } = &recording.rows[1]
    else {
        panic!("{:?}", recording.rows[1]);
    };
    assert_eq!(*at, Time::from_nanos(7_500_000_000));
    assert_eq!((*version, *route), (Version::Canary, Some(0)));
    assert_eq!(counters.requests, [90, 2]);
    assert_eq!(counters.buckets, [80, 9, 1, 0, 0, 2]);
    assert_eq!(counters.goals[0].users, 30.0);
    let Row::Answer { span, figures, .. } = &recording.rows[2] else {
        panic!("{:?}", recording.rows[2]);
    };
    assert_eq!(*span, Span::from_secs(60));
    assert_eq!(figures.requests, [Some(81.25), None]);
    assert!(figures.goals.is_empty());
    assert!(matches!(&recording.rows[3], Row::Problem { what, .. } if what == "it answered 503"));
    // And written again as it was, but for the version.
    let again = FIRST.replace("\"coalmine_recording\":1", "\"coalmine_recording\":2");
    assert_eq!(
        written(&recording.subject, &recording.rows),
        again.as_bytes()
    );
}

#[test]
fn a_recording_of_the_second_version_is_read_and_written_again_as_it_was() {
    let recording = read(SECOND.as_bytes()).unwrap();
    assert_eq!(
        recording.subject.luck,
        Some(Luck {
            gate: u64::MAX,
            patience: 7
        })
    );
    assert_eq!(recording.rows, decided());
    let again = written(&recording.subject, &recording.rows);
    assert_eq!(String::from_utf8(again).unwrap(), SECOND);
}

/// A row of each kind that the second version brought.
fn decided() -> Vec<Row> {
    let at = Time::from_secs(60);
    let labels = Labels::new([("pod", "a")]);
    vec![
        Row::Query {
            at,
            text: "sum(up)".to_owned(),
            answer: Answer::Vector(vec![(labels.clone(), f64::INFINITY), (labels, 0.5)]),
        },
        Row::Query {
            at,
            text: "1".to_owned(),
            answer: Answer::Scalar(1.0),
        },
        Row::Supplied {
            at,
            figures: vec![Figure::Number(2.5), Figure::Nothing, Figure::Error],
        },
        Row::Step {
            at: Time::START,
            question: 1,
            figure: Figure::Nothing,
        },
        Row::Look {
            at,
            look: LookNote {
                gate: 0,
                outcome: "fail".to_owned(),
                rule: "below the minimum".to_owned(),
                value: 0.982,
                threshold: 0.99,
                samples: f64::NAN,
            },
        },
        Row::Tick {
            at,
            tick: TickNote {
                canary: 5.0,
                mirror: 0.0,
                phase: "Progressing".to_owned(),
                failures: 1,
                ending: Some("rolled back".to_owned()),
                canary_requests: 92,
                hooks: [true, true, true, true, true, false],
            },
        },
        Row::Weights {
            at,
            weights: Some(Weights {
                canary: Weight::percent(5.0).unwrap(),
                baseline: Weight::ZERO,
            }),
        },
        Row::Weights { at, weights: None },
    ]
}

#[test]
fn what_was_decided_at_an_instant_came_after_what_was_seen() {
    for row in decided() {
        let decision = matches!(
            row,
            Row::Look { .. } | Row::Tick { .. } | Row::Weights { .. }
        );
        assert_eq!(row.is_decision(), decision, "{row:?}");
    }
}

#[test]
fn what_is_no_recording_is_told() {
    let error = |text: &str| read(text.as_bytes()).unwrap_err().to_string();
    assert_eq!(error(""), "not a recording: it is empty");
    assert!(error("a,b\n1,2\n").starts_with("not a recording: expected value"));
    assert!(error("{}\n").contains("coalmine_recording"));
    assert_eq!(
        error("{\"coalmine_recording\":3,\"other\":[]}\n"),
        "it has format 3; this one reads up to format 2"
    );
    let zero = FIRST.replace("15000000000", "0");
    assert_eq!(error(&zero), "not a recording: the scrape interval is zero");
    for (from, to, what) in [
        (
            "[80,9,1]",
            "[80,9]",
            "line 2: a histogram has not 3 buckets",
        ),
        (
            "\"route\":\"checkout\"",
            "\"route\":\"shop\"",
            "line 3: there is no route `shop`",
        ),
        (
            "\"canary\"",
            "\"kanarie\"",
            "line 2: unknown variant `kanarie`",
        ),
        (
            "\"requests\":[90,2]",
            "\"requests\":[90,-2]",
            "line 2: invalid value",
        ),
    ] {
        let text = FIRST.replacen(from, to, 1);
        assert_ne!(text, FIRST);
        let error = error(&text);
        assert!(error.starts_with(what), "{error}");
    }
}

#[test]
fn a_file_that_was_cut_off_is_read_up_to_there() {
    for cut in [1, 20] {
        let text = &FIRST[..FIRST.len() - cut];
        let recording = read(text.as_bytes()).unwrap();
        // Without its last line break the last line is still whole.
        assert_eq!(recording.cut, cut > 1);
        assert_eq!(recording.rows.len(), if cut > 1 { 3 } else { 4 });
    }
}

#[test]
fn a_replay_shows_what_the_gate_saw() {
    let subject = subject();
    let mut seen = Telemetry::new(&subject.plan, subject.phase);
    seen.go_by_samples();
    let mut recorder = Recorder::new(Vec::new(), &subject).unwrap();
    let mut at = Time::START + subject.phase;
    for scrape in 0..20_u64 {
        for version in Version::BOTH {
            let more = |counters: &mut Counters| {
                counters.requests[0] += 10 + scrape;
                counters.seconds[0] += 0.4;
                counters.buckets[1] += 10 + scrape;
                counters.requests[1] += scrape / 7;
                counters.buckets[5] += scrape / 7;
                counters.goals[0].add(1.5);
            };
            more(seen.counters_mut(version));
            more(seen.route_counters_mut(version, 0));
            // A gap.
            if scrape % 6 != 3 {
                seen.scrape(version, at);
                recorder.scrape(at, version, &seen).unwrap();
            }
        }
        at += Span::from_secs(15);
    }
    let recording = read(recorder.finish().unwrap().as_slice()).unwrap();
    let mut replayed = recording.telemetry();
    feed(&recording.rows, &mut replayed);
    let same = |a: &Window<'_>, b: &Window<'_>| {
        assert!(a.requests() > 0.0);
        for status in Status::BOTH {
            assert_eq!(a.increase(status), b.increase(status));
        }
        assert_eq!(a.latency_quantile(0.9), b.latency_quantile(0.9));
        assert_eq!(a.latency_mean(), b.latency_mean());
        assert_eq!(a.goal(0), b.goal(0));
    };
    for version in Version::BOTH {
        let span = Span::from_secs(100);
        same(
            &seen.window(version, at, span),
            &replayed.window(version, at, span),
        );
        same(
            &seen.route_window(version, 0, at, span),
            &replayed.route_window(version, 0, at, span),
        );
    }
}

fn figure() -> impl Strategy<Value = Option<f64>> {
    prop::option::of(0.0..1e12_f64)
}

fn goals() -> impl Strategy<Value = GoalSums> {
    prop::array::uniform7(0.0..1e12_f64).prop_map(|v| GoalSums {
        opportunities: v[0],
        sum: v[1],
        squares: v[2],
        cross: v[3],
        counts: v[4],
        users: v[5],
        values: v[6],
    })
}

fn row() -> impl Strategy<Value = Row> {
    let whose = || {
        (
            any::<u64>().prop_map(Time::from_nanos),
            prop::sample::select(Version::ALL.to_vec()),
            prop::option::of(Just(0_usize)),
        )
    };
    let scrape = (
        whose(),
        any::<[u64; 2]>(),
        prop::array::uniform2(0.0..1e12_f64),
        prop::collection::vec(any::<u64>(), 6),
        goals(),
    );
    let answer = (
        whose(),
        any::<u64>(),
        (figure(), figure(), figure(), figure()),
        prop_oneof![Just(vec![]), prop::collection::vec(0.0..1e12_f64, 3)],
        prop::collection::vec(goals(), 0..2),
    );
    prop_oneof![
        scrape.prop_map(|((at, version, route), requests, seconds, buckets, goal)| {
            let goals = vec![goal];
            let counters = Counters {
                requests,
                seconds,
                buckets,
                goals,
                failures: UserFailures::default(),
            };
            Row::Scrape {
                at,
                version,
                route,
                counters,
            }
        }),
        answer.prop_map(|((at, version, route), span, numbers, buckets, goals)| {
            let figures = Figures {
                requests: [numbers.0, numbers.1],
                buckets,
                seconds: numbers.2,
                latencies: numbers.3,
                goals: goals.clone(),
                goals_so_far: goals,
            };
            let span = Span::from_nanos(span);
            Row::Answer {
                at,
                version,
                route,
                span,
                figures,
            }
        }),
        (any::<u64>(), "\\PC{0,20}").prop_map(|(at, what)| Row::Problem {
            at: Time::from_nanos(at),
            what,
        }),
    ]
}

proptest! {
    #[test]
    fn what_is_recorded_is_read_back(rows in prop::collection::vec(row(), 0..12)) {
        let subject = subject();
        let recording = read(written(&subject, &rows).as_slice()).unwrap();
        prop_assert_eq!(recording.subject, subject);
        prop_assert_eq!(recording.rows, rows);
        prop_assert!(!recording.cut);
    }

    #[test]
    fn no_file_makes_the_reader_panic(noise in prop::collection::vec(any::<u8>(), 0..200), cut in 0..2_000_usize) {
        let _ = read(noise.as_slice());
        let mut damaged = FIRST.as_bytes().to_vec();
        damaged.truncate(cut);
        damaged.extend(noise);
        let _ = read(damaged.as_slice());
    }
}
