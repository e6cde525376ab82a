//! A results folder: written whole or not at all, read back exactly, drawn the same every time.

use std::fs;
use std::path::{Path, PathBuf};

use coalmine::experiment::store::{self, StoreError};
use coalmine::experiment::summary::{End, Estimate, FORMAT, Mode, Results, TimelineRow, TrialRow};
use coalmine::report;

/// A folder as version 1 of the format has it, with made-up but plausible results.
fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats/v1")
}

fn results() -> Results {
    store::read(&sample()).expect("the stored sample is readable")
}

/// Every file below `folder` with its text.
fn contents(folder: &Path) -> Vec<(String, String)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read_to_string(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn extra(name: &str, text: &str) -> (String, Vec<u8>) {
    (name.to_owned(), text.as_bytes().to_vec())
}

#[test]
fn what_is_written_reads_back_equal() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("deeper/than/there/is");
    let mut results = results();
    results.trials = vec![TrialRow {
        weight: 0.1,
        mode: Mode::Rollout,
        faulty: true,
        replicate: u64::MAX,
        end: End::RolledBack,
        end_seconds: 180.5,
        detection_seconds: None,
        canary_requests: 12,
        exposed_requests: 1,
        exposed_users: 0.1 + 0.2,
    }];
    results.timeline[0].reason = "two\nlines, with \"quotes\" and a comma".to_owned();
    store::write(&results, &folder, &[]).unwrap();
    assert_eq!(store::read(&folder).unwrap(), results);
}

#[test]
fn format_1_is_still_read_and_would_be_written_the_same() {
    // The sample was written by the first version. When the format changes, a sample of the new one
    // joins it, this one must still be read, and only the second half of this test goes.
    assert_eq!(FORMAT, 1);
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("again");
    store::write(&results(), &folder, &[]).unwrap();
    assert_eq!(contents(&folder), contents(&sample()));
}

#[test]
fn an_older_results_folder_is_replaced_completely() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("results");
    let first = [extra("report.html", "old"), extra("power.png", "old")];
    store::write(&results(), &folder, &first).unwrap();
    store::write(&results(), &folder, &[extra("report.html", "new")]).unwrap();
    let names: Vec<String> = contents(&folder)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert!(!names.contains(&"power.png".to_owned()), "{names:?}");
    assert_eq!(fs::read(folder.join("report.html")).unwrap(), b"new");
    assert_eq!(contents_of_parent(place.path()), ["results"]);
}

fn contents_of_parent(parent: &Path) -> Vec<String> {
    let entries = fs::read_dir(parent).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn everything_that_a_report_writes_may_be_replaced() {
    // A figure unknown to the store would keep a folder from ever being written again.
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("results");
    let mut results = results();
    results.trials.clear();
    store::write(&results, &folder, &report::render(&results).unwrap()).unwrap();
    store::write(&results, &folder, &[]).unwrap();
    assert_eq!(contents(&folder), contents(&sample()));
}

#[test]
fn a_failure_halfway_leaves_the_old_folder_and_no_litter() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("results");
    store::write(&results(), &folder, &[extra("report.html", "old")]).unwrap();
    let before = contents(&folder);
    // No file system takes a name this long: the last of the files cannot be written.
    let hopeless = extra(&"x".repeat(300), "");
    let error = store::write(&results(), &folder, &[hopeless]).unwrap_err();
    assert!(
        matches!(error, StoreError::Io { doing: "write", .. }),
        "{error}"
    );
    assert!(error.to_string().contains("results"), "{error}");
    assert_eq!(contents(&folder), before);
    assert_eq!(contents_of_parent(place.path()), ["results"]);
}

#[test]
fn places_that_hold_something_else_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("file");
    fs::write(&file, "mine").unwrap();
    let home = place.path().join("home");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("thesis.txt"), "mine").unwrap();
    let mixed = place.path().join("mixed");
    store::write(&results(), &mixed, &[]).unwrap();
    fs::write(mixed.join("notes.md"), "mine").unwrap();

    for (folder, said) in [
        (file.clone(), "not a folder"),
        (home, "no summary.json"),
        (mixed.clone(), "notes.md"),
        (PathBuf::from("/"), "is not replaced"),
    ] {
        let error = store::write(&results(), &folder, &[]).unwrap_err();
        assert!(matches!(error, StoreError::NotOurs { .. }), "{error}");
        assert!(error.to_string().contains(said), "{error}");
    }
    let error = store::write(&results(), &file.join("below"), &[]).unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
    assert_eq!(fs::read(mixed.join("notes.md")).unwrap(), b"mine");

    let empty = place.path().join("empty");
    fs::create_dir(&empty).unwrap();
    store::write(&results(), &empty, &[]).unwrap();
}

#[test]
fn numbers_that_json_cannot_hold_are_refused_by_name() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("results");
    let mut results = results();
    results.summary.cells[3].power.low = f64::NAN;
    let error = store::write(&results, &folder, &[]).unwrap_err();
    assert!(error.to_string().contains("cells[3].power.low"), "{error}");
    assert!(!folder.exists());
}

#[test]
fn folders_that_cannot_be_read_say_why() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("results");
    let refused = || store::read(&folder).unwrap_err().to_string();
    assert!(refused().contains("no such results folder"));

    store::write(&results(), &folder, &[]).unwrap();
    fs::remove_file(folder.join("heat.csv")).unwrap();
    assert!(refused().contains("heat.csv is missing"), "{}", refused());

    fs::write(
        folder.join("heat.csv"),
        "rate,weight,power,trials\n1,2,?,4\n",
    )
    .unwrap();
    assert!(refused().contains("heat.csv:2: "), "{}", refused());

    let summary = fs::read_to_string(sample().join("summary.json")).unwrap();
    let rewrite = |from: &str, to: &str| {
        let text = summary.replacen(from, to, 1);
        assert_ne!(text, summary);
        fs::write(folder.join("summary.json"), text).unwrap();
    };
    rewrite("\"format\": 1", "\"format\": 2");
    assert!(
        refused().contains("made by a newer coalmine"),
        "{}",
        refused()
    );
    rewrite("\"format\": 1,", "");
    assert!(refused().contains("no format number"), "{}", refused());
    rewrite("\"rate\": 20.0", "\"rate\": \"fast\"");
    assert!(refused().contains("summary.json:"), "{}", refused());
}

#[test]
fn the_schema_accepts_what_is_written() {
    // No validator here: the schema must at least require every field that the summary writes.
    let schema = store::schema();
    let required = schema["required"].as_array().unwrap();
    let text = store::summary_json(&results().summary).unwrap();
    let summary: serde_json::Value = serde_json::from_str(&text).unwrap();
    for field in summary.as_object().unwrap().keys() {
        assert!(required.iter().any(|name| name == field), "{field}");
        assert!(schema["properties"][field].is_object(), "{field}");
    }
}

#[test]
fn the_terminal_answer_fits_its_width() {
    insta::assert_snapshot!(report::table(&results(), 100, false));
    for width in [100, 80, 60, 40] {
        for line in report::table(&results(), width, false).lines() {
            assert!(line.chars().count() <= width, "{width}: {line}");
        }
    }
}

#[test]
fn the_widest_numbers_still_fit_one_table() {
    let mut results = results();
    for cell in &mut results.summary.cells {
        let share = Estimate {
            estimate: 0.999_9,
            low: 0.956,
            high: 1.0,
        };
        (cell.power, cell.false_rollback) = (share, share);
        cell.detection_seconds.never = 0.999_9;
        cell.detection_seconds.p50 = Some(95_400.0);
        cell.detection_seconds.p90 = Some(127_800.0);
        cell.exposure.requests = 12_345_678.0;
        cell.exposure.users = 1_234_567.0;
        cell.requests_per_window = 30_000_000.0;
    }
    let table = report::table(&results, 100, false);
    let headed = |line: &&str| line.starts_with(" canary") || line.starts_with("  canary");
    assert_eq!(table.lines().filter(headed).count(), 2, "{table}");
    assert!(table.contains("30M"), "{table}");
}

#[test]
fn what_happens_after_the_end_is_shown_where_somebody_asked() {
    let plain = results();
    let mut asked = plain.clone();
    for cell in &mut asked.summary.cells {
        cell.exposure.after = Some(4_321.0);
    }
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("asked");
    store::write(&asked, &folder, &[]).unwrap();
    assert_eq!(store::read(&folder).unwrap(), asked);
    let csv = String::from_utf8(store::cells_csv(&asked.summary).unwrap()).unwrap();
    let widths: Vec<usize> = csv.lines().map(|line| line.split(',').count()).collect();
    assert!(
        csv.lines().next().unwrap().ends_with(",exposure_after"),
        "{csv}"
    );
    assert!(widths.iter().all(|width| *width == widths[0]), "{csv}");

    let page = |results| {
        let files = report::render(results).unwrap();
        let page = files.into_iter().find(|(name, _)| name == "report.html");
        String::from_utf8(page.unwrap().1).unwrap()
    };
    for width in [60, 100, 120] {
        let table = report::table(&asked, width, false);
        assert!(table.contains("4,321"), "{table}");
        assert!(
            table.lines().all(|line| line.chars().count() <= width),
            "{table}"
        );
    }
    assert!(report::markdown(&asked).contains("| after the end |"));
    assert!(page(&asked).contains("<td>4,321</td>"));
    assert!(!report::table(&plain, 100, false).contains("after\n"));
    assert!(!report::markdown(&plain).contains("after the end"));
    assert!(!page(&plain).contains("after it"));
}

#[test]
fn colours_add_nothing_but_escapes() {
    let painted = report::table(&results(), 100, true);
    assert!(painted.contains("\u{1b}["));
    let mut bare = String::new();
    for (i, piece) in painted.split('\u{1b}').enumerate() {
        let text = if i == 0 {
            piece
        } else {
            piece.split_once('m').unwrap().1
        };
        bare.push_str(text);
    }
    assert_eq!(bare, report::table(&results(), 100, false));
}

#[test]
fn the_same_results_give_the_same_bytes() {
    let results = results();
    assert_eq!(
        report::render(&results).unwrap(),
        report::render(&results).unwrap()
    );
}

#[test]
fn the_page_stands_alone_and_escapes_what_others_wrote() {
    let mut results = results();
    results.summary.scenario.title = "<script>alert(1)</script> & co".to_owned();
    results.summary.warnings = vec!["<img src=x>".to_owned()];
    let files = report::render(&results).unwrap();
    let page = text_of(&files, "report.html");
    for outside in [
        "<script", "<img", "<link", "<iframe", "href=", "@import", "url(",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
    let page = page.replace("http://www.w3.org/2000/svg", "");
    assert!(!page.contains("http://") && !page.contains("https://"));
    assert_eq!(page.matches("<svg ").count(), 5);
    assert!(page.contains("&#60;img src=x&#62;"));
}

fn text_of(files: &[(String, Vec<u8>)], name: &str) -> String {
    let (_, bytes) = files.iter().find(|(file, _)| file == name).unwrap();
    String::from_utf8(bytes.clone()).unwrap()
}

/// Results that lack something, by what they lack; the last lack air between ticks.
fn sparse() -> Vec<(&'static str, Results)> {
    let with = |change: fn(&mut Results)| {
        let mut results = results();
        change(&mut results);
        results
    };
    vec![
        ("cells", with(|results| results.summary.cells.clear())),
        ("heat", with(|results| results.heat.clear())),
        ("heat but one", with(|results| results.heat.truncate(1))),
        ("timeline", with(|results| results.timeline.clear())),
        (
            "timeline but one",
            with(|results| results.timeline.truncate(1)),
        ),
        (
            "detections",
            with(|results| {
                results.detections.clear();
                for cell in &mut results.summary.cells {
                    cell.power.estimate = 0.0;
                    cell.detection_seconds.p50 = None;
                    cell.detection_seconds.p90 = None;
                    cell.detection_seconds.never = 1.0;
                }
            }),
        ),
        (
            "weights but one",
            with(|results| {
                results.summary.cells.retain(|cell| cell.weight == 5.0);
            }),
        ),
        (
            "mode",
            with(|results| {
                results.summary.cells.retain(|cell| cell.mode == Mode::Held);
            }),
        ),
        (
            "weight above 0",
            with(|results| results.summary.cells[0].weight = 0.0),
        ),
        (
            "words",
            with(|results| {
                let summary = &mut results.summary;
                summary.findings.clear();
                summary.warnings.clear();
                for text in [
                    &mut summary.scenario.title,
                    &mut summary.scenario.story,
                    &mut summary.scenario.world,
                    &mut summary.scenario.rollout,
                    &mut summary.scenario.source,
                ] {
                    text.clear();
                }
            }),
        ),
        (
            "metrics",
            with(|results| {
                for row in &mut results.timeline {
                    *row = TimelineRow {
                        canary_success: None,
                        stable_success: None,
                        canary_p99: None,
                        stable_p99: None,
                        success_limit: None,
                        p99_limit: None,
                        verdict: "inconclusive".to_owned(),
                        ..row.clone()
                    };
                }
            }),
        ),
        (
            "space",
            with(|results| {
                let rows = results.timeline.clone();
                results.timeline = (0..2_000)
                    .map(|i| TimelineRow {
                        seconds: 60.0 * i as f64,
                        ..rows[i % rows.len()].clone()
                    })
                    .collect();
            }),
        ),
    ]
}

#[test]
fn results_that_lack_something_are_drawn_all_the_same() {
    for (lacking, results) in sparse() {
        let files = report::render(&results).unwrap_or_else(|error| panic!("{lacking}: {error}"));
        assert_eq!(files.len(), 11, "{lacking}");
        assert!(!report::table(&results, 100, true).is_empty(), "{lacking}");
        assert!(!report::markdown(&results).is_empty(), "{lacking}");
    }
    let (_, no_heat) = &sparse()[1];
    let svg = text_of(&report::render(no_heat).unwrap(), "heat.svg");
    assert!(svg.contains("was not simulated"));
}

#[test]
fn texts_for_programs_are_those_that_are_stored() {
    let stored = |name: &str| fs::read_to_string(sample().join(name)).unwrap();
    assert_eq!(report::json(&results()).unwrap(), stored("summary.json"));
    assert_eq!(report::csv(&results()).unwrap(), stored("cells.csv"));
}
