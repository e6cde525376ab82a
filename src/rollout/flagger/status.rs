//! A Canary's status and what each way of writing it resets.

use super::super::Phase;

/// The part of a Canary's status that decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// `phase`.
    pub phase: Phase,
    /// `canaryWeight` in percent. Not the truth: the loop reads the routing object instead.
    pub canary_weight: i64,
    /// `iterations`.
    pub iterations: i64,
    /// `failedChecks`. Passing checks never lower it.
    pub failed_checks: u32,
}

impl Status {
    pub(super) const INITIALIZED: Status = Status {
        phase: Phase::Initialized,
        canary_weight: 0,
        iterations: 0,
        failed_checks: 0,
    };

    /// Writes the whole status anew, as at the start of a run, at a restart and at its failure.
    ///
    /// Flagger 1.44.0, `pkg/canary/status.go`.
    pub(super) fn sync(&mut self, phase: Phase, canary_weight: i64) {
        *self = Status {
            phase,
            canary_weight,
            ..Status::INITIALIZED
        };
    }

    /// Enters a phase. `iterations` are those that the Canary asks for: waiting for promotion
    /// counts one of them back, which makes -1 of a weighted canary's 0.
    ///
    /// Flagger 1.44.0, `pkg/canary/status.go`; promoting keeps the weight since
    /// 1.43.
    pub(super) fn enter(&mut self, phase: Phase, iterations: i64) {
        self.phase = phase;
        match phase {
            Phase::WaitingPromotion => {
                self.canary_weight = 0;
                self.iterations = iterations - 1;
            }
            Phase::Finalising | Phase::Succeeded => {
                self.canary_weight = 0;
                self.iterations = 0;
            }
            // The others enter as they are; some are no phases of Flagger's.
            _ => {}
        }
    }
}
