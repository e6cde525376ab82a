//! Splitters of the field in the place of ours: NGINX, `HAProxy` and Envoy, run as they are in
//! production.

pub mod program;
