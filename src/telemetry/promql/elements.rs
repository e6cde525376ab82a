//! Functions of single values.

/// A function of one value and up to two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    Abs,
    Acos,
    Acosh,
    Asin,
    Asinh,
    Atan,
    Atanh,
    Ceil,
    Clamp,
    ClampMax,
    ClampMin,
    Cos,
    Cosh,
    Degrees,
    Exp,
    Floor,
    Ln,
    Log10,
    Log2,
    /// Unary minus.
    Negate,
    Radians,
    Round,
    Sign,
    Sin,
    Sinh,
    Sqrt,
    Tan,
    Tanh,
}

impl Element {
    /// The function's value; `None` where it has none.
    pub(super) fn of(self, x: f64, numbers: [f64; 2]) -> Option<f64> {
        let [a, b] = numbers;
        Some(match self {
            Element::Abs => x.abs(),
            Element::Acos => x.acos(),
            Element::Acosh => x.acosh(),
            Element::Asin => x.asin(),
            Element::Asinh => x.asinh(),
            Element::Atan => x.atan(),
            Element::Atanh => x.atanh(),
            Element::Ceil => x.ceil(),
            Element::Clamp if b < a => return None,
            Element::Clamp => greater(a, less(b, x)),
            Element::ClampMax => less(a, x),
            Element::ClampMin => greater(a, x),
            Element::Cos => x.cos(),
            Element::Cosh => x.cosh(),
            Element::Degrees => x * 180.0 / std::f64::consts::PI,
            Element::Exp => x.exp(),
            Element::Floor => x.floor(),
            Element::Ln => x.ln(),
            Element::Log10 => x.log10(),
            Element::Log2 => x.log2(),
            Element::Negate => -x,
            Element::Radians => x * std::f64::consts::PI / 180.0,
            // To multiples of `a`; ties go up.
            Element::Round => {
                let inverse = 1.0 / a;
                (x * inverse + 0.5).floor() / inverse
            }
            Element::Sign if x < 0.0 => -1.0,
            Element::Sign if x > 0.0 => 1.0,
            Element::Sign => x,
            Element::Sin => x.sin(),
            Element::Sinh => x.sinh(),
            Element::Sqrt => x.sqrt(),
            Element::Tan => x.tan(),
            Element::Tanh => x.tanh(),
        })
    }
}

/// Go's `math.Max`: what is not a number stays so, and 0 is above -0.
fn greater(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        return if a == f64::INFINITY || b == f64::INFINITY {
            f64::INFINITY
        } else {
            f64::NAN
        };
    }
    if a == 0.0 && b == 0.0 {
        return if a.is_sign_negative() { b } else { a };
    }
    if a > b { a } else { b }
}

/// Go's `math.Min`.
fn less(a: f64, b: f64) -> f64 {
    -greater(-a, -b)
}

/// A part of the date that a number of seconds since 1970 stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DatePart {
    DayOfMonth,
    DayOfWeek,
    DayOfYear,
    DaysInMonth,
    Hour,
    Minute,
    Month,
    Year,
}

impl DatePart {
    pub(super) fn of(self, seconds: f64) -> f64 {
        // As Go converts: towards zero.
        let seconds = seconds as i64;
        let days = seconds.div_euclid(86_400);
        let rest = seconds.rem_euclid(86_400);
        let (year, month, day) = civil(days);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let part = match self {
            DatePart::DayOfMonth => day,
            DatePart::DayOfWeek => (days + 4).rem_euclid(7),
            DatePart::DayOfYear => days - days_before(year, 1, 1) + 1,
            DatePart::DaysInMonth => match month {
                2 => 28 + i64::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            },
            DatePart::Hour => rest / 3_600,
            DatePart::Minute => rest / 60 % 60,
            DatePart::Month => month,
            DatePart::Year => year,
        };
        part as f64
    }
}

/// Year, month and day of a number of days since 1970: eras of 400 years that begin in March.
fn civil(days: i64) -> (i64, i64, i64) {
    const ERA: i64 = 146_097;
    let days = days.saturating_add(719_468);
    let (era, day) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let in_year = day - (365 * year + year / 4 - year / 100);
    let shifted = (5 * in_year + 2) / 153;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month, in_year - (153 * shifted + 2) / 5 + 1)
}

/// Days from 1970 to a date.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let shifted = (month + 9) % 12;
    let in_year = (153 * shifted + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + in_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_their_parts() {
        // 29 February 2024, a Thursday, 13:14:15.
        let seconds = 1_709_212_455.0;
        let parts = [
            (DatePart::Year, 2024.0),
            (DatePart::Month, 2.0),
            (DatePart::DayOfMonth, 29.0),
            (DatePart::DayOfWeek, 4.0),
            (DatePart::DayOfYear, 60.0),
            (DatePart::DaysInMonth, 29.0),
            (DatePart::Hour, 13.0),
            (DatePart::Minute, 14.0),
        ];
        for (part, value) in parts {
            assert_eq!(part.of(seconds), value, "{part:?}");
        }
        assert_eq!(DatePart::Year.of(-1.0), 1969.0);
        assert!(DatePart::Year.of(f64::NAN).is_finite());
        assert!(DatePart::DayOfYear.of(f64::INFINITY).is_finite());
    }

    #[test]
    fn ties_round_up_and_bounds_cross_to_nothing() {
        assert_eq!(Element::Round.of(-2.5, [1.0, 0.0]), Some(-2.0));
        assert_eq!(Element::Round.of(0.15, [0.1, 0.0]), Some(0.2));
        assert_eq!(Element::Clamp.of(5.0, [3.0, 2.0]), None);
        assert_eq!(Element::Clamp.of(5.0, [1.0, 2.0]), Some(2.0));
        assert!(
            Element::ClampMin
                .of(f64::NAN, [1.0, 0.0])
                .is_some_and(f64::is_nan)
        );
    }
}
