//! Several tests at once.

use super::Method;
use super::inputs::Inputs;
use super::results::{Figure, Outcome};
use crate::stats;

pub(super) const METHODS: &[Method] = &[
    Method {
        name: "p_adjust_bonferroni",
        about: "p-values times their number",
        source: "Bonferroni",
        evaluate: |inputs| adjusted(inputs, stats::bonferroni),
    },
    Method {
        name: "p_adjust_holm",
        about: "p-values stepped down",
        source: "Holm 1979",
        evaluate: |inputs| adjusted(inputs, stats::holm),
    },
    Method {
        name: "p_adjust_hochberg",
        about: "p-values stepped up",
        source: "Hochberg 1988",
        evaluate: |inputs| adjusted(inputs, stats::hochberg),
    },
    Method {
        name: "p_adjust_benjamini_hochberg",
        about: "p-values for the share of false rejections",
        source: "Benjamini and Hochberg 1995",
        evaluate: |inputs| adjusted(inputs, stats::benjamini_hochberg),
    },
    Method {
        name: "p_adjust_benjamini_yekutieli",
        about: "the same under any dependence",
        source: "Benjamini and Yekutieli 2001",
        evaluate: |inputs| adjusted(inputs, stats::benjamini_yekutieli),
    },
    Method {
        name: "e_bh",
        about: "which e-values to reject for the share of false rejections, from 0",
        source: "Wang and Ramdas 2022",
        evaluate: rejected,
    },
    Method {
        name: "p_to_e_calibrator",
        about: "e-values of a p-value: by a power, and averaged over all",
        source: "Vovk and Wang 2021",
        evaluate: calibrated,
    },
];

fn adjusted(inputs: &mut Inputs<'_>, adjust: fn(&mut [f64])) -> Option<Outcome> {
    let valid = "a list of numbers from 0 to 1";
    let mut p = inputs.sample_where("p", valid, |p| (0.0..=1.0).contains(&p))?;
    adjust(&mut p);
    Some(Outcome::Results(vec![("adjusted", Figure::Numbers(p))]))
}

fn rejected(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let e = inputs.sample_where("e", "a list of numbers from 0", |e| e >= 0.0);
    let level = inputs.level("alpha");
    let places = stats::e_benjamini_hochberg(&e?, level?);
    let places = places.into_iter().map(|place| place as u64).collect();
    Some(Outcome::Results(vec![(
        "rejected_indices",
        Figure::Wholes(places),
    )]))
}

fn calibrated(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let (p, kappa) = (inputs.share("p"), inputs.level("kappa"));
    let (p, kappa) = (p?, kappa?);
    Some(Outcome::numbers([
        ("e", stats::e_of_p(p, kappa)),
        ("e_mixture", stats::e_of_p_mixed(p)),
    ]))
}
