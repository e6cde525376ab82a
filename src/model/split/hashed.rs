//! Splits by a hash of the user.

use crate::base::split_mix;

use super::Side;

/// 32-bit MurmurHash2 of `key` with seed 0, as NGINX hashes (`ngx_murmur_hash2`; published by
/// Austin Appleby in 2008).
pub fn murmur2(key: &[u8]) -> u32 {
    const MIX: u32 = 0x5bd1_e995;
    let mut hash = key.len() as u32;
    let (words, rest) = key.as_chunks::<4>();
    for word in words {
        let mut word = u32::from_le_bytes(*word).wrapping_mul(MIX);
        word ^= word >> 24;
        hash = hash.wrapping_mul(MIX) ^ word.wrapping_mul(MIX);
    }
    if !rest.is_empty() {
        for (place, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * place);
        }
        hash = hash.wrapping_mul(MIX);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MIX);
    hash ^ (hash >> 15)
}

/// Where NGINX `split_clients` ends a part of so many hundredths of a percent: a key belongs to it
/// when its hash is below.
pub fn threshold(hundredths: u64) -> u64 {
    hundredths * u64::from(u32::MAX) / 10_000
}

/// The version of a user by NGINX `split_clients` with the canary's part first and the baseline's
/// last. `None` is a user without the cookie: the hash of the empty text is 0, so all of them are
/// in the first part that there is.
pub(super) fn split_clients(user: Option<u32>, salt: u64, canary: f64, baseline: f64) -> Side {
    let hash = match user {
        None => murmur2(b""),
        Some(user) => {
            let mut key = [0; 12];
            key[..8].copy_from_slice(&salt.to_le_bytes());
            key[8..].copy_from_slice(&user.to_le_bytes());
            murmur2(&key)
        }
    };
    let hash = u64::from(hash);
    let hundredths = |share: f64| (share * 10_000.0).round() as u64;
    let (canary, rest) = (
        hundredths(canary),
        10_000 - hundredths(baseline).min(10_000),
    );
    if hash < threshold(canary) {
        Side::Canary
    } else if rest == 10_000 || hash < threshold(rest) {
        Side::Stable
    } else {
        Side::Baseline
    }
}

/// A hash ring on which each version has points in proportion to its weight, as in Envoy's ring
/// hash balancer: the version with the least weight has a whole number of points, and there are at
/// least [`Ring::LEAST`] altogether. A user belongs to the next point.
#[derive(Debug, Clone, Default)]
pub struct Ring {
    /// In order of their hashes.
    points: Vec<(u64, Side)>,
}

impl Ring {
    /// Points on the whole ring, at least (Envoy's default `minimum_ring_size`).
    pub const LEAST: u32 = 1_024;
    /// Points on the whole ring, at most: a weight of a millionth does not make a ring of millions.
    const MOST: f64 = 65_536.0;

    /// Places the points of weights, by number of the side, which add up to 1.
    pub fn place_points(&mut self, shares: [f64; 3], salt: u64) {
        self.points.clear();
        let least = shares.into_iter().filter(|share| *share > 0.0);
        let least = least.fold(1.0, f64::min);
        let size = ((least * f64::from(Ring::LEAST)).ceil() / least).min(Ring::MOST);
        let (mut placed, mut due) = (0.0, 0.0);
        for side in Side::ALL {
            due += size * shares[side as usize];
            let of_side = split_mix(salt ^ (1 + side as u64));
            let mut number = 0;
            // Float dust must not place a point more.
            while placed < due - 1e-6 {
                self.points.push((split_mix(of_side ^ number), side));
                number += 1;
                placed += 1.0;
            }
        }
        self.points.sort_unstable();
    }

    /// The version of a user.
    #[inline]
    pub fn side(&self, user: u32, salt: u64) -> Side {
        let hash = split_mix(salt.rotate_left(32) ^ u64::from(user));
        let next = self.points.partition_point(|(point, _)| *point < hash);
        let point = self.points.get(next).or(self.points.first());
        point.map_or(Side::Stable, |(_, side)| *side)
    }
}
