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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn murmur_hashes_are_those_of_the_published_algorithm() {
        for (key, hash) in [
            ("", 0),
            ("a", 0x9268_5f5e),
            ("ab", 0x1aa1_4063),
            ("abc", 0x1357_7c9b),
            ("abcd", 0x2687_3021),
            ("hello", 0xe561_29cb),
            ("the quick brown fox", 0xb352_8f7c),
        ] {
            assert_eq!(murmur2(key.as_bytes()), hash, "{key}");
        }
    }

    #[test]
    fn parts_end_at_hundredths_of_a_percent() {
        assert_eq!(threshold(0), 0);
        assert_eq!(threshold(1), 429_496);
        assert_eq!(threshold(500), 214_748_364);
        assert_eq!(threshold(10_000), u64::from(u32::MAX));
        // A thousandth of a percent is no part at all.
        for user in 0..10_000 {
            assert_eq!(split_clients(Some(user), 1, 0.000_01, 0.0), Side::Stable);
        }
    }

    #[test]
    fn users_without_a_cookie_are_all_in_the_first_part() {
        assert_eq!(split_clients(None, 1, 0.000_1, 0.0), Side::Canary);
        assert_eq!(split_clients(None, 1, 0.0, 0.5), Side::Stable);
        assert_eq!(split_clients(None, 1, 0.0, 1.0), Side::Baseline);
    }

    #[test]
    fn a_ring_has_points_as_weights_say() {
        let mut ring = Ring::default();
        for (shares, counts) in [
            ([0.95, 0.05, 0.0], [988, 52, 0]),
            ([0.96, 0.04, 0.0], [984, 41, 0]),
            ([0.75, 0.25, 0.0], [768, 256, 0]),
            ([0.8, 0.1, 0.1], [824, 103, 103]),
            ([0.0, 1.0, 0.0], [0, 1_024, 0]),
        ] {
            ring.place_points(shares, 3);
            let count = |side| ring.points.iter().filter(|(_, of)| *of == side).count();
            assert_eq!(Side::ALL.map(count), counts);
        }
        ring.place_points([0.0, 0.0, 0.0], 3);
        assert_eq!(ring.side(1, 3), Side::Stable);
        ring.place_points([1.0 - 1e-9, 1e-9, 0.0], 3);
        assert!(ring.points.len() <= Ring::MOST as usize);
    }
}
