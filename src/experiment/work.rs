//! What an experiment on a scenario plays: the grid, the heat map, the rollouts side by side. Told in
//! one place, so that whoever shares it out plays nothing else.

use super::grid::{self, GridCell};
use super::replicate::{Pair, Until};
use super::{engine, pair, rivals, setting};
use crate::base::{Seed, Span, Weight};
use crate::engine::r#virtual::{Kind, Setting};
use crate::model::World;
use crate::scenario::Scenario;

/// Request rates of the heat map, as multiples of the scenario's own.
const HEAT_RATES: [f64; 8] = [0.02, 0.1, 0.3, 1.0, 3.0, 10.0, 50.0, 200.0];
/// Where in [`HEAT_RATES`] the scenario's own rate stands.
const OWN: usize = 3;
/// Trials of each cell of the heat map: half-width at most 5 points,
const HEAT_TRIALS: u32 = 400;
/// or 10 where every request is followed.
const COUPLED_HEAT_TRIALS: u32 = 100;

/// What the settings of a scenario's experiment are made of.
pub(super) struct Work<'s> {
    scenario: &'s Scenario,
    healthy: World,
    /// The cells of the tables.
    pub grid: Vec<GridCell>,
    /// Worlds of the heat map, by their factor of the rate.
    heat: Vec<(f64, World)>,
    heat_engine: Kind,
    /// The rollouts side by side, each with its good world.
    pub rivals: Vec<(Scenario, World)>,
}

impl<'s> Work<'s> {
    pub(super) fn of(scenario: &'s Scenario) -> Work<'s> {
        // Counts cost the same at any rate; requests would not end.
        let (heat_engine, factors) = match engine(scenario).0 {
            Kind::Coupled => (Kind::Coupled, &HEAT_RATES[..=OWN]),
            _ => (Kind::Counts, &HEAT_RATES[..]),
        };
        let at = |factor: &f64| {
            let mut world = scenario.world.clone();
            world.traffic.profile = world.traffic.profile.scaled(*factor);
            (*factor, world)
        };
        Work {
            scenario,
            healthy: scenario.world.healthy(),
            grid: grid::cells(scenario),
            heat: factors.iter().map(at).collect(),
            heat_engine,
            rivals: rivals::all(scenario),
        }
    }

    /// Root of all its randomness.
    pub(super) fn seed(&self) -> Seed {
        self.scenario.experiment.seed
    }

    /// The cells of the tables, and how long each is played.
    pub(super) fn tables(&self) -> (Vec<Pair<'_>>, Until) {
        let pairs = (self.grid.iter())
            .map(|cell| pair(self.scenario, &self.healthy, &cell.plan, cell.held()))
            .collect();
        (pairs, Until::of(&self.scenario.experiment))
    }

    /// The cells of the heat map as factor of the rate and percentage held.
    pub(super) fn heat_points(&self) -> Vec<(f64, Weight)> {
        let weights = &self.scenario.experiment.weights;
        let points = self.heat.iter();
        points
            .flat_map(|(factor, _)| weights.iter().map(|weight| (*factor, *weight)))
            .collect()
    }

    /// The same as settings, and how long each is played.
    pub(super) fn heat(&self) -> (Vec<Pair<'_>>, Until) {
        let scenario = self.scenario;
        let weights = &scenario.experiment.weights;
        let pairs = (self.heat.iter())
            .flat_map(|(_, world)| weights.iter().map(move |weight| (world, *weight)))
            .map(|(world, weight)| {
                let held = Some(weight);
                let setting = setting(scenario, world, &scenario.rollout, held, self.heat_engine);
                Pair {
                    faulty: Setting {
                        aftermath: Span::ZERO,
                        ..setting
                    },
                    healthy: None,
                }
            })
            .collect();
        let most = match self.heat_engine {
            Kind::Coupled => COUPLED_HEAT_TRIALS,
            _ => HEAT_TRIALS,
        };
        let trials = scenario.experiment.trials.unwrap_or(most).min(most);
        (pairs, Until::Count(trials))
    }

    /// The rollouts side by side, and how long each is played.
    pub(super) fn side_by_side(&self) -> (Vec<Pair<'_>>, Until) {
        let pairs = (self.rivals.iter())
            .map(|(one, healthy)| pair(one, healthy, &one.rollout, None))
            .collect();
        (pairs, Until::of(&self.scenario.experiment))
    }
}
