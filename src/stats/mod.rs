//! Distributions, intervals and tests; knows no word of the domain.
//!
//! Shares and levels are plain numbers from 0 to 1. Counts are whole where they were counted, and
//! `f64` where they may have been estimated.

mod beta;
mod binomial;
pub mod draw;
mod fisher;
mod fit;
mod hypergeometric;
mod interval;
mod mann_whitney;
mod multiplicity;
mod normal;
mod order;
mod permutation;
mod posterior;
mod proportion;
mod rank_test;
mod ratio;
mod sample;
pub mod sequential;
mod strata;
mod zeroin;

pub use binomial::{binomial, binomial_above, race};
pub use fisher::{
    OddsRatio, conditional_odds_ratio, fisher_mid_p, fisher_p, fisher_two_sided_p, odds_ratio,
};
pub use fit::{Ks, chi_square_fit, ks_counts, ks_counts_above, ks_exact_p, ks_two_sample};
pub use interval::{Interval, clopper_pearson, newcombe, wilson};
pub use mann_whitney::{RankSum, Shift};
pub use multiplicity::{
    benjamini_hochberg, benjamini_yekutieli, bonferroni, e_benjamini_hochberg, e_of_p,
    e_of_p_mixed, hochberg, holm,
};
pub use normal::{normal_quantile, normal_upper};
pub use order::weighted_quantile;
pub use permutation::{categories_p, distribution_p, mean_difference_p, permutation_p};
pub use posterior::{Beta, rate_chance_above};
pub use proportion::{Share, ZTest, two_proportion_z};
pub use rank_test::{MannWhitney, mann_whitney_exact_p};
pub use ratio::{Clusters, Mean};
pub use sample::{interpolated_quantile, mean, standard_deviation};
pub use strata::{Stratified, mantel_haenszel};
