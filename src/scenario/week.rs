//! Times of the day and the week as people write them: `09:00`, `Fri 16:00`, `Mon-Fri`.

use crate::base::Span;

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Reads `09:00` as the time since midnight; `24:00` is the midnight at the end.
pub(super) fn clock(text: &str) -> Option<Span> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let digits = |part: &str, most: usize| {
        let well = (1..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        well.then(|| part.parse::<u64>().ok()).flatten()
    };
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    let valid = minutes < 60 && (hours < 24 || (hours == 24 && minutes == 0));
    valid.then(|| Span::from_secs(3_600 * hours + 60 * minutes))
}

/// Reads `Fri 16:00` as the time since Monday at midnight.
pub(super) fn moment(text: &str) -> Option<Span> {
    let (name, time) = text.trim().split_once(' ')?;
    let time = clock(time)?;
    let within = time < Span::from_secs(86_400);
    let day = u64::try_from(day(name)?).ok()?;
    within.then(|| Span::from_secs(day * 86_400) + time)
}

/// Reads `Mon-Fri`, `Sat,Sun` or `Mon-Wed, Fri`: which days of the week, Monday first.
pub(super) fn days(text: &str) -> Option<[bool; 7]> {
    let mut chosen = [false; 7];
    for part in text.split(',') {
        let (first, last) = match part.split_once('-') {
            Some((first, last)) => (day(first)?, day(last)?),
            None => (day(part)?, day(part)?),
        };
        let mut at = first;
        chosen[at] = true;
        while at != last {
            at = (at + 1) % 7;
            chosen[at] = true;
        }
    }
    Some(chosen)
}

/// A day's place in the week, from 0 on Monday.
fn day(name: &str) -> Option<usize> {
    DAYS.iter().position(|day| *day == name.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_and_moments_are_read() {
        for (text, minutes) in [
            ("09:00", 540),
            ("9:30", 570),
            ("00:00", 0),
            ("24:00", 1_440),
        ] {
            assert_eq!(clock(text), Some(Span::from_secs(60 * minutes)), "{text}");
        }
        for text in [
            "", "9", "9:60", "24:01", "25:00", "-1:00", "9:00:00", "+9:00",
        ] {
            assert_eq!(clock(text), None, "{text}");
        }
        let friday = Span::from_secs((4 * 24 + 16) * 3_600);
        assert_eq!(moment("Fri 16:00"), Some(friday));
        for text in ["16:00", "Fri", "Friday 16:00", "Fri 24:00"] {
            assert_eq!(moment(text), None, "{text}");
        }
    }

    #[test]
    fn days_are_ranges_and_lists() {
        let read = |text| {
            days(text).map(|days| days.map(|day| if day { '#' } else { '.' }).iter().collect())
        };
        for (text, week) in [
            ("Mon-Fri", Some("#####..")),
            ("Sat,Sun", Some(".....##")),
            ("Mon-Wed, Fri", Some("###.#..")),
            ("Fri-Mon", Some("#...###")),
            ("Tue", Some(".#.....")),
            ("", None),
            ("Mon-", None),
            ("weekdays", None),
        ] {
            assert_eq!(read(text), week.map(str::to_owned), "{text}");
        }
    }
}
