//! HTTP/1.1 as far as a splitter needs it: heads are parsed, bodies pass through as they are.
//!
//! A proxy is measured by what it adds to each request. This one reads a head where it lies in the
//! buffer, copies what it forwards and looks at bodies only to find their end.

mod body;
mod head;
mod wire;

pub use body::{Body, Framing};
pub use head::{LONGEST_HEAD, MOST_HEADERS, Refusal, RequestHead, ResponseHead, Space, space};
pub use wire::{Wire, WireError};
