//! Tests that may be looked at whenever one likes, and sums that watch for a change.

use super::Method;
use super::inputs::Inputs;
use super::results::{Figure, Outcome};
use crate::stats::sequential::{
    Cusum, Decision, HedgedCapital, PredictableBets, ShiryaevRoberts, Sprt, anytime_t_log,
    anytime_t_radius, asymptotic_radius, asymptotic_rho, bernoulli_llr, bernstein_lower, gavi,
    mixture_sprt_log, normal_cusum_run_length,
};

pub(super) const METHODS: &[Method] = &[
    Method {
        name: "sprt_bernoulli",
        about: "likelihood ratio of two error rates between two bounds",
        source: "Wald 1945",
        evaluate: sprt,
    },
    Method {
        name: "sprt_bernoulli_asn",
        about: "chance that it accepts, and how many requests it takes",
        source: "Wald 1947",
        evaluate: sprt_length,
    },
    Method {
        name: "msprt_normal",
        about: "likelihood ratio of a difference, mixed over a normal prior",
        source: "Robbins 1970; Johari, Koomen, Pekelis and Walsh 2017",
        evaluate: mixture,
    },
    Method {
        name: "gavi_z_boundary",
        about: "always-valid critical value of z, tuned to a sample size",
        source: "Howard, Ramdas, McAuliffe and Sekhon 2021",
        evaluate: gavi_boundary,
    },
    Method {
        name: "anytime_valid_t",
        about: "always-valid t test and the radius of its confidence sequence",
        source: "Lindon, Ham, Tingley and Bojinov 2022",
        evaluate: anytime_t,
    },
    Method {
        name: "asymptotic_cs_radius",
        about: "radius of the asymptotic confidence sequence of a mean",
        source: "Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2024",
        evaluate: asymptotic,
    },
    Method {
        name: "hedged_capital",
        about: "capital of bets against a mean of values from 0 to 1",
        source: "Waudby-Smith and Ramdas 2024",
        evaluate: capital,
    },
    Method {
        name: "predmix_eb_bets",
        about: "bets of the predictable plug-in, value by value",
        source: "Waudby-Smith and Ramdas 2024",
        evaluate: bets,
    },
    Method {
        name: "predmix_eb_lower_cs",
        about: "lower ends of the empirical-Bernstein confidence sequence of a mean",
        source: "Waudby-Smith and Ramdas 2024",
        evaluate: lower_ends,
    },
];

/// Sums of log-likelihood ratios.
pub(super) const SUMS: &[Method] = &[
    Method {
        name: "cusum_path",
        about: "cumulative sum of log-likelihood ratios that forgets what is below 0",
        source: "Page 1954",
        evaluate: cusum,
    },
    Method {
        name: "shiryaev_roberts_path",
        about: "logarithm of the summed likelihood ratios of a change at each batch",
        source: "Shiryaev 1963; Roberts 1966",
        evaluate: shiryaev_roberts,
    },
    Method {
        name: "normal_cusum_arl",
        about: "mean number of normal values until a cumulative sum alarms",
        source: "Page 1954",
        evaluate: run_length,
    },
];

/// A test between two chances.
fn test(inputs: &mut Inputs<'_>) -> Option<(Sprt, f64, f64)> {
    let (alpha, beta) = (inputs.level("alpha"), inputs.level("beta"));
    let (p0, p1) = (inputs.level("p0"), inputs.level("p1"));
    let (alpha, beta, p0, p1) = (alpha?, beta?, p0?, p1?);
    let Some(test) = Sprt::new(alpha, beta) else {
        let valid = "a level that makes less than 1 with `alpha`";
        inputs.refuse("beta", &format!("is {beta}"), valid);
        return None;
    };
    if p0 == p1 {
        inputs.refuse("p1", &format!("is {p1}, as `p0` is"), "another chance");
        return None;
    }
    Some((test, p0, p1))
}

fn sprt(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let counts = inputs.hits("errors", "n");
    let test = test(inputs);
    let ((hits, trials), (mut test, p0, p1)) = (counts?, test?);
    let llr = bernoulli_llr(hits, trials, p0, p1)?;
    let decision = match test.step(llr) {
        Decision::Continue => "continue",
        Decision::Reject => "reject_h0",
        Decision::Accept => "accept_h0",
    };
    let (accept, reject) = test.bounds();
    Some(Outcome::Results(vec![
        ("llr", Figure::Number(llr)),
        ("log_A", Figure::Number(reject)),
        ("log_B", Figure::Number(accept)),
        ("decision", Figure::Word(decision)),
    ]))
}

fn sprt_length(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let p = inputs.level("p");
    let test = test(inputs);
    let (p, (test, p0, p1)) = (p?, test?);
    let results = test.characteristics(p, p0, p1);
    let results = results.map(|(accept, trials)| [("prob_accept_h0", accept), ("asn", trials)]);
    Some(Outcome::numbers_or(
        results,
        "chances that are too near to each other",
    ))
}

fn mixture(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let (effect, variance) = (inputs.number("diff"), inputs.positive("variance_of_diff"));
    let prior = inputs.positive("tau2");
    let log = mixture_sprt_log(effect?, variance?, prior?)?;
    let p = (-log).exp().min(1.0);
    Some(Outcome::numbers([("log_lambda", log), ("p_inst", p)]))
}

fn gavi_boundary(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let (trials, tuned) = (inputs.positive("n_per_arm"), inputs.positive("phi"));
    let alpha = inputs.level("alpha");
    let found = gavi(trials?, tuned?, alpha?)?;
    Some(Outcome::numbers([("rho", found.rho), ("z", found.z)]))
}

fn anytime_t(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let (t, freedom) = (inputs.number("t"), inputs.positive("nu"));
    let (size, scale) = (inputs.positive("n_eff"), inputs.positive("phi"));
    let (error, alpha) = (inputs.positive("stderr"), inputs.level("alpha"));
    let (freedom, size, scale) = (freedom?, size?, scale?);
    let log = anytime_t_log(t?, freedom, size, scale)?;
    let radius = anytime_t_radius(error?, freedom, size, scale, alpha?)?;
    Some(Outcome::numbers([("log_bf", log), ("ci_radius", radius)]))
}

fn asymptotic(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let (count, tuned) = (inputs.positive("n"), inputs.positive("n_opt"));
    let deviation = inputs.number_where("sd", "a number from 0", |deviation| deviation >= 0.0);
    let alpha = inputs.level("alpha")?;
    let rho = asymptotic_rho(tuned?, alpha)?;
    let radius = asymptotic_radius(count?, deviation?, rho, alpha)?;
    Some(Outcome::numbers([("rho", rho), ("radius", radius)]))
}

/// Values from 0 to 1.
fn bounded(inputs: &mut Inputs<'_>) -> Option<Vec<f64>> {
    let inside = |value: f64| (0.0..=1.0).contains(&value);
    inputs.sample_where("x", "numbers from 0 to 1", inside)
}

fn capital(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let values = bounded(inputs);
    let (mean, alpha) = (inputs.level("m"), inputs.level("alpha"));
    let (theta, truncation) = (inputs.level("theta"), inputs.level("truncation"));
    if inputs.has("bets") {
        inputs.choice("bets", &[("predictable plug-in empirical-Bernstein", ())])?;
    }
    let mut capital = HedgedCapital::new(mean?, alpha?, theta?, truncation?)?;
    for value in values? {
        capital.look(value)?;
    }
    Some(Outcome::numbers([("log_capital", capital.log_capital())]))
}

fn bets(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let (values, alpha) = (bounded(inputs), inputs.level("alpha"));
    let mut bets = PredictableBets::new(alpha?)?;
    let each = values?.into_iter().map(|value| {
        let bet = bets.bet();
        bets.add(value);
        bet
    });
    Some(Outcome::Results(vec![(
        "lambdas",
        Figure::Numbers(each.collect()),
    )]))
}

fn lower_ends(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let values = bounded(inputs);
    let (alpha, truncation) = (inputs.level("alpha"), inputs.level("truncation"));
    let ends = bernstein_lower(&values?, alpha?, truncation?)?;
    Some(Outcome::Results(vec![("lower", Figure::Numbers(ends))]))
}

fn path(
    inputs: &mut Inputs<'_>,
    name: &'static str,
    step: impl FnMut(f64) -> f64,
) -> Option<Outcome> {
    let increments = inputs.sample("llr_increments")?;
    let path = increments.into_iter().map(step).collect();
    Some(Outcome::Results(vec![(name, Figure::Numbers(path))]))
}

fn cusum(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let mut sum = Cusum::default();
    path(inputs, "path", |increment| sum.step(increment))
}

fn shiryaev_roberts(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let mut sum = ShiryaevRoberts::default();
    path(inputs, "log_path", |increment| sum.step(increment))
}

fn run_length(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let (reference, limit, mean) = (
        inputs.number("k"),
        inputs.positive("h"),
        inputs.number("mu"),
    );
    if inputs.has("sided") {
        inputs.choice("sided", &[("one", ())])?;
    }
    let length = normal_cusum_run_length(reference?, limit?, mean?);
    let results = length.map(|length| [("arl", length)]);
    Some(Outcome::numbers_or(
        results,
        "a run too long to be told from one without end",
    ))
}
