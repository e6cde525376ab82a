//! The classic tests as they are compared and calibrated.

use super::{
    BetaBinomial, ClusteredZ, CumulativeZ, Cusum, Dkw, Fisher, GroupSequential, Ks, LindonMalek,
    Looks, MannWhitney, Method, Msprt, QuantileAb, SampleRatio, ShiryaevRoberts, Spending, Sprt,
    Yeast,
};
use crate::base::Probability;

/// The classics at level `alpha`, as they are used and, those for one look, as they are misused.
pub(super) fn shelf(alpha: Probability) -> Vec<Method> {
    let mut shelf = Vec::new();
    let all_looks = [Looks::Every, Looks::Shared, Looks::End];
    for looks in all_looks {
        shelf.push(Method::CumulativeZ(CumulativeZ {
            alpha,
            looks,
            design_effect: 1.0,
        }));
    }
    let one_look = all_looks.map(|looks| {
        [
            Method::Fisher(Fisher { alpha, looks }),
            Method::BetaBinomial(BetaBinomial { alpha, looks }),
            Method::ClusteredZ(ClusteredZ { alpha, looks }),
            Method::MannWhitney(MannWhitney { alpha, looks }),
            Method::Ks(Ks { alpha, looks }),
        ]
    });
    // The three ways of each beside one another.
    for which in 0..one_look[0].len() {
        shelf.extend(one_look.iter().map(|tests| tests[which].clone()));
    }
    for spending in [Spending::Pocock, Spending::OBrienFleming] {
        shelf.push(Method::GroupSequential(GroupSequential {
            alpha,
            spending,
            design_effect: 1.0,
        }));
    }
    let ratio = 2.0;
    for beta in [Probability::new(0.2), None] {
        shelf.push(Method::Sprt(Sprt { alpha, ratio, beta }));
    }
    let (tau, concentration) = (None, 100.0);
    shelf.extend([
        Method::Yeast(Yeast { alpha }),
        Method::Msprt(Msprt { alpha, tau }),
        Method::LindonMalek(LindonMalek {
            alpha,
            concentration,
        }),
        Method::Cusum(Cusum { alpha, ratio }),
        Method::ShiryaevRoberts(ShiryaevRoberts { alpha, ratio }),
        Method::Dkw(Dkw { alpha }),
    ]);
    for quantile in [0.5, 0.9, 0.99].into_iter().filter_map(Probability::new) {
        shelf.push(Method::QuantileAb(QuantileAb {
            alpha,
            quantile,
            requests: None,
        }));
    }
    shelf.push(Method::SampleRatio(SampleRatio { alpha }));
    shelf
}
