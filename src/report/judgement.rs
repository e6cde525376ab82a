//! One decision argued: a gate's verdict on one set of figures, with what would have changed it.

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use super::looks::say;
use crate::gate::kayenta::{
    Analysis, Class, Classification, Comparison, Direction, Figures, Judge, JudgeName, Judgement,
    Label, Measure, Metric, MetricResult, Missing, Pair, Turn, classify,
};
use crate::gate::{Explanation, Outcome};
use crate::stats::normal_upper;

/// A judgement of Kayenta's with its reasons: a block for each metric, then groups and score. No line
/// is longer than `width` characters.
pub fn kayenta(judge: &Judge, pairs: &[Pair], width: usize, colour: bool) -> String {
    let judgement = judge.judge(pairs);
    let mut text = String::new();
    let bold = styled(Style::new().bold(), colour);
    let (score, thresholds) = (&judgement.score, judge.thresholds);
    let head = format!(
        "Kayenta: {}, score {} (passes at {}, marginal at {})",
        score.class,
        number(score.total),
        number(thresholds.pass),
        number(thresholds.marginal)
    );
    say(&mut text, &head, "", width, bold);
    for (result, pair) in judgement.results.iter().zip(pairs) {
        text.push('\n');
        if let Some(metric) = judge.metrics.get(result.metric) {
            metric_block(&mut text, judge, metric, result, pair, width, colour);
        }
    }
    text.push('\n');
    say(&mut text, "Score", "", width, bold);
    score_block(&mut text, judge, &judgement, width);
    text
}

fn metric_block(
    text: &mut String,
    judge: &Judge,
    metric: &Metric,
    result: &MetricResult,
    pair: &Pair,
    width: usize,
    colour: bool,
) {
    let of = &result.classification;
    let (mark, shade) = match of.label {
        Label::Pass => ("✓", AnsiColor::Green),
        Label::High | Label::Low | Label::NodataFailMetric => ("✗", AnsiColor::Red),
        Label::Nodata | Label::Error => ("~", AnsiColor::Yellow),
    };
    let tags: Vec<String> = (result.tags.iter())
        .map(|(k, v)| format!("{k}=\"{v}\""))
        .collect();
    let tags = match tags.is_empty() {
        true => String::new(),
        false => format!(" {{{}}}", tags.join(", ")),
    };
    let mut notes = Vec::new();
    if of.critical {
        notes.push("critical");
    }
    if metric.analysis.muted {
        notes.push("muted, so it does not count");
    }
    let notes = match notes.is_empty() {
        true => String::new(),
        false => format!(" ({})", notes.join(", ")),
    };
    let head = format!("{}{tags}: {}{notes}", metric.name, of.label);
    let style = styled(shade.on_default(), colour);
    say(text, &head, &format!("  {mark} "), width, style);
    let mut line = |label: &str, words: &str| {
        say(
            text,
            words,
            &format!("      {label:<12}"),
            width,
            Style::new(),
        );
    };
    line(
        "control",
        &side(&of.control, &pair.control, &metric.analysis),
    );
    line(
        "experiment",
        &side(&of.experiment, &pair.experiment, &metric.analysis),
    );
    if let Some(comparison) = &of.comparison {
        line("test", &test(comparison));
        line("interval", &interval(comparison, &metric.analysis));
        line("effect", &effect(comparison, &metric.analysis));
    }
    line("why", &why(judge, metric, of));
    if let Some(turn) = of.turn(&metric.analysis) {
        line("to turn it", &turned(turn, of, metric, pair));
    }
}

/// `60 points, mean 0.0051, sd 0.002, from 0.001 to 0.009; 2 missing left out`.
fn side(figures: &Figures, samples: &[f64], analysis: &Analysis) -> String {
    if figures.count == 0 {
        return match samples.len() {
            0 => "no points".to_owned(),
            some => format!("no points: all {some} are missing"),
        };
    }
    let missing = samples.iter().filter(|sample| sample.is_nan()).count();
    let mut text = format!(
        "{}, mean {}, sd {}, from {} to {}",
        plural(figures.count, "point"),
        number(figures.mean),
        number(figures.std),
        number(figures.min),
        number(figures.max)
    );
    match (missing, analysis.missing) {
        (0, _) => {}
        (some, Missing::Remove) => text.push_str(&format!("; {some} missing, left out")),
        (some, Missing::Replace) => text.push_str(&format!("; {some} missing, taken as 0")),
    }
    let left_out = match analysis.missing {
        Missing::Remove => missing,
        Missing::Replace => 0,
    };
    let outliers = samples.len().saturating_sub(figures.count + left_out);
    if outliers > 0 {
        text.push_str(&format!("; {}, left out", plural(outliers, "outlier")));
    }
    text
}

fn test(comparison: &Comparison) -> String {
    let p = (2.0 * normal_upper(comparison.z.abs())).min(1.0);
    let noise = match comparison.noise {
        true => "; both sides were constant and got noise",
        false => "",
    };
    format!(
        "Mann-Whitney: z {}, p {}; shift {}, 98 % interval from {} to {}{noise}",
        number(comparison.z),
        number(p),
        signed(comparison.shift.estimate),
        signed(comparison.shift.lower),
        signed(comparison.shift.upper)
    )
}

/// Whether the interval is far enough from zero, in each direction that counts.
fn interval(comparison: &Comparison, analysis: &Analysis) -> String {
    let tolerance = comparison.tolerance();
    let high = format!(
        "High needs its lower end above {} (a quarter of the shift): {} {}",
        number(tolerance),
        signed(comparison.shift.lower),
        is(comparison.is_above())
    );
    let low = format!(
        "Low needs its upper end below {}: {} {}",
        number(-tolerance),
        signed(comparison.shift.upper),
        is(comparison.is_below())
    );
    match analysis.direction {
        Direction::Increase => high,
        Direction::Decrease => low,
        Direction::Either => format!("{high}; {low}"),
    }
}

fn is(truth: bool) -> &'static str {
    if truth { "is" } else { "is not" }
}

fn effect(comparison: &Comparison, analysis: &Analysis) -> String {
    let (limits, effect) = (&analysis.effect, comparison.effect);
    let name = match limits.measure {
        Measure::MeanRatio => "ratio of means",
        Measure::Cles => "share of pairs in which the experiment is higher",
    };
    if effect.is_nan() {
        return format!("{name}: none, as a mean is 0; no limit stands in the way");
    }
    let mut text = format!("{name} {}", number(effect));
    if analysis.direction != Direction::Decrease {
        text.push_str(&format!(
            "; High needs {} or more: {}",
            number(limits.allowed_increase),
            is(effect >= limits.allowed_increase)
        ));
    }
    if analysis.direction != Direction::Increase {
        text.push_str(&format!(
            "; Low needs {} or less: {}",
            number(limits.allowed_decrease),
            is(effect <= limits.allowed_decrease)
        ));
    }
    if analysis.critical && comparison.is_above() {
        text.push_str(&format!(
            "; critical at {} or more",
            number(limits.critical_increase)
        ));
    } else if analysis.critical && comparison.is_below() {
        text.push_str(&format!(
            "; critical at {} or less",
            number(limits.critical_decrease)
        ));
    }
    text
}

fn why(judge: &Judge, metric: &Metric, of: &Classification) -> String {
    if judge.name == JudgeName::Dredd {
        return "this judge draws labels at random".to_owned();
    }
    let rising = of
        .comparison
        .is_some_and(|comparison| comparison.is_above());
    let falling = of
        .comparison
        .is_some_and(|comparison| comparison.is_below());
    let reason = match (of.label, of.comparison) {
        (Label::High, _) => {
            "significantly higher, by an effect that is allowed to count".to_owned()
        }
        (Label::Low, _) => "significantly lower, by an effect that is allowed to count".to_owned(),
        (Label::Pass, Some(_)) => match metric.analysis.direction {
            Direction::Decrease if rising => "higher, but only lower counts".to_owned(),
            Direction::Increase if falling => "lower, but only higher counts".to_owned(),
            _ if rising || falling => {
                "significant, but the effect is too small to count".to_owned()
            }
            _ => "the interval is too close to zero".to_owned(),
        },
        (Label::Pass, None) => match of.control.count == 0 || of.experiment.count == 0 {
            true => {
                "no data on one side, which passes where missing points are replaced".to_owned()
            }
            false => "both sides hold the same values".to_owned(),
        },
        (Label::Nodata, _) => "a side has no data; it counts in no group".to_owned(),
        (Label::NodataFailMetric, _) => {
            "a side has no data, and mustHaveData counts that".to_owned()
        }
        (Label::Error, _) => "the test has no answer; it counts in no group".to_owned(),
    };
    match of.reason_text(&metric.name) {
        Some(said) => format!("{reason} (\"{said}\")"),
        None => reason,
    }
}

/// What would have turned the label; a shift is tried on the samples, because the search for bounds
/// stops where it stops.
fn turned(turn: Turn, of: &Classification, metric: &Metric, pair: &Pair) -> String {
    match turn {
        Turn::Effect(effect, label) => {
            let (limit, way) = match label {
                Label::Low => ("allowedDecrease", "or more"),
                _ => ("allowedIncrease", "or less"),
            };
            format!("{label}: {limit} {} {way}", number(effect))
        }
        Turn::Shift(by, label) => {
            // A little further, so that what the search leaves is passed.
            let by = by + (by.abs() * 0.01 + 2e-4).copysign(by);
            let moved: Vec<f64> = pair.experiment.iter().map(|sample| sample + by).collect();
            let found = classify(&metric.analysis, &pair.control, &moved);
            let way = if by < 0.0 { "lower" } else { "higher" };
            let words = format!(
                "every point of the experiment {way} by {}",
                number(by.abs())
            );
            let words = match found.label == label {
                true => format!("{label}: {words}"),
                false => format!("{label}: {words}, and an effect beyond its limit"),
            };
            let effect = of
                .comparison
                .map_or(f64::NAN, |comparison| comparison.effect);
            match of.label {
                Label::High if effect.is_finite() => {
                    format!("{words}; or allowedIncrease above {}", number(effect))
                }
                Label::Low if effect.is_finite() => {
                    format!("{words}; or allowedDecrease below {}", number(effect))
                }
                _ => words,
            }
        }
    }
}

fn score_block(text: &mut String, judge: &Judge, judgement: &Judgement, width: usize) {
    let score = &judgement.score;
    let widest = judge
        .groups
        .iter()
        .map(|group| group.name.chars().count())
        .max();
    let widest = widest.unwrap_or(0).clamp(5, 40);
    let mut line = |label: &str, words: &str| {
        say(
            text,
            words,
            &format!("  {label:<widest$}  "),
            width,
            Style::new(),
        );
    };
    for group in &score.groups {
        let name = judge
            .groups
            .get(group.group)
            .map_or("", |group| group.name.as_str());
        let counted = match group.no_data {
            true => "no data, which counts as 100".to_owned(),
            false => number(group.score),
        };
        line(
            name,
            &format!("{counted}, weight {} %", number(group.weight)),
        );
    }
    let weights: Vec<&str> = (judge.groups.iter().enumerate())
        .filter(|(index, group)| {
            group.weight.is_some() && !score.groups.iter().any(|of| of.group == *index)
        })
        .map(|(_, group)| group.name.as_str())
        .collect();
    if !weights.is_empty() {
        line(
            "lost",
            &format!("the weight of {}, which has no results", weights.join(", ")),
        );
    }
    let total = match score.forced {
        Some(forced) => {
            let reason = |place: usize| {
                let result = judgement.results.get(place);
                let metric = result.and_then(|result| judge.metrics.get(result.metric));
                let said = result
                    .zip(metric)
                    .and_then(|(result, metric)| result.classification.reason_text(&metric.name));
                said.unwrap_or_default()
            };
            format!("{} (\"{}\")", number(score.total), forced.text(reason))
        }
        None => number(score.total),
    };
    line("total", &format!("{total}: {}", score.class));
    let means = match score.class {
        Class::Pass => "a run goes on, and passes at its end".to_owned(),
        _ if score.total <= judge.thresholds.marginal => {
            "not above the marginal threshold: it ends a run at once".to_owned()
        }
        Class::Marginal | Class::Fail => {
            "a run goes on, and fails if this is its last judgement".to_owned()
        }
    };
    line("means", &means);
    for (index, change) in judgement.changes(judge).iter().enumerate() {
        line(if index == 0 { "turns" } else { "or" }, change);
    }
}

/// A judgement of Kayenta's in its report's words, with the test beside each result.
pub fn kayenta_json(judge: &Judge, pairs: &[Pair]) -> Value {
    let judgement = judge.judge(pairs);
    let results: Vec<Value> = (judgement.results.iter())
        .filter_map(|result| {
            let metric = judge.metrics.get(result.metric)?;
            let of = &result.classification;
            let groups: Vec<&str> = (metric.groups.iter())
                .filter_map(|group| judge.groups.get(*group))
                .map(|group| group.name.as_str())
                .collect();
            let tags: serde_json::Map<String, Value> = (result.tags.iter())
                .map(|(name, value)| (name.to_owned(), json!(value)))
                .collect();
            Some(json!({
                "name": metric.name,
                "tags": tags,
                "groups": groups,
                "classification": of.label.to_string(),
                "classificationReason": of.reason_text(&metric.name),
                "critical": of.critical,
                "muted": metric.analysis.muted,
                "controlMetadata": { "stats": stats(&of.control) },
                "experimentMetadata": { "stats": stats(&of.experiment) },
                "resultMetadata": { "ratio": of.ratio.map(real) },
                "test": of.comparison.as_ref().map(comparison_json),
            }))
        })
        .collect();
    let groups: Vec<Value> = (judgement.score.groups.iter())
        .map(|group| {
            json!({
                "name": judge.groups.get(group.group).map_or("", |group| group.name.as_str()),
                "score": group.score,
                "weight": group.weight,
                "noData": group.no_data,
            })
        })
        .collect();
    let reason = |place: usize| {
        let result = judgement.results.get(place);
        let metric = result.and_then(|result| judge.metrics.get(result.metric));
        let said = result.zip(metric);
        let said = said.and_then(|(one, metric)| one.classification.reason_text(&metric.name));
        said.unwrap_or_default()
    };
    let score = &judgement.score;
    json!({
        "judgeName": match judge.name {
            JudgeName::Netflix => "NetflixACAJudge-v1.0",
            JudgeName::Dredd => "dredd-v1.0",
        },
        "verdict": verdict(judge, &judgement),
        "score": {
            "score": score.total,
            "classification": score.class.to_string(),
            "classificationReason": score.forced.map(|forced| forced.text(reason)).unwrap_or_default(),
        },
        "thresholds": { "pass": judge.thresholds.pass, "marginal": judge.thresholds.marginal },
        "groupScores": groups,
        "results": results,
        "changes": judgement.changes(judge),
    })
}

/// What a judgement means for a run: pass, fail, or inconclusive between the thresholds.
pub fn verdict(judge: &Judge, judgement: &Judgement) -> &'static str {
    match judgement.score.class {
        _ if judgement.score.total <= judge.thresholds.marginal => "fail",
        Class::Pass => "pass",
        Class::Marginal | Class::Fail => "inconclusive",
    }
}

fn stats(figures: &Figures) -> Value {
    json!({
        "min": real(figures.min),
        "max": real(figures.max),
        "mean": real(figures.mean),
        "std": real(figures.std),
        "count": figures.count,
    })
}

fn comparison_json(comparison: &Comparison) -> Value {
    json!({
        "z": real(comparison.z),
        "p": real((2.0 * normal_upper(comparison.z.abs())).min(1.0)),
        "lower": real(comparison.shift.lower),
        "upper": real(comparison.shift.upper),
        "estimate": real(comparison.shift.estimate),
        "tolerance": real(comparison.tolerance()),
        "effect": real(comparison.effect),
        "noise": comparison.noise,
    })
}

/// JSON has no word for these: a text, as Kayenta writes them.
fn real(value: f64) -> Value {
    match value {
        value if value.is_nan() => json!("NaN"),
        f64::INFINITY => json!("Infinity"),
        f64::NEG_INFINITY => json!("-Infinity"),
        value => json!(value),
    }
}

/// Another gate's verdict with its reasons, in a few lines.
pub fn explained(of: &Explanation, width: usize, colour: bool) -> String {
    let (mark, shade) = match of.outcome {
        Outcome::Pass => ("✓", AnsiColor::Green),
        Outcome::Fail => ("✗", AnsiColor::Red),
        Outcome::Inconclusive => ("~", AnsiColor::Yellow),
    };
    let mut text = String::new();
    let head = format!("{}: {}", of.gate, of.outcome);
    let style = styled(shade.on_default(), colour);
    say(&mut text, &head, &format!("{mark} "), width, style);
    let requests = of
        .samples
        .is_finite()
        .then(|| plural(of.samples.round() as usize, "request"));
    let figure = match (&of.value, requests) {
        (Some(value), Some(requests)) => format!("{value} of {requests}"),
        (Some(value), None) => value.clone(),
        (None, Some(requests)) => format!("none; {requests}"),
        (None, None) => "none".to_owned(),
    };
    let turned = match of.outcome {
        Outcome::Inconclusive => "to decide",
        _ => "to turn it",
    };
    for (label, words) in [
        ("read", &of.reads),
        ("figure", &figure),
        ("rule", &of.rule),
        (turned, &of.change),
    ] {
        say(
            &mut text,
            words,
            &format!("    {label:<12}"),
            width,
            Style::new(),
        );
    }
    text
}

/// The same as JSON.
pub fn explained_json(of: &Explanation, value: f64, threshold: f64) -> Value {
    json!({
        "gate": of.gate,
        "verdict": of.outcome.to_string(),
        "value": value.is_finite().then_some(value),
        "threshold": threshold.is_finite().then_some(threshold),
        "samples": of.samples.is_finite().then_some(of.samples),
        "reads": of.reads,
        "rule": of.rule,
        "change": of.change,
    })
}

fn styled(style: Style, colour: bool) -> Style {
    if colour { style } else { Style::new() }
}

fn plural(count: usize, one: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        many => format!("{many} {one}s"),
    }
}

/// A figure with its sign.
fn signed(value: f64) -> String {
    match value > 0.0 {
        true => format!("+{}", number(value)),
        false => number(value),
    }
}

/// Up to five significant digits.
fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if !value.is_finite() {
        return value.to_string();
    }
    if value.abs() < 1e-4 || value.abs() >= 1e9 {
        return format!("{value:.2e}");
    }
    let decimals = (4 - value.abs().log10().floor() as i32).clamp(0, 8);
    let text = format!("{value:.*}", decimals as usize);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}
