//! Sweeps on engines that users have: a Slurm array on two nodes, GNU parallel over ssh on two hosts,
//! and an emulator of Kubernetes' Indexed Jobs. In each, machines or processes die at work; what comes
//! out in the end is what one process computes, byte for byte.
//!
//! Each test needs the engine's own programs and is skipped, on record, where they are not installed.
//! Nothing is taken from the machine's configuration and nothing is left running: daemons run from a
//! temporary folder, on ports of their own, each in the hands of a keeper.
// Keepers and addresses like 127.0.0.2 are Linux's.
#![cfg(target_os = "linux")]

mod emulator;
mod keeper;
mod kubernetes;
mod parallel;
#[expect(dead_code, reason = "nothing here reads ../shared")]
#[path = "../shared_folder/mod.rs"]
mod shared_folder;
mod slurm;
mod sweep;

use std::net::{IpAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Two engines at a time would only wait for one another: a test holds this while it runs.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where programs are, or `None`, on record, when one is not installed.
fn installed<const N: usize>(names: [&str; N]) -> Option<[PathBuf; N]> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let daemons = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let folders: Vec<PathBuf> = std::env::split_paths(&path).chain(daemons).collect();
    let find = |name: &str| {
        let files = folders.iter().map(|folder| folder.join(name));
        files.into_iter().find(|file| file.is_file())
    };
    let missing: Vec<&str> = (names.into_iter())
        .filter(|name| find(name).is_none())
        .collect();
    if !missing.is_empty() {
        shared_folder::skip(&format!("not installed: {}", missing.join(", ")));
        return None;
    }
    Some(names.map(|name| find(name).unwrap()))
}

/// Ports that are free now, all different.
fn free_ports<const N: usize>(address: IpAddr) -> [u16; N] {
    let held = [(); N].map(|()| TcpListener::bind((address, 0)).unwrap());
    held.map(|listener| listener.local_addr().unwrap().port())
}

/// Waits until something holds, two minutes at most.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..2_400 {
        if holds() {
            return;
        }
        pause();
    }
    panic!("waited in vain: {what}");
}

/// A moment for what others do.
#[expect(
    clippy::disallowed_methods,
    reason = "programs of somebody else work meanwhile"
)]
fn pause() {
    std::thread::sleep(Duration::from_millis(50));
}

/// What a command printed, where it must end well.
fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", both(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Everything that a command said.
fn both(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

/// A file's text, or nothing while it is not there.
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// Names in a folder, or none while it is not there.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}
