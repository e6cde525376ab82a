//! A plan in sentences.

use crate::experiment::planner::{Metric, MetricPlan, MetricRow, Plan};
use crate::report::quantity;

/// What it means, in one sentence.
pub(super) fn headline(plan: &Plan, metric: &MetricPlan) -> String {
    let change = change(metric.metric);
    let rate = quantity::rate(plan.rate);
    let Some(soonest) = metric.rows.get(metric.soonest) else {
        return format!("No percentage was asked about to see {change}");
    };
    if !metric.supported {
        return format!(
            "Your traffic cannot support this canary: to see {change} at {rate} takes {} at {}{}, \
             and {} {}",
            quantity::time(soonest.seconds),
            quantity::weight(soonest.weight),
            if metric.rows.len() > 1 {
                ", the soonest of these"
            } else {
                ""
            },
            quantity::time(plan.limit_seconds),
            if plan.limit_given {
                "is given"
            } else {
                "is a working day"
            },
        );
    }
    let mut told: Vec<&MetricRow> = metric.rows.iter().filter(|row| row.in_time).collect();
    told.sort_by(|a, b| a.weight.total_cmp(&b.weight));
    if told.len() > 3 {
        // The ends, and one between.
        told = vec![told[0], told[told.len() / 2], told[told.len() - 1]];
    }
    let takes: Vec<String> = (told.iter())
        .map(|row| {
            format!(
                "{} at {}",
                quantity::time(row.seconds),
                quantity::weight(row.weight)
            )
        })
        .collect();
    format!("To see {change} at {rate} takes {}", takes.join(", "))
}

/// The terms of the plan.
pub(super) fn terms(plan: &Plan, metric: &MetricPlan) -> String {
    let mut parts = vec![
        format!("a bad canary is caught with {} power", share(plan.power)),
        format!(
            "{} of good ones are rolled back",
            share(plan.false_rollback)
        ),
    ];
    if let Metric::Latency { sigma, .. } = metric.metric {
        parts.push(format!(
            "logarithms of latencies spread by {}",
            digits(sigma)
        ));
    }
    if plan.design_effect > 1.0 {
        parts.push(format!(
            "users who stay with a version: {} times the requests",
            digits(plan.design_effect)
        ));
    }
    parts.join(" · ")
}

/// Which percentage for whom, and what would help where the traffic does not suffice.
pub(super) fn findings(plan: &Plan, metric: &MetricPlan) -> Vec<String> {
    let mut sentences = orders(metric);
    if metric.supported {
        sentences.extend(metric.advice.smallest_weight.map(|weight| {
            format!(
                "The smallest percentage that is done within {}{}: {}",
                quantity::time(plan.limit_seconds),
                if plan.limit_given {
                    ""
                } else {
                    ", a working day"
                },
                percentage(weight)
            )
        }));
    } else if let Some(row) = metric.rows.get(metric.soonest) {
        sentences.extend(ways(plan, metric, row));
    }
    sentences
}

/// The percentages in the order of time and in that of harm: the first of each.
fn orders(metric: &MetricPlan) -> Vec<String> {
    let first = |index: usize| {
        let row = metric.rows.get(index)?;
        let told = format!(
            "{}, after {}; {}",
            quantity::weight(row.weight),
            quantity::time(row.seconds),
            hurt(metric.metric, row)
        );
        Some(told)
    };
    if metric.rows.len() < 2 {
        return Vec::new();
    }
    if metric.soonest == metric.fewest_hurt {
        let both = first(metric.soonest);
        return (both
            .map(|told| format!("Soonest, and fewest hurt: {told}"))
            .into_iter())
        .collect();
    }
    [
        ("Soonest", metric.soonest),
        ("Fewest hurt", metric.fewest_hurt),
    ]
    .into_iter()
    .filter_map(|(order, index)| Some(format!("{order}: {}", first(index)?)))
    .collect()
}

/// What would help.
fn ways(plan: &Plan, metric: &MetricPlan, row: &MetricRow) -> Vec<String> {
    let advice = metric.advice;
    let limit = quantity::time(plan.limit_seconds);
    let at = quantity::weight(row.weight);
    let early = (metric.gates.iter())
        .filter(|gate| gate.weight == row.weight && gate.mean_seconds < row.seconds)
        .min_by(|a, b| a.mean_seconds.total_cmp(&b.mean_seconds))
        .map_or_else(String::new, |gate| {
            let mean = quantity::time(gate.mean_seconds);
            format!(
                "; looked at {} times, a bad one is gone in {mean} on average",
                plan.looks
            )
        });
    let mut ways = vec![format!(
        "Longer would do: {} at {at}{early}",
        quantity::time(advice.longer_seconds)
    )];
    ways.push(match advice.smallest_weight {
        Some(weight) => format!("Wider would do: from {} on", percentage(weight)),
        None => format!("Wider would not do: even 50 % takes longer than {limit}"),
    });
    ways.push(format!(
        "More traffic would do, mirrored or synthetic: {} in all ({} times as much) at {at}",
        quantity::rate(advice.rate),
        digits(advice.rate / plan.rate)
    ));
    ways.push(format!(
        "A baseline as large as the canary, in place of all of stable, costs time: {} at {at}. What \
         it buys is a fair comparison, between instances that are equally fresh",
        quantity::time(advice.baseline_seconds)
    ));
    ways.extend(advice.event_share.map(|events| {
        format!(
            "Another metric would do: one whose events occur in {} of stable's requests (a slow \
             answer, a retry) and as many times as often on a bad canary",
            share(events)
        )
    }));
    let coarse = |value: Option<f64>, at: &str| match value {
        None => format!("nothing at {at}"),
        Some(_) => format!("{} at {at}", visible(metric.metric, value)),
    };
    ways.push(format!(
        "In {limit} this traffic shows {}, {}",
        coarse(advice.visible, &at),
        coarse(advice.visible_at_half, "50 %")
    ));
    ways
}

/// The change that is looked for.
fn change(metric: Metric) -> String {
    match metric {
        Metric::Errors { stable, canary } => {
            format!("errors of {} in place of {}", share(canary), share(stable))
        }
        Metric::Latency {
            quantile, factor, ..
        } => format!(
            "a p{} that is {} slower",
            quantity::short(quantile * 100.0),
            share(factor - 1.0)
        ),
        Metric::Goal { stable, canary } => format!(
            "a goal reached in {} of the cases in place of {}",
            share(canary),
            share(stable)
        ),
    }
}

fn hurt(metric: Metric, row: &MetricRow) -> String {
    let many = quantity::count(row.hurt);
    match metric {
        Metric::Errors { .. } => format!("{many} requests fail on a bad canary until then"),
        Metric::Latency { .. } => format!("{many} requests are slowed until then"),
        Metric::Goal { .. } => format!("{many} goals are lost until then"),
    }
}

/// The smallest change that is visible.
pub(super) fn visible(metric: Metric, visible: Option<f64>) -> String {
    let Some(value) = visible else {
        return "–".to_owned();
    };
    match metric {
        Metric::Errors { stable, .. } => format!("{} (x{})", share(value), digits(value / stable)),
        Metric::Latency { .. } => format!("+{}", share(value - 1.0)),
        Metric::Goal { stable, .. } => {
            format!("{} (-{})", share(value), share(1.0 - value / stable))
        }
    }
}

/// Releases a day, or days to a release.
pub(super) fn a_day(releases: f64) -> String {
    match releases {
        many if many >= 1.0 => crate::report::grouped(many.floor() as u64),
        few => format!("1 in {} d", (1.0 / few).ceil()),
    }
}

/// Requests in three digits.
pub(super) fn large(number: f64) -> String {
    if number < 1_000.0 {
        return quantity::short(number.ceil());
    }
    if number >= 1e15 {
        return "–".to_owned();
    }
    let scale = 10_f64.powf(number.log10().floor() - 2.0);
    let rounded = (number / scale).round() * scale;
    match rounded {
        huge if huge >= 1e8 => format!("{}M", crate::report::grouped((huge / 1e6) as u64)),
        _ => crate::report::grouped(rounded.round() as u64),
    }
}

/// A share in at most three digits.
fn share(share: f64) -> String {
    format!("{} %", digits(share * 100.0))
}

/// A percentage in two digits, rounded up: what is told to be enough is.
fn percentage(percent: f64) -> String {
    let scale = 10_f64.powf(1.0 - percent.log10().floor());
    format!("{} %", digits((percent * scale - 1e-9).ceil() / scale))
}

/// A number in three significant digits, without needless zeros.
fn digits(number: f64) -> String {
    if number >= 1_000.0 {
        return quantity::short(number);
    }
    if number.is_nan() || number <= 0.0 {
        return "0".to_owned();
    }
    let decimals = (2.0 - number.log10().floor()).clamp(0.0, 9.0);
    let text = format!("{number:.*}", decimals as usize);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}
