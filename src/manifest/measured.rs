//! What queries in manifests can find: the series that the simulated service shows.

use crate::base::Span;
use crate::telemetry::exposition::{Dialect, Service, Vendor};
use crate::telemetry::promql::{Catalogue, Query};
use crate::telemetry::{Birth, Buckets, Phase, Plan, Reporter, Sampling};

/// What a scenario says of the metrics that queries can ask for.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// How they are collected; its reporter and buckets count only where the fields below say so.
    pub plan: Plan,
    /// The histogram that was chosen; `None`: the vendor's.
    pub buckets: Option<Buckets>,
    /// Whose names were chosen; `None`: those that the queries ask for.
    pub vendor: Option<Vendor>,
    /// Who counts, as chosen; `None`: whom the queries ask.
    pub reporter: Option<Reporter>,
    /// Names of the routes.
    pub routes: Vec<String>,
    /// Names of what the business counts.
    pub goals: Vec<String>,
}

/// Whose metrics are shown, to queries that ask for them.
#[derive(Debug, Clone, PartialEq)]
pub struct Exhibit {
    /// Whose names and labels.
    pub vendor: Vendor,
    /// Who counts.
    pub reporter: Reporter,
    /// Bounds of the latency histogram.
    pub buckets: Buckets,
    /// Every series.
    pub catalogue: Catalogue,
}

impl Measured {
    /// Metrics of which nobody has said anything: scraped every 5 seconds.
    pub fn plain() -> Measured {
        let interval = Span::from_secs(5);
        let phase = Phase::Fixed(Span::from_millis(2_500));
        let sampling = Sampling::Scraped { interval, phase };
        Measured {
            plan: Plan::plain(sampling, Birth::FirstRequest, Buckets::istio()),
            buckets: None,
            vendor: None,
            reporter: None,
            routes: Vec::new(),
            goals: Vec::new(),
        }
    }

    /// Whose metrics are shown so that as many of these queries as possible find their series:
    /// `usual` (with its histogram) where that is as good as another.
    pub fn exhibit(
        &self,
        usual: (Vendor, Reporter, &Buckets),
        service: &Service,
        queries: &[Query],
    ) -> Exhibit {
        let (vendor, reporter, buckets) = usual;
        let others = Vendor::NAMES.into_iter().map(|(_, vendor)| vendor);
        let vendors = [self.vendor.unwrap_or(vendor)]
            .into_iter()
            .chain(others.filter(|_| self.vendor.is_none()));
        let reporters = match self.reporter {
            Some(chosen) => vec![chosen],
            None => vec![reporter, Reporter::Server, Reporter::Client],
        };
        let all = vendors.flat_map(|vendor| reporters.iter().map(move |one| (vendor, *one)));
        let mut best: Option<(usize, Exhibit)> = None;
        for (candidate, reporter) in all {
            let chosen = match candidate == vendor {
                true => buckets.clone(),
                false => candidate.buckets(),
            };
            let buckets = self.buckets.clone().unwrap_or(chosen);
            let exhibit = self.shown(candidate, reporter, buckets, service);
            let missed = exhibit.missed(queries);
            if best.as_ref().is_none_or(|(least, _)| missed < *least) {
                best = Some((missed, exhibit));
            }
            if missed == 0 {
                break;
            }
        }
        let usual = || self.shown(vendor, reporter, buckets.clone(), service);
        best.map_or_else(usual, |(_, exhibit)| exhibit)
    }

    fn shown(
        &self,
        vendor: Vendor,
        reporter: Reporter,
        buckets: Buckets,
        service: &Service,
    ) -> Exhibit {
        let plan = Plan {
            reporter,
            buckets,
            ..self.plan.clone()
        };
        let dialect = Dialect {
            service: service.clone(),
            ..Dialect::new(vendor, &plan, self.routes.clone(), self.goals.clone())
        };
        Exhibit {
            vendor,
            reporter,
            catalogue: Catalogue::new(&dialect, &plan),
            buckets: plan.buckets,
        }
    }
}

impl Exhibit {
    /// How badly queries miss: those that read what is not shown count more than selectors that find
    /// no series of what is.
    fn missed(&self, queries: &[Query]) -> usize {
        let missed = queries
            .iter()
            .map(|query| match query.bind(&self.catalogue) {
                Ok(bound) => bound.unmatched().len(),
                Err(_) => 1_000,
            });
        missed.sum()
    }
}
