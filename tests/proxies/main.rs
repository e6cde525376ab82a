//! NGINX, `HAProxy` and Envoy as splitters, over real sockets: they start and stop and leave nothing,
//! split as they are asked, follow orders while clients are at it, and die noticed.
//!
//! Each test needs the program itself and is skipped, on record, where it is not installed. Envoy is
//! looked for on the path, in `$COALMINE_ENVOY` and in `/opt/envoy/bin`.

mod client;
mod death;
mod figures;
mod live;
mod orders;
mod routing;
#[expect(dead_code, reason = "nothing here reads ../shared")]
#[path = "../shared_folder/mod.rs"]
mod shared_folder;
mod shares;
mod stage;
mod start;

use std::path::PathBuf;

use coalmine::engine::live::options::Proxy;
use coalmine::engine::live::proxies::program;

/// All of them.
const KINDS: [Proxy; 3] = [Proxy::Nginx, Proxy::Haproxy, Proxy::Envoy];

/// Where a proxy is, or `None`, on record, when it is not installed.
fn installed(kind: Proxy) -> Option<PathBuf> {
    let (name, places) = match kind {
        Proxy::Coalmine => unreachable!("it is built in"),
        Proxy::Nginx => ("nginx", Vec::new()),
        Proxy::Haproxy => ("haproxy", Vec::new()),
        Proxy::Envoy => {
            let named = std::env::var_os("COALMINE_ENVOY").map(PathBuf::from);
            let places = named
                .into_iter()
                .chain([PathBuf::from("/opt/envoy/bin/envoy")]);
            ("envoy", places.collect())
        }
    };
    let found = program::find(name, None).or_else(|| {
        places
            .iter()
            .find_map(|place| program::find(name, Some(place)))
    });
    if found.is_none() {
        shared_folder::skip(&format!("{name} is not installed"));
    }
    found
}
