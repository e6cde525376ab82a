//! The path that one trial's rate takes around its profile.

use rand::RngExt;

use super::{Profile, Traffic};
use crate::base::{Span, Stream, Time};

/// The factor on the rate in one trial, constant between given instants. Its mean over trials is 1
/// at every instant.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Path {
    /// When each piece begins; the first at [`Time::START`].
    starts: Vec<Time>,
    factors: Vec<f64>,
}

/// How long clocks take to send what is due.
const SPIKE: Span = Span::from_secs(2);
const MINUTE: Span = Span::from_secs(60);
const HOUR: Span = Span::from_secs(3_600);
/// A full hour brings so many times as much as another minute.
const FULL_HOUR: f64 = 5.0;

impl Path {
    /// Draws the path of one trial up to `horizon`; `None` when the rate follows its profile.
    ///
    /// Of the traffic, `traffic.cron` comes from clocks: within 2 s after each full minute, five
    /// times as much at a full hour. A rollout starts at a random moment of the hour. From
    /// `horizon` on the factor is 1.
    pub fn draw(traffic: &Traffic, horizon: Span, stream: &mut Stream) -> Option<Path> {
        let mut path: Option<Path> = None;
        if let Some(swing) = &traffic.swing {
            path = Some(swing.draw(horizon, stream));
        }
        if traffic.cron.get() > 0.0 {
            let phase = Span::from_secs_f64(stream.random::<f64>() * HOUR.as_secs_f64());
            let clocks = Path::clocks(traffic.cron.get(), phase, horizon);
            path = Some(match path {
                None => clocks,
                Some(swing) => swing.times(&clocks),
            });
        }
        let mut path = path?;
        path.end(Time::START + horizon);
        Some(path)
    }

    /// The factor of traffic that comes from clocks; the rollout starts `phase` after a full hour.
    fn clocks(share: f64, phase: Span, horizon: Span) -> Path {
        // An hour's worth of clocks' traffic, in 59 ordinary spikes and the one at the full hour.
        let spikes = HOUR.as_secs_f64() / (59.0 + FULL_HOUR) / SPIKE.as_secs_f64();
        let mut path = Path::default();
        let mut minute = phase.as_nanos() / MINUTE.as_nanos();
        let at = |minute: u64| (MINUTE * minute).as_nanos();
        while at(minute) < phase.as_nanos() + horizon.as_nanos() {
            let height = if minute.is_multiple_of(60) {
                FULL_HOUR
            } else {
                1.0
            };
            let since_start = |nanos: u64| Time::from_nanos(nanos.saturating_sub(phase.as_nanos()));
            let (begin, end) = (
                since_start(at(minute)),
                since_start(at(minute) + SPIKE.as_nanos()),
            );
            if end > begin {
                path.push(begin, 1.0 - share + share * spikes * height);
            }
            path.push(end, 1.0 - share);
            minute += 1;
        }
        path
    }

    /// Another factor from `start` on, not before the one pushed last.
    pub(super) fn push(&mut self, start: Time, factor: f64) {
        self.starts.push(start);
        self.factors.push(factor);
    }

    /// Cuts the path off.
    fn end(&mut self, horizon: Time) {
        let kept = self.starts.partition_point(|start| *start < horizon);
        self.starts.truncate(kept);
        self.factors.truncate(kept);
        self.push(horizon, 1.0);
    }

    /// Both factors together.
    fn times(&self, other: &Path) -> Path {
        let mut product = Path::default();
        let (mut mine, mut theirs) = (0, 0);
        loop {
            let start = self.starts[mine].max(other.starts[theirs]);
            product.push(start, self.factors[mine] * other.factors[theirs]);
            let next = |path: &Path, index: usize| path.starts.get(index + 1).copied();
            match (next(self, mine), next(other, theirs)) {
                (None, None) => return product,
                (Some(a), Some(b)) if a == b => (mine, theirs) = (mine + 1, theirs + 1),
                (Some(a), Some(b)) if a < b => mine += 1,
                (Some(_), None) => mine += 1,
                _ => theirs += 1,
            }
        }
    }

    /// Number of pieces.
    pub(super) fn pieces(&self) -> usize {
        self.starts.len()
    }

    /// Factor of a piece, and when the next one begins.
    pub(super) fn piece(&self, index: usize) -> (f64, Time) {
        let end = self.starts.get(index + 1).copied().unwrap_or(Time::NEVER);
        (self.factors.get(index).copied().unwrap_or(1.0), end)
    }

    fn index(&self, now: Time) -> usize {
        self.starts
            .partition_point(|start| *start <= now)
            .saturating_sub(1)
    }

    /// The factor on the rate at `now`.
    pub fn factor(&self, now: Time) -> f64 {
        self.piece(self.index(now)).0
    }

    /// When the factor next changes; [`Time::NEVER`] when it does not.
    pub fn next_change(&self, now: Time) -> Time {
        self.piece(self.index(now)).1
    }

    /// Requests expected from `from` to `to`: the integral of profile times factor. The piece that
    /// `from` lies in is found by halving, so a short interval costs little.
    pub fn expected(&self, profile: &Profile, from: Time, to: Time) -> f64 {
        let mut index = self.index(from);
        let mut now = from;
        let mut sum = 0.0;
        while now < to {
            let (factor, end) = self.piece(index);
            let end = end.min(to);
            sum += factor * profile.expected(now, end);
            now = end;
            index += 1;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::base::{Probability, Rate};
    use crate::model::traffic::{Population, Swing};

    fn constant(rate: f64) -> Profile {
        Profile::Constant(Rate::per_second(rate).unwrap())
    }

    fn traffic(swing: Option<Swing>, cron: f64) -> Traffic {
        Traffic {
            swing,
            cron: Probability::new(cron).unwrap(),
            ..Traffic::plain(constant(1.0), Population::zipf(10, 0.0))
        }
    }

    #[test]
    fn plain_traffic_has_no_path_and_draws_nothing() {
        let mut stream = Stream::seed_from_u64(1);
        assert_eq!(Path::draw(&traffic(None, 0.0), HOUR, &mut stream), None);
        assert_eq!(stream, Stream::seed_from_u64(1));
    }

    #[test]
    fn clocks_send_their_share_after_full_minutes_and_more_after_full_hours() {
        let path = Path::clocks(0.02, Span::ZERO, HOUR * 3);
        let unit = constant(1.0);
        let within =
            |from: u64, to: u64| path.expected(&unit, Time::from_secs(from), Time::from_secs(to));
        for hour in 0..2 {
            let from = hour * 3_600;
            assert!((within(from, from + 3_600) - 3_600.0).abs() < 1e-6);
            let beyond =
                |minute: u64| within(from + minute * 60, from + minute * 60 + 2) - 2.0 * 0.98;
            assert!((beyond(0) / beyond(7) - 5.0).abs() < 1e-9);
            let clocks: f64 = (0..60).map(beyond).sum();
            assert!((clocks / 3_600.0 - 0.02).abs() < 1e-9);
        }
        // The same clocks, seen from a rollout that starts 61 s after a full hour.
        let later = Path::clocks(0.02, Span::from_secs(61), HOUR);
        assert_eq!(later.factor(Time::START), path.factor(Time::from_secs(61)));
        assert_eq!(later.next_change(Time::START), Time::from_secs(1));
        assert_eq!(later.factor(Time::from_secs(30)), 0.98);
        assert_eq!(
            later.factor(Time::from_secs(3_539)),
            path.factor(Time::START)
        );
    }

    #[test]
    fn the_integral_of_a_path_is_that_of_its_pieces() {
        let swing = Swing::Mmpp {
            ratio: 8.0,
            high: Probability::new(0.1).unwrap(),
            burst: Span::from_secs(20),
        };
        let traffic = traffic(Some(swing), 0.05);
        let path = Path::draw(&traffic, HOUR, &mut Stream::seed_from_u64(5)).unwrap();
        let profile = Profile::Ramp {
            from: Rate::per_second(1.0).unwrap(),
            to: Rate::per_second(9.0).unwrap(),
            over: HOUR,
        };
        for (from, to) in [(0, 3_600), (100, 103), (59, 61), (3_000, 4_000)] {
            let slice = Span::from_millis(10);
            let mut now = Time::from_secs(from);
            let mut sum = 0.0;
            while now < Time::from_secs(to) {
                let middle = now + Span::from_millis(5);
                sum += path.factor(middle) * profile.rate(middle) * 0.01;
                now += slice;
            }
            let exact = path.expected(&profile, Time::from_secs(from), Time::from_secs(to));
            assert!(
                (sum / exact - 1.0).abs() < 2e-3,
                "{from} {to}: {sum} {exact}"
            );
        }
        // Both parts change the factor where they change.
        let mut now = Time::START;
        while now < Time::START + HOUR {
            let next = path.next_change(now);
            assert!(next > now);
            let last = Time::from_nanos(next.as_nanos() - 1);
            assert_eq!(path.factor(now), path.factor(last));
            now = next;
        }
        assert_eq!(path.factor(Time::START + HOUR), 1.0);
        assert_eq!(path.next_change(Time::START + HOUR), Time::NEVER);
    }

    #[test]
    fn a_longer_horizon_only_adds_to_a_path() {
        for swing in [
            Swing::long_memory(0.44),
            Swing::Mmpp {
                ratio: 8.0,
                high: Probability::new(0.1).unwrap(),
                burst: Span::from_secs(20),
            },
            Swing::OnOff {
                sources: 50,
                shape: 1.2,
                shortest: Span::from_secs(1),
            },
        ] {
            let traffic = traffic(Some(swing), 0.0);
            let path =
                |hours| Path::draw(&traffic, HOUR * hours, &mut Stream::seed_from_u64(3)).unwrap();
            let (short, long) = (path(1), path(2));
            let mut now = Time::START;
            while now < Time::START + HOUR {
                assert_eq!(short.factor(now), long.factor(now), "{now}");
                now = short.next_change(now);
            }
            assert_ne!(short, long);
        }
    }
}
