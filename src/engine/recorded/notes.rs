//! What is written down of a tick, so that it can be replayed and held against the replay.

use crate::base::Time;
use crate::engine::Ending;
use crate::engine::actors::systems::{Others, Systems};
use crate::gate::{Gate, Verdict};
use crate::rollout::{Hooks, Routing, State, Surroundings};
use crate::telemetry::recording::{LookNote, Row, TickNote};
use crate::telemetry::{Telemetry, Weights};

/// A tick that is over.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct Over<'a> {
    /// When it was.
    pub(in crate::engine) now: Time,
    /// What the controller saw beside metrics.
    pub(in crate::engine) surroundings: &'a Surroundings,
    /// What was said.
    pub(in crate::engine) looks: &'a [Verdict],
    /// The controller.
    pub(in crate::engine) state: State,
    /// Where requests go from now on.
    pub(in crate::engine) routing: Routing,
    /// How the rollout ended, if it did now.
    pub(in crate::engine) ending: Option<Ending>,
    /// What the splitter is asked for from now on.
    pub(in crate::engine) weights: Option<Weights>,
}

impl Over<'_> {
    /// The rows that it leaves.
    pub(in crate::engine) fn note(&self, rows: &mut Vec<Row>) {
        let at = self.now;
        rows.extend((self.looks.iter()).map(|look| Row::Look {
            at,
            look: look_note(look),
        }));
        rows.push(Row::Tick {
            at,
            tick: TickNote {
                canary: self.routing.canary.as_percent(),
                mirror: self.routing.mirror.as_percent(),
                phase: self.state.phase.to_string(),
                failures: self.state.failures,
                ending: self.ending.and_then(ending_word).map(str::to_owned),
                canary_requests: self.surroundings.canary_requests,
                hooks: hook_list(self.surroundings.hooks),
            },
        });
        rows.push(Row::Weights {
            at,
            weights: self.weights,
        });
    }
}

/// A verdict in words and numbers.
pub fn look_note(look: &Verdict) -> LookNote {
    LookNote {
        gate: look.gate,
        outcome: look.outcome.to_string(),
        rule: look.rule.to_string(),
        value: look.value,
        threshold: look.threshold,
        samples: look.samples,
    }
}

/// How a recording calls an end.
pub(super) fn ending_word(ending: Ending) -> Option<&'static str> {
    match ending {
        Ending::RolledBack => Some("rolled back"),
        Ending::Promoted => Some("promoted"),
        Ending::Horizon => None,
    }
}

fn hook_list(hooks: Hooks) -> [bool; 6] {
    [
        hooks.confirm_rollout,
        hooks.pre_rollout,
        hooks.rollout,
        hooks.confirm_traffic_increase,
        hooks.confirm_promotion,
        hooks.rollback,
    ]
}

/// The hooks of such a list.
pub(super) fn hooks_of(list: [bool; 6]) -> Hooks {
    let [
        confirm_rollout,
        pre_rollout,
        rollout,
        confirm_traffic_increase,
        confirm_promotion,
        rollback,
    ] = list;
    Hooks {
        confirm_rollout,
        pre_rollout,
        rollout,
        confirm_traffic_increase,
        confirm_promotion,
        rollback,
    }
}

/// Simulated systems whose answers are written down, where somebody records.
#[derive(Debug)]
pub(in crate::engine) struct Noted<'n, 'w> {
    systems: &'n mut Systems<'w>,
    rows: Option<&'n mut Vec<Row>>,
}

impl<'n, 'w> Noted<'n, 'w> {
    /// These systems, noted in these rows if in any.
    pub(in crate::engine) fn new(
        systems: &'n mut Systems<'w>,
        rows: Option<&'n mut Vec<Row>>,
    ) -> Noted<'n, 'w> {
        Noted { systems, rows }
    }
}

impl Others for Noted<'_, '_> {
    fn supply(&mut self, now: Time, telemetry: &mut Telemetry) {
        self.systems.supply(now, telemetry);
        let all = 0..self.systems.questions();
        if let Some(rows) = &mut self.rows
            && !all.is_empty()
        {
            rows.push(Row::Supplied {
                at: now,
                figures: all.map(|question| telemetry.supplied(question)).collect(),
            });
        }
    }

    fn record(&mut self, now: Time, analysis: &[Gate], telemetry: &mut Telemetry) {
        let Some(rows) = &mut self.rows else {
            return self.systems.record(now, analysis, telemetry);
        };
        let asked: Vec<_> = analysis.iter().flat_map(Gate::recorded).collect();
        let before: Vec<usize> = (asked.iter())
            .map(|recorded| telemetry.supplied_series(recorded.question).len())
            .collect();
        self.systems.record(now, analysis, telemetry);
        for (index, (recorded, before)) in asked.iter().zip(before).enumerate() {
            let question = recorded.question;
            // Several gates may ask the same.
            if (asked[..index].iter()).any(|other| other.question == question) {
                continue;
            }
            let new = telemetry.supplied_series(question).iter().enumerate();
            for (step, figure) in new.skip(before) {
                rows.push(Row::Step {
                    at: Time::START + recorded.step * step as u64,
                    question,
                    figure: *figure,
                });
            }
        }
    }

    fn count(&mut self, now: Time, analysis: &[Gate], looks: &[Verdict]) {
        self.systems.count(now, analysis, looks);
    }
}
