//! How much data a test needs before it is made: closed forms, and exact sums where counts are few.
//!
//! Two arms share the trials; the first has `share` of them. All tests are one-sided. A function
//! answers `None` where its arguments leave nothing to plan: shares and chances that are not inside
//! (0, 1), arms that do not differ, anything not finite.

mod continuous;
mod event_looks;
mod event_split;
mod proportions;
mod rejection_region;

pub use continuous::{
    LogNormalQuantile, log_normal_quantile, quantile_growth, quantile_growth_seen, rank_sum, welch,
};
pub use event_looks::SequentialEvents;
pub use event_split::EventSplit;
pub use proportions::{ProportionTotals, fleiss_detectable, fleiss_power, proportion_totals};

use super::normal_quantile;
use super::sequential::{Boundaries, Characteristics, Plan, Sides, Spending};

/// What a test may get wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Risks {
    /// Chance to reject where nothing differs.
    pub alpha: f64,
    /// Chance to reject where the arms differ as planned.
    pub power: f64,
}

impl Risks {
    /// `None` unless 0 < `alpha` < `power` < 1: a test that rejects less often when there is
    /// something to see is none.
    pub fn new(alpha: f64, power: f64) -> Option<Risks> {
        (0.0 < alpha && alpha < power && power < 1.0).then_some(Risks { alpha, power })
    }

    /// The normal quantiles of 1 - `alpha` and of `power`.
    fn quantiles(self) -> (f64, f64) {
        (
            normal_quantile(1.0 - self.alpha),
            normal_quantile(self.power),
        )
    }

    /// Their sum: standard errors between no difference and one that is seen with `power`.
    fn distance(self) -> f64 {
        let (level, power) = self.quantiles();
        level + power
    }
}

/// Looks beyond which the normal limit hardly changes, and takes long to compute.
const MOST_LOOKS: u32 = 30;

/// What it costs and saves to look at a one-sided normal statistic `looks` times (30 at most are
/// counted), spending alpha as Pocock's boundaries do: multiples of what one look takes.
pub fn group_sequential(looks: u32, risks: Risks) -> Option<Characteristics> {
    let rule = Boundaries::Spending(Spending::Pocock);
    let plan = Plan::equal(looks.min(MOST_LOOKS), risks.alpha, Sides::One, rule)?;
    plan.characteristics(1.0 - risks.power)
}

fn inside(value: f64) -> bool {
    value > 0.0 && value < 1.0
}
