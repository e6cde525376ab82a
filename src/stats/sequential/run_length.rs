//! How long a cumulative sum of normal values runs until it alarms, on average.

use std::f64::consts::{PI, TAU};

use crate::stats::normal_upper;

/// Nodes of the integration: the density is smooth over a few deviations.
const NODES: usize = 60;

/// The mean number of values until the one-sided sum W = max(0, W + x − k), from 0, passes `limit`,
/// where values are normal with mean `mean` and variance 1 and `reference` is k. By the integral
/// equation that it satisfies (Page 1954), solved at the nodes of Gauss and Legendre. `None` where
/// the limit is not positive or something is not a number.
pub fn normal_cusum_run_length(reference: f64, limit: f64, mean: f64) -> Option<f64> {
    let sound = limit > 0.0 && limit.is_finite();
    if !sound || !reference.is_finite() || !mean.is_finite() {
        return None;
    }
    let nodes: Vec<(f64, f64)> = legendre(NODES)
        .into_iter()
        .map(|(x, weight)| ((x + 1.0) / 2.0 * limit, weight * limit / 2.0))
        .collect();
    let shift = reference - mean;
    let density = |x: f64| (-0.5 * x * x).exp() / TAU.sqrt();
    // Unknown are the run lengths from each node, and last from 0: to fall to 0 is to begin anew.
    let starts: Vec<f64> = nodes.iter().map(|(at, _)| *at).chain([0.0]).collect();
    let mut rows: Vec<Vec<f64>> = (starts.iter().enumerate())
        .map(|(row, from)| {
            let reached = nodes
                .iter()
                .map(|(at, weight)| weight * density(at - from + shift));
            let mut coefficients: Vec<f64> = reached.map(|chance| -chance).collect();
            coefficients.push(-normal_upper(from - shift));
            coefficients[row] += 1.0;
            coefficients.push(1.0);
            coefficients
        })
        .collect();
    let length = solve(&mut rows)?.last().copied()?;
    (length.is_finite() && length >= 1.0).then_some(length)
}

/// The nodes and weights of Gauss and Legendre on −1 to 1, by Newton's steps.
fn legendre(count: usize) -> Vec<(f64, f64)> {
    let n = count as f64;
    (0..count)
        .map(|index| {
            let mut x = (PI * (index as f64 + 0.75) / (n + 0.5)).cos();
            let mut slope = 1.0;
            for _ in 0..100 {
                let (mut before, mut value) = (1.0, x);
                for degree in 2..=count {
                    let k = degree as f64;
                    (before, value) = (
                        value,
                        ((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k,
                    );
                }
                slope = n * (x * value - before) / (x * x - 1.0);
                let step = value / slope;
                x -= step;
                if step.abs() < 1e-15 {
                    break;
                }
            }
            (x, 2.0 / ((1.0 - x * x) * slope * slope))
        })
        .collect()
}

/// Solves a system whose rows end with their right side, by elimination; `None` where it is
/// singular.
fn solve(rows: &mut [Vec<f64>]) -> Option<Vec<f64>> {
    let size = rows.len();
    for column in 0..size {
        let pivot = (column..size)
            .max_by(|a, b| rows[*a][column].abs().total_cmp(&rows[*b][column].abs()))?;
        rows.swap(column, pivot);
        let (done, rest) = rows.split_at_mut(column + 1);
        let pivot = &done[column];
        if pivot[column] == 0.0 {
            return None;
        }
        for row in rest {
            let factor = row[column] / pivot[column];
            for (value, of_pivot) in row.iter_mut().zip(pivot).skip(column) {
                *value -= factor * of_pivot;
            }
        }
    }
    let mut solution = vec![0.0; size];
    for row in (0..size).rev() {
        let known: f64 = (row + 1..size)
            .map(|column| rows[row][column] * solution[column])
            .sum();
        solution[row] = (rows[row][size] - known) / rows[row][row];
    }
    Some(solution)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_run_lengths() {
        // R's spc 0.6.7, xcusum.arl.
        for (k, h, mean, expected) in [
            (0.5, 4.0, 0.0, 335.367_577_6),
            (0.5, 4.0, 1.0, 8.383_202_1),
            (0.25, 8.0, 0.0, 736.787_746_5),
        ] {
            let length = normal_cusum_run_length(k, h, mean).unwrap();
            assert!((length / expected - 1.0_f64).abs() < 1e-7, "{length}");
        }
        // Every value alarms, or the first does with one half.
        assert!((normal_cusum_run_length(0.0, 0.1, 50.0).unwrap() - 1.0).abs() < 1e-9);
        assert_eq!(normal_cusum_run_length(0.5, 0.0, 0.0), None);
        assert_eq!(normal_cusum_run_length(f64::NAN, 4.0, 0.0), None);
    }
}
