//! The recursion of Armitage, McPherson and Rowe on the grid of Jennison and Turnbull.
//!
//! (Armitage, McPherson and Rowe 1969; Jennison and Turnbull 2000, chapter 19.)

use std::f64::consts::TAU;

use crate::stats::normal_upper;
use crate::stats::zeroin::zeroin;

/// The density of z among paths that no look has stopped, as points with weights, and what it
/// grows into.
#[derive(Debug, Clone)]
pub(super) struct Density {
    drift: f64,
    fineness: u32,
    information: f64,
    points: Vec<(f64, f64)>,
}

/// Boundaries end here: beyond it nothing of a normal is left.
pub(super) const FARTHEST: f64 = 8.0;

/// Where the kernel is nothing.
const REACH: f64 = 9.0;

impl Density {
    /// Before the first of the looks at `information`; z has the mean `drift` √I at information I.
    pub(super) fn new(drift: f64, information: &[f64]) -> Density {
        // The book's grids have a fineness of 18, which is accurate to 10⁻⁶ at few looks; here it
        // follows the narrowest kernel.
        let increments = information
            .windows(2)
            .map(|pair| (pair[1] - pair[0]) / pair[1]);
        let narrowest = increments.fold(1.0_f64, f64::min).sqrt();
        Density {
            drift,
            fineness: (6.0 / narrowest).clamp(32.0, 256.0) as u32,
            information: 0.0,
            points: vec![(0.0, 1.0)],
        }
    }

    /// Where z must stand at `information`, in standard deviations of the increment, for a path
    /// that was at `point`, and the deviation itself.
    fn kernel(&self, information: f64) -> (impl Fn(f64, f64) -> f64 + use<>, f64) {
        let grown = information - self.information;
        let (root, before) = (information.sqrt(), self.information.sqrt());
        let (deviation, drift) = (grown.sqrt(), self.drift * grown);
        (
            move |z: f64, point: f64| (z * root - point * before - drift) / deviation,
            root / deviation,
        )
    }

    /// The chance to be above `z` at `information`, not having been stopped before.
    pub(super) fn above(&self, information: f64, z: f64) -> f64 {
        let (kernel, _) = self.kernel(information);
        let points = self.points.iter();
        points
            .map(|(at, mass)| mass * normal_upper(kernel(z, *at)))
            .sum()
    }

    /// The chance to be below `z`.
    pub(super) fn below(&self, information: f64, z: f64) -> f64 {
        let (kernel, _) = self.kernel(information);
        let points = self.points.iter();
        points
            .map(|(at, mass)| mass * normal_upper(-kernel(z, *at)))
            .sum()
    }

    /// The boundary beyond which `share` of the unstopped paths lie, on one side or on both.
    pub(super) fn boundary(&self, information: f64, share: f64, both: bool) -> f64 {
        if share < 1e-15 {
            return FARTHEST;
        }
        let beyond = |z: f64| {
            let lower = if both {
                self.below(information, -z)
            } else {
                0.0
            };
            self.above(information, z) + lower
        };
        let least = if both { 0.0 } else { -FARTHEST };
        let found = zeroin(least, FARTHEST, 1e-12, |z| Some(beyond(z) - share));
        found.unwrap_or(FARTHEST)
    }

    /// Goes on to `information` with the paths between `lower` and `upper`.
    pub(super) fn advance(&mut self, information: f64, lower: f64, upper: f64) {
        let (kernel, scale) = self.kernel(information);
        let mean = self.drift * information.sqrt();
        let grid = grid(mean, lower, upper, self.fineness);
        let scale = scale / TAU.sqrt();
        let points = grid.into_iter().map(|(z, weight)| {
            // Points ascend, so those near enough lie together.
            let start = self
                .points
                .partition_point(|(at, _)| kernel(z, *at) > REACH);
            let near = self.points[start..]
                .iter()
                .map(|(at, mass)| (kernel(z, *at), mass))
                .take_while(|(x, _)| *x > -REACH);
            let density: f64 = near.map(|(x, mass)| mass * (-0.5 * x * x).exp()).sum();
            (z, weight * scale * density)
        });
        self.points = points.collect();
        self.information = information;
    }
}

/// Points from `lower` to `upper`, dense around `mean`, and Simpson's weights.
fn grid(mean: f64, lower: f64, upper: f64, r: u32) -> Vec<(f64, f64)> {
    let (lower, upper) = (lower.max(mean - 20.0), upper.min(mean + 20.0));
    let odd = (1..6 * r).map(|i| {
        let (i, r) = (f64::from(i), f64::from(r));
        mean + if i < r {
            -3.0 - 4.0 * (r / i).ln()
        } else if i <= 5.0 * r {
            -3.0 + 3.0 * (i - r) / (2.0 * r)
        } else {
            3.0 + 4.0 * (r / (6.0 * r - i)).ln()
        }
    });
    let mut ends: Vec<f64> = odd.filter(|z| *z > lower && *z < upper).collect();
    ends.insert(0, lower);
    ends.push(upper.max(lower));
    let mut points = vec![(ends[0], 0.0)];
    for pair in ends.windows(2) {
        let sixth = (pair[1] - pair[0]) / 6.0;
        if let Some(last) = points.last_mut() {
            last.1 += sixth;
        }
        points.push(((pair[0] + pair[1]) / 2.0, 4.0 * sixth));
        points.push((pair[1], sixth));
    }
    points
}
