//! Weights and pods: what a reconcile writes to the router, and which ReplicaSet it scales.

use super::controller::Argo;
use super::experiment::Experiment;
use super::plan::{ArgoStep, CanaryScale, Router, Threshold, Traffic, share_of_pods};
use super::replicas::{self, Count, Pair, share_down, share_up};
use crate::base::Weight;

impl Argo {
    /// The canary's pods, none of which is available while its readiness is lost.
    pub(super) fn canary_count(&self) -> Count {
        let count = self.canary.count(self.now);
        Count {
            available: if self.canary_ready {
                count.available
            } else {
                0
            },
            ..count
        }
    }

    /// Stable's, likewise.
    pub(super) fn stable_count(&self) -> Count {
        let count = self.stable.count(self.now);
        Count {
            available: if self.stable_ready {
                count.available
            } else {
                0
            },
            ..count
        }
    }

    /// Writes the weight to the router, unless stable lacks the pods for the rest. Managed routes come
    /// and go with it.
    ///
    /// `rollout/trafficrouting.go`, `reconcileTrafficRouting`.
    pub(super) fn write_weight(&mut self) {
        let Traffic::Router(router) = self.settings.traffic else {
            return;
        };
        let most = self.settings.most();
        let replicas = self.settings.replicas;
        self.write_route();
        let stable = self.stable_count().available;
        let up = self.canary_count().available;
        let weight = if self.is_returning() {
            self.drop_routes();
            if router.dynamic_stable {
                self.weight_on_return(router)
            } else {
                0
            }
        } else if up == 0 {
            self.drop_routes();
            0
        } else if self.promoting_in_full {
            if router.dynamic_stable {
                share_down(most, up, replicas)
            } else {
                self.weight
            }
        } else if self.settings.steps.is_empty() {
            0
        } else if !self.is_at_desired_count() {
            self.set_weight_within(self.index)
        } else if self.index < self.settings.steps.len() {
            self.set_weight_within(self.index + 1)
        } else {
            most
        };
        if stable >= share_down(replicas, most - weight.min(most), most) {
            self.weight = weight.min(most);
        }
    }

    /// Sets or removes the managed route of the present step.
    fn write_route(&mut self) {
        match self.settings.steps.get(self.index) {
            Some(ArgoStep::SetHeaderRoute { route, set }) => {
                let (route, set) = (*route, *set);
                self.headers.retain(|other| *other != route);
                if set {
                    self.headers.push(route);
                }
            }
            Some(ArgoStep::SetMirrorRoute { route, share }) => {
                let (route, share) = (*route, *share);
                self.mirrors.retain(|(other, _)| *other != route);
                self.mirrors.extend(share.map(|share| (route, share)));
            }
            _ => {}
        }
    }

    fn drop_routes(&mut self) {
        self.headers.clear();
        self.mirrors.clear();
    }

    /// The last weight that the first `count` steps set.
    fn set_weight_within(&self, count: usize) -> u32 {
        let steps = self.settings.steps.iter().take(count).rev();
        let mut weights = steps.filter_map(|step| match step {
            ArgoStep::SetWeight(weight) => Some(*weight),
            _ => None,
        });
        weights.next().unwrap_or(0)
    }

    /// The weight for which pods are wanted.
    fn wanted_weight(&self) -> u32 {
        if self.index >= self.settings.steps.len() {
            self.settings.most()
        } else {
            self.set_weight_within(self.index + 1)
        }
    }

    /// The pods that the present step wants.
    pub(super) fn desired(&self) -> Pair {
        let replicas = self.settings.replicas;
        let most = self.settings.most();
        let router = match self.settings.traffic {
            Traffic::Pods(room) => {
                let weight = if self.is_returning() {
                    0
                } else {
                    self.wanted_weight()
                };
                return replicas::nearest(replicas, weight, most, room.surge);
            }
            Traffic::Router(router) => router,
        };
        let weight = if !self.is_returning() {
            self.wanted_weight()
        } else if router.dynamic_stable {
            self.step_back(router)
        } else {
            // The canary's pods go when the delay after an abort is over.
            return Pair {
                canary: self.canary.wanted(),
                stable: replicas,
            };
        };
        let mut canary = match self.canary_scale() {
            Some(CanaryScale::Replicas(count)) => count,
            Some(CanaryScale::Weight(weight)) => share_up(replicas, weight, most),
            Some(CanaryScale::MatchTraffic) | None => share_up(replicas, weight, most),
        };
        if self.is_returning() {
            canary = canary.max(share_up(replicas, self.weight, most));
        }
        if canary > 0 {
            canary = canary.max(router.least_pods.min(replicas));
        }
        let mut stable = replicas;
        if router.dynamic_stable {
            let wanted = share_up(replicas, most - weight.min(most), most);
            let actual = share_up(replicas, most - self.weight.min(most), most);
            stable = wanted.max(actual);
            if stable > 0 {
                stable = stable.max(router.least_pods.min(replicas));
            }
        }
        Pair { canary, stable }
    }

    /// The canary's fixed size, if a step has fixed it.
    ///
    /// `utils/replicaset/canary.go`, `UseSetCanaryScale`.
    fn canary_scale(&self) -> Option<CanaryScale> {
        if self.is_returning() || self.index >= self.settings.steps.len() {
            return None;
        }
        let steps = self.settings.steps[..=self.index].iter().rev();
        let mut scales = steps.filter_map(|step| match step {
            ArgoStep::SetCanaryScale(scale) => Some(*scale),
            _ => None,
        });
        scales.next()
    }

    /// Whether the canary has the pods that the step wants, and stable's were asked for.
    pub(super) fn is_at_desired_count(&self) -> bool {
        let desired = self.desired();
        let (canary, stable) = (self.canary_count(), self.stable_count());
        if stable.wanted != desired.stable || canary.wanted != desired.canary {
            return false;
        }
        match self.settings.threshold {
            Threshold::All => canary.available == desired.canary,
            Threshold::Percent(_) if desired.canary == 0 => true,
            Threshold::Percent(percent) => {
                let share = f64::from(canary.available) / f64::from(desired.canary) * 100.0;
                share >= percent - 1e-10
            }
            Threshold::Pods(pods) => canary.available >= pods,
        }
    }

    /// Scales one ReplicaSet a step on its way, stable first; whether it did.
    pub(super) fn scale(&mut self) -> bool {
        let desired = self.desired();
        let next = match self.settings.traffic {
            Traffic::Router(_) => desired,
            Traffic::Pods(room) => replicas::towards(
                desired,
                self.settings.replicas,
                room,
                self.canary_count(),
                self.stable_count(),
            ),
        };
        let (now, start_up) = (self.now, self.settings.pod_start);
        if next.stable != self.stable.wanted() {
            self.stable.scale(next.stable, now, start_up);
            return true;
        }
        if next.canary != self.canary.wanted() {
            self.canary.scale(next.canary, now, start_up);
            return true;
        }
        false
    }

    /// With a shrunken stable, an aborted rollout goes back by the weights of its own steps: the last
    /// of them whose pods are fewer than stable lacks or the canary has.
    ///
    /// `GetDesiredCanaryWeight`.
    fn step_back(&self, router: Router) -> u32 {
        let replicas = self.settings.replicas;
        let most = self.settings.most();
        let short = replicas.saturating_sub(self.stable_count().available);
        let explicit = router
            .abort_scale_down
            .is_some_and(|delay| !delay.is_zero());
        let count = if explicit {
            short
        } else {
            short.max(self.canary_count().available)
        };
        let weights = self
            .settings
            .steps
            .iter()
            .rev()
            .filter_map(|step| match step {
                ArgoStep::SetWeight(weight) => Some(*weight),
                _ => None,
            });
        let mut lower = weights.filter(|weight| share_up(replicas, *weight, most) < count);
        lower.next().unwrap_or(0)
    }

    /// The weight to write on the way back.
    ///
    /// `calculateDesiredWeightOnAbortOrStableRollback`.
    fn weight_on_return(&self, router: Router) -> u32 {
        let replicas = self.settings.replicas;
        let most = self.settings.most();
        let desired = self.step_back(router);
        let carried = share_down(most, self.stable_count().available, replicas).min(most);
        if desired == 0 {
            return (most - carried).min(self.weight);
        }
        if carried < most - desired.min(most) {
            return self.weight;
        }
        desired.min(self.weight)
    }

    /// The canary's share of requests at present.
    pub(super) fn share(&self) -> Weight {
        let experiment = self.experiment.as_ref().and_then(Experiment::pods);
        let (compared, fresh) = experiment.unwrap_or_default();
        match self.settings.traffic {
            Traffic::Router(_) => self
                .settings
                .share(self.weight.saturating_add(compared.weight)),
            Traffic::Pods(_) => {
                let canary = self.canary_count().available + compared.replicas;
                share_of_pods(canary, self.stable_count().available + fresh.replicas)
            }
        }
    }

    /// The share of stable's requests that is copied at present.
    pub(super) fn mirrored(&self) -> Weight {
        let total = self.mirrors.iter().map(|(_, share)| share.as_percent());
        Weight::clamped(total.sum())
    }

    /// Whether the way back has come to its end.
    pub(super) fn has_no_traffic(&self) -> bool {
        match self.settings.traffic {
            Traffic::Router(_) => self.weight == 0,
            Traffic::Pods(_) => {
                let pods = self.desired();
                self.canary.wanted() == 0 && self.stable.wanted() == pods.stable
            }
        }
    }
}
