//! A plan in sentences.

use crate::experiment::planner::{Metric, MetricPlan, MetricRow, Plan};
use crate::report::quantity;

/// What it means, in one sentence.
pub(super) fn headline(plan: &Plan, metric: &MetricPlan) -> String {
    let change = change(metric.metric);
    let (Some(soonest), Some(fewest)) = (
        metric.rows.get(metric.soonest),
        metric.rows.get(metric.fewest_hurt),
    ) else {
        return format!("{change}: no percentage was asked about");
    };
    if !metric.supported {
        return format!(
            "Your traffic cannot support this canary: {change} would take {} to show at {}{}, and \
             {} {}",
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
    let takes = |row: &MetricRow| {
        format!(
            "in {} at {} ({})",
            quantity::time(row.seconds),
            quantity::weight(row.weight),
            hurt(metric.metric, row)
        )
    };
    if metric.soonest == metric.fewest_hurt {
        return format!("{change}: seen {}", takes(soonest));
    }
    format!(
        "{change}: seen soonest {}, with the fewest hurt {}",
        takes(soonest),
        takes(fewest)
    )
}

/// The terms of the plan.
pub(super) fn terms(plan: &Plan, metric: &MetricPlan) -> String {
    let mut parts = vec![
        quantity::rate(plan.rate),
        format!("{} power", share(plan.power)),
        format!("{} false rollback", share(plan.false_rollback)),
    ];
    if let Metric::Latency { sigma, .. } = metric.metric {
        parts.push(format!(
            "sigma {} of the logarithm of latencies",
            digits(sigma)
        ));
    }
    if plan.design_effect > 1.0 {
        parts.push(format!(
            "{} times the requests, for users who stay with a version",
            digits(plan.design_effect)
        ));
    }
    parts.join(" · ")
}

/// Which percentage for whom, and what would help where the traffic does not suffice.
pub(super) fn findings(plan: &Plan, metric: &MetricPlan) -> Vec<String> {
    let advice = metric.advice;
    let limit = quantity::time(plan.limit_seconds);
    let Some(row) = metric.rows.get(metric.soonest) else {
        return Vec::new();
    };
    if metric.supported {
        let smallest = advice.smallest_weight.map(|weight| {
            format!(
                "The smallest percentage that is done within {limit}: {}",
                percentage(weight)
            )
        });
        return smallest.into_iter().collect();
    }
    let at = quantity::weight(row.weight);
    let mut ways = vec![format!(
        "Longer: {} at {at}",
        quantity::time(advice.longer_seconds)
    )];
    ways.push(match advice.smallest_weight {
        Some(weight) => format!(
            "Wider: from {} on it is done within {limit}",
            percentage(weight)
        ),
        None => format!("Wider does not help: not even 50 % is done within {limit}"),
    });
    ways.push(format!(
        "More traffic, mirrored or synthetic: {} in all, {} times as much, at {at} in {limit}",
        quantity::rate(advice.rate),
        digits(advice.rate / plan.rate)
    ));
    ways.push(format!(
        "A baseline as large as the canary does not help: compared with it in place of all of \
         stable, {at} takes {}. It buys a fair comparison (equally fresh instances), not time",
        quantity::time(advice.baseline_seconds)
    ));
    if let Some(events) = advice.event_share {
        ways.push(format!(
            "Another metric: one whose events occur in {} of stable's requests (a slow answer, a \
             retry) shows the same ratio in {limit} at {at}",
            share(events)
        ));
    }
    let coarse = |text: String, at: &str| match text.as_str() {
        "–" => format!("nothing at {at}"),
        _ => format!("{text} at {at}"),
    };
    ways.push(format!(
        "A coarser question: {limit} show {}, {}",
        coarse(visible(metric.metric, advice.visible), &at),
        coarse(visible(metric.metric, advice.visible_at_half), "50 %")
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
        Metric::Errors { .. } => format!("{many} requests fail on the canary until then"),
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
