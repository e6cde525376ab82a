//! How many files and connections the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What a process has open beside its connections: standard streams, timers, files, the runtime.
const BESIDE: u64 = 48;

/// The limit does not allow as many connections as were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{connections} connections need {needed} open files, and this process may have {limit}")]
pub struct TooFewDescriptors {
    /// Connections asked for.
    pub connections: u64,
    /// Open files that they take, with what else is open.
    pub needed: u64,
    /// The hard limit.
    pub limit: u64,
}

/// Makes room for so many connections: raises the process's soft limit where it is too low.
///
/// # Errors
/// When the hard limit is too low.
pub fn reserve(connections: u64) -> Result<(), TooFewDescriptors> {
    let needed = connections.saturating_add(BESIDE);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // No limit is `None`.
    if current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let raised = Rlimit {
        current: maximum.or(Some(needed)),
        maximum,
    };
    let limit = maximum.or(current).unwrap_or(0);
    let refused = TooFewDescriptors {
        connections,
        needed,
        limit,
    };
    if maximum.is_some_and(|maximum| maximum < needed) {
        return Err(refused);
    }
    setrlimit(Resource::Nofile, raised).map_err(|_| refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_connections_than_the_hard_limit_are_refused_with_both_numbers() {
        assert_eq!(reserve(1), Ok(()));
        let Some(limit) = getrlimit(Resource::Nofile).maximum else {
            return;
        };
        let refused = reserve(limit).unwrap_err();
        assert_eq!((refused.connections, refused.limit), (limit, limit));
        assert_eq!(refused.needed, limit + BESIDE);
    }
}
