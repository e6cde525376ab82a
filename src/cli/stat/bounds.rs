//! Boundaries that hold at all times together: of sums, shares, quantiles and distributions.

use super::Method;
use super::inputs::Inputs;
use super::results::{Figure, Outcome};
use crate::stats::sequential::time_uniform::{
    BetaBinomial, DoubleStitching, GammaExponential, GammaPoisson, NormalMixture,
    PolynomialStitching, QuantileTest, band_radius, bernoulli_sequence, dkw_radius,
    dkw_radius_at_all_times, quantile_ranks,
};

const HOWARD: &str = "Howard, Ramdas, McAuliffe and Sekhon 2021";
const QUANTILES: &str = "Howard and Ramdas 2022";

pub(super) const METHODS: &[Method] = &[
    Method {
        name: "normal_mixture_log",
        about: "evidence of a sum with sub-Gaussian increments",
        source: HOWARD,
        evaluate: |inputs| evidence(inputs, normal),
    },
    Method {
        name: "normal_mixture_bound",
        about: "boundary of that sum",
        source: HOWARD,
        evaluate: |inputs| bound(inputs, normal),
    },
    Method {
        name: "gamma_exponential_log",
        about: "evidence of a sum with sub-exponential increments",
        source: HOWARD,
        evaluate: |inputs| evidence(inputs, gamma_exponential),
    },
    Method {
        name: "gamma_exponential_bound",
        about: "boundary of that sum",
        source: HOWARD,
        evaluate: |inputs| bound(inputs, gamma_exponential),
    },
    Method {
        name: "gamma_poisson_log",
        about: "evidence of a sum with sub-Poisson increments",
        source: HOWARD,
        evaluate: |inputs| evidence(inputs, gamma_poisson),
    },
    Method {
        name: "gamma_poisson_bound",
        about: "boundary of that sum",
        source: HOWARD,
        evaluate: |inputs| bound(inputs, gamma_poisson),
    },
    Method {
        name: "beta_binomial_log",
        about: "evidence of a sum with increments from -g to h",
        source: HOWARD,
        evaluate: |inputs| evidence(inputs, beta_binomial),
    },
    Method {
        name: "beta_binomial_bound",
        about: "boundary of that sum",
        source: HOWARD,
        evaluate: |inputs| bound(inputs, beta_binomial),
    },
    Method {
        name: "poly_stitching_bound",
        about: "boundary of a sum in closed form",
        source: HOWARD,
        evaluate: polynomial,
    },
    Method {
        name: "bernoulli_confidence_sequence",
        about: "confidence sequence of a share",
        source: HOWARD,
        evaluate: bernoulli,
    },
    Method {
        name: "quantile_confidence_sequence_ranks",
        about: "ranks between which a quantile lies at all times",
        source: QUANTILES,
        evaluate: ranks,
    },
    Method {
        name: "quantile_ab_pvalue",
        about: "always-valid test of one quantile in two arms",
        source: QUANTILES,
        evaluate: quantile_ab,
    },
    Method {
        name: "empirical_process_lil_bound",
        about: "radius of a band around a distribution function at all times",
        source: QUANTILES,
        evaluate: band,
    },
    Method {
        name: "double_stitching_bound",
        about: "the same, tighter in the tails",
        source: QUANTILES,
        evaluate: double_stitching,
    },
    Method {
        name: "dkw_time_uniform_closed_form",
        about: "radius of a band at all times, in closed form",
        source: QUANTILES,
        evaluate: |inputs| radius(inputs, dkw_radius_at_all_times),
    },
    Method {
        name: "dkw_fixed",
        about: "radius of a band at one time",
        source: "Massart 1990",
        evaluate: |inputs| radius(inputs, dkw_radius),
    },
];

/// One of the mixtures.
enum Mixture {
    Normal(NormalMixture),
    GammaExponential(GammaExponential),
    GammaPoisson(GammaPoisson),
    BetaBinomial(BetaBinomial),
}

impl Mixture {
    fn log(&self, s: f64, v: f64) -> f64 {
        match self {
            Mixture::Normal(mixture) => mixture.log(s, v),
            Mixture::GammaExponential(mixture) => mixture.log(s, v),
            Mixture::GammaPoisson(mixture) => mixture.log(s, v),
            Mixture::BetaBinomial(mixture) => mixture.log(s, v),
        }
    }

    fn bound(&self, v: f64, alpha: f64) -> Option<f64> {
        match self {
            Mixture::Normal(mixture) => mixture.bound(v, alpha),
            Mixture::GammaExponential(mixture) => mixture.bound(v, alpha),
            Mixture::GammaPoisson(mixture) => mixture.bound(v, alpha),
            Mixture::BetaBinomial(mixture) => mixture.bound(v, alpha),
        }
    }
}

/// For what V and level a mixture is tuned.
fn tuned(inputs: &mut Inputs<'_>, one_sided: bool) -> Option<(f64, f64)> {
    let v = inputs.positive("v_opt");
    let alpha = if one_sided {
        let valid = "a number between 0 and 0.5, both excluded";
        inputs.number_where("alpha_opt", valid, |alpha| alpha > 0.0 && alpha < 0.5)
    } else {
        inputs.level("alpha_opt")
    };
    Some((v?, alpha?))
}

fn normal(inputs: &mut Inputs<'_>) -> Option<Mixture> {
    let one_sided = inputs.flag("one_sided")?;
    let (v, alpha) = tuned(inputs, one_sided)?;
    NormalMixture::new(v, alpha, one_sided).map(Mixture::Normal)
}

fn gamma_exponential(inputs: &mut Inputs<'_>) -> Option<Mixture> {
    let (tuned, scale) = (tuned(inputs, true), inputs.positive("c"));
    let (v, alpha) = tuned?;
    GammaExponential::new(v, scale?, alpha).map(Mixture::GammaExponential)
}

fn gamma_poisson(inputs: &mut Inputs<'_>) -> Option<Mixture> {
    let (tuned, scale) = (tuned(inputs, true), inputs.positive("c"));
    let (v, alpha) = tuned?;
    GammaPoisson::new(v, scale?, alpha).map(Mixture::GammaPoisson)
}

fn beta_binomial(inputs: &mut Inputs<'_>) -> Option<Mixture> {
    let (below, above) = (inputs.positive("g"), inputs.positive("h"));
    let one_sided = inputs.flag("one_sided")?;
    let (v, alpha) = tuned(inputs, one_sided)?;
    BetaBinomial::new(v, below?, above?, alpha, one_sided).map(Mixture::BetaBinomial)
}

fn time(inputs: &mut Inputs<'_>) -> Option<f64> {
    inputs.number_where("v", "a number from 0", |v| v >= 0.0)
}

fn evidence(
    inputs: &mut Inputs<'_>,
    mixture: fn(&mut Inputs<'_>) -> Option<Mixture>,
) -> Option<Outcome> {
    let (s, v, mixture) = (inputs.number("s"), time(inputs), mixture(inputs));
    let log = mixture?.log(s?, v?);
    let results = (!log.is_nan()).then_some([("log", log)]);
    Some(Outcome::numbers_or(
        results,
        "a sum that such increments cannot have",
    ))
}

fn bound(
    inputs: &mut Inputs<'_>,
    mixture: fn(&mut Inputs<'_>) -> Option<Mixture>,
) -> Option<Outcome> {
    let (v, alpha, mixture) = (time(inputs), inputs.level("alpha"), mixture(inputs));
    let results = mixture?.bound(v?, alpha?).map(|bound| [("bound", bound)]);
    Some(Outcome::numbers_or(results, "beyond what can be computed"))
}

/// The exponent and the ratio of epochs of stitching.
fn epochs(inputs: &mut Inputs<'_>) -> Option<(f64, f64)> {
    let valid = "a number above 1";
    let s = inputs.number_where("s", valid, |s| s > 1.0);
    let eta = inputs.number_where("eta", valid, |eta| eta > 1.0);
    Some((s?, eta?))
}

fn polynomial(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let (v, alpha, epochs) = (time(inputs), inputs.level("alpha"), epochs(inputs));
    let least = inputs.positive("v_min");
    let scale = inputs.number_where("c", "a number from 0", |scale| scale >= 0.0);
    let (s, eta) = epochs?;
    let boundary = PolynomialStitching {
        scale: scale?,
        least: least?,
        s,
        eta,
    };
    let results = boundary.bound(v?, alpha?).map(|bound| [("bound", bound)]);
    Some(Outcome::numbers_or(results, "beyond what can be computed"))
}

fn double_stitching(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let (p, count) = (inputs.level("p"), inputs.positive("t"));
    let (alpha, epochs) = (inputs.level("alpha"), epochs(inputs));
    let (tuned, delta) = (inputs.positive("t_opt"), inputs.positive("delta"));
    let (s, eta) = epochs?;
    let boundary = DoubleStitching {
        tuned: tuned?,
        delta: delta?,
        s,
        eta,
    };
    let bound = boundary.bound(p?, count?, alpha?);
    let results = bound.map(|bound| [("bound", bound)]);
    Some(Outcome::numbers_or(results, "beyond what can be computed"))
}

fn bernoulli(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let counts = inputs.hits("successes", "n");
    let (alpha, tuned) = (inputs.level("alpha"), inputs.positive("t_opt"));
    let tuned_alpha = inputs.level("alpha_opt");
    let (hits, trials) = counts?;
    let (hits, trials) = (hits as f64, trials as f64);
    let (low, high) = bernoulli_sequence(hits, trials, alpha?, tuned?, tuned_alpha?)?;
    Some(Outcome::numbers([("lo", low), ("hi", high)]))
}

fn ranks(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let (count, p) = (inputs.count_from("n", 1), inputs.level("p"));
    let (alpha, tuned) = (inputs.level("alpha"), inputs.positive("t_opt"));
    let tuned_alpha = inputs.level("alpha_opt");
    let found = quantile_ranks(count?, p?, alpha?, tuned?, tuned_alpha?)?;
    Some(Outcome::Results(vec![
        ("lower_rank", Figure::Whole(found.lower)),
        ("upper_rank", Figure::Whole(found.upper)),
        ("lower_radius", Figure::Number(found.lower_radius)),
        ("upper_radius", Figure::Number(found.upper_radius)),
    ]))
}

fn quantile_ab(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let p = inputs.level("p");
    let (first, second) = (
        inputs.sample_or_integers("arm1"),
        inputs.sample_or_integers("arm2"),
    );
    let (tuned, alpha) = (inputs.positive("t_opt"), inputs.level("alpha_opt"));
    let tuned = tuned?;
    let test = QuantileTest::new(p?, (tuned, tuned), alpha?)?;
    let found = test.look_at(&mut first?, &mut second?);
    Some(Outcome::numbers([("p_value", (-found.log_e).exp())]))
}

fn band(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let from_one = "a number from 1";
    let least = inputs.number_where("t_min", from_one, |least| least >= 1.0);
    let count = inputs.number_where("t", from_one, |count| count >= 1.0);
    let alpha = inputs.level("alpha");
    let valid = "a number above 0.7072, at most 10";
    let width = inputs.number_where("A", valid, |width| width > 0.707_2 && width <= 10.0);
    let found = band_radius(count?, alpha?, least?, width?);
    let results = found.map(|radius| [("radius", radius)]);
    Some(Outcome::numbers_or(
        results,
        "`t` below `t_min`: there is no band yet",
    ))
}

fn radius(inputs: &mut Inputs<'_>, of: fn(f64, f64) -> Option<f64>) -> Option<Outcome> {
    let count = inputs.number_where("n", "a number from 1", |count| count >= 1.0);
    let alpha = inputs.level("alpha");
    let radius = of(count?, alpha?)?;
    Some(Outcome::numbers([("radius", radius)]))
}
