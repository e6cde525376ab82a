//! A live rollout on a terminal: ticks as they fall, and below them how it stands now.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::super::output;
use crate::base::{Span, Time};
use crate::engine::live::run::Pulse;
use crate::report;

/// Where ticks are printed and the present is shown. Without somebody who watches there are ticks
/// alone.
pub(super) struct Screen {
    below: Option<Below>,
}

/// The lines below the ticks.
struct Below {
    all: MultiProgress,
    progress: ProgressBar,
    versions: [ProgressBar; 2],
    last: Option<Pulse>,
    longest: Span,
}

impl Screen {
    /// A screen for a rollout that takes `longest` at most.
    pub(super) fn new(longest: Span) -> Screen {
        let watched = output::is_watched();
        Screen {
            below: watched.then(|| Below::new(longest)),
        }
    }

    /// Prints a line above what changes.
    pub(super) fn print(&self, text: &str) {
        match &self.below {
            // A screen that cannot be written to shows nothing.
            Some(below) => below
                .all
                .suspend(|| drop(output::print(&format!("{text}\n")))),
            None => drop(output::print(&format!("{text}\n"))),
        }
    }

    /// Shows how the run stands.
    pub(super) fn show(&mut self, pulse: &Pulse) {
        if let Some(below) = &mut self.below {
            below.show(pulse);
        }
    }

    /// Takes away what changes.
    pub(super) fn clear(&mut self) {
        if let Some(below) = self.below.take() {
            drop(below.all.clear());
        }
    }
}

impl Below {
    fn new(longest: Span) -> Below {
        let all = MultiProgress::new();
        let line = |template: &str, length: u64| {
            let bar = all.add(ProgressBar::new(length));
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("━╸─"));
            }
            bar
        };
        let progress = line("{bar:30} {msg}", longest.as_nanos());
        let versions = [line("{msg}", 0), line("{msg}", 0)];
        Below {
            progress,
            versions,
            all,
            last: None,
            longest,
        }
    }

    fn show(&mut self, pulse: &Pulse) {
        let at = pulse.now.as_nanos().min(self.longest.as_nanos());
        self.progress.set_position(at);
        let left = pulse.next.since(pulse.now.min(pulse.next));
        let [p50, p99] = pulse.latency.map(Span::as_millis_f64);
        self.progress.set_message(format!(
            "{} · canary {} · next check in {} · p50 {p50:.0} ms p99 {p99:.0} ms · send {:.2} ms late",
            whole(pulse.now),
            report::percent(pulse.weight.as_percent()),
            Span::from_secs(left.as_secs_f64().ceil() as u64),
            pulse.lateness.as_millis_f64(),
        ));
        let last = self.last.replace(*pulse).unwrap_or(*pulse);
        let seconds = pulse.now.since(last.now).as_secs_f64();
        for (index, name) in ["stable", "canary"].into_iter().enumerate() {
            let [requests, failed] = pulse.requests[index];
            let [before, failed_before] = last.requests[index];
            let more = (requests - before) as f64;
            let rate = if seconds > 0.0 { more / seconds } else { 0.0 };
            let share = |failed: u64, requests: u64| 100.0 * failed as f64 / requests.max(1) as f64;
            self.versions[index].set_message(format!(
                "{name:<7}{rate:>9.1}/s {:>7.2} % failed now {:>7.2} % in all {:>11} requests",
                share(failed - failed_before, requests - before),
                share(failed, requests),
                report::grouped(requests),
            ));
        }
    }
}

/// A time in whole seconds.
fn whole(time: Time) -> Span {
    Span::from_secs(time.as_secs_f64() as u64)
}
