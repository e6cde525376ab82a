//! The pods of one version: they take a while from being asked for to being available.

use super::replicas::Count;
use crate::base::{Span, Time};

/// The pods of one version.
#[derive(Debug, Clone, Default)]
pub struct Pods {
    /// Pods by the time from which they are available, oldest first.
    cohorts: Vec<(Time, u32)>,
}

impl Pods {
    /// So many, available from the start.
    pub fn available(count: u32) -> Pods {
        let mut pods = Pods::default();
        pods.scale(count, Time::START, Span::ZERO);
        pods
    }

    /// Asks for `count` from `now` on; new ones take `start_up`. The youngest go first, which are
    /// those that are not available yet.
    pub fn scale(&mut self, count: u32, now: Time, start_up: Span) {
        let wanted = self.wanted();
        if count > wanted {
            self.cohorts.push((now + start_up, count - wanted));
            return;
        }
        let mut surplus = wanted - count;
        while surplus > 0 {
            let Some((_, youngest)) = self.cohorts.last_mut() else {
                return;
            };
            if *youngest > surplus {
                *youngest -= surplus;
                return;
            }
            surplus -= *youngest;
            self.cohorts.pop();
        }
    }

    /// Pods asked for.
    pub fn wanted(&self) -> u32 {
        self.cohorts.iter().map(|(_, count)| count).sum()
    }

    /// Both numbers at `now`.
    pub fn count(&self, now: Time) -> Count {
        let up = self.cohorts.iter().filter(|(from, _)| *from <= now);
        Count {
            wanted: self.wanted(),
            available: up.map(|(_, count)| count).sum(),
        }
    }
}
