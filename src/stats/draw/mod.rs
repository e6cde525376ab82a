//! Exact, fast draws of counts: tables made once, then a look-up per draw.

mod alias;
mod bank;
mod poisson;
mod subset;

pub use alias::Alias;
pub use bank::PoissonBank;
pub use poisson::{Poisson, PoissonTable};
pub use subset::{CountTable, Subset};

use rand::Rng;

/// Two 32-bit uniforms for every 64-bit number of a stream.
///
/// Table look-ups need 32 bits; this halves what they cost. Dropping it discards at most one half.
#[derive(Debug)]
pub struct Halves<'a, R> {
    stream: &'a mut R,
    spare: Option<u32>,
}

impl<'a, R: Rng> Halves<'a, R> {
    /// Takes numbers from `stream`.
    pub fn new(stream: &'a mut R) -> Halves<'a, R> {
        Halves {
            stream,
            spare: None,
        }
    }

    /// The next 32 uniform bits.
    #[inline]
    pub fn take(&mut self) -> u32 {
        match self.spare.take() {
            Some(half) => half,
            None => {
                let both = self.stream.next_u64();
                self.spare = Some((both >> 32) as u32);
                both as u32
            }
        }
    }

    /// The stream itself, for draws that need more than 32 bits.
    #[inline]
    pub fn stream(&mut self) -> &mut R {
        self.stream
    }
}
