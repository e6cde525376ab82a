//! Places that cannot be written: a clear error, and nothing lost that was computed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Said, coalmine, names, program, said, shared_folder};

/// Runs the program with `TMPDIR` at a fresh folder, and returns what is left there.
fn with_refuge(folder: &Path, arguments: &str) -> (Said, PathBuf) {
    let refuge = folder.join("refuge");
    fs::create_dir(&refuge).unwrap();
    let mut command = program(folder);
    command
        .args(arguments.split_whitespace())
        .env("TMPDIR", &refuge);
    (said(command, arguments), refuge)
}

/// The folder that the message names; it holds all that a results folder holds.
fn kept(said: &Said, refuge: &Path) -> PathBuf {
    let named = said
        .err
        .lines()
        .find_map(|line| line.strip_prefix("the results were kept in "));
    let kept = PathBuf::from(named.unwrap_or_else(|| panic!("{}", said.err)));
    assert_eq!(names(refuge).len(), 1, "{:?}", names(refuge));
    assert_eq!(kept.parent(), Some(refuge));
    assert_eq!(names(&kept).len(), 17, "{:?}", names(&kept));
    kept
}

#[test]
fn a_place_that_is_taken_is_refused_before_the_work() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("file"), "mine").unwrap();
    fs::create_dir(place.path().join("home")).unwrap();
    fs::write(place.path().join("home/thesis.txt"), "mine").unwrap();
    // A million trials would take minutes: whoever answers at once has not begun.
    for (out, code, message) in [
        ("file", 2, "error: file is not replaced: it is not a folder"),
        ("home", 2, "error: home is not replaced: it holds files"),
        ("/", 2, "error: / is not replaced"),
        ("file/below", 1, "error: cannot look at file/below: "),
    ] {
        let said = coalmine(place.path(), &format!("power --trials 1000000 --out {out}"));
        assert_eq!(said.code, code, "{out}: {}", said.err);
        assert!(said.err.starts_with(message), "{out}: {}", said.err);
        assert_eq!(said.out, "", "{out}");
    }
    assert_eq!(fs::read(place.path().join("file")).unwrap(), b"mine");
    assert_eq!(names(place.path()), ["file", "home"]);
    assert_eq!(names(&place.path().join("home")), ["thesis.txt"]);
}

#[test]
fn results_that_cannot_be_stored_are_kept_elsewhere() {
    // Nobody makes folders in /proc, not even root.
    if !Path::new("/proc/self").exists() {
        shared_folder::skip("there is no /proc");
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let (said, refuge) = with_refuge(place.path(), "power --trials 10 --out /proc/coalmine/a");
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(
        said.err
            .starts_with("error: cannot create /proc/coalmine: "),
        "{}",
        said.err
    );
    assert!(
        said.out.contains("Ten steps at 20 requests"),
        "{}",
        said.out
    );
    let kept = kept(&said, &refuge);
    let again = coalmine(place.path(), &format!("report {}", kept.display()));
    assert_eq!(again.out, said.out);
}

/// A disk of 64 KiB, mounted where only the program sees it: it is gone when the program ends.
#[test]
fn a_full_disk_loses_nothing() {
    let place = tempfile::tempdir().unwrap();
    let disk = place.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let refuge = place.path().join("refuge");
    fs::create_dir(&refuge).unwrap();
    let on_small_disk = |script: &str| {
        let mut command = Command::new("unshare");
        let mount = "mount -t tmpfs -o size=64k coalmine disk || exit 99";
        command
            .current_dir(place.path())
            .env("TMPDIR", &refuge)
            .args(["--map-root-user", "--mount", "sh", "-c"])
            .arg(format!("{mount}; {script}"))
            .arg(env!("CARGO_BIN_EXE_coalmine"));
        command
    };
    let may_mount = on_small_disk("exit 0").output();
    if !may_mount.is_ok_and(|output| output.status.success()) {
        shared_folder::skip("no disk can be mounted here");
        return;
    }
    let said = said(
        on_small_disk("\"$0\" power --trials 10 --out disk/new; code=$?; ls -A disk; exit $code"),
        "a full disk",
    );
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(
        said.err.contains("error: cannot write disk/new/"),
        "{}",
        said.err
    );
    assert!(said.err.contains("No space left on device"), "{}", said.err);
    // The listing follows the answer: nothing is left of what did not fit.
    assert!(said.out.ends_with(".\n"), "{}", said.out);
    kept(&said, &refuge);
}

/// The disk fills up everywhere: files may not grow beyond 40 KiB, and reports are larger.
#[test]
fn without_any_room_the_older_results_stay() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    assert_eq!(coalmine(folder, "power --trials 10 --out out").code, 0);
    let before = fs::read(folder.join("out/summary.json")).unwrap();
    let refuge = folder.join("refuge");
    fs::create_dir(&refuge).unwrap();
    let mut command = Command::new("bash");
    command
        .current_dir(folder)
        .env("TMPDIR", &refuge)
        // Without the signal ignored, the first byte too many would end the process.
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f 40; exec \"$0\" power --trials 20 --out out",
        ])
        .arg(env!("CARGO_BIN_EXE_coalmine"));
    let said = said(command, "no room");
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(said.err.starts_with("error: cannot write "), "{}", said.err);
    assert!(said.out.contains("Ten steps"), "{}", said.out);
    assert_eq!(fs::read(folder.join("out/summary.json")).unwrap(), before);
    // What was played is not lost with them: the journal stays, as far as it could be written.
    assert_eq!(names(folder), ["out", "out.units", "refuge"]);
    assert_eq!(names(&refuge), [""; 0]);
}

#[test]
fn an_answer_that_cannot_be_printed_is_an_error() {
    let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") else {
        shared_folder::skip("there is no /dev/full");
        return;
    };
    let place = tempfile::tempdir().unwrap();
    for arguments in [
        "power --trials 10 --json",
        "run --virtual",
        "scenarios",
        "schema",
    ] {
        let output = program(place.path())
            .args(arguments.split_whitespace())
            .stdout(full.try_clone().unwrap())
            .output()
            .unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments}: {err}");
        assert!(
            err.contains("error: cannot write to standard output: "),
            "{arguments}: {err}"
        );
    }
    assert_eq!(names(&place.path().join("results/default")).len(), 17);
}
