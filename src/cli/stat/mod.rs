//! `coalmine stat`: the statistics one by one, by name: figures in JSON in, named results out.

mod bounds;
mod clusters;
mod inputs;
mod intervals;
mod looks;
mod multiplicity;
mod places;
mod planning;
mod plans;
mod rates;
mod records;
mod results;
mod samples;
mod shares;
mod splits;

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use self::inputs::Inputs;
use self::results::Outcome;
use super::{CommandError, output};

/// Arguments of `coalmine stat`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct StatArguments {
    /// What to compute, by its name in --list; `-` or nothing when each line names its own
    method: Option<String>,
    /// The inputs in JSON [default: standard input]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Print one JSON object on a line for each record
    #[arg(long)]
    json: bool,
    /// List the methods: name, what it is, source
    #[arg(long, conflicts_with_all = ["method", "file"])]
    list: bool,
}

const EXAMPLES: &str = r#"With a method, the input is one JSON object of its inputs; without, each line is an object with
method, inputs and, if you like, id. An infinite number is written "inf". Where a result is not
defined (no errors in either arm, say) that is the answer, with its reason.

Examples:
  echo '{ "x_s": 95, "n_s": 9500, "x_c": 11, "n_c": 500, "alternative": "canary_greater" }' |
    coalmine stat fisher_exact
  echo '{ "method": "binom_ci_wilson", "inputs": { "x": 3, "n": 1000, "conf": 0.95 } }' |
    coalmine stat --json
  coalmine stat - records.jsonl --json"#;

/// One routine that can be asked for by name.
struct Method {
    name: &'static str,
    /// What it is: one line, for the list.
    about: &'static str,
    /// Who found it.
    source: &'static str,
    /// Reads the inputs and answers; `None` when something is wrong with them.
    evaluate: fn(&mut Inputs<'_>) -> Option<Outcome>,
}

/// All methods, by family.
const FAMILIES: &[(&str, &[Method])] = &[
    ("Two shares", shares::METHODS),
    ("Intervals of shares", intervals::METHODS),
    ("Two rates", rates::METHODS),
    ("Two samples", samples::METHODS),
    ("Quantiles", samples::QUANTILES),
    ("Several tests at once", multiplicity::METHODS),
    ("Chances given a prior", rates::CHANCES),
    ("Clusters", clusters::METHODS),
    ("Looks up to a planned end", plans::METHODS),
    ("How events fall to the arms", splits::METHODS),
    ("Looks at any time", looks::METHODS),
    ("Watching for a change", looks::SUMS),
    ("Boundaries at all times", bounds::METHODS),
    ("Planning", planning::METHODS),
];

/// Evaluates what was asked for and prints the results.
pub(super) fn stat(arguments: &StatArguments) -> Result<(), CommandError> {
    if arguments.list {
        return output::print(&match arguments.json {
            true => list_json(),
            false => list(),
        });
    }
    let method = arguments.method.as_deref().filter(|name| *name != "-");
    let method = method.map(named).transpose()?;
    let source = records::open(arguments.file.as_deref())?;
    let answers = records::evaluate(&source, method)?;
    let text: String = match (arguments.json, method, answers.as_slice()) {
        (true, ..) => answers.iter().map(results::json).collect(),
        (false, Some(_), [only]) => results::table(&only.outcome, ""),
        (false, ..) => answers.iter().map(results::paragraph).collect(),
    };
    output::print(&text)
}

fn methods() -> impl Iterator<Item = &'static Method> {
    FAMILIES.iter().flat_map(|(_, methods)| *methods)
}

/// The method of this name.
fn find(name: &str) -> Option<&'static Method> {
    methods().find(|method| method.name == name)
}

fn named(name: &str) -> Result<&'static Method, CommandError> {
    find(name).ok_or_else(|| CommandError::Argument {
        message: format!("there is no method `{name}`"),
        help: instead_of(name),
    })
}

/// What somebody may have meant who wrote this name.
fn instead_of(name: &str) -> String {
    let mut similar: Vec<(f64, &str)> = methods()
        .map(|method| (strsim::jaro_winkler(name, method.name), method.name))
        .filter(|(likeness, near)| *likeness > 0.85 || (name.len() > 2 && near.contains(name)))
        .collect();
    similar.sort_by(|a, b| b.0.total_cmp(&a.0));
    let names: Vec<String> = (similar.iter())
        .map(|(_, name)| format!("`{name}`"))
        .collect();
    match names.as_slice() {
        [] => "`coalmine stat --list` shows the methods".to_owned(),
        names => format!("did you mean {}?", names.join(" or ")),
    }
}

/// The methods by family: name, what it is, and source, which may take more than one line.
fn list() -> String {
    let widest = methods().map(|method| method.name.len()).max().unwrap_or(0);
    let column = widest + 4;
    let indent = " ".repeat(column);
    let mut text = String::new();
    for (family, methods) in FAMILIES {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(family);
        text.push('\n');
        for method in *methods {
            let about = format!("{} ({})", method.about, method.source);
            let about = output::narrow(&about, output::WIDTH - column, "");
            let about = about.replace('\n', &format!("\n{indent}"));
            text.push_str(&format!("  {:widest$}  {about}\n", method.name));
        }
    }
    text
}

/// The same, one object on a line for each method.
fn list_json() -> String {
    let mut text = String::new();
    for (family, methods) in FAMILIES {
        for method in *methods {
            let line = json!({
                "method": method.name,
                "family": family,
                "about": method.about,
                "source": method.source,
            });
            text.push_str(&format!("{line}\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_is_given_once_and_every_method_says_what_it_is() {
        let names: BTreeSet<&str> = methods().map(|method| method.name).collect();
        assert_eq!(names.len(), methods().count());
        for method in methods() {
            assert!(
                !method.about.is_empty() && !method.source.is_empty(),
                "{}",
                method.name
            );
            assert!(!method.about.ends_with('.'), "{}", method.name);
        }
    }

    #[test]
    fn the_list_fits_the_terminal_and_names_every_method() {
        let list = list();
        assert!(
            list.lines()
                .all(|line| line.chars().count() <= output::WIDTH)
        );
        for method in methods() {
            assert!(
                list.contains(&format!("\n  {} ", method.name)),
                "{}",
                method.name
            );
        }
        assert_eq!(list_json().lines().count(), methods().count());
    }

    #[test]
    fn a_slip_is_answered_by_the_names_that_are_like_it() {
        assert_eq!(
            named("fisher_exat").err().map(|error| error.exit_code()),
            Some(2)
        );
        assert!(instead_of("fisher_exat").contains("`fisher_exact`"));
        assert!(instead_of("zzz").contains("--list"));
    }
}
