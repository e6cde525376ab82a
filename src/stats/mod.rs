//! Distributions, intervals and tests; knows no word of the domain.
//!
//! Shares and levels are plain numbers from 0 to 1. Counts are whole where they were counted, and
//! `f64` where they may have been estimated.

mod beta;
mod binomial;
mod bootstrap;
mod difference;
pub mod draw;
mod fisher;
mod fit;
mod hypergeometric;
mod interval;
mod mann_whitney;
mod mean_interval;
mod multiplicity;
mod normal;
mod order;
mod permutation;
pub mod planning;
mod posterior;
mod proportion;
mod quantile;
mod rank_test;
mod rate;
mod ratio;
mod sample;
pub mod sequential;
mod strata;
mod unconditional;
mod welch;
mod zeroin;

pub use binomial::{binomial, binomial_above, race};
pub use bootstrap::{block_length, stationary_indices};
pub use difference::{agresti_caffo, miettinen_nurminen};
pub use fisher::{
    OddsRatio, R_TOLERANCE, conditional_odds_ratio, fisher_mid_p, fisher_p, fisher_two_sided_p,
    odds_ratio,
};
pub use fit::{Ks, chi_square_fit, ks_counts, ks_counts_above, ks_exact_p, ks_two_sample};
pub use interval::{Interval, agresti_coull, clopper_pearson, jeffreys, newcombe, wilson};
pub use mann_whitney::{RankSum, Shift};
pub use mean_interval::mean_interval;
pub use multiplicity::{
    benjamini_hochberg, benjamini_yekutieli, bonferroni, e_benjamini_hochberg, e_of_p,
    e_of_p_mixed, hochberg, holm,
};
pub use normal::{normal_quantile, normal_upper};
pub use order::weighted_quantile;
pub use permutation::{categories_p, distribution_p, mean_difference_p, permutation_p};
pub use posterior::{Beta, rate_chance_above};
pub use proportion::{
    ChiSquare, Share, ZTest, chi_square_yates, two_proportion_z, two_proportion_z_unpooled,
};
pub use quantile::{QuantileRanks, harrell_davis, maritz_jarrett, quantile_ranks};
pub use rank_test::{MannWhitney, mann_whitney_exact_p};
pub use rate::{
    Events, rate_mid_p, rate_p, rate_ratio, rate_root, rate_score, rate_two_sided_p, rate_wald,
};
pub use ratio::{Clusters, Mean, design_effect, mean_difference_z};
pub use sample::{interpolated_quantile, mean, standard_deviation};
pub use strata::{Stratified, mantel_haenszel};
pub use unconditional::{MOST_TRIALS, Unconditional, barnard, boschloo};
pub use welch::{Moments, Welch, welch};
