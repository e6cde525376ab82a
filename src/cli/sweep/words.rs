//! A command line in one fixed order: equal questions make equal plans, however they were typed.

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{ArgAction, CommandFactory};

use crate::cli::{Arguments, CommandError};

/// The options and arguments of the command that `path` names, as they were typed in `line`, without
/// the options `but`: options by name, each with one value, then what has no name.
pub(super) fn words(
    line: impl Iterator<Item = OsString>,
    path: &[&str],
    but: &[&str],
) -> Result<Vec<String>, CommandError> {
    let mut command = Arguments::command();
    let unclear = |what: String| CommandError::Argument {
        message: format!("the command line cannot be written into a plan: {what}"),
        help: "write it as text, without anything before `sweep`".to_owned(),
    };
    let matches = command.try_get_matches_from_mut(line);
    let matches = matches.map_err(|error| unclear(error.kind().to_string()))?;
    let (mut command, mut matches) = (&command, &matches);
    for name in path {
        let inner = matches.subcommand_matches(name);
        let of_name = command.find_subcommand(name);
        let Some((inner, of_name)) = inner.zip(of_name) else {
            return Err(unclear(format!("it does not ask for `{}`", path.join(" "))));
        };
        (matches, command) = (inner, of_name);
    }
    let (mut options, mut others) = (Vec::new(), Vec::new());
    for argument in command.get_arguments() {
        let id = argument.get_id().as_str();
        // Help and version are not among what was matched.
        let source = matches.try_contains_id(id).ok().filter(|there| *there);
        if source.is_none()
            || matches.value_source(id) != Some(ValueSource::CommandLine)
            || but.contains(&id)
        {
            continue;
        }
        let long = argument.get_long();
        if let (Some(long), ArgAction::SetTrue) = (long, argument.get_action()) {
            options.push(format!("--{long}"));
            continue;
        }
        for value in matches.get_raw(id).into_iter().flatten() {
            let value = (value.to_str())
                .ok_or_else(|| unclear(format!("{} is not text", value.display())))?;
            match long {
                Some(long) => options.push(format!("--{long}={value}")),
                None => others.push(value.to_owned()),
            }
        }
    }
    // Equal options keep the order in which they were typed.
    options.sort_by(|a, b| a.split('=').next().cmp(&b.split('=').next()));
    if !others.is_empty() {
        options.push("--".to_owned());
        options.extend(others);
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Vec<String> {
        let line = line.split_whitespace().map(OsString::from);
        words(line, &["sweep", "plan", "power"], &["out"]).unwrap()
    }

    #[test]
    fn the_order_of_typing_does_not_matter() {
        let one = of("coalmine sweep plan power a b --trials 5 --weights 1,5 --out p --rate 2/s");
        let other = of(
            "coalmine sweep plan power --out=q --rate=2/s a --weights 1 --weights 5 \
                        --trials=5 b",
        );
        assert_eq!(one, other);
        let expected = [
            "--rate=2/s",
            "--trials=5",
            "--weights=1",
            "--weights=5",
            "--",
            "a",
            "b",
        ];
        assert_eq!(one, expected);
    }
}
