//! Times as tables, logs and command lines write them.

/// A time of a table, and whether it is a time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct When {
    pub(super) nanos: i128,
    /// Whether it counts from 1970.
    pub(super) of_day: bool,
}

/// RFC 3339, a date with a time (UTC), or seconds, milliseconds, microseconds or nanoseconds since 1970;
/// smaller numbers are seconds since the first row.
pub(super) fn read(text: &str) -> Option<When> {
    let text = text.trim();
    if let Ok(number) = text.parse::<f64>() {
        if !number.is_finite() || number < 0.0 {
            return None;
        }
        // A number of seconds that lies between 2001 and 5138; finer units by their size.
        let (scale, of_day) = match number {
            n if n < 1e9 => (1e9, false),
            n if n < 1e11 => (1e9, true),
            n if n < 1e14 => (1e6, true),
            n if n < 1e17 => (1e3, true),
            n if n < 1e20 => (1.0, true),
            _ => return None,
        };
        // Whole microseconds: finer ones are not exact in such a number.
        let micros = (number * (scale / 1e3)).round();
        return Some(When {
            nanos: micros as i128 * 1_000,
            of_day,
        });
    }
    let timestamp = match text.parse::<jiff::Timestamp>() {
        Ok(timestamp) => timestamp,
        Err(_) => {
            let date = text.parse::<jiff::civil::DateTime>().ok()?;
            jiff::tz::Offset::UTC.to_timestamp(date).ok()?
        }
    };
    Some(When {
        nanos: timestamp.as_nanosecond(),
        of_day: true,
    })
}

/// How NGINX and Apache write times.
pub(super) fn common(text: &str) -> Option<i128> {
    let time = jiff::fmt::strtime::parse("%d/%b/%Y:%H:%M:%S %z", text).ok()?;
    Some(time.to_timestamp().ok()?.as_nanosecond())
}

/// A time of a command line as nanoseconds: RFC 3339, a date with a time (UTC), or a number as in
/// tables.
pub fn instant(text: &str) -> Option<i128> {
    read(text).map(|when| when.nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_however_they_are_written() {
        let expected = 1_700_000_000_500_000_000;
        for text in [
            "1700000000.5",
            "1700000000500",
            "1700000000500000",
            "1700000000500000000",
            "2023-11-14T22:13:20.5Z",
            "2023-11-14T23:13:20.5+01:00",
            "2023-11-14 22:13:20.5",
        ] {
            let when = read(text).unwrap();
            assert_eq!((when.nanos, when.of_day), (expected, true), "{text}");
        }
        let when = read("12.25").unwrap();
        assert_eq!((when.nanos, when.of_day), (12_250_000_000, false));
        for text in ["", "yesterday", "-1", "NaN", "1e30"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(
            common("14/Nov/2023:23:13:20 +0100"),
            Some(1_700_000_000_000_000_000)
        );
    }
}
