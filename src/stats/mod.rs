//! Distributions, intervals and tests; knows no word of the domain.
//!
//! Shares and levels are plain numbers from 0 to 1. Counts are whole where they were counted, and
//! `f64` where they may have been estimated.

mod beta;
mod binomial;
pub mod draw;
mod fit;
mod interval;
mod mann_whitney;
mod normal;
mod order;
mod permutation;
mod proportion;
mod ratio;
mod sample;
pub mod sequential;
mod strata;
mod zeroin;

pub use binomial::{binomial, binomial_above, race};
pub use fit::{Ks, chi_square_fit, ks_two_sample};
pub use interval::{Interval, clopper_pearson, newcombe, wilson};
pub use mann_whitney::{RankSum, Shift};
pub use normal::{normal_quantile, normal_upper};
pub use order::weighted_quantile;
pub use permutation::{categories_p, distribution_p, mean_difference_p, permutation_p};
pub use proportion::{Share, ZTest, two_proportion_z};
pub use ratio::{Clusters, Mean};
pub use sample::{interpolated_quantile, mean, standard_deviation};
pub use strata::mantel_haenszel;
