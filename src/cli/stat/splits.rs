//! How events, or trials, fall to the arms, batch by batch.

use super::Method;
use super::inputs::Inputs;
use super::results::{Figure, Outcome};
use crate::stats::sequential::{
    ExactSplit, OddsE, Onset, SafeBlocks, SplitChangePoint, SplitE, SplitLaw,
    hypergeometric_log_mgf, max_sprt_boundary, max_sprt_llr, multinomial_log,
};

pub(super) const METHODS: &[Method] = &[
    Method {
        name: "exact_split_alpha_spending",
        about: "exact boundaries on the canary's errors given all errors",
        source: "Lin, Wei and DeMets 1991; Silva and Kulldorff 2015",
        evaluate: exact,
    },
    Method {
        name: "binomial_maxsprt_llr",
        about: "largest likelihood ratio of a canary's share of the errors",
        source: "Kulldorff and others 2011",
        evaluate: max_llr,
    },
    Method {
        name: "binomial_maxsprt_critical_value",
        about: "its exact critical value for looks after every error",
        source: "Kulldorff and others 2011",
        evaluate: max_boundary,
    },
    Method {
        name: "split_eprocess",
        about: "evidence that the canary's error rate is higher, over a grid of ratios",
        source: "Lindon and Malek 2022; Grünwald, de Heide and Koolen 2024",
        evaluate: |inputs| split(inputs, |_| Some((1.0, "rate ratio <= 1".to_owned()))),
    },
    Method {
        name: "split_eprocess_promotion",
        about: "evidence that it is not as high as a ratio that is tolerated",
        source: "as split_eprocess",
        evaluate: |inputs| {
            split(inputs, |inputs| {
                let ratio = inputs.positive("tolerated_ratio")?;
                Some((ratio, format!("rate ratio >= {ratio}")))
            })
        },
    },
    Method {
        name: "split_eprocess_changepoint",
        about: "evidence that it has become higher at one of the batches",
        source: "Shin, Ramdas and Rinaldo 2024",
        evaluate: change,
    },
    Method {
        name: "hypergeometric_split_eprocess",
        about: "the same where events are common: bets on odds ratios, exact",
        source: "Hoeffding 1963; Fisher 1935",
        evaluate: odds,
    },
    Method {
        name: "hypergeometric_log_mgf",
        about: "logarithm of the mean of odds to the power of a hypergeometric count",
        source: "Fisher 1935",
        evaluate: log_mgf,
    },
    Method {
        name: "lindon_malek_multinomial",
        about: "Bayes factor of counts per arm against the shares they should have",
        source: "Lindon and Malek 2022",
        evaluate: multinomial,
    },
    Method {
        name: "safe_2x2_block",
        about: "safe test of two shares in blocks of fixed size",
        source: "Turner, Ly and Grünwald 2024",
        evaluate: blocks,
    },
];

/// More events than this in all would take minutes.
const MOST_EVENTS: u64 = 1_000_000;

fn exact(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let events = inputs.counts("errors_per_look");
    let a_share = "a number from 0 to 1";
    let inside = |share: f64| (0.0..=1.0).contains(&share);
    let shares = inputs.sample_where("canary_share_per_look", a_share, inside);
    let targets = inputs.sample_where("cumulative_alpha", a_share, inside);
    let (events, shares, targets) = (events?, shares?, targets?);
    for (name, length) in [
        ("canary_share_per_look", shares.len()),
        ("cumulative_alpha", targets.len()),
    ] {
        if length != events.len() {
            let valid = format!("as many as `errors_per_look`: {}", events.len());
            inputs.refuse(name, &format!("has {length} values"), &valid);
            return None;
        }
    }
    if events.iter().sum::<u64>() > MOST_EVENTS {
        inputs.refuse(
            "errors_per_look",
            "has more errors than can be summed",
            "a million in all",
        );
        return None;
    }
    let mut test = ExactSplit::default();
    let (mut critical, mut spent) = (Vec::new(), Vec::new());
    for ((events, share), target) in events.iter().zip(&shares).zip(&targets) {
        // Boundaries do not depend on what was observed.
        let least = if *share == 1.0 { *events } else { 0 };
        let look = test.look(least, *events, SplitLaw::Share(*share), *target)?;
        critical.push(look.boundary);
        spent.push(look.spent);
    }
    Some(Outcome::Results(vec![
        ("critical_counts", Figure::Wholes(critical)),
        ("alpha_spent", Figure::Numbers(spent)),
    ]))
}

fn inside_share(inputs: &mut Inputs<'_>) -> Option<f64> {
    inputs.level("canary_share")
}

fn max_llr(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let (counts, share) = (inputs.hits("canary_events", "events"), inside_share(inputs));
    let (first, events) = counts?;
    let llr = max_sprt_llr(first, events, share?).map(|llr| [("llr", llr)]);
    Some(Outcome::numbers_or(llr, "no such split"))
}

fn max_boundary(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    const MOST: u64 = 5_000;
    let (most, least) = (
        inputs.count_from("max_events", 1),
        inputs.count("min_events"),
    );
    let (share, alpha) = (inside_share(inputs), inputs.level("alpha"));
    let (most, least) = (most?, least?);
    if most > MOST {
        inputs.refuse(
            "max_events",
            &format!("is {most}"),
            "a whole number from 1 to 5000",
        );
        return None;
    }
    let least = u32::try_from(least).unwrap_or(u32::MAX);
    let found = max_sprt_boundary(most as u32, share?, least, alpha?);
    let results = found.map(|found| [("cv", found.llr), ("actual_alpha", found.level)]);
    Some(Outcome::numbers_or(
        results,
        "even the largest ratio has a higher level",
    ))
}

const ERRORS: [&str; 4] = ["e_c", "e_s", "n_c", "n_s"];

/// Rows of events and trials, of which there may not be more events than trials.
fn batches(inputs: &mut Inputs<'_>, columns: [&str; 4]) -> Option<Vec<[u64; 4]>> {
    let named = inputs.columns(&columns);
    let rows = inputs.rows("batches", columns);
    let ((), rows) = (named?, rows?);
    let wrong = |[a, b, n, m]: &&[u64; 4]| a > n || b > m;
    if let Some([a, b, n, m]) = rows.iter().find(wrong) {
        let message = format!("has the row [{a}, {b}, {n}, {m}], more events than requests");
        inputs.refuse("batches", &message, "rows with events up to requests");
        return None;
    }
    Some(rows)
}

/// What may be left out, since it has one valid value.
fn only(inputs: &mut Inputs<'_>, name: &'static str, word: &str) -> Option<()> {
    if inputs.has(name) {
        inputs.choice(name, &[(word, ())])
    } else {
        Some(())
    }
}

fn grid(inputs: &mut Inputs<'_>, name: &'static str) -> Option<Vec<f64>> {
    let weights = only(inputs, "weights", "uniform");
    let grid = inputs.sample_where(name, "numbers above 0", |ratio| ratio > 0.0);
    weights?;
    grid
}

/// A batch without requests says nothing.
fn share([_, _, n, m]: [u64; 4]) -> f64 {
    let all = (n + m) as f64;
    if all > 0.0 { n as f64 / all } else { 0.0 }
}

fn split(
    inputs: &mut Inputs<'_>,
    null: impl Fn(&mut Inputs<'_>) -> Option<(f64, String)>,
) -> Option<Outcome> {
    let rows = batches(inputs, ERRORS);
    let grid = grid(inputs, "rate_ratio_grid");
    let against = null(inputs);
    let (against, said) = against?;
    only(inputs, "null", &said)?;
    let mut evidence = SplitE::new(&grid?, against)?;
    let path: Option<Vec<f64>> = (rows?.iter())
        .map(|row| evidence.look(row[0], row[0] + row[1], share(*row)))
        .collect();
    Some(Outcome::Results(vec![(
        "log_e_path",
        Figure::Numbers(path?),
    )]))
}

fn change(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let rows = batches(inputs, ERRORS);
    let grid = grid(inputs, "rate_ratio_grid");
    let planned = inputs.count_from("planned_batches", 1);
    only(inputs, "prior", "uniform over start batch 0..planned-1")?;
    only(inputs, "null", "rate ratio <= 1")?;
    let planned = u32::try_from(planned?).unwrap_or(u32::MAX);
    let mut evidence = SplitChangePoint::new(&grid?, 1.0, Onset::Uniform(planned))?;
    let path: Option<Vec<f64>> = (rows?.iter())
        .map(|row| evidence.look(row[0], row[0] + row[1], share(*row)))
        .collect();
    Some(Outcome::Results(vec![(
        "log_e_path",
        Figure::Numbers(path?),
    )]))
}

fn odds(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let rows = batches(inputs, ["events_c", "events_s", "n_c", "n_s"]);
    let grid = grid(inputs, "odds_ratio_grid");
    only(inputs, "null", "odds ratio <= 1")?;
    let mut evidence = OddsE::new(&grid?)?;
    for [a, b, n, m] in rows? {
        evidence.look((a, b), (n, m))?;
    }
    Some(Outcome::numbers([("log_e", evidence.log_e())]))
}

fn log_mgf(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let odds = inputs.positive("odds_ratio");
    let (n, m, events) = (
        inputs.count("n_c"),
        inputs.count("n_s"),
        inputs.count("events"),
    );
    let (n, m, events) = (n?, m?, events?);
    if events > n + m {
        let message = format!("is {events}, more than the {} of both arms", n + m);
        inputs.refuse("events", &message, "a whole number up to `n_c` + `n_s`");
        return None;
    }
    let log = hypergeometric_log_mgf(odds?, n, m, events)?;
    Some(Outcome::numbers([("log_m", log)]))
}

fn multinomial(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let counts = inputs.counts("counts");
    let valid = "shares above 0 whose sum is 1, one for each count";
    let shares = inputs.sample_where("theta0", valid, |share| share > 0.0);
    let concentration = inputs.positive("concentration");
    let (counts, shares) = (counts?, shares?);
    let sum: f64 = shares.iter().sum();
    if shares.len() != counts.len() || (sum - 1.0).abs() > 1e-9 {
        let message = format!("has {} shares with the sum {sum}", shares.len());
        inputs.refuse("theta0", &message, valid);
        return None;
    }
    let log = multinomial_log(&counts, &shares, concentration?)?;
    Some(Outcome::numbers([
        ("log_bayes_factor", log),
        ("p_inst", (-log).exp().min(1.0)),
    ]))
}

fn blocks(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let (first, second) = (inputs.counts("y_a"), inputs.counts("y_b"));
    let (n, m) = (inputs.count_from("n_a", 1), inputs.count_from("n_b", 1));
    let valid = "four numbers above 0: hits and misses of arm a, then of arm b";
    let prior = inputs.sample_where("prior", valid, |value| value > 0.0);
    let (first, second, n, m, prior) = (first?, second?, n?, m?, prior?);
    let [hits_a, misses_a, hits_b, misses_b] = prior[..] else {
        inputs.refuse("prior", &format!("has {} numbers", prior.len()), valid);
        return None;
    };
    if second.len() != first.len() {
        let valid = format!("as many as `y_a`: {}", first.len());
        inputs.refuse("y_b", &format!("has {} blocks", second.len()), &valid);
        return None;
    }
    for (name, counts, size) in [("y_a", &first, n), ("y_b", &second, m)] {
        if let Some(count) = counts.iter().find(|count| **count > size) {
            let valid = format!("whole numbers up to the size of a block, {size}");
            inputs.refuse(name, &format!("has the value {count}"), &valid);
            return None;
        }
    }
    let mut test = SafeBlocks::new((n, m), (hits_a, misses_a), (hits_b, misses_b))?;
    for (a, b) in first.into_iter().zip(second) {
        test.look(a, b)?;
    }
    Some(Outcome::numbers([("log_e", test.log_e())]))
}
