//! Which release of a proxy is installed, and whether it will do.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::base::Span;
use crate::engine::live::options::Proxy;

use super::ProxyError;
use super::program::{Folder, Program, find};

/// A proxy's version: three numbers, older first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Release(u32, u32, u32);

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// A proxy as it is installed.
#[derive(Debug, Clone)]
pub(super) struct Installed {
    pub(super) program: PathBuf,
    pub(super) version: Release,
    /// What it said of itself: version and how it was built.
    pub(super) said: String,
}

/// How long a program may take to tell its version. Envoy's wheel starts an interpreter first.
const LIMIT: Span = Span::from_secs(20);

impl Installed {
    /// Finds a proxy and asks for its version.
    ///
    /// # Errors
    /// When it is not there, is something else, or is too old.
    pub(super) fn look(kind: Proxy, named: Option<&Path>) -> Result<Installed, ProxyError> {
        let (name, question, mark, oldest) = match kind {
            Proxy::Coalmine => return Err(ProxyError::NotExternal),
            // 1.19.5 brought the option that sends early errors to the standard error.
            Proxy::Nginx => ("nginx", "-V", "nginx/", Release(1, 19, 5)),
            // 2.2 brought the rules for answers that it makes itself.
            Proxy::Haproxy => ("haproxy", "-vv", "version ", Release(2, 2, 0)),
            // 1.26 brought the address file's present form, watched folders and `append_action`.
            Proxy::Envoy => ("envoy", "--version", "version: ", Release(1, 26, 0)),
        };
        let wanted = named.unwrap_or(Path::new(name));
        let Some(program) = find(name, named) else {
            return Err(ProxyError::Missing {
                kind,
                program: wanted.display().to_string(),
            });
        };
        let said =
            answer_of(&program, question).map_err(|source| ProxyError::Start { kind, source })?;
        let shown = program.display().to_string();
        let Some(version) = release_in(&said, mark) else {
            let said = said.lines().last().unwrap_or("nothing").to_owned();
            return Err(ProxyError::Unknown {
                kind,
                program: shown,
                said,
            });
        };
        if version < oldest {
            return Err(ProxyError::Outdated {
                kind,
                program: shown,
                found: version.to_string(),
                wanted: oldest.to_string(),
            });
        }
        Ok(Installed {
            program,
            version,
            said,
        })
    }
}

/// What a program says when it is called with one argument.
fn answer_of(program: &Path, argument: &str) -> std::io::Result<String> {
    let mut command = Command::new(program);
    command.arg(argument);
    let program = Program::start(&command, Folder::new()?)?;
    program.wait(LIMIT);
    Ok(program.last_words(usize::MAX))
}

/// The three numbers of the release in what a program says: after the mark, or, as in Envoy's
/// `version: COMMIT/1.40.0/Clean`, after the first slash behind it.
fn release_in(said: &str, mark: &str) -> Option<Release> {
    let (_, rest) = said.split_once(mark)?;
    let word = rest.split_ascii_whitespace().next()?;
    word.split('/').find_map(|part| {
        let mut numbers = part.split(['.', '-', '+']);
        let mut next = || numbers.next()?.parse().ok();
        Some(Release(next()?, next()?, next().unwrap_or(0)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read_as_the_programs_write_them() {
        let read = |said, mark| release_in(said, mark).map(|release| release.to_string());
        let found = [
            read(
                "nginx version: nginx/1.22.1\nbuilt with OpenSSL 3.0.8",
                "nginx/",
            ),
            read("nginx version: openresty/1.21.4", "nginx/"),
            read(
                "HAProxy version 2.6.12-1+deb12u3 2025/10/03 - https://haproxy.org/",
                "version ",
            ),
            read("HA-Proxy version 1.8.4-1 2018/02/08", "version "),
            read(
                "\n/opt/envoy  version: 9e5580933739775e/1.40.0/Clean/RELEASE/BoringSSL",
                "version: ",
            ),
            read("bash: no such thing", "version "),
        ];
        let found = found.each_ref().map(Option::as_deref);
        let wanted = [
            Some("1.22.1"),
            None,
            Some("2.6.12"),
            Some("1.8.4"),
            Some("1.40.0"),
            None,
        ];
        assert_eq!(found, wanted);
        assert!(Release(1, 9, 9) < Release(1, 10, 0));
    }
}
