//! The telemetry section.

use super::defaults;
use super::reader::{Table, Value};
use crate::base::{ParseSpanError, Probability, Rate, Span};
use crate::manifest::Measured;
use crate::model::World;
use crate::telemetry::exposition::Vendor;
use crate::telemetry::{Birth, Buckets, Phase, Plan, Reporter, Sampling, Unit};

/// The shortest scrape interval.
const SHORTEST: Span = Span::from_millis(1);

/// What the file says about telemetry.
pub(super) struct Telemetry {
    sampling: Sampling,
    birth: Birth,
    /// `None`: those of the Canary's provider, or Istio's.
    buckets: Option<Buckets>,
    /// Whose buckets they are, when they are somebody's.
    vendor: Option<Vendor>,
    /// `None`: whom the manifests' queries ask, or the server.
    reporter: Option<Reporter>,
    missed: Probability,
    delay: Span,
    probes: Rate,
}

impl Telemetry {
    /// Whose histograms the scenario asks for by name.
    pub(super) fn vendor(&self) -> Option<Vendor> {
        self.vendor
    }

    /// How the figures of `world` are collected; `buckets` and `reporter` are those that the
    /// manifests' queries ask for.
    pub(super) fn plan(
        &self,
        buckets: Option<Buckets>,
        reporter: Option<Reporter>,
        world: &World,
    ) -> Plan {
        let own = self.buckets.clone();
        let buckets = own.or(buckets).unwrap_or_else(Buckets::istio);
        Plan {
            reporter: self.reporter.or(reporter).unwrap_or_default(),
            missed: self.missed,
            delay: self.delay,
            probes: self.probes,
            routes: world.traffic.routes.len(),
            goals: world.goals.len(),
            ..Plan::plain(self.sampling, self.birth, buckets)
        }
    }

    /// What manifests' queries can find in `world`.
    pub(super) fn measured(&self, world: &World) -> Measured {
        Measured {
            plan: self.plan(None, None, world),
            buckets: self.buckets.clone(),
            vendor: self.vendor,
            reporter: self.reporter,
            routes: (world.traffic.routes.iter())
                .map(|route| route.name.clone())
                .collect(),
            goals: world.goals.iter().map(|goal| goal.name.clone()).collect(),
        }
    }
}

/// The telemetry of a scenario that does not say.
pub(super) fn unsaid() -> Telemetry {
    Telemetry {
        sampling: scraped(defaults::SCRAPE),
        birth: Birth::FirstRequest,
        buckets: None,
        vendor: None,
        reporter: None,
        missed: Probability::ZERO,
        delay: Span::ZERO,
        probes: Rate::ZERO,
    }
}

/// Scrapes every `interval`, half an interval after each multiple of it: ticks and scrapes then
/// never fall together.
pub(super) fn scraped(interval: Span) -> Sampling {
    Sampling::Scraped {
        interval,
        phase: Phase::Fixed(Span::from_nanos(interval.as_nanos() / 2)),
    }
}

/// Reads a scrape interval, at least a millisecond, or `exact`, as a command line takes it.
///
/// # Errors
/// When the text is neither.
pub fn sampling(text: &str) -> Result<Sampling, ParseSpanError> {
    if text.trim() == "exact" {
        return Ok(Sampling::Exact);
    }
    let interval: Span = text.parse()?;
    if interval < SHORTEST {
        return Err(ParseSpanError {
            text: text.to_owned(),
        });
    }
    Ok(scraped(interval))
}

/// How metrics are collected.
pub(super) fn read(mut table: Table<'_>) -> Option<Telemetry> {
    let scrape = table.get("scrape");
    let phase = table.get("phase");
    let sampling = read_sampling(scrape.as_ref(), phase.as_ref());
    let birth = match table.get("series") {
        None => Some(Birth::FirstRequest),
        Some(value) => value.choice(&[
            ("first-request", Birth::FirstRequest),
            ("zero", Birth::Zero),
        ]),
    };
    let buckets = match table.get("buckets") {
        None => Some((None, None)),
        Some(value) => read_buckets(&value).map(|(buckets, vendor)| (Some(buckets), vendor)),
    };
    let reporter = match table.get("reporter") {
        None => Some(None),
        Some(value) => value
            .choice(&[("server", Reporter::Server), ("client", Reporter::Client)])
            .map(Some),
    };
    let exact = sampling == Some(Sampling::Exact);
    let missed = match table.get("missed") {
        None => Some(Probability::ZERO),
        Some(value) => read_missed(&value, exact),
    };
    let delay = match table.get("delay") {
        None => Some(Span::ZERO),
        Some(value) => value.quantity::<Span>().filter(|delay| {
            let late = exact && !delay.is_zero();
            if late {
                value.refuse("exact metrics are never late", "take it out");
            }
            !late
        }),
    };
    let probes = match table.get("probes") {
        None => Some(Rate::ZERO),
        Some(value) => value.quantity(),
    };
    table.finish();
    let (buckets, vendor) = buckets?;
    Some(Telemetry {
        sampling: sampling?,
        birth: birth?,
        buckets,
        vendor,
        reporter: reporter?,
        missed: missed?,
        delay: delay?,
        probes: probes?,
    })
}

fn read_missed(value: &Value<'_>, exact: bool) -> Option<Probability> {
    let missed = value.share()?;
    let problem = if missed == Probability::ONE {
        ("leaves no figures at all", "write less than 100%")
    } else if exact && missed > Probability::ZERO {
        (
            "is not possible: exact metrics are not scraped",
            "take it out",
        )
    } else {
        return Some(missed);
    };
    value.refuse(
        format_args!("`{}` {}", value.written(), problem.0),
        problem.1,
    );
    None
}

fn read_sampling(scrape: Option<&Value<'_>>, phase: Option<&Value<'_>>) -> Option<Sampling> {
    let interval = match scrape {
        None => defaults::SCRAPE,
        Some(value) if value.text() == Some("exact") => {
            if let Some(phase) = phase {
                phase.refuse("exact metrics are not scraped", "take it out");
                return None;
            }
            return Some(Sampling::Exact);
        }
        Some(value) => read_interval(value)?,
    };
    let Some(value) = phase else {
        return Some(scraped(interval));
    };
    if value.text() == Some("random") {
        return Some(Sampling::Scraped {
            interval,
            phase: Phase::Random,
        });
    }
    let phase: Span = value.quantity()?;
    if phase >= interval {
        value.refuse(
            format_args!("{phase} is not within the scrape interval of {interval}"),
            format_args!("write less than {interval}, or \"random\""),
        );
        return None;
    }
    Some(Sampling::Scraped {
        interval,
        phase: Phase::Fixed(phase),
    })
}

fn read_interval(value: &Value<'_>) -> Option<Span> {
    let interval: Span = value.quantity()?;
    if interval < SHORTEST {
        value.refuse(
            format_args!("`{}` is too short", value.written()),
            "write 1ms or more, or \"exact\" for perfect metrics",
        );
        return None;
    }
    Some(interval)
}

fn read_buckets(value: &Value<'_>) -> Option<(Buckets, Option<Vendor>)> {
    if !value.is_table() {
        let vendor = value.choice(&Vendor::NAMES)?;
        return Some((vendor.buckets(), Some(vendor)));
    }
    let mut table = value.table()?;
    let (millis, seconds) = (table.get("ms"), table.get("s"));
    table.finish();
    let (list, unit) = match (millis, seconds) {
        (Some(list), None) => (list, Unit::Milliseconds),
        (None, Some(list)) => (list, Unit::Seconds),
        _ => {
            value.refuse(
                format_args!("`{}` is not one list of bounds", value.written()),
                "write { ms = [5, 10, 25] } or { s = [0.005, 0.01] }",
            );
            return None;
        }
    };
    let bounds: Vec<Option<f64>> = list
        .list()?
        .iter()
        .map(|bound| bound.number(0.0..=1e12))
        .collect();
    let bounds: Option<Vec<f64>> = bounds.into_iter().collect();
    Buckets::new(bounds?, unit)
        .map_err(|error| list.refuse(error, "write upper bounds above zero in increasing order"))
        .ok()
        .map(|buckets| (buckets, None))
}
