//! The cells of an experiment: each percentage held, each percentage entered at, and the rollout
//! as it was written.

use crate::base::Weight;
use crate::rollout::Plan;
use crate::rollout::flagger::Strategy;
use crate::scenario::Scenario;

use super::summary::Mode;

/// One cell.
#[derive(Debug, Clone)]
pub(super) struct GridCell {
    /// Held at it, or entered at it.
    pub weight: Weight,
    /// How the weight moves.
    pub mode: Mode,
    /// Whether these are exactly the steps that were written.
    pub as_written: bool,
    /// The controller's settings.
    pub plan: Plan,
}

/// The canary's shares of all requests in an undisturbed rollout, in order: an A/B test gives it all
/// of the requests that match and none of the others.
pub(super) fn shares(scenario: &Scenario, plan: &Plan) -> Vec<Weight> {
    let reach = match plan {
        Plan::Flagger(plan) if plan.settings().strategy() == Strategy::AbTest => {
            scenario.world.matched.get()
        }
        _ => 1.0,
    };
    let share = |weight: &Weight| Weight::clamped(weight.as_percent() * reach);
    plan.steps().iter().map(share).collect()
}

impl GridCell {
    /// Where the canary's share is held, if it is.
    pub(super) fn held(&self) -> Option<Weight> {
        (self.mode == Mode::Held).then_some(self.weight)
    }
}

/// All cells: first the held ones by weight, then the rollouts by weight of entry.
pub(super) fn cells(scenario: &Scenario) -> Vec<GridCell> {
    let mut weights = scenario.experiment.weights.clone();
    weights.sort_by(|a, b| a.as_percent().total_cmp(&b.as_percent()));
    weights.dedup();
    let written = scenario.rollout.steps();
    let held = weights.iter().map(|&weight| GridCell {
        weight,
        mode: Mode::Held,
        as_written: written == [weight],
        plan: scenario.rollout.clone(),
    });
    let entered = weights.iter().map(|&weight| {
        let plan = scenario.rollout.entering_at(weight);
        GridCell {
            // A controller that knows whole percentages only enters at the nearest one.
            weight: shares(scenario, &plan).first().copied().unwrap_or(weight),
            mode: Mode::Rollout,
            as_written: plan.steps() == written,
            plan,
        }
    });
    let mut entered: Vec<GridCell> = entered.collect();
    entered.dedup_by(|a, b| a.weight == b.weight);
    // Controllers whose steps cannot be entered elsewhere give the same rollout again and again.
    entered.retain(|cell| cell.as_written || cell.plan != scenario.rollout);
    let shares = shares(scenario, &scenario.rollout);
    let first = shares.first().copied().unwrap_or(Weight::ZERO);
    if entered.iter().filter(|cell| cell.as_written).count() != 1 {
        entered.retain(|cell| !cell.as_written);
        entered.push(GridCell {
            weight: first,
            mode: Mode::Rollout,
            as_written: true,
            plan: scenario.rollout.clone(),
        });
        entered.sort_by(|a, b| a.weight.as_percent().total_cmp(&b.weight.as_percent()));
    }
    for cell in entered.iter_mut().filter(|cell| cell.as_written) {
        // The written settings themselves, not the equal steps of an altered copy.
        cell.plan = scenario.rollout.clone();
    }
    held.chain(entered).collect()
}
