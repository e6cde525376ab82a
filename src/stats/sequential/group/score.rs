//! The same recursion, one-sided and fast: microseconds a look.
//!
//! In the scale of the score z √I the kernel between two looks depends on a difference alone: on
//! grids whose steps are powers of two of each other it is one short table, and carrying the
//! density on is a convolution. Grids end exactly at the boundary, where the density breaks off,
//! and Gregory's weights take care of that end; everywhere else equal weights are as good as exact,
//! since the density is smooth at the scale of its grid.
//!
//! How fine a grid must be depends on the increment before the look and on the one after it. So a
//! density is computed one look late, when both are known.

use std::f64::consts::TAU;

use super::density::FARTHEST;
use crate::stats::normal_upper;

/// The score among paths that no look has stopped.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Score {
    /// The mean of the score per information.
    drift: f64,
    /// The density at the look before the last.
    before: Grid,
    /// The density at the last look, once it is settled.
    last: Grid,
    /// The last look: its information, and the score beyond which paths were stopped.
    information: f64,
    edge: f64,
    looks: u32,
    /// What steps are powers of two of: right for the first increment, and so for equal ones.
    unit: f64,
    kernel: Vec<f64>,
}

/// A density of the score below an edge, at steps down from it, times the weights of integration.
#[derive(Debug, Clone, Default, PartialEq)]
struct Grid {
    information: f64,
    edge: f64,
    step: f64,
    masses: Vec<f64>,
}

/// Steps per standard deviation of the finer increment, at least.
const FINENESS: f64 = 4.5;
/// How far below its mean, in standard deviations, a density is followed.
const DEPTH: f64 = 5.5;
/// Where the kernel is nothing.
const REACH: f64 = 7.0;

/// Gregory's weights at an end, to the eighth difference.
const END: [f64; 9] = [
    0.2869754464285714,
    1.589019786155203,
    0.035985174162257494,
    2.240890376984127,
    -0.14056437389770723,
    1.7209438381834214,
    0.7021453373015873,
    1.0724969686948853,
    0.9921074459876543,
];

impl Score {
    /// Before the first look.
    pub(super) fn new(drift: f64) -> Score {
        Score {
            drift,
            ..Score::default()
        }
    }

    /// Starts anew and keeps the buffers.
    pub(super) fn reset(&mut self) {
        self.before.masses.clear();
        self.last.masses.clear();
        self.information = 0.0;
        self.looks = 0;
    }

    /// Information at the last look.
    pub(super) fn information(&self) -> f64 {
        self.information
    }

    /// Computes the density at the last look, now that the next is known to be at `information`.
    pub(super) fn settle(&mut self, information: f64) {
        if self.looks == 0 {
            return;
        }
        if self.looks > 1 {
            std::mem::swap(&mut self.before, &mut self.last);
        }
        let grown = information - self.information;
        let past = if self.looks > 1 {
            self.before.information
        } else {
            0.0
        };
        let increment = self.information - past;
        // Where the kernel is as wide as the density, points are few and may lie closer.
        let few = 8.0 * increment.max(grown) > information;
        let fineness = if few { 2.0 * FINENESS } else { FINENESS };
        // Rounding must not halve the step where increments are equal.
        let finest = increment.min(grown).sqrt() / fineness * (1.0 + 1e-9);
        let step = self.unit * (finest / self.unit).log2().floor().exp2();
        let lowest = self.drift * self.information - DEPTH * self.information.sqrt();
        let points = (((self.edge - lowest) / step).max(0.0) as usize).max(2 * END.len()) + 1;
        let grid = &mut self.last;
        (grid.information, grid.edge, grid.step) = (self.information, self.edge, step);
        grid.masses.clear();
        if self.looks == 1 {
            let scale = 1.0 / (TAU * increment).sqrt();
            let mean = self.drift * increment;
            let density = |score: f64| scale * (-0.5 * (score - mean).powi(2) / increment).exp();
            let scores = (0..points).map(|index| self.edge - index as f64 * step);
            grid.masses.extend(scores.map(density));
        } else {
            grid.masses.resize(points, 0.0);
            let drift = self.drift * increment;
            convolve(&self.before, grid, increment, drift, &mut self.kernel);
        }
        for mass in &mut grid.masses {
            *mass *= step;
        }
        for (mass, weight) in grid.masses.iter_mut().zip(END) {
            *mass *= weight;
        }
    }

    /// The chance that z, at `information`, for which the density is settled, is beyond `z`.
    pub(super) fn beyond(&self, information: f64, z: f64) -> Tail {
        let deviation = (information - self.information).sqrt();
        let score = z * information.sqrt() - self.drift * (information - self.information);
        let mut tail = Tail::default();
        if self.looks == 0 {
            tail.add(1.0, score / deviation);
        }
        let (step, first) = (
            self.last.step / deviation,
            (score - self.last.edge) / deviation,
        );
        for (index, mass) in self.last.masses.iter().enumerate() {
            let x = first + index as f64 * step;
            if x > REACH {
                break;
            }
            tail.add(*mass, x);
        }
        tail
    }

    /// The boundary at `information`, for which the density is settled, beyond which `share` of all
    /// paths lie. By Halley's steps on the logarithm of the tail, kept within a bracket.
    pub(super) fn boundary(&self, information: f64, share: f64) -> f64 {
        if share < 1e-15 {
            return FARTHEST;
        }
        let scale = (information / (information - self.information)).sqrt();
        let (mut low, mut high) = (-FARTHEST, FARTHEST);
        // The boundary of the look before is seldom far.
        let mut z = if self.looks > 0 {
            self.edge / self.information.sqrt()
        } else {
            2.5
        };
        for _ in 0..100 {
            let tail = self.beyond(information, z);
            if tail.above > share {
                low = z;
            } else {
                high = z;
            }
            // The logarithm of a tail is nearly a parabola: g = ln(above / share), g' = −hazard.
            let hazard = tail.density / tail.above;
            let bend = tail.slope / tail.above - hazard * hazard;
            let excess = (tail.above / share).ln();
            let step = 2.0 * excess * hazard / (2.0 * hazard * hazard - excess * bend) / scale;
            // The error that is left is of the order of this step's cube.
            if step.abs() < 1e-4 || high - low < 1e-10 {
                return z + step;
            }
            let next = z + step;
            let within = next > low && next < high;
            z = if within { next } else { (low + high) / 2.0 };
        }
        high
    }

    /// Goes on to `information`, for which the density is settled, with the paths up to `z`.
    pub(super) fn stop(&mut self, information: f64, z: f64) {
        if self.looks == 0 {
            self.unit = information.sqrt() / FINENESS;
        }
        self.information = information;
        self.edge = z * information.sqrt();
        self.looks = self.looks.saturating_add(1);
    }
}

/// A chance as a function of where its tail begins, with its first two derivatives, signs left
/// off, in standard deviations of the increment.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tail {
    pub(super) above: f64,
    density: f64,
    slope: f64,
}

impl Tail {
    /// Adds the tail of a normal with this mass beyond `x`.
    fn add(&mut self, mass: f64, x: f64) {
        let density = mass * (-0.5 * x * x).exp() / TAU.sqrt();
        self.above += mass * normal_upper(x);
        self.density += density;
        self.slope += x * density;
    }
}

/// The density that `from` grows into on the points of `to`, without weights.
fn convolve(from: &Grid, to: &mut Grid, increment: f64, drift: f64, kernel: &mut Vec<f64>) {
    let finer = from.step.min(to.step);
    let (stride_from, stride_to) = ((from.step / finer) as usize, (to.step / finer) as usize);
    // A point of `to` lies this many fine steps, and the rest, above one of `from` with the same
    // index.
    let gap = (to.edge - from.edge - drift) / finer;
    let whole = gap.round();
    let reach = (REACH * increment.sqrt() / finer).ceil() as i64;
    let scale = 1.0 / (TAU * increment).sqrt();
    kernel.clear();
    kernel.extend((-reach..=reach).map(|steps| {
        let distance = (gap - whole - steps as f64) * finer;
        scale * (-0.5 * distance * distance / increment).exp()
    }));
    let whole = whole as i64;
    let points = to.masses.len() as i64;
    let (stride_from, stride_to) = (stride_from as i64, stride_to as i64);
    for (index, mass) in from.masses.iter().enumerate() {
        // Fine steps down from this point to that of `to` with index i: i·stride_to − base.
        let base = index as i64 * stride_from + whole;
        let first = (base - reach).div_euclid(stride_to).max(-1) + 1;
        let last = ((base + reach).div_euclid(stride_to) + 1).min(points);
        if first >= last {
            continue;
        }
        let start = (first * stride_to - base + reach) as usize;
        let targets = &mut to.masses[first as usize..last as usize];
        if stride_to == 1 {
            for (target, weight) in targets.iter_mut().zip(&kernel[start..]) {
                *target += mass * weight;
            }
        } else {
            let weights = kernel[start..].iter().step_by(stride_to as usize);
            for (target, weight) in targets.iter_mut().zip(weights) {
                *target += mass * weight;
            }
        }
    }
}
