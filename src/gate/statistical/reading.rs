//! A statistical look in words.

use super::{Reads, Statistical};
use crate::gate::{Rule, Verdict, series};

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

    /// What would have changed a verdict.
    pub(in crate::gate) fn change(&self, verdict: &Verdict) -> String {
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
