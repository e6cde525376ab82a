//! The split section.

use super::defaults;
use super::reader::{Table, Value};
use super::traffic::positive_span;
use crate::base::{Probability, Span};
use crate::model::World;
use crate::model::split::{Affinity, Ejection, Precedence, Retries, Rules, Split};

/// What the file says about the way from a request to a version.
#[derive(Debug, PartialEq)]
pub(super) struct Routing {
    split: Split,
    rules: Rules,
    affinity: Option<Affinity>,
    retries: Option<Retries>,
    ejection: Option<Ejection>,
}

impl Routing {
    /// Each request on its own, and nothing else.
    pub(super) const PLAIN: Routing = Routing {
        split: Split::Random,
        rules: Rules {
            matched: None,
            replicas: None,
            least_request: false,
            baseline: false,
        },
        affinity: None,
        retries: None,
        ejection: None,
    };

    /// The world with this routing.
    pub(super) fn put_into(self, world: World) -> World {
        World {
            split: self.split,
            rules: self.rules,
            affinity: self.affinity,
            retries: self.retries,
            ejection: self.ejection,
            ..world
        }
    }
}

const POLICIES: [(&str, Split); 7] = [
    ("random", Split::Random),
    ("even", Split::Even),
    ("user-hash", Split::UserHash),
    ("split-clients", Split::SplitClients),
    ("connection", Split::Connection),
    ("ring-hash", Split::RingHash),
    ("round-robin", Split::RoundRobin),
];

/// Which version a request goes to, and what happens when it fails.
pub(super) fn read(mut table: Table<'_>) -> Option<Routing> {
    let said = Said {
        policy: table.get("policy"),
        matched: table.get("match"),
        replicas: table.get("replicas"),
        least_request: table.get("least_request"),
        baseline: table.get("baseline"),
        affinity: table.get("affinity"),
    };
    let split = or(&said.policy, Split::Random, |value| value.choice(&POLICIES));
    let rules = said.rules();
    let affinity = or(&said.affinity, None, |value| {
        read_affinity(value.table()?).map(Some)
    });
    let retries = or(&table.get("retries"), None, |value| {
        read_retries(value.table()?).map(Some)
    });
    let ejection = or(&table.get("ejection"), None, |value| {
        read_ejection(value.table()?).map(Some)
    });
    table.finish();
    let (split, rules) = (split?, rules?);
    said.refuse_contradictions(split, &rules)?;
    Some(Routing {
        split,
        rules,
        affinity: affinity?,
        retries: retries?,
        ejection: ejection?,
    })
}

/// What is assumed when a field is left out, or what is read.
fn or<'r, T>(
    value: &Option<Value<'r>>,
    unsaid: T,
    read: impl FnOnce(&Value<'r>) -> Option<T>,
) -> Option<T> {
    match value {
        None => Some(unsaid),
        Some(value) => read(value),
    }
}

/// Fields that may contradict one another.
struct Said<'r> {
    policy: Option<Value<'r>>,
    matched: Option<Value<'r>>,
    replicas: Option<Value<'r>>,
    least_request: Option<Value<'r>>,
    baseline: Option<Value<'r>>,
    affinity: Option<Value<'r>>,
}

impl Said<'_> {
    fn rules(&self) -> Option<Rules> {
        let matched = or(&self.matched, None, |value| value.share().map(Some));
        let replicas = or(&self.replicas, None, |value| {
            value.whole(1..=10_000).map(|pods| Some(pods as u32))
        });
        let least_request = or(&self.least_request, false, Value::boolean);
        let baseline = or(&self.baseline, false, Value::boolean);
        Some(Rules {
            matched: matched?,
            replicas: replicas?,
            least_request: least_request?,
            baseline: baseline?,
        })
    }

    /// `None`, on record, when fields do not go together.
    fn refuse_contradictions(&self, split: Split, rules: &Rules) -> Option<()> {
        let mut sound = true;
        let mut refuse = |value: &Option<Value<'_>>, message: &str, help: &str| {
            if let Some(value) = value {
                value.refuse(message, help);
                sound = false;
            }
        };
        let by_user = matches!(
            split,
            Split::UserHash | Split::SplitClients | Split::RingHash
        );
        if rules.replicas.is_some() {
            if by_user {
                refuse(
                    &self.policy,
                    "goes by users, whom pods that stand in for weights do not know",
                    "leave `replicas` out, or write policy = \"connection\" or \"random\"",
                );
            }
            let why = "needs a mesh, and with `replicas` there is none";
            refuse(&self.matched, why, "leave one of the two out");
            refuse(&self.affinity, why, "leave one of the two out");
        }
        if split == Split::Connection {
            let why = "looks at requests, and a split by connection has been made before";
            let help = "leave it out, or write policy = \"random\"";
            refuse(&self.matched, why, help);
            refuse(&self.affinity, why, help);
        }
        if rules.least_request {
            if split != Split::Random {
                refuse(
                    &self.policy,
                    "in a shared pool the least busy instance answers, whatever the split",
                    "leave `policy` or `least_request` out",
                );
            }
            let why = "cannot choose a version in a pool that both versions share";
            let help = "leave it or `least_request` out";
            refuse(&self.matched, why, help);
            refuse(&self.affinity, why, help);
            if rules.baseline {
                refuse(
                    &self.baseline,
                    "has no share of its own in a pool that both versions share",
                    help,
                );
            }
        }
        sound.then_some(())
    }
}

fn read_affinity(mut table: Table<'_>) -> Option<Affinity> {
    let precedence = or(&table.get("policy"), Precedence::CanaryOnly, |value| {
        value.choice(&[
            ("canary-only", Precedence::CanaryOnly),
            ("both", Precedence::Both),
            ("first", Precedence::AffinityFirst),
        ])
    });
    let lifetime = or(&table.get("lifetime"), defaults::COOKIE, positive_span);
    let outlives_rollback = or(&table.get("outlives_rollback"), false, Value::boolean);
    table.finish();
    Some(Affinity {
        precedence: precedence?,
        lifetime: lifetime?,
        outlives_rollback: outlives_rollback?,
    })
}

/// What is tried again.
#[derive(Clone, Copy, PartialEq)]
enum Retried {
    Errors,
    Resets,
}

fn read_retries(mut table: Table<'_>) -> Option<Retries> {
    let attempts = or(&table.get("attempts"), defaults::RETRIES, |value| {
        value.whole(1..=100).map(|attempts| attempts as u32)
    });
    let on = or(&table.get("on"), vec![Retried::Resets], read_retried);
    let per_try_timeout = or(&table.get("per_try_timeout"), None, |value| {
        positive_span(value).map(Some)
    });
    let backoff = or(&table.get("backoff"), defaults::BACKOFF, |value| {
        value.quantity::<Span>()
    });
    let budget = or(&table.get("budget"), None, |value| {
        let share = value.share()?;
        if share == Probability::ZERO {
            value.refuse(
                format_args!("`{}` lets nothing be tried again", value.written()),
                "write a share above 0%, or leave `retries` out",
            );
            return None;
        }
        Some(Some(share))
    });
    table.finish();
    let on = on?;
    Some(Retries {
        attempts: attempts?,
        on_errors: on.contains(&Retried::Errors),
        on_resets: on.contains(&Retried::Resets),
        per_try_timeout: per_try_timeout?,
        backoff: backoff?,
        budget: budget?,
    })
}

fn read_retried(value: &Value<'_>) -> Option<Vec<Retried>> {
    let list = value.list()?;
    if list.is_empty() {
        value.refuse(
            "`[]` lets nothing be tried again",
            "write [\"errors\"], [\"resets\"] or both, or leave `retries` out",
        );
        return None;
    }
    let read: Vec<Option<Retried>> = list
        .iter()
        .map(|item| item.choice(&[("errors", Retried::Errors), ("resets", Retried::Resets)]))
        .collect();
    read.into_iter().collect()
}

fn read_ejection(mut table: Table<'_>) -> Option<Ejection> {
    let consecutive = or(&table.get("consecutive"), defaults::CONSECUTIVE, |value| {
        value.whole(1..=10_000).map(|errors| errors as u32)
    });
    let base = or(&table.get("base"), defaults::EJECTION, positive_span);
    let interval = or(&table.get("interval"), defaults::SWEEP, positive_span);
    let most = or(&table.get("most"), defaults::most_ejected(), Value::share);
    table.finish();
    Some(Ejection {
        consecutive: consecutive?,
        base: base?,
        interval: interval?,
        most: most?,
    })
}
