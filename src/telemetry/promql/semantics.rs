//! What differs between versions of Prometheus.

/// Whose answers queries give. A switch for each change that shows in results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Semantics {
    /// Windows and lookback leave out the sample on their left edge (3.0.0).
    pub open_windows: bool,
    /// `rate` gives a young series half an interval before it asks where its zero was (2.51.0).
    pub half_interval_first: bool,
    /// `histogram_quantile` takes bucket counts within 1e-12 of each other for equal (2.49.0).
    pub tolerant_buckets: bool,
    /// `sum` and `avg` keep what rounding loses (2.54.0, 2.55.0).
    pub compensated_sums: bool,
    /// `.` in a matcher's pattern is any character, a line's end included (3.0.0).
    pub dot_matches_newline: bool,
    /// Durations are numbers of seconds and numbers are durations (2.54.0); names may be quoted and
    /// digits grouped with `_` (3.0.0).
    pub durations_are_numbers: bool,
    /// A comparison that filters checks for several matches before it filters (3.9.0).
    pub strict_filters: bool,
    /// `atan2` drops the metric's name as other arithmetic does.
    pub atan2_drops_name: bool,
}

impl Semantics {
    /// Prometheus 3.
    pub const V3: Semantics = Semantics {
        open_windows: true,
        half_interval_first: true,
        tolerant_buckets: true,
        compensated_sums: true,
        dot_matches_newline: true,
        durations_are_numbers: true,
        strict_filters: true,
        atan2_drops_name: true,
    };

    /// Prometheus 2 from 2.51 to 2.53, the last with long-term support.
    pub const V2: Semantics = Semantics {
        open_windows: false,
        compensated_sums: false,
        dot_matches_newline: false,
        durations_are_numbers: false,
        strict_filters: false,
        ..Semantics::V3
    };

    /// Prometheus before 2.49, such as Debian's 2.42.
    pub const V2_42: Semantics = Semantics {
        half_interval_first: false,
        tolerant_buckets: false,
        atan2_drops_name: false,
        ..Semantics::V2
    };
}

impl Default for Semantics {
    fn default() -> Semantics {
        Semantics::V3
    }
}
