//! People in a rollout: how long they take to answer, and when they are there.

use crate::base::{Span, Time, split_mix};
use crate::stats;

/// How long a person takes from being asked to having acted: log-normal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// Natural logarithm of the median in seconds.
    location: f64,
    /// Standard deviation of the logarithm.
    scale: f64,
}

/// When people are there and weights may grow, in a week that repeats itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfficeHours {
    /// When the day begins, since midnight.
    pub from: Span,
    /// When it ends, since midnight; later than `from`, midnight at the latest.
    pub to: Span,
    /// On which days, Monday first; one at least.
    pub days: [bool; 7],
    /// When the rollout starts, since Monday at midnight; less than a week.
    pub start: Span,
}

const DAY: Span = Span::from_secs(86_400);
const WEEK: Span = Span::from_secs(7 * 86_400);

impl Judgement {
    /// The one with this median, within which a share `level` is at most `upper`; `None` unless the
    /// median is above zero, `upper` is longer, and the level is above a half and below 1.
    pub fn from_quantiles(median: Span, level: f64, upper: Span) -> Option<Judgement> {
        let valid = !median.is_zero() && upper > median && level > 0.5 && level < 1.0;
        valid.then(|| {
            let location = median.as_secs_f64().ln();
            Judgement {
                location,
                scale: (upper.as_secs_f64().ln() - location) / stats::normal_quantile(level),
            }
        })
    }

    /// Half within 20 minutes, nine in ten within an hour: somebody on call who is not waiting for
    /// the alert.
    pub fn on_call() -> Judgement {
        Judgement {
            location: 1_200_f64.ln(),
            scale: 3_f64.ln() / stats::normal_quantile(0.9),
        }
    }

    /// The time that a share `level` stays within; `level` between 0 and 1.
    pub fn quantile(&self, level: f64) -> Span {
        let seconds = (self.location + self.scale * stats::normal_quantile(level)).exp();
        // A hundred years stand for ever, so that sums stay in range.
        Span::from_secs_f64(seconds.min(3.15e9))
    }

    /// The delay of question number `question` of a rollout whose people have this `patience`: the
    /// same two numbers give the same delay.
    pub(in crate::rollout) fn delay(&self, patience: u64, question: u32) -> Span {
        let bits = split_mix(patience.wrapping_add(u64::from(question)));
        // The middle of one of 2^53 equal slices: never 0, never 1.
        let uniform = ((bits >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        self.quantile(uniform)
    }
}

impl OfficeHours {
    /// Monday to Friday, nine to five; the rollout starts on Monday at nine.
    pub const USUAL: OfficeHours = OfficeHours {
        from: Span::from_secs(9 * 3_600),
        to: Span::from_secs(17 * 3_600),
        days: [true, true, true, true, true, false, false],
        start: Span::from_secs(9 * 3_600),
    };

    /// Whether people are there; the end of a day is no longer in it.
    pub fn is_open(&self, now: Time) -> bool {
        let (day, clock) = self.place(now);
        self.days[day] && clock >= self.from && clock < self.to
    }

    /// The first instant from `now` on at which people are there.
    pub fn next_open(&self, now: Time) -> Time {
        let (mut day, mut clock) = self.place(now);
        let mut waited = Span::ZERO;
        // Today, the six other days, and today's next week; some day is open.
        for _ in 0..8 {
            if self.days[day] && clock < self.to {
                let until = self.from.as_nanos().saturating_sub(clock.as_nanos());
                return now + waited + Span::from_nanos(until);
            }
            waited = waited + Span::from_nanos(DAY.as_nanos() - clock.as_nanos());
            clock = Span::ZERO;
            day = (day + 1) % 7;
        }
        Time::NEVER
    }

    /// When `work` is done that begins at `now` and goes on only while people are there.
    pub fn after(&self, now: Time, work: Span) -> Time {
        let a_day = self.to.as_nanos().saturating_sub(self.from.as_nanos());
        let open_days = self.days.iter().filter(|open| **open).count() as u64;
        let a_week = a_day * open_days;
        if a_week == 0 {
            return Time::NEVER;
        }
        // Whole weeks first, so that what is left is at most a few days.
        let mut left = work.as_nanos() % a_week;
        let mut now = now + WEEK * (work.as_nanos() / a_week);
        loop {
            let open = self.next_open(now);
            let (_, clock) = self.place(open);
            let today = self.to.as_nanos() - clock.as_nanos();
            if left <= today {
                return open + Span::from_nanos(left);
            }
            left -= today;
            now = open + Span::from_nanos(today);
        }
    }

    /// Day of the week from 0 on Monday, and time since its midnight.
    fn place(&self, now: Time) -> (usize, Span) {
        let since = (self.start.as_nanos() + now.as_nanos() % WEEK.as_nanos()) % WEEK.as_nanos();
        let day = since / DAY.as_nanos();
        (day as usize, Span::from_nanos(since % DAY.as_nanos()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        Time::START + text.parse::<Span>().unwrap()
    }

    #[test]
    fn two_quantiles_make_a_judgement_that_keeps_them() {
        let minutes = |m: u64| Span::from_secs(60 * m);
        let judgement = Judgement::from_quantiles(minutes(20), 0.9, minutes(60)).unwrap();
        for (level, seconds) in [(0.5, 1_200.0), (0.9, 3_600.0), (0.1, 400.0)] {
            let found = judgement.quantile(level).as_secs_f64();
            assert!((found / seconds - 1.0).abs() < 1e-9, "{level}: {found}");
        }
        assert!((Judgement::on_call().quantile(0.9).as_secs_f64() - 3_600.0).abs() < 1e-3);
        for (median, level, upper) in [(0, 0.9, 60), (20, 0.5, 60), (20, 0.9, 20), (20, 1.0, 60)] {
            let refused = Judgement::from_quantiles(minutes(median), level, minutes(upper));
            assert_eq!(refused, None, "{median} {level} {upper}");
        }
    }

    #[test]
    fn delays_have_the_distribution_that_was_asked_for() {
        let judgement = Judgement::on_call();
        // 4,000 draws: the share below a quantile has a standard deviation of at most 0.8 points;
        // 3.2 points are four of them.
        let draws: Vec<Span> = (0..1_000)
            .flat_map(|patience| (0..4).map(move |question| (patience * 7_919, question)))
            .map(|(patience, question)| judgement.delay(patience, question))
            .collect();
        for level in [0.1, 0.5, 0.9] {
            let limit = judgement.quantile(level);
            let below = draws.iter().filter(|delay| **delay <= limit).count();
            let share = below as f64 / draws.len() as f64;
            assert!((share - level).abs() < 0.032, "{level}: {share}");
        }
        assert_eq!(judgement.delay(3, 1), judgement.delay(3, 1));
        assert_ne!(judgement.delay(3, 1), judgement.delay(3, 2));
    }

    #[test]
    fn offices_open_and_close_through_the_week() {
        let friday = OfficeHours {
            start: Span::from_secs((4 * 24 + 16) * 3_600),
            ..OfficeHours::USUAL
        };
        // since Friday 16:00, open, next open
        for (since, open, next) in [
            ("0s", true, "0s"),
            ("59m59s", true, "59m59s"),
            ("1h", false, "65h"),  // Friday 17:00, then Monday 9:00
            ("9h", false, "65h"),  // Saturday
            ("65h", true, "65h"),  // Monday
            ("73h", false, "89h"), // Monday 17:00, then Tuesday
            ("168h", true, "168h"),
            ("169h", false, "233h"),
        ] {
            assert_eq!(friday.is_open(at(since)), open, "{since}");
            assert_eq!(friday.next_open(at(since)), at(next), "{since}");
        }
    }

    #[test]
    fn work_goes_on_only_while_people_are_there() {
        let friday = OfficeHours {
            start: Span::from_secs((4 * 24 + 16) * 3_600),
            ..OfficeHours::USUAL
        };
        // since Friday 16:00, work, done
        for (since, work, done) in [
            ("0s", "20m", "20m"),
            ("0s", "1h", "1h"),
            ("0s", "90m", "65h30m"),
            ("2h", "20m", "65h20m"),
            ("0s", "9h30m", "89h30m"),
            ("0s", "40h20m", "168h20m"), // forty hours are a week
            ("10m", "81h", "401h10m"),   // two weeks and an hour, which ends on a Monday
        ] {
            let found = friday.after(at(since), work.parse().unwrap());
            assert_eq!(found, at(done), "{work} from {since}");
        }
    }
}
