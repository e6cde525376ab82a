//! The root of a function of one variable between two ends, by the search of Brent and Dekker that
//! R calls `zeroin`.
//!
//! On a smooth function any search finds the same root. On a step function the answer is wherever
//! the search stops, so its steps are part of its result: each is computed here in the order that
//! `R_zeroin2` (R 4, `src/library/stats/src/zeroin.c`) computes it in.

/// A point and the function's value there.
#[derive(Debug, Clone, Copy)]
struct Point {
    at: f64,
    value: f64,
}

/// Rounds after which the search gives up and answers the point that it has come to.
const MOST_ROUNDS: u32 = 1_001;

/// Where `function` crosses zero between `low` and `high`, to within `tolerance` where it is
/// continuous. Ends of like sign are no error: the answer is then the point where the search
/// stopped. `None` as soon as the function has no value.
pub(super) fn zeroin(
    low: f64,
    high: f64,
    tolerance: f64,
    mut function: impl FnMut(f64) -> Option<f64>,
) -> Option<f64> {
    let mut evaluate = |at| {
        let value = function(at)?;
        Some(Point { at, value })
    };
    let (mut a, mut b) = (evaluate(low)?, evaluate(high)?);
    let mut c = a;
    if is_zero(a.value) {
        return Some(a.at);
    }
    for _ in 0..MOST_ROUNDS {
        if is_zero(b.value) {
            break;
        }
        let previous = b.at - a.at;
        if c.value.abs() < b.value.abs() {
            (a, b, c) = (b, c, b);
        }
        let least = 2.0 * f64::EPSILON * b.at.abs() + tolerance / 2.0;
        let mut step = (c.at - b.at) / 2.0;
        if step.abs() <= least || is_zero(b.value) {
            break;
        }
        if previous.abs() >= least && a.value.abs() > b.value.abs() {
            step = interpolated(a, b, c, previous, least).unwrap_or(step);
        }
        if step.abs() < least {
            step = if step > 0.0 { least } else { -least };
        }
        a = b;
        b = evaluate(b.at + step)?;
        if (b.value > 0.0 && c.value > 0.0) || (b.value < 0.0 && c.value < 0.0) {
            c = a;
        }
    }
    Some(b.at)
}

/// The step by linear interpolation, or by inverse quadratic interpolation where three points are
/// known; none where it leads out of the bracket or gains too little.
fn interpolated(a: Point, b: Point, c: Point, previous: f64, least: f64) -> Option<f64> {
    let across = c.at - b.at;
    let (mut p, mut r);
    if a.at == c.at {
        let s = b.value / a.value;
        p = across * s;
        r = 1.0 - s;
    } else {
        let r0 = a.value / c.value;
        let s = b.value / c.value;
        let u = b.value / a.value;
        p = u * (across * r0 * (r0 - s) - (b.at - a.at) * (s - 1.0));
        r = (r0 - 1.0) * (s - 1.0) * (u - 1.0);
    }
    if p > 0.0 {
        r = -r;
    } else {
        p = -p;
    }
    let short = p < 0.75 * across * r - (least * r).abs() / 2.0 && p < (previous * r / 2.0).abs();
    short.then(|| p / r)
}

/// Within one unit in the last place of zero.
fn is_zero(value: f64) -> bool {
    value.abs() <= f64::from_bits(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_of_smooth_functions_are_found_to_the_tolerance() {
        let square = zeroin(0.0, 2.0, 1e-9, |x| Some(x * x - 2.0)).unwrap();
        assert!((square - 2.0_f64.sqrt()).abs() < 1e-9);
        let cosine = zeroin(0.0, 3.0, 1e-9, |x| Some(x.cos())).unwrap();
        assert!((cosine - std::f64::consts::FRAC_PI_2).abs() < 1e-9);
    }

    #[test]
    fn an_end_that_is_a_root_is_the_answer() {
        assert_eq!(zeroin(1.0, 2.0, 1e-4, |x| Some(x - 1.0)), Some(1.0));
        assert_eq!(zeroin(1.0, 2.0, 1e-4, |x| Some(x - 2.0)), Some(2.0));
    }

    #[test]
    fn a_step_is_bracketed_and_the_search_ends_also_where_nothing_crosses() {
        let step = zeroin(-1.0, 2.0, 1e-4, |x| Some(if x < 0.3 { 1.0 } else { -1.0 })).unwrap();
        assert!((step - 0.3).abs() <= 1e-4);
        for (low, high) in [
            (0.0, 1.0),
            (f64::NEG_INFINITY, f64::INFINITY),
            (0.0, f64::INFINITY),
        ] {
            assert!(zeroin(low, high, 1e-4, |_| Some(1.0)).is_some());
            assert!(zeroin(low, high, 1e-4, |_| Some(f64::NAN)).is_some());
        }
    }

    #[test]
    fn a_function_without_a_value_ends_the_search() {
        assert_eq!(zeroin(0.0, 1.0, 1e-4, |_| None), None);
        let inside = |x: f64| (x == 0.0 || x == 1.0).then_some(x - 0.4);
        assert_eq!(zeroin(0.0, 1.0, 1e-4, inside), None);
    }
}
