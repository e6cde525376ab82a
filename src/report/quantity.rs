//! Numbers as people read them: shares in percent, times in two units, thousands with commas.

use crate::experiment::summary::Estimate;
pub(crate) use crate::experiment::words::{count, grouped};

/// A share as `93.2 %`; what is not quite all or nothing does not round to it.
pub(crate) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent > 0.0 && percent < 0.05 {
        "<0.1 %".to_owned()
    } else if (99.95..100.0).contains(&percent) {
        ">99.9 %".to_owned()
    } else if percent == 0.0 || percent == 100.0 {
        format!("{percent:.0} %")
    } else {
        format!("{percent:.1} %")
    }
}

/// A share as `93 %`, for where there is little room; `>99 %` is not all and `<1 %` not nothing.
pub(crate) fn whole_percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent > 0.0 && percent < 0.5 {
        "<1 %".to_owned()
    } else if (99.5..100.0).contains(&percent) {
        ">99 %".to_owned()
    } else {
        format!("{percent:.0} %")
    }
}

/// A share with its uncertainty, `93.2 % ±0.9`: the longer arm of the 95 % interval, in points.
pub(crate) fn estimate(estimate: &Estimate) -> String {
    let arm = (estimate.high - estimate.estimate).max(estimate.estimate - estimate.low);
    format!("{} ±{}", percent(estimate.estimate), points(arm))
}

/// Percentage points, rounded up so that an interval is never made to look narrower.
pub(crate) fn points(share: f64) -> String {
    let tenths = (1000.0 * share - 1e-9).ceil().max(0.0);
    format!("{:.1}", tenths / 10.0)
}

/// A canary percentage as `5 %` or `0.5 %`.
pub(crate) fn weight(percent: f64) -> String {
    format!("{} %", short(percent))
}

/// Requests per second as `20/s`, in three digits.
pub(crate) fn rate(per_second: f64) -> String {
    if per_second >= 100.0 {
        return format!("{}/s", grouped(per_second.round() as u64));
    }
    let decimals = (2.0 - per_second.max(1e-9).log10().floor()).clamp(0.0, 6.0);
    let scale = 10_f64.powf(decimals);
    format!("{}/s", (per_second * scale).round() / scale)
}

/// A number without needless digits: `0.5`, `12`, `1,500`.
pub(crate) fn short(number: f64) -> String {
    if number >= 1000.0 {
        return grouped(number.round() as u64);
    }
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A length of time in its two largest units: `45s`, `6m30s`, `1h12m`, `2d4h`.
pub(crate) fn time(seconds: f64) -> String {
    if seconds > 0.0 && seconds < 10.0 {
        return format!("{}s", short((seconds * 10.0).round() / 10.0));
    }
    let seconds = seconds.max(0.0);
    // Round to the smaller of the two units before splitting, so that 59m59.6s becomes 1h.
    let units = [
        (86_400, "d", 3_600, "h"),
        (3_600, "h", 60, "m"),
        (60, "m", 1, "s"),
    ];
    for (large, large_name, small, small_name) in units {
        let smalls = (seconds / f64::from(small)).round() as u64;
        let per_large = u64::from((large / small) as u32);
        if smalls >= per_large {
            let (whole, rest) = (smalls / per_large, smalls % per_large);
            return match rest {
                0 => format!("{whole}{large_name}"),
                _ => format!("{whole}{large_name}{rest}{small_name}"),
            };
        }
    }
    format!("{}s", seconds.round())
}

/// A time that may never come: a dash then.
pub(crate) fn time_or_dash(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "–".to_owned(), time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_never_round_to_certainty() {
        for (share, text) in [
            (0.0, "0 %"),
            (0.0001, "<0.1 %"),
            (0.0005, "0.1 %"),
            (0.932, "93.2 %"),
            (0.999_6, ">99.9 %"),
            (1.0, "100 %"),
        ] {
            assert_eq!(percent(share), text);
        }
    }

    #[test]
    fn uncertainty_is_the_longer_arm_rounded_up() {
        let nothing_seen = Estimate {
            estimate: 0.0,
            low: 0.0,
            high: 0.003_83,
        };
        assert_eq!(estimate(&nothing_seen), "0 % ±0.4");
    }

    #[test]
    fn times_keep_two_units() {
        for (seconds, text) in [
            (0.0, "0s"),
            (0.25, "0.3s"),
            (45.0, "45s"),
            (60.0, "1m"),
            (390.0, "6m30s"),
            (3_599.6, "1h"),
            (4_320.0, "1h12m"),
            (187_200.0, "2d4h"),
        ] {
            assert_eq!(time(seconds), text);
        }
    }

    #[test]
    fn large_counts_are_grouped() {
        for (number, text) in [
            (0.0, "0"),
            (0.01, "<0.1"),
            (1.5, "1.5"),
            (3.0, "3.0"),
            (9.97, "10"),
            (1_234_567.0, "1,234,567"),
            (12_345_678.0, "12.3M"),
        ] {
            assert_eq!(count(number), text);
        }
        assert_eq!(weight(0.5), "0.5 %");
        assert_eq!(rate(1_500.0), "1,500/s");
        assert_eq!(rate(53.4205), "53.4/s");
        assert_eq!(rate(0.002), "0.002/s");
    }
}
