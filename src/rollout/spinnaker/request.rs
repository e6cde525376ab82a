//! When a canary analysis judges, and over which windows.
//!
//! Replayed are `SetupAndExecuteCanariesStage` of Kayenta at revision a69573be and
//! `RunCanaryIntervalsStage` of Spinnaker's orca, which do the same arithmetic in whole minutes.

use crate::base::{Span, Time};

/// The settings of an analysis over time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Request {
    /// How long the canary is looked at.
    pub lifetime: Span,
    /// Time between judgements; none, or more than the lifetime, is the lifetime.
    pub interval: Span,
    /// Time before the first window begins (`beginAfterMins`). In retrospect it is only waited for.
    pub warmup: Span,
    /// The length of every window; `None`: windows grow from the beginning.
    pub lookback: Option<Span>,
    /// How much earlier than the experiment the control is looked at.
    pub control_offset: Span,
    /// Start and end are given, and all judgements are made at once afterwards.
    pub retrospective: bool,
}

/// One judgement as planned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// When it is made, if waits are all that takes time.
    pub at: Time,
    /// The experiment's window: its start and its end.
    pub experiment: (Time, Time),
    /// The control's.
    pub control: (Time, Time),
}

impl Request {
    /// A growing window over three hours judged every hour, as Spinnaker's documentation starts
    /// with.
    pub fn hourly() -> Request {
        Request {
            lifetime: Span::from_secs(3 * 3_600),
            interval: Span::from_secs(3_600),
            warmup: Span::ZERO,
            lookback: None,
            control_offset: Span::ZERO,
            retrospective: false,
        }
    }

    /// Time between judgements.
    pub fn interval(&self) -> Span {
        if self.interval.is_zero() || self.interval > self.lifetime {
            return self.lifetime;
        }
        self.interval
    }

    /// How many judgements there are; what is left of the lifetime is never judged.
    pub fn judgements(&self) -> u64 {
        match self.interval().is_zero() {
            true => 0,
            false => self.lifetime / self.interval(),
        }
    }

    /// The judgements of an analysis that is asked for at `now` and looks at what is there from
    /// `start` on; in real time the two are the same.
    pub fn plan(&self, start: Time, now: Time) -> impl Iterator<Item = Judgement> {
        let request = *self;
        let begin = match self.retrospective {
            true => start,
            false => start + self.warmup,
        };
        (1..=self.judgements()).map(move |index| {
            let end = begin + request.interval() * index;
            let from = match request.lookback {
                Some(lookback) => end.saturating_sub(lookback),
                None => begin,
            };
            let earlier = |time: Time| time.saturating_sub(request.control_offset);
            Judgement {
                at: match request.retrospective {
                    true => now + request.warmup,
                    false => end,
                },
                experiment: (from, end),
                control: (earlier(from), earlier(end)),
            }
        })
    }

    /// The judgements of an analysis of a rollout from its start on.
    pub fn from_start(&self) -> impl Iterator<Item = Judgement> {
        let now = match self.retrospective {
            true => Time::START + self.lifetime,
            false => Time::START,
        };
        self.plan(Time::START, now)
    }
}
