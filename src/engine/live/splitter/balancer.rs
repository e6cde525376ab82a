//! Which instance of a version a request goes to, and the idle connections to each.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use rand::RngExt;

use crate::base::{Purpose, Stream};
use crate::engine::actors::pool::Place;
use crate::engine::live::Setting;
use crate::engine::live::endpoints::Endpoints;
use crate::engine::live::http::Wire;
use crate::model::split::Ejector;
use crate::telemetry::Version;

/// Chooses instances for one worker, as the virtual engine's pool does: in turn among those that
/// are ready and not left out, or among both versions' where they share one pool.
#[derive(Debug)]
pub(super) struct Balancer {
    endpoints: Arc<Endpoints>,
    /// Instances in use, as last seen.
    counts: [usize; 3],
    turns: [usize; 3],
    mixed: bool,
    least_request: bool,
    ejectors: Option<[Ejector; 3]>,
    /// Requests under way, by version and instance.
    busy: [Vec<u32>; 3],
    idle: [Vec<Vec<Wire>>; 3],
    stream: Stream,
}

/// Idle connections that are kept for each instance.
const MOST_IDLE: usize = 256;

impl Balancer {
    pub(super) fn new(setting: &Setting, endpoints: Arc<Endpoints>, worker: usize) -> Balancer {
        let world = &setting.world;
        // Beyond every stretch of the stream that decides on versions.
        let mut stream = setting.seed.stream(setting.replicate, Purpose::Split);
        stream.long_jump();
        for _ in 0..worker {
            stream.jump();
        }
        let mut balancer = Balancer {
            endpoints,
            counts: [0; 3],
            turns: [usize::MAX - 1; 3],
            mixed: world.rules.replicas.is_some() || world.rules.least_request,
            least_request: world.rules.least_request,
            ejectors: (world.ejection).map(|ejection| [(); 3].map(|()| Ejector::new(ejection, 0))),
            busy: [const { Vec::new() }; 3],
            idle: [const { Vec::new() }; 3],
            stream,
        };
        balancer.look_around();
        balancer
    }

    /// Notices that instances have been added or taken away.
    #[inline]
    fn look_around(&mut self) {
        let counts = Version::ALL.map(|version| self.endpoints.count(version));
        if counts != self.counts {
            self.resize(counts);
        }
    }

    #[cold]
    fn resize(&mut self, counts: [usize; 3]) {
        self.counts = counts;
        for (version, count) in counts.into_iter().enumerate() {
            let kept = count.max(self.busy[version].len());
            self.busy[version].resize(kept, 0);
            self.idle[version].resize_with(kept, Vec::new);
            // Nobody talks to who is gone.
            for idle in &mut self.idle[version][count..] {
                idle.clear();
            }
        }
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

    /// The instance that a version's request goes to at `now` (seconds of the scenario); `None`
    /// when there is nobody to answer.
    #[inline]
    pub(super) fn choose(&mut self, version: Version, now: f64) -> Option<Place> {
        self.look_around();
        if self.mixed {
            return self.choose_mixed(now);
        }
        match self.choose_of(version, now) {
            // The balancer skips a version that has no ready instance at all.
            None if version != Version::Stable && !self.any_ready(version) => {
                self.choose_of(Version::Stable, now)
            }
            found => found,
        }
    }

    #[inline]
    fn choose_of(&mut self, version: Version, now: f64) -> Option<Place> {
        let count = self.counts[version as usize];
        let mut turn = self.turns[version as usize];
        for _ in 0..count {
            turn += 1;
            if turn >= count {
                turn = 0;
            }
            let ejector = self.ejectors.as_ref().map(|all| &all[version as usize]);
            if self.endpoints.is_ready(version, turn)
                && !ejector.is_some_and(|ejector| ejector.is_out(turn, now))
            {
                self.turns[version as usize] = turn;
                return Some(place(version, turn));
            }
        }
        None
    }

    fn any_ready(&self, version: Version) -> bool {
        (0..self.counts[version as usize]).any(|index| self.endpoints.is_ready(version, index))
    }

    /// One pool of both versions: any instance at random, or the least busy one.
    fn choose_mixed(&mut self, now: f64) -> Option<Place> {
        let [stable, canary, _] = self.counts;
        let first = (self.stream.random::<f64>() * (stable + canary) as f64) as usize;
        let mut best: Option<(u32, Place)> = None;
        for offset in 0..stable + canary {
            let number = (first + offset) % (stable + canary);
            let place = match number.checked_sub(stable) {
                None => place(Version::Stable, number),
                Some(index) => place(Version::Canary, index),
            };
            let index = usize::from(place.index);
            let out = (self.ejectors.as_ref()).is_some_and(|all| all[0].is_out(number, now));
            if out || !self.endpoints.is_ready(place.version, index) {
                continue;
            }
            if !self.least_request {
                return Some(place);
            }
            let busy = self.busy[place.version as usize][index];
            if best.is_none_or(|(least, _)| busy < least) {
                best = Some((busy, place));
            }
        }
        best.map(|(_, place)| place)
    }

    /// An attempt goes to a place, on an idle connection if there is one; otherwise to open one.
    #[inline]
    pub(super) fn begin(&mut self, place: Place) -> Option<Wire> {
        *self.busy_at(place) += 1;
        let idle = &mut self.idle[place.version as usize][usize::from(place.index)];
        loop {
            let mut wire = idle.pop()?;
            if is_open(&mut wire) {
                return Some(wire);
            }
        }
    }

    /// An attempt has ended; whether its instance is left out from now on. `None`: that it ended
    /// says nothing about the instance.
    #[inline]
    pub(super) fn end(&mut self, place: Place, failed: Option<bool>, now: f64) -> bool {
        let busy = self.busy_at(place);
        *busy = busy.saturating_sub(1);
        let (Some(ejectors), Some(failed)) = (&mut self.ejectors, failed) else {
            return false;
        };
        let index = usize::from(place.index);
        if index >= self.counts[place.version as usize] {
            // It has been taken away in the meantime.
            return false;
        }
        match (self.mixed, place.version) {
            (false, version) => ejectors[version as usize].record(index, failed, now),
            (true, Version::Stable) => ejectors[0].record(index, failed, now),
            (true, _) => ejectors[0].record(self.counts[0] + index, failed, now),
        }
    }

    /// Keeps a connection for later, unless there are enough of them.
    #[inline]
    pub(super) fn keep(&mut self, place: Place, wire: Wire) {
        let index = usize::from(place.index);
        let idle = &mut self.idle[place.version as usize][index];
        if idle.len() < MOST_IDLE && index < self.counts[place.version as usize] {
            idle.push(wire);
        }
    }

    fn busy_at(&mut self, place: Place) -> &mut u32 {
        &mut self.busy[place.version as usize][usize::from(place.index)]
    }
}

fn place(version: Version, index: usize) -> Place {
    Place {
        version,
        // A scenario has far fewer instances than 65,536.
        index: index as u16,
    }
}

/// Whether nothing has come on an idle connection, not even its end. No system call, unless
/// something has.
#[inline]
fn is_open(wire: &mut Wire) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    match wire.stream().poll_read_ready(&mut context) {
        Poll::Pending => true,
        Poll::Ready(_) => {
            matches!(wire.try_fill(), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{SocketAddr, TcpListener};

    use tokio::runtime::{Builder, LocalOptions};

    use super::*;
    use crate::base::{Probability, Seed, Span};
    use crate::engine::live::splitter::tests::setting;
    use crate::model::split::{Ejection, Rules};

    fn endpoints(counts: [u16; 3]) -> Arc<Endpoints> {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Arc::new(Endpoints::new(
            counts.map(|count| (0..count).map(address).collect()),
        ))
    }

    fn indices(balancer: &mut Balancer, version: Version, times: usize) -> Vec<Option<u16>> {
        (0..times)
            .map(|_| balancer.choose(version, 0.0).map(|place| place.index))
            .collect()
    }

    #[test]
    fn instances_take_turns_and_those_not_ready_are_passed_over() {
        let endpoints = endpoints([3, 1, 0]);
        let mut balancer = Balancer::new(&setting(), Arc::clone(&endpoints), 0);
        assert_eq!(
            indices(&mut balancer, Version::Stable, 4),
            [0, 1, 2, 0].map(Some)
        );
        endpoints.set_ready(Version::Stable, 1, false);
        assert_eq!(
            indices(&mut balancer, Version::Stable, 3),
            [2, 0, 2].map(Some)
        );
        endpoints.scale(Version::Stable, 1);
        assert_eq!(indices(&mut balancer, Version::Stable, 2), [0, 0].map(Some));
        endpoints.set_ready(Version::Stable, 0, false);
        assert_eq!(indices(&mut balancer, Version::Stable, 1), [None]);
    }

    #[test]
    fn a_version_that_is_not_ready_is_answered_for_by_stable() {
        let endpoints = endpoints([1, 1, 0]);
        let mut balancer = Balancer::new(&setting(), Arc::clone(&endpoints), 0);
        endpoints.set_ready(Version::Canary, 0, false);
        for version in [Version::Canary, Version::Baseline] {
            let place = balancer.choose(version, 0.0).unwrap();
            assert_eq!(place.version, Version::Stable);
        }
    }

    #[test]
    fn a_version_that_is_left_out_is_not() {
        let mut setting = setting();
        setting.world.ejection = Some(Ejection {
            consecutive: 2,
            base: Span::from_secs(30),
            interval: Span::ZERO,
            most: Probability::new(0.1).unwrap(),
        });
        let mut balancer = Balancer::new(&setting, endpoints([1, 1, 0]), 0);
        let place = balancer.choose(Version::Canary, 1.0).unwrap();
        let fail = |balancer: &mut Balancer, now| {
            balancer.begin(place);
            balancer.end(place, Some(true), now)
        };
        assert!(!fail(&mut balancer, 1.0));
        assert!(fail(&mut balancer, 1.0));
        assert_eq!(balancer.choose(Version::Canary, 2.0), None);
        assert_eq!(balancer.choose(Version::Canary, 31.0), Some(place));
    }

    #[test]
    fn in_one_pool_the_least_busy_instance_answers() {
        let mut setting = setting();
        setting.world.rules = Rules {
            least_request: true,
            ..Rules::default()
        };
        setting.seed = Seed(5);
        let mut balancer = Balancer::new(&setting, endpoints([2, 1, 0]), 0);
        let mut chosen = Vec::new();
        for _ in 0..3 {
            let place = balancer.choose(Version::Stable, 0.0).unwrap();
            balancer.begin(place);
            chosen.push(place);
        }
        chosen.sort_by_key(|place| (place.version, place.index));
        let all =
            [(0, 0), (0, 1), (1, 0)].map(|(version, index)| place(Version::ALL[version], index));
        assert_eq!(chosen, all, "each one once");
        balancer.end(all[2], Some(false), 0.0);
        assert_eq!(balancer.choose(Version::Stable, 0.0), Some(all[2]));
    }

    #[test]
    fn an_idle_connection_that_has_ended_is_not_used_again() {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build_local(LocalOptions::default())
            .unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let mut balancer = Balancer::new(&setting(), endpoints([1, 0, 0]), 0);
            let place = place(Version::Stable, 0);
            let mut servers = Vec::new();
            for _ in 0..3 {
                balancer.keep(place, Wire::connect(address).await.unwrap());
                servers.push(listener.accept().unwrap().0);
            }
            let mut chatty = servers.remove(2);
            chatty.write_all(b"HTTP/1.1 408 Late").unwrap();
            drop(servers.remove(1));
            // The runtime looks what has come.
            tokio::task::yield_now().await;
            let first = balancer.begin(place).unwrap();
            let peer = servers[0].peer_addr().unwrap();
            assert_eq!(first.stream().local_addr().unwrap(), peer);
            assert!(balancer.begin(place).is_none());
            drop(chatty);
        });
    }
}
