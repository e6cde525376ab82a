//! A Prometheus that is asked about the past: the samples of the versions' series, and what the gates'
//! own queries answered at each tick.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::sources::{Source, of_imported};
use crate::base::Span;
use crate::cli::CommandError;
use crate::engine::live::options;
use crate::engine::live::prometheus::{History, HistoryError, Past};
use crate::gate::Gate;
use crate::report;
use crate::scenario::Scenario;
use crate::scenario::recorded::{self, MatrixWanted, Stretch};

/// How long an answer may take.
const PATIENCE: Span = Span::from_secs(60);

/// Milliseconds for which a series that is not scraped any more stands where it stood.
const LOOK_BACK: i64 = 300_000;

/// What is asked.
pub(super) struct Asked {
    /// First and last instant in nanoseconds since 1970.
    pub(super) past: (i128, i128),
    /// Time between values, where not what was scraped is wanted.
    pub(super) step: Option<Span>,
    /// Which series.
    pub(super) wanted: MatrixWanted,
}

/// Asks for everything that these scenarios read.
pub(super) fn read(
    server: &options::Source,
    asked: &Asked,
    scenarios: &[&Scenario],
) -> Result<Source, CommandError> {
    let options::Source::Running(address) = server else {
        return Err(CommandError::Argument {
            message: format!("`{server}` is no Prometheus that remembers anything"),
            help: "write where one listens: --prometheus http://127.0.0.1:9090".to_owned(),
        });
    };
    let name = PathBuf::from(format!("http://{address}"));
    let [from, to] = [asked.past.0, asked.past.1].map(|nanos| nanos.div_euclid(1_000_000));
    let (Ok(from), Ok(to)) = (i64::try_from(from), i64::try_from(to)) else {
        return Err(no_stretch());
    };
    if from >= to {
        return Err(no_stretch());
    }
    let history = History::new(*address, PATIENCE);
    let vendor = asked
        .wanted
        .vendor
        .or(scenarios.first().map(|scenario| scenario.live.vendor));
    let vendor = vendor.unwrap_or_default();
    let wanted = MatrixWanted {
        vendor: Some(vendor),
        ..asked.wanted.clone()
    };
    let past = Past {
        // What a counter read when the rollout began stands in the last sample before.
        from: from.saturating_sub(LOOK_BACK),
        to,
        step: asked.step,
    };
    let selectors = wanted.selectors(vendor)?;
    let samples = history
        .samples(&selectors, past)
        .map_err(|error| failed(*address, &error))?;
    let stretch = Stretch {
        from: Some(asked.past.0),
        to: Some(asked.past.1),
    };
    let Some(plan) = scenarios.first().map(|scenario| &scenario.telemetry) else {
        return Err(no_stretch());
    };
    let imported = recorded::series(&samples, &name, &wanted, stretch, plan)?;
    let mut source = of_imported(imported, &name, "what a Prometheus remembers");
    ask_queries(&history, *address, &mut source, scenarios)?;
    Ok(source)
}

/// Asks the gates' own queries for every tick, so that they are answered as they would have been.
fn ask_queries(
    history: &History,
    address: SocketAddr,
    source: &mut Source,
    scenarios: &[&Scenario],
) -> Result<(), CommandError> {
    let (mut asked, mut refused) = (0_u64, Vec::new());
    for scenario in scenarios {
        let ticks = source.measured.ticks(scenario);
        let millis = ticks
            .iter()
            .filter_map(|tick| source.measured.millis(*tick));
        let millis: Vec<i64> = millis.collect();
        let mut queries: Vec<&str> = scenario.analysis.iter().filter_map(query).collect();
        queries.sort_unstable();
        queries.dedup();
        for query in queries {
            let answers = history
                .answers(query, &millis)
                .map_err(|error| failed(address, &error))?;
            for (tick, answer) in ticks.iter().zip(answers) {
                asked += 1;
                match answer {
                    Ok(answer) => source.measured.add_answer(*tick, query, answer),
                    Err(why) => refused.push(why.to_string()),
                }
            }
        }
    }
    if asked > 0 {
        source.notes.push(format!(
            "the gates' own queries were asked {}, each for the instant of its tick",
            report::plural(asked, "time")
        ));
    }
    if let Some(last) = refused.last() {
        source.notes.push(format!(
            "{} of these had no answer, the last one because {last}; the samples answer them",
            refused.len()
        ));
    }
    Ok(())
}

/// The query that a gate asks once a look.
fn query(gate: &Gate) -> Option<&str> {
    match gate {
        Gate::CustomCheck(_) | Gate::ArgoMetric(_) => gate.query(),
        _ => None,
    }
}

fn no_stretch() -> CommandError {
    CommandError::Argument {
        message: "there is no time between --from and --to".to_owned(),
        help: "write two times, the earlier one first: --from 2026-03-03T14:00:00Z \
               --to 2026-03-03T15:00:00Z"
            .to_owned(),
    }
}

fn failed(address: SocketAddr, error: &HistoryError) -> CommandError {
    CommandError::Cut(format!(
        "the Prometheus at {address} cannot be asked: {error}"
    ))
}
