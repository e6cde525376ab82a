//! An analysis under way: its gates, and what they remember of the rollout.

use super::statistical::Memory;
use super::{Gate, GateSet, NOTHING_CHECKED, Outcome, Verdict};
use crate::base::Time;
use crate::telemetry::Telemetry;

/// The gates of an analysis with what they remember of one rollout.
///
/// To drive it: [`Jury::begin`] each rollout; at each look, in order of time, call
/// [`Jury::judge_in_order`] or [`Jury::judge_each`].
#[derive(Debug)]
pub struct Jury<'a> {
    analysis: &'a [Gate],
    memories: Vec<Option<Memory>>,
}

impl<'a> Jury<'a> {
    /// These gates, before their first rollout.
    pub fn new(analysis: &'a [Gate]) -> Jury<'a> {
        let memory = |gate: &Gate| match gate {
            Gate::Statistical(gate) => Some(Memory::new(gate)),
            _ => None,
        };
        Jury {
            analysis,
            memories: analysis.iter().map(memory).collect(),
        }
    }

    /// The gates.
    pub fn analysis(&self) -> &'a [Gate] {
        self.analysis
    }

    /// Forgets the rollout before; `luck` decides what gates draw that judge by chance of their own.
    pub fn begin(&mut self, luck: u64) {
        for (index, memory) in self.memories.iter_mut().enumerate() {
            if let Some(memory) = memory {
                // Each gate draws for itself: another one beside it changes nothing.
                memory.begin(crate::base::split_mix(luck ^ index as u64));
            }
        }
    }

    /// Passes over what was counted up to `now`, where counters are older than the rollout: gates that
    /// count from look to look begin there.
    pub fn pass_over(&mut self, now: Time, telemetry: &Telemetry) {
        for (gate, memory) in self.analysis.iter().zip(&mut self.memories) {
            if let (Gate::Statistical(gate), Some(memory)) = (gate, memory) {
                memory.pass_over(gate, now, telemetry);
            }
        }
    }

    /// The looks behind [`judge`](super::judge): a verdict of each gate in order, up to the first
    /// that fails; one that says so when there is no gate.
    pub fn judge_in_order(&mut self, now: Time, telemetry: &Telemetry, looks: &mut Vec<Verdict>) {
        if self.analysis.is_empty() {
            looks.push(NOTHING_CHECKED);
        }
        for gate in 0..self.analysis.len() {
            self.judge_one(gate, now, telemetry, looks);
            let last = looks.last().map(|last| last.outcome);
            if last == Some(Outcome::Fail) {
                return;
            }
        }
    }

    /// A verdict of each of these gates, in order, whatever the others say.
    pub fn judge_each(
        &mut self,
        gates: GateSet,
        now: Time,
        telemetry: &Telemetry,
        looks: &mut Vec<Verdict>,
    ) {
        for gate in gates.iter() {
            self.judge_one(gate, now, telemetry, looks);
        }
    }

    fn judge_one(
        &mut self,
        index: usize,
        now: Time,
        telemetry: &Telemetry,
        looks: &mut Vec<Verdict>,
    ) {
        let Some(gate) = self.analysis.get(index) else {
            return;
        };
        let verdict = match (gate, &mut self.memories[index]) {
            (Gate::Statistical(gate), Some(memory)) => memory.judge(gate, now, telemetry),
            _ => gate.judge(now, telemetry),
        };
        looks.push(Verdict {
            gate: index,
            ..verdict
        });
    }
}
