//! A live rollout on a terminal: ticks as they fall, and below them how it stands now.

use std::collections::VecDeque;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::super::output;
use crate::base::{Span, Time};
use crate::engine::live::run::Pulse;
use crate::report;
use crate::telemetry::Version;

/// Where ticks are printed and the present is shown. Without somebody who watches there are ticks
/// alone.
pub(super) struct Screen {
    below: Option<Below>,
}

/// The lines below the ticks.
struct Below {
    all: MultiProgress,
    /// From the top: the progress, the heads of columns, a line for each version, and what concerns
    /// all.
    lines: [ProgressBar; 6],
    /// The last pulses, the oldest first.
    pulses: VecDeque<Pulse>,
    longest: Span,
}

/// So many pulses are "now": two seconds, as one alone has too few requests to tell.
const NOW: usize = 10;
/// Heads of the columns below the progress.
const HEADS: &str = "             requests/s    failed now    failed in all      requests";

impl Screen {
    /// A screen for a rollout that takes `longest` at most.
    pub(super) fn new(longest: Span) -> Screen {
        let watched = output::is_watched();
        Screen {
            below: watched.then(|| Below::new(longest)),
        }
    }

    /// What prints above the lines that change, if there are any.
    pub(super) fn bar(&self) -> Option<ProgressBar> {
        self.below.as_ref().map(|below| below.lines[0].clone())
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
            for line in &below.lines {
                line.finish_and_clear();
            }
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
        Below {
            lines: [
                line("{bar:24.cyan} {msg}", longest.as_nanos()),
                line("{msg:.dim}", 0),
                line("{msg}", 0),
                line("{msg}", 0),
                line("{msg}", 0),
                line("{msg:.dim}", 0),
            ],
            all,
            pulses: VecDeque::with_capacity(NOW + 1),
            longest,
        }
    }

    fn show(&mut self, pulse: &Pulse) {
        self.pulses.push_back(*pulse);
        if self.pulses.len() > NOW {
            self.pulses.pop_front();
        }
        let before = self.pulses.front().unwrap_or(pulse);
        let [progress, heads, versions @ .., everything] = &self.lines;
        progress.set_position(pulse.now.as_nanos().min(self.longest.as_nanos()));
        progress.set_message(progress_of(pulse, self.longest));
        heads.set_message(HEADS);
        let mut lines = versions.iter();
        for version in [Version::Stable, Version::Canary, Version::Baseline] {
            let Some(line) = lines.next() else { break };
            // Few rollouts have a baseline.
            if version != Version::Baseline || pulse.requests[version as usize][0] > 0 {
                line.set_message(traffic(version, before, pulse));
            }
        }
        let [p50, p99] = pulse.latency.map(Span::as_millis_f64);
        everything.set_message(format!(
            "latency p50 {p50:.0} ms p99 {p99:.0} ms · sends {:.2} ms late at p99 · Ctrl-C ends the \
             rollout here",
            pulse.lateness.as_millis_f64(),
        ));
    }
}

/// Where the rollout stands, and what comes next.
fn progress_of(pulse: &Pulse, longest: Span) -> String {
    let next = match pulse.next > pulse.now {
        true => {
            let left = pulse.next.since(pulse.now).as_secs_f64();
            format!("next check in {}", Span::from_secs(left.ceil() as u64))
        }
        false => "no more checks".to_owned(),
    };
    format!(
        "{} of {} · canary {} · {next}",
        whole(pulse.now),
        whole(Time::START + longest),
        report::percent(pulse.weight.as_percent()),
    )
}

/// What a version answered since an earlier pulse, and in all.
fn traffic(version: Version, before: &Pulse, now: &Pulse) -> String {
    let [requests, failed] = now.requests[version as usize];
    let [earlier, failed_earlier] = before.requests[version as usize];
    let seconds = now.now.since(before.now).as_secs_f64();
    let (more, more_failed) = (requests - earlier, failed - failed_earlier);
    let rate = match seconds > 0.0 {
        true => format!("{:.1}", more as f64 / seconds),
        false => "–".to_owned(),
    };
    let share = |failed: u64, requests: u64| match requests {
        0 => "–".to_owned(),
        some => format!("{:.2} %", 100.0 * failed as f64 / some as f64),
    };
    format!(
        "{:<9}{rate:>14}{:>14}{:>17}{:>14}",
        version.name(),
        share(more_failed, more),
        share(failed, requests),
        report::grouped(requests),
    )
}

/// A time in whole seconds.
fn whole(time: Time) -> Span {
    Span::from_secs(time.as_secs_f64() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Weight;

    fn pulse(seconds: u64, requests: [[u64; 2]; 3]) -> Pulse {
        Pulse {
            now: Time::from_secs(seconds),
            next: Time::from_secs(120),
            weight: Weight::FULL,
            requests,
            latency: [Span::from_millis(40), Span::from_millis(250)],
            lateness: Span::ZERO,
        }
    }

    #[test]
    fn columns_stand_below_their_heads() {
        let before = pulse(60, [[1_000, 1], [50, 0], [0, 0]]);
        let now = pulse(64, [[1_076, 2], [54, 1], [0, 0]]);
        let line = traffic(Version::Canary, &before, &now);
        assert_eq!(
            line,
            "canary              1.0       25.00 %           1.85 %            54"
        );
        assert_eq!(line.chars().count(), HEADS.chars().count());
        let nothing = traffic(Version::Baseline, &now, &now);
        assert_eq!(nothing.matches('–').count(), 3, "{nothing}");
    }

    #[test]
    fn the_next_check_is_named_as_long_as_there_is_one() {
        let longest = Span::from_secs(600);
        let now = pulse(64, [[0; 2]; 3]);
        assert_eq!(
            progress_of(&now, longest),
            "1m4s of 10m · canary 100 % · next check in 56s"
        );
        let over = pulse(130, [[0; 2]; 3]);
        assert!(progress_of(&over, longest).ends_with("no more checks"));
    }
}
