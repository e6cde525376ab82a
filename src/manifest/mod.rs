//! Other people's files: what a manifest says, field by field.
//!
//! Manifests are read in four steps: bytes to text ([`Manifest::open`]), text to a tree that knows
//! its places (`yaml`), trees to resources by kind (`documents`), resources to what the engines
//! understand (one module per tool, such as [`flagger`]), with an account of every field
//! (`findings`, `account`).

mod account;
pub mod argo;
pub mod dataset;
mod documents;
pub mod edit;
mod findings;
pub mod flagger;
mod gateway;
mod istio;
pub mod kayenta;
mod kinds;
mod measured;
mod nginx;
pub mod place;
mod smi;
pub mod split;
mod stand_in;
mod text;
mod traefik;
mod yaml;

pub use account::{Account, Accounted, Fates};
pub use findings::Fate;
pub use kinds::{Found, Reader, sort};
pub use measured::{Exhibit, Measured};
pub use stand_in::around;
pub use text::{Manifest, Remark, read_text};
