//! Tests that may be looked at again and again, and what each look costs.
//!
//! Two kinds. Those with a planned end spend an error probability `alpha` by and by: a
//! [`Spending`] says how much of it by when, and [`ExactSplit`], [`ParticleSpending`] and
//! [`GroupSequential`] find boundaries that use up no more than that. Those without an end are
//! e-processes: nonnegative, 1 at the start and 1 at most on average under the null however the
//! data are stopped, so that `log_e >= ln(1 / alpha)` is ever reached with probability `alpha` at
//! most (Ville).
//!
//! All are driven batch by batch: what has happened since the last look goes in, the state or a
//! verdict comes out. A look with figures that contradict each other (more events of the first
//! arm than events, a share outside 0 to 1) is `None` and leaves the state as it was.

mod betting;
mod change_point;
mod count_law;
mod cusum;
mod exact_split;
mod group;
mod hypergeometric;
mod max_sprt;
mod mixture;
mod multinomial;
mod particles;
mod paths;
mod run_length;
mod safe_blocks;
mod spending;
mod split_e;
mod sprt;
pub mod time_uniform;

pub use betting::{HedgedCapital, PredictableBets, bernstein_lower};
pub use change_point::{ChangePoint, Onset, SplitChangePoint};
pub use count_law::{CountLaw, SplitLaw};
pub use cusum::{Cusum, ShiryaevRoberts, SplitShiryaevRoberts};
pub use exact_split::{ExactLook, ExactSplit};
pub use group::{
    Boundaries, Characteristics, GroupLook, GroupSequential, Plan, Sides, peeking_inflation,
};
pub use hypergeometric::{OddsE, ThresholdE, hypergeometric_log_mgf};
pub use max_sprt::{MaxSprtBoundary, max_sprt_boundary, max_sprt_llr};
pub use mixture::{
    Gavi, anytime_t_log, anytime_t_radius, asymptotic_radius, asymptotic_rho, gavi,
    mixture_sprt_log, mixture_sprt_radius, yeast_boundary,
};
pub use multinomial::{Multinomial, concentration_for, multinomial_log};
pub use particles::{ParticleLook, ParticleSpending};
pub use paths::{ChangePaths, Factors, OddsFactors};
pub use run_length::normal_cusum_run_length;
pub use safe_blocks::SafeBlocks;
pub use spending::Spending;
pub use split_e::{RatioGrid, RatioSequence, SplitE, log_spaced};
pub use sprt::{Decision, Sprt, bernoulli_llr, label_llr};

/// ln of the mean of exp(x) over `logs`; minus infinity where there are none.
pub(super) fn log_mean_exp(logs: &[f64]) -> f64 {
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !largest.is_finite() {
        return largest;
    }
    let sum: f64 = logs.iter().map(|log| (log - largest).exp()).sum();
    largest + (sum / logs.len() as f64).ln()
}

/// ln(exp(a) + exp(b)).
pub(super) fn log_add(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY {
        return high;
    }
    high + (low - high).exp().ln_1p()
}
