//! Numbers and units as people read them, the same in sentences, tables and figures: `0.1 %`,
//! `40 ms`, `1,159`, and spans without spaces, `1m30s`.

use crate::base::Span;

/// A text in which units written as files want them (`99%`, `40ms`, `>=`) read as prose does
/// (`99 %`, `40 ms`, `≥`). Spans of a second and more stay compact.
pub(super) fn spaced(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut after_digit = false;
    for (at, letter) in text.char_indices() {
        let rest = &text[at..];
        let millis = rest.starts_with("ms") && !rest[2..].starts_with(char::is_alphanumeric);
        if after_digit && (letter == '%' || millis) {
            out.push(' ');
        }
        out.push(letter);
        after_digit = letter.is_ascii_digit();
    }
    out.replace(">=", "≥").replace("<=", "≤")
}

/// A latency as `40 ms` or `1.2 s`.
pub(super) fn latency(seconds: f64) -> String {
    if seconds >= 1.0 {
        format!("{} s", (seconds * 100.0).round() / 100.0)
    } else if seconds >= 0.01 {
        format!("{:.0} ms", seconds * 1_000.0)
    } else {
        format!("{} ms", (seconds * 1e5).round() / 100.0)
    }
}

/// A share with as many digits as it deserves: `93 %`, `11 %`, `1.3 %`, `0.6 %`, `99.7 %`. What is
/// not all or nothing does not round to it.
pub(super) fn share(share: f64) -> String {
    let percent = share * 100.0;
    let near_an_end = percent.min(100.0 - percent);
    if near_an_end <= 0.0 || near_an_end >= 1.95 {
        format!("{percent:.0} %")
    } else if near_an_end >= 0.095 {
        trimmed(format!("{percent:.1}")) + " %"
    } else if near_an_end >= 0.0095 {
        trimmed(format!("{percent:.2}")) + " %"
    } else if percent < 50.0 {
        "<0.01 %".to_owned()
    } else {
        ">99.99 %".to_owned()
    }
}

fn trimmed(number: String) -> String {
    match number.strip_suffix(".0") {
        Some(whole) => whole.to_owned(),
        None => number,
    }
}

/// A parameter's share exactly: `0.1 %`, `0.25 %`.
pub(super) fn exact_share(share: f64) -> String {
    format!("{} %", (share * 1e6).round() / 1e4)
}

/// A rate as `20/s`, `0.4/s`, `1,500/s`.
pub(super) fn rate(per_second: f64) -> String {
    if per_second >= 9.95 {
        format!("{}/s", grouped(per_second.round() as u64))
    } else if per_second >= 0.1 {
        format!("{}/s", (per_second * 100.0).round() / 100.0)
    } else {
        format!("{}/h", count(per_second * 3_600.0))
    }
}

/// How many: one decimal below 10, then whole with commas, millions from ten million.
pub(crate) fn count(number: f64) -> String {
    if number > 0.0 && number < 0.05 {
        "<0.1".to_owned()
    } else if number == 0.0 {
        "0".to_owned()
    } else if number < 9.95 {
        format!("{number:.1}")
    } else if number >= 1e7 {
        format!("{}M", (number / 1e5).round() / 10.0)
    } else {
        grouped(number.round() as u64)
    }
}

/// A whole number with commas between thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 check`, `5 checks`.
pub(crate) fn plural(count: u64, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{} {noun}s", grouped(count))
    }
}

/// A time in whole seconds: `45s`, `2m30s`.
pub(super) fn time(seconds: f64) -> String {
    Span::from_secs(seconds.round() as u64).to_string()
}

/// A ladder of percentages, shortened in the middle: `5 → 10 → … → 50 %`.
pub(super) fn ladder(percents: &[f64]) -> String {
    let shown: Vec<String> = match percents {
        [first, second, .., last] if percents.len() > 6 => {
            vec![
                first.to_string(),
                second.to_string(),
                "…".to_owned(),
                last.to_string(),
            ]
        }
        all => all.iter().map(ToString::to_string).collect(),
    };
    format!("{} %", shown.join(" → "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_get_the_digits_they_deserve_and_never_round_to_certainty() {
        for (value, text) in [
            (0.0, "0 %"),
            (0.000_01, "<0.01 %"),
            (0.000_5, "0.05 %"),
            (0.0061, "0.6 %"),
            (0.01, "1 %"),
            (0.0132, "1.3 %"),
            (0.114, "11 %"),
            (0.911, "91 %"),
            (0.996, "99.6 %"),
            (0.9999, "99.99 %"),
            (1.0, "100 %"),
        ] {
            assert_eq!(share(value), text);
        }
    }

    #[test]
    fn units_of_files_read_as_prose_and_spans_stay_compact() {
        assert_eq!(
            spaced("success ratio >= 99% over 1m30s; p99 <= 250ms over 5m, 2 % of 40ms"),
            "success ratio ≥ 99 % over 1m30s; p99 ≤ 250 ms over 5m, 2 % of 40 ms"
        );
        assert_eq!(latency(0.04), "40 ms");
        assert_eq!(latency(1.25), "1.25 s");
        assert_eq!(exact_share(0.001), "0.1 %");
    }

    #[test]
    fn quiet_services_are_counted_by_the_hour() {
        assert_eq!(rate(53.4), "53/s");
        assert_eq!(rate(0.4), "0.4/s");
        assert_eq!(rate(0.01), "36/h");
        assert_eq!(rate(1e6), "1,000,000/s");
    }
}
