//! How large patterns are: small texts of repetitions make large programs.

/// So large all texts of a query may be together.
pub(super) const LARGEST: u64 = 20_000;

/// About as many pieces as a pattern has once its repetitions are written out.
pub(super) fn size(pattern: &str) -> u64 {
    // Sizes of open groups, and of the last piece of each.
    let mut groups = vec![(0_u64, 0_u64)];
    let mut letters = pattern.chars().peekable();
    while let Some(letter) = letters.next() {
        let piece = match letter {
            '\\' => {
                letters.next();
                1
            }
            '[' => {
                while letters.next_if(|letter| *letter != ']').is_some() {}
                letters.next();
                1
            }
            '(' => {
                groups.push((0, 0));
                continue;
            }
            ')' => {
                let (size, _) = groups.pop().unwrap_or_default();
                if groups.is_empty() {
                    groups.push((0, 0));
                }
                size.max(1)
            }
            '{' => {
                let mut text = String::new();
                while let Some(letter) = letters.next_if(|l| l.is_ascii_digit() || *l == ',') {
                    text.push(letter);
                }
                letters.next_if_eq(&'}');
                let times = text.split(',').filter_map(|n| n.parse::<u64>().ok()).max();
                if let Some((size, last)) = groups.last_mut() {
                    let more = last.saturating_mul(times.unwrap_or(1).saturating_sub(1));
                    *size = size.saturating_add(more);
                    *last = last.saturating_add(more);
                }
                continue;
            }
            _ => 1,
        };
        if let Some((size, last)) = groups.last_mut() {
            *size = size.saturating_add(piece);
            *last = piece;
        }
    }
    groups
        .iter()
        .fold(0, |all, (size, _)| all.saturating_add(*size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_count_as_often_as_they_repeat() {
        for (pattern, pieces) in [
            ("", 0),
            ("5..", 3),
            ("a{10}", 10),
            ("(ab){2,5}c", 11),
            ("((a{100}){100}){100}", 1_000_000),
            ("[a-z(]{3}", 3),
            (r"\(\{x", 3),
            ("(((", 0),
            (")))", 1),
            ("a{99999999999999999999}", 1),
        ] {
            assert_eq!(size(pattern), pieces, "{pattern}");
        }
        assert_eq!(size("(a{4000000000}){4000000000}{4000000000}"), u64::MAX);
    }
}
