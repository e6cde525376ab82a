//! Bounds of classic histograms, as the meshes ship them.

/// Unit of a histogram's bounds, and so of the quantiles read from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds (Prometheus convention; NGINX, Traefik).
    Seconds,
    /// Milliseconds (Envoy, Istio, Linkerd).
    Milliseconds,
}

impl Unit {
    /// How many of this unit make a second.
    pub fn per_second(self) -> f64 {
        match self {
            Unit::Seconds => 1.0,
            Unit::Milliseconds => 1_000.0,
        }
    }
}

/// Upper bounds of a histogram's finite buckets; one more bucket takes everything above.
#[derive(Debug, Clone, PartialEq)]
pub struct Buckets {
    bounds: Vec<f64>,
    unit: Unit,
}

/// Why a list of bounds is not a histogram.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BucketsError {
    /// None, or more than [`Buckets::MOST`].
    #[error("{0} bounds: a histogram needs 1 to {most}", most = Buckets::MOST)]
    Count(usize),
    /// Not above the bound before it, not positive or not finite.
    #[error("bound {0} must be finite, above zero and above the one before it")]
    Disorder(f64),
}

impl Buckets {
    /// The most finite bounds a histogram may have.
    pub const MOST: usize = 255;

    /// A histogram with these upper bounds, in `unit`.
    ///
    /// # Errors
    /// When there are none or too many, or they do not increase.
    pub fn new(bounds: Vec<f64>, unit: Unit) -> Result<Buckets, BucketsError> {
        if bounds.is_empty() || bounds.len() > Buckets::MOST {
            return Err(BucketsError::Count(bounds.len()));
        }
        let mut before = 0.0;
        for &bound in &bounds {
            if !bound.is_finite() || bound <= before {
                return Err(BucketsError::Disorder(bound));
            }
            before = bound;
        }
        Ok(Buckets { bounds, unit })
    }

    /// Envoy's and Istio's defaults, in milliseconds.
    pub fn istio() -> Buckets {
        Buckets {
            bounds: vec![
                0.5, 1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1e3, 2.5e3, 5e3, 1e4, 3e4,
                6e4, 3e5, 6e5, 1.8e6, 3.6e6,
            ],
            unit: Unit::Milliseconds,
        }
    }

    /// Linkerd's proxy defaults, in milliseconds.
    pub fn linkerd() -> Buckets {
        let mut bounds: Vec<f64> = (1..=5).map(f64::from).collect();
        for decade in [10.0, 100.0, 1e3, 1e4] {
            bounds.extend((1..=5).map(|k| f64::from(k) * decade));
        }
        Buckets {
            bounds,
            unit: Unit::Milliseconds,
        }
    }

    /// The Prometheus client libraries' defaults, which ingress-nginx uses, in seconds.
    pub fn nginx() -> Buckets {
        Buckets {
            bounds: vec![
                0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
            ],
            unit: Unit::Seconds,
        }
    }

    /// Traefik's defaults, in seconds.
    pub fn traefik() -> Buckets {
        Buckets {
            bounds: vec![0.1, 0.3, 1.2, 5.0],
            unit: Unit::Seconds,
        }
    }

    /// Finite upper bounds, increasing, in [`Buckets::unit`].
    pub fn bounds(&self) -> &[f64] {
        &self.bounds
    }

    /// Unit of the bounds.
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// Number of buckets, the last one unbounded.
    pub fn len(&self) -> usize {
        self.bounds.len() + 1
    }

    /// Never true: a histogram has at least two buckets.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The bucket that a latency of `seconds` falls into (upper bounds belong to their bucket).
    pub fn index(&self, seconds: f64) -> usize {
        let value = seconds * self.unit.per_second();
        self.bounds.partition_point(|bound| *bound < value)
    }

    /// Upper bound of a finite bucket in seconds.
    pub fn bound_seconds(&self, index: usize) -> f64 {
        self.bounds[index] / self.unit.per_second()
    }
}

/// Finds buckets faster than a search: a table, by exponent and first digits of the binary number,
/// says where to begin.
#[derive(Debug, Clone)]
pub struct Finder {
    per_second: f64,
    bounds: Vec<f64>,
    /// Leading bits of the least number in the table.
    first: u64,
    begin: Vec<u16>,
}

impl Finder {
    /// Bits of a number below those that the table goes by: exponent and four digits.
    const SHIFT: u32 = 48;

    /// A finder for these buckets.
    pub fn new(buckets: &Buckets) -> Finder {
        let mut bounds = buckets.bounds.clone();
        let leading =
            |bound: Option<&f64>| bound.map_or(0, |bound| bound.to_bits() >> Finder::SHIFT);
        let (first, last) = (leading(bounds.first()), leading(bounds.last()));
        let begin = (first..=last + 1)
            .map(|bits| {
                let least = f64::from_bits(bits << Finder::SHIFT);
                bounds.partition_point(|bound| *bound < least) as u16
            })
            .collect();
        bounds.push(f64::INFINITY);
        Finder {
            per_second: buckets.unit.per_second(),
            bounds,
            first,
            begin,
        }
    }

    /// Number of buckets.
    pub fn len(&self) -> usize {
        self.bounds.len()
    }

    /// Never true: a histogram has at least two buckets.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// What [`Buckets::index`] says, for a latency that is not negative.
    #[inline]
    pub fn index(&self, seconds: f64) -> usize {
        let value = seconds * self.per_second;
        let place = (value.to_bits() >> Finder::SHIFT).saturating_sub(self.first) as usize;
        let mut index = usize::from(self.begin[place.min(self.begin.len() - 1)]);
        while self.bounds[index] < value {
            index += 1;
        }
        index
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_finder_finds_what_a_search_finds(
            exponent in -7.0..7.0_f64,
            which in 0..4_usize,
            bound in 0..40_usize,
        ) {
            let all = [
                Buckets::istio(),
                Buckets::linkerd(),
                Buckets::nginx(),
                Buckets::traefik(),
            ];
            let buckets = &all[which];
            let finder = Finder::new(buckets);
            let seconds = 10.0_f64.powf(exponent);
            prop_assert_eq!(finder.index(seconds), buckets.index(seconds));
            // Bounds themselves, and zero.
            let edge = buckets.bound_seconds(bound % (buckets.len() - 1));
            prop_assert_eq!(finder.index(edge), buckets.index(edge));
            prop_assert_eq!(finder.index(0.0), 0);
        }
    }

    #[test]
    fn a_latency_on_a_bound_belongs_below_it() {
        let buckets = Buckets::istio();
        assert_eq!(buckets.index(0.025), 4);
        assert_eq!(buckets.index(0.0251), 5);
        assert_eq!(buckets.index(1e9), buckets.len() - 1);
    }

    #[test]
    fn bounds_must_increase() {
        assert!(Buckets::new(vec![], Unit::Seconds).is_err());
        assert!(Buckets::new(vec![1.0, 1.0], Unit::Seconds).is_err());
        assert!(Buckets::new(vec![0.0, 1.0], Unit::Seconds).is_err());
        assert!(Buckets::new(vec![0.1, f64::INFINITY], Unit::Seconds).is_err());
    }
}
