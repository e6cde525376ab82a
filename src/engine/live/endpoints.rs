//! Where the instances of each version listen, and which of them are ready: what a cluster tells its
//! proxies.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::telemetry::Version;

/// All instances of a run, known from its beginning. Backends say which are ready, splitters look.
#[derive(Debug)]
pub struct Endpoints {
    versions: [Vec<Endpoint>; 3],
    /// Instances in use, by version: the first so many.
    counts: [AtomicUsize; 3],
}

#[derive(Debug)]
struct Endpoint {
    address: SocketAddr,
    ready: AtomicBool,
}

impl Endpoints {
    /// Instances at these addresses by version, all of them ready and in use.
    pub fn new(addresses: [Vec<SocketAddr>; 3]) -> Endpoints {
        let counts = [0, 1, 2].map(|version: usize| AtomicUsize::new(addresses[version].len()));
        let endpoint = |address| Endpoint {
            address,
            ready: AtomicBool::new(true),
        };
        Endpoints {
            versions: addresses.map(|all| all.into_iter().map(endpoint).collect()),
            counts,
        }
    }

    /// Addresses of a version's instances in use.
    pub fn addresses(&self, version: Version) -> Vec<SocketAddr> {
        let all = &self.versions[version as usize];
        let used = all.iter().take(self.count(version));
        used.map(|endpoint| endpoint.address).collect()
    }

    /// Addresses of all of a version's instances, in use or not.
    pub fn all(&self, version: Version) -> Vec<SocketAddr> {
        let all = &self.versions[version as usize];
        all.iter().map(|endpoint| endpoint.address).collect()
    }

    /// How many instances of a version are in use.
    #[inline]
    pub fn count(&self, version: Version) -> usize {
        self.counts[version as usize].load(Ordering::Acquire)
    }

    /// Puts the first so many instances of a version to use; there are no more than there are.
    pub fn scale(&self, version: Version, count: usize) {
        let count = count.min(self.versions[version as usize].len());
        self.counts[version as usize].store(count, Ordering::Release);
    }

    /// Where an instance listens.
    #[inline]
    pub fn address(&self, version: Version, index: usize) -> SocketAddr {
        self.versions[version as usize][index].address
    }

    /// Whether requests may be sent to an instance.
    #[inline]
    pub fn is_ready(&self, version: Version, index: usize) -> bool {
        index < self.count(version)
            && self.versions[version as usize][index]
                .ready
                .load(Ordering::Acquire)
    }

    /// Notes whether requests may be sent to an instance.
    pub fn set_ready(&self, version: Version, index: usize, ready: bool) {
        self.versions[version as usize][index]
            .ready
            .store(ready, Ordering::Release);
    }
}
