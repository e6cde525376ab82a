//! A statistical look in words.

use super::{Reads, Statistical};
use crate::base::Time;
use crate::gate::{Rule, Verdict, series};
use crate::stats::planning::{EventSplit, Risks};
use crate::telemetry::{Status, Telemetry, Version};

/// The error rates for which it is said what could have been seen: the usual ones of a planned test.
const USUAL: Risks = Risks {
    alpha: 0.05,
    power: 0.8,
};

impl Statistical {
    /// What it reads, in words.
    pub(in crate::gate) fn reads(&self) -> String {
        let what = match self.method.entry().reads {
            Reads::Errors => "requests and failures",
            Reads::Latency => "latency histograms",
            Reads::Both => "requests, failures and latency histograms",
            Reads::Requests => "requests",
            Reads::Users => "failures by user",
        };
        let other = series::name(self.against);
        format!("{what} of the canary and of {other} since the start, look by look")
    }

    /// How much worse a canary would have to be for so many requests to show it: that nothing was
    /// seen says little where little could be seen. `None` where the gate does not count failures,
    /// and without any.
    fn visible(&self, now: Time, telemetry: &Telemetry) -> Option<String> {
        if !matches!(self.method.entry().reads, Reads::Errors | Reads::Both) {
            return None;
        }
        let route = self.route.as_ref().map(|route| route.index);
        let read = |version| telemetry.totals(version, route, now);
        let (other, canary) = (read(self.against)?, read(Version::Canary)?);
        let sum = |requests: [u64; 2]| requests.iter().sum::<u64>() as f64;
        let all = sum(other.requests) + sum(canary.requests);
        let failed = other.requests[Status::Failure as usize] as f64;
        // As many failures as there would be if the canary were as good as the other.
        let events = failed / sum(other.requests) * all;
        let share = sum(canary.requests) / all;
        if !(events > 0.0 && share > 0.0 && share < 1.0) {
            return None;
        }
        let seen = EventSplit::detectable(share, events, USUAL)?;
        Some(format!(
            "so far a single test at 5 % sees a canary that fails {:.2} times as often in four of five \
             cases",
            seen.ratio()
        ))
    }

    /// What would have changed a verdict.
    pub(in crate::gate) fn change(
        &self,
        now: Time,
        telemetry: &Telemetry,
        verdict: &Verdict,
    ) -> String {
        let change = self.other_way(verdict);
        match verdict.rule {
            Rule::WithinLimits | Rule::Undecided => match self.visible(now, telemetry) {
                Some(visible) => format!("{change}; {visible}"),
                None => change,
            },
            _ => change,
        }
    }

    fn other_way(&self, verdict: &Verdict) -> String {
        let what = match self.method.entry().reads {
            Reads::Latency => "slow answers",
            Reads::Both => "failures or slow answers",
            Reads::Errors | Reads::Requests | Reads::Users => "failures",
        };
        match verdict.rule {
            Rule::NoData => {
                "a failure, or more requests: on nothing there is no statistic".to_owned()
            }
            Rule::ShareMismatch => "a splitter that gives the versions their shares".to_owned(),
            Rule::Undecided => {
                "more requests: a higher weight, more traffic or more time".to_owned()
            }
            Rule::Significant => format!("fewer {what} of the canary, or a stricter level"),
            Rule::NotWorse => format!("{what} of the canary as often as are not tolerated"),
            _ => format!("more {what} of the canary, or more requests to see a smaller difference"),
        }
    }
}
