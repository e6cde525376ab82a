//! Amounts of memory, and how fast bytes move.

use std::fmt;
use std::str::FromStr;

use super::ParseUnitError;

/// An amount of memory in bytes, finite and not negative. Text form: `2KiB`, `512MiB`, `1.5GiB`,
/// `100B`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Bytes(f64);

/// Units from large to small; the binary ones are those that heaps are given in.
const UNITS: [(&str, f64); 4] = [
    ("GiB", 1_073_741_824.0),
    ("MiB", 1_048_576.0),
    ("KiB", 1024.0),
    ("B", 1.0),
];

impl Bytes {
    /// So many bytes; `None` unless finite and not negative.
    pub fn new(bytes: f64) -> Option<Bytes> {
        (bytes.is_finite() && bytes >= 0.0).then_some(Bytes(bytes))
    }

    /// The number of bytes.
    pub fn get(self) -> f64 {
        self.0
    }
}

/// Bytes per second, finite and above zero. Text form: `64KiB/s`, `1.5MiB/s`, `500B/s`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Throughput(f64);

impl Throughput {
    /// So many bytes per second; `None` unless finite and above zero.
    pub fn per_second(bytes: f64) -> Option<Throughput> {
        (bytes.is_finite() && bytes > 0.0).then_some(Throughput(bytes))
    }

    /// Bytes per second.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Throughput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", Bytes(self.0))
    }
}

impl FromStr for Throughput {
    type Err = ParseUnitError;

    fn from_str(text: &str) -> Result<Throughput, ParseUnitError> {
        (text.trim().strip_suffix("/s"))
            .and_then(|bytes| bytes.parse().ok())
            .and_then(|bytes: Bytes| Throughput::per_second(bytes.get()))
            .ok_or_else(|| ParseUnitError {
                text: text.to_owned(),
                what: "a bandwidth",
                valid: "write an amount above zero and a second, like 64KiB/s, 1.5MiB/s or 500B/s",
            })
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, size) = UNITS
            .into_iter()
            .find(|(_, size)| self.0 >= *size)
            .unwrap_or(("B", 1.0));
        // Hundredths are as fine as anybody reads memory.
        write!(f, "{}{unit}", (self.0 / size * 100.0).round() / 100.0)
    }
}

impl FromStr for Bytes {
    type Err = ParseUnitError;

    fn from_str(text: &str) -> Result<Bytes, ParseUnitError> {
        let refuse = || ParseUnitError {
            text: text.to_owned(),
            what: "an amount of memory",
            valid: "write a number and a unit, like 2KiB, 512MiB, 1.5GiB or 100B",
        };
        let (number, size) = UNITS
            .into_iter()
            .find_map(|(unit, size)| Some((text.trim().strip_suffix(unit)?, size)))
            .ok_or_else(refuse)?;
        let number: f64 = number.trim_end().parse().map_err(|_| refuse())?;
        Bytes::new(number * size).ok_or_else(refuse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_and_written_in_binary_units() {
        for (text, bytes) in [
            ("2KiB", 2048.0),
            ("512 MiB", 536_870_912.0),
            ("1.5GiB", 1_610_612_736.0),
            ("100B", 100.0),
            ("0B", 0.0),
        ] {
            let read: Bytes = text.parse().unwrap();
            assert_eq!(read.get(), bytes);
            assert_eq!(read.to_string(), text.replace(' ', ""));
        }
        for text in ["", "2", "2KB", "-1B", "KiB", "1e400GiB", "2kib"] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_bandwidth_is_memory_per_second_and_never_none() {
        let read: Throughput = " 64KiB/s ".parse().unwrap();
        assert_eq!(read.get(), 65_536.0);
        assert_eq!(read.to_string(), "64KiB/s");
        for text in ["", "64KiB", "0B/s", "64KB/s", "64KiB/m", "/s", "-1B/s"] {
            let error = text.parse::<Throughput>().unwrap_err().to_string();
            assert!(error.contains("like 64KiB/s"), "{text}: {error}");
        }
    }
}
