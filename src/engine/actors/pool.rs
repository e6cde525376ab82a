//! All instances of all versions, and which of them a request goes to.

use rand::RngExt;

use crate::base::{Span, Stream};
use crate::model::World;
use crate::model::fault::FaultKind;
use crate::model::service::{Fleet, Leak};
use crate::model::split::{Ejector, Rules};
use crate::telemetry::Version;

use super::ailments::Ailments;
use super::fleet::{Instance, Instances, Line, Ordeal};

/// An instance of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct Place {
    pub(in crate::engine) version: Version,
    pub(in crate::engine) index: u16,
}

impl Place {
    pub(in crate::engine) fn new(version: Version, index: usize) -> Place {
        // A scenario has far fewer instances than 65,536.
        Place {
            version,
            index: index as u16,
        }
    }
}

/// All instances.
#[derive(Debug)]
pub(in crate::engine) struct Pool {
    versions: [Instances; 3],
    /// Instances in use.
    counts: [usize; 3],
    /// The same when nothing has been scaled.
    at_rest: [usize; 3],
    /// Whether all instances stand in one pool, whatever their version.
    mixed: bool,
    rules: Rules,
    ejectors: Option<[Ejector; 3]>,
    /// Stable's instances that the canary is scaled by, if it is.
    scaled: Option<usize>,
    ordeals: [Ordeal; 3],
    promoted: bool,
}

impl Pool {
    pub(in crate::engine) fn new(world: &World) -> Pool {
        let fresh = Fleet {
            warm: world.canary.fleet.warm,
            ..world.stable.fleet.clone()
        };
        let stable = world.stable.fleet.instances.max(1) as usize;
        let canary = world.canary.fleet.instances.max(1) as usize;
        let rules = world.rules;
        let stable = rules
            .replicas
            .map_or(stable, |replicas| replicas.max(1) as usize);
        let mixed = rules.replicas.is_some() || rules.least_request;
        let scaled = (world.canary.fleet.scaled || rules.replicas.is_some()).then_some(stable);
        let at_rest = [stable, canary, canary];
        Pool {
            versions: [
                Instances::new(&world.stable.fleet),
                Instances::new(&world.canary.fleet),
                Instances::new(&fresh),
            ],
            counts: at_rest,
            at_rest,
            mixed,
            rules,
            ejectors: world
                .ejection
                .map(|ejection| at_rest.map(|count| Ejector::new(ejection, count))),
            scaled,
            ordeals: [Ordeal::NONE; 3],
            promoted: false,
        }
    }

    /// Starts a trial: all instances are there, the canary's as many as no traffic needs.
    pub(in crate::engine) fn reset(&mut self, stream: &mut Stream) {
        self.promoted = false;
        self.ordeals = [Ordeal::NONE; 3];
        self.counts = self.at_rest;
        if self.scaled.is_some() {
            self.counts[1] = 0;
            self.counts[2] = 0;
        }
        for (instances, count) in self.versions.iter_mut().zip(self.counts) {
            instances.reset(count, 0.0, stream);
        }
        self.size_ejectors();
    }

    fn size_ejectors(&mut self) {
        let counts = self.counts;
        if let Some(ejectors) = &mut self.ejectors {
            if self.mixed {
                ejectors[0].reset(counts[0] + counts[1]);
            } else {
                for (ejector, count) in ejectors.iter_mut().zip(counts) {
                    ejector.reset(count);
                }
            }
        }
    }

    /// The canary has replaced stable: as many instances.
    pub(in crate::engine) fn promote(&mut self, now: f64, stream: &mut Stream) {
        self.promoted = true;
        let wanted = self.at_rest[0].max(self.counts[1]);
        self.resize([self.counts[0], wanted, self.counts[2]], now, stream);
    }

    /// Scales the canary (and the baseline) to its weight, where it is scaled: as many instances as
    /// the share asks for, at least one.
    pub(in crate::engine) fn adjust(&mut self, weight: f64, now: f64, stream: &mut Stream) {
        let Some(stable) = self.scaled else {
            return;
        };
        if self.promoted {
            return;
        }
        let round_up = |share: f64| (share * stable as f64 - 1e-9).ceil().max(0.0) as usize;
        let mut wanted = round_up(weight).max(usize::from(weight > 0.0));
        // Pods that stand in for weights: as many of both versions as `Rules::share` says.
        let rest = match self.rules.replicas {
            Some(_) => round_up(1.0 - weight),
            None => {
                // A canary that has had instances keeps one, so that held sessions find it.
                wanted = wanted.max(usize::from(self.counts[1] > 0));
                self.counts[0]
            }
        };
        let baseline = if self.rules.baseline { wanted } else { 0 };
        if self.counts != [rest, wanted, baseline] {
            self.resize([rest, wanted, baseline], now, stream);
        }
    }

    fn resize(&mut self, counts: [usize; 3], now: f64, stream: &mut Stream) {
        let before = Version::ALL.map(|version| self.versions[version as usize].all.len());
        for (instances, count) in self.versions.iter_mut().zip(counts) {
            instances.grow(count, now, stream);
        }
        self.counts = counts;
        self.size_ejectors();
        // Who has a fault of some instances is known before it begins.
        self.mark();
        for ((instances, ordeal), before) in
            (self.versions.iter_mut().zip(&self.ordeals)).zip(before)
        {
            for (index, instance) in instances.all.iter_mut().enumerate() {
                ordeal.begin(instance, index >= before, now, stream);
            }
        }
    }

    /// Faults have come or gone.
    pub(in crate::engine) fn afflict(
        &mut self,
        ailments: &Ailments,
        now: f64,
        stream: &mut Stream,
    ) {
        for version in Version::ALL {
            let mut ordeal = Ordeal::NONE;
            for (index, fault, severity) in ailments.severities() {
                if severity == 0.0 || !fault.target.is_in(version == Version::Canary) {
                    continue;
                }
                match &fault.kind {
                    FaultKind::CrashLoop { mean_time } => {
                        ordeal.crash = Some((mean_time.as_secs_f64(), index));
                    }
                    FaultKind::FailedStart { probability, delay } => {
                        let delay = delay.map_or(f64::INFINITY, Span::as_secs_f64);
                        ordeal.late = Some((probability.get(), delay, index));
                    }
                    FaultKind::Capacity { workers, .. } => ordeal.workers = Some((*workers, index)),
                    kind @ FaultKind::MemoryLeak { restart, .. } => {
                        ordeal.leak =
                            Leak::of(kind).map(|leak| (leak, restart.as_secs_f64(), index));
                    }
                    _ => {}
                }
                let some = fault.scope.instances.get();
                if some < 1.0 {
                    ordeal.some.push((index, some));
                }
            }
            if self.ordeals[version as usize] != ordeal {
                // Nobody starts again because another fault comes or goes.
                let starts = self.ordeals[version as usize].late != ordeal.late;
                self.ordeals[version as usize] = ordeal;
                self.mark();
                let ordeal = &self.ordeals[version as usize];
                for instance in &mut self.versions[version as usize].all {
                    ordeal.begin(instance, starts, now, stream);
                }
            }
        }
    }

    /// Marks the instances that faults of some instances have: the first ones.
    fn mark(&mut self) {
        for version in Version::ALL {
            let some = &self.ordeals[version as usize].some;
            let count = self.counts[version as usize];
            for (place, instance) in self.versions[version as usize].all.iter_mut().enumerate() {
                instance.faulty = (some.iter())
                    .filter(|(_, share)| (place as f64) < (share * count as f64 - 1e-9).ceil())
                    .fold(0, |bits, (index, _)| bits | 1 << index);
            }
        }
    }

    /// The instance that a version's request goes to; `None` when there is nobody to answer.
    #[inline]
    pub(in crate::engine) fn choose(
        &mut self,
        version: Version,
        now: f64,
        stream: &mut Stream,
    ) -> Option<Place> {
        if self.mixed {
            return self.choose_mixed(now, stream);
        }
        let found = self.choose_of(version, now);
        match found {
            Some(index) => Some(Place::new(version, index)),
            // The balancer skips a version that has never been ready.
            None if version != Version::Stable && !self.any_ready(version, now) => {
                let version = Version::Stable;
                self.choose_of(version, now)
                    .map(|index| Place::new(version, index))
            }
            None => None,
        }
    }

    /// The next instance of a version in turn, where all are always ready, and its number.
    #[inline]
    pub(in crate::engine) fn next_of(&mut self, version: Version) -> (usize, &mut Instance) {
        let count = self.counts[version as usize].max(1);
        let instances = &mut self.versions[version as usize];
        let index = instances.in_turn(count, |_, _| true).unwrap_or(0);
        (index, &mut instances.all[index])
    }

    #[inline]
    fn choose_of(&mut self, version: Version, now: f64) -> Option<usize> {
        let count = self.counts[version as usize];
        let instances = &mut self.versions[version as usize];
        match &self.ejectors {
            None => instances.in_turn(count, |_, instance| instance.is_ready(now)),
            Some(ejectors) => {
                let ejector = &ejectors[version as usize];
                instances.in_turn(count, |index, instance| {
                    instance.is_ready(now) && !ejector.is_out(index, now)
                })
            }
        }
    }

    fn any_ready(&self, version: Version, now: f64) -> bool {
        let count = self.counts[version as usize];
        (self.versions[version as usize].all.iter())
            .take(count)
            .any(|instance| instance.is_ready(now))
    }

    /// One pool of both versions: any instance at random, or the least busy one.
    fn choose_mixed(&mut self, now: f64, stream: &mut Stream) -> Option<Place> {
        let [stable, canary, _] = self.counts;
        let place = |index: usize| match index.checked_sub(stable) {
            None => Place::new(Version::Stable, index),
            Some(index) => Place::new(Version::Canary, index),
        };
        let first = (stream.random::<f64>() * (stable + canary) as f64) as usize;
        let mut best: Option<(usize, Place)> = None;
        for offset in 0..stable + canary {
            let index = (first + offset) % (stable + canary);
            let out = (self.ejectors.as_ref()).is_some_and(|all| all[0].is_out(index, now));
            let place = place(index);
            let instance = &mut self.versions[place.version as usize].all[usize::from(place.index)];
            if out || !instance.is_ready(now) {
                continue;
            }
            if !self.rules.least_request {
                return Some(place);
            }
            let busy = instance.in_flight(now);
            if best.is_none_or(|(least, _)| busy < least) {
                best = Some((busy, place));
            }
        }
        best.map(|(_, place)| place)
    }

    /// An instance.
    #[inline]
    pub(in crate::engine) fn instance(&mut self, place: Place) -> &mut Instance {
        &mut self.versions[place.version as usize].all[usize::from(place.index)]
    }

    /// All instances in use, to look after.
    pub(in crate::engine) fn places(&self) -> impl Iterator<Item = Place> + use<> {
        let counts = self.counts;
        Version::ALL.into_iter().flat_map(move |version| {
            (0..counts[version as usize]).map(move |index| Place::new(version, index))
        })
    }

    /// Whether anything can crash.
    pub(in crate::engine) fn is_mortal(&self) -> bool {
        self.ordeals.iter().any(|ordeal| ordeal.crash.is_some())
    }

    /// Crashes that are due happen; whether one did.
    #[inline]
    pub(in crate::engine) fn live(&mut self, place: Place, now: f64, stream: &mut Stream) -> bool {
        match self.ordeals[place.version as usize].crash {
            None => false,
            Some((mean, _)) => self.instance(place).live(now, mean, stream),
        }
    }

    /// Memory is lost with a request; whether the instance restarts.
    #[inline]
    pub(in crate::engine) fn leak(&mut self, place: Place, now: f64) -> bool {
        let Some((leak, restart, index)) = &self.ordeals[place.version as usize].leak else {
            return false;
        };
        let (leak, restart, index) = (*leak, *restart, *index);
        let some = self.ordeals[place.version as usize].is_of_some(index);
        let instance = self.instance(place);
        (!some || instance.faulty & (1 << index) != 0) && instance.leak(&leak, restart, now)
    }

    /// How long work takes at a place before any waiting, in seconds.
    #[inline]
    pub(in crate::engine) fn work(&mut self, place: Place, work: f64, stream: &mut Stream) -> f64 {
        let leak = self.ordeals[place.version as usize].leak;
        let instances = &mut self.versions[place.version as usize];
        let work = instances.work(usize::from(place.index), work, stream);
        match leak {
            None => work,
            Some((leak, _, _)) => work * instances.all[usize::from(place.index)].burden(&leak),
        }
    }

    /// Whether requests share the instance's workers, so that their end is not known beforehand.
    #[inline]
    pub(in crate::engine) fn shares(&self, version: Version) -> bool {
        self.versions[version as usize].is_sharing()
    }

    /// Work joins what a place shares its workers among.
    pub(in crate::engine) fn join(&mut self, place: Place, now: f64, work: f64, ticket: u64) {
        if let Line::Sharing(sharing) = &mut self.instance(place).line {
            sharing.arrive(now, work, ticket);
        }
    }

    /// The next work at a place that is complete by `until`: when, and its ticket.
    pub(in crate::engine) fn leave(&mut self, place: Place, until: f64) -> Option<(f64, u64)> {
        match &mut self.instance(place).line {
            Line::Sharing(sharing) => sharing.pop(until),
            _ => None,
        }
    }

    /// When the next shared work at a place is complete, if nothing comes before.
    pub(in crate::engine) fn next_end(&mut self, place: Place) -> Option<f64> {
        match &self.instance(place).line {
            Line::Sharing(sharing) => sharing.next_end(),
            _ => None,
        }
    }

    /// Instances of each version that there may ever be.
    pub(in crate::engine) fn most(&self) -> [usize; 3] {
        let [stable, canary, _] = self.at_rest;
        let scaled = self.scaled.unwrap_or(canary);
        let baseline = if self.rules.baseline { scaled } else { 0 };
        // A promoted canary is as large as stable was.
        [stable, scaled.max(stable), baseline]
    }

    /// Instances of each version in use.
    pub(in crate::engine) fn counts(&self) -> [usize; 3] {
        self.counts
    }

    /// Whether an instance has ever been started.
    #[inline]
    pub(in crate::engine) fn has(&self, place: Place) -> bool {
        usize::from(place.index) < self.versions[place.version as usize].all.len()
    }

    /// The part of the heap that has been lost at a place, in bytes.
    pub(in crate::engine) fn lost(&mut self, place: Place) -> f64 {
        self.instance(place).lost()
    }

    /// When work that comes to a place at `now` can begin to wait: at once, or after a pause.
    #[inline]
    pub(in crate::engine) fn release(
        &mut self,
        place: Place,
        now: f64,
        stream: &mut Stream,
    ) -> f64 {
        self.instance(place).release(now, stream)
    }

    /// When work ends that waits at a place from `begin` on; `None` when it is refused.
    #[inline]
    pub(in crate::engine) fn admit(&mut self, place: Place, begin: f64, work: f64) -> Option<f64> {
        self.instance(place).serve(begin, work)
    }

    /// When work at a place ends; `None` when it is refused.
    #[inline]
    pub(in crate::engine) fn serve(
        &mut self,
        place: Place,
        now: f64,
        work: f64,
        stream: &mut Stream,
    ) -> Option<f64> {
        let least = self.rules.least_request;
        let instance = self.instance(place);
        let begin = instance.release(now, stream);
        let end = instance.serve(begin, work)?;
        if least {
            instance.occupy(end);
        }
        Some(end)
    }

    /// Notes how an attempt ended, for outlier detection.
    #[inline]
    pub(in crate::engine) fn record(&mut self, place: Place, failed: bool, now: f64) {
        let stable = self.counts[0];
        let Some(ejectors) = &mut self.ejectors else {
            return;
        };
        if self.mixed {
            let index = match place.version {
                Version::Stable if usize::from(place.index) >= stable => return,
                Version::Stable => place.index.into(),
                _ => stable + usize::from(place.index),
            };
            ejectors[0].record(index, failed, now);
        } else {
            ejectors[place.version as usize].record(place.index.into(), failed, now);
        }
    }
}
