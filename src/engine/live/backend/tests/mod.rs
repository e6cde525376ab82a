//! Backends over real sockets.
