//! What it means that requests are not independent of one another: they come in swings, in groups,
//! and from users who stay together.

use statrs::function::gamma::ln_gamma;

use crate::base::{Span, Weight};
use crate::experiment::mean_rate;
use crate::experiment::watch::shown_window;
use crate::experiment::words::{count, exact_share};
use crate::gate::{self, Gate};
use crate::model::World;
use crate::model::fault::{Fault, FaultKind, Target};
use crate::model::split::Split;
use crate::model::traffic::{Arrivals, Sessions, Swing, Traffic};
use crate::scenario::Scenario;

/// Below this a design effect or an index of dispersion is not worth a sentence.
const NOTABLE: f64 = 1.5;

/// Sentences about requests that depend on one another.
pub(super) fn sentences(scenario: &Scenario) -> Vec<String> {
    let world = &scenario.world;
    let Some(weight) = (scenario.rollout.steps().into_iter()).find(|weight| !weight.is_zero())
    else {
        return Vec::new();
    };
    let window =
        (gate::windows(&scenario.analysis).max()).unwrap_or_else(|| shown_window(scenario));
    let requests = mean_rate(scenario).over(window);
    let mut sentences = Vec::new();
    sentences.extend(users_stay(world, weight, window, requests));
    sentences.extend(swings(world, weight, window, requests));
    sentences.extend(world.faults.iter().find_map(|fault| reached(world, fault)));
    sentences.extend((world.faults.iter()).find_map(|fault| single(world, fault, weight)));
    sentences.extend(bursts(scenario));
    sentences
}

/// A split by user makes the canary's share a matter of who its users are.
fn users_stay(world: &World, weight: Weight, window: Span, requests: f64) -> Option<String> {
    let kept = match world.split {
        Split::UserHash | Split::SplitClients | Split::RingHash => "version",
        Split::Connection => "connection",
        Split::Random | Split::Even | Split::RoundRobin => return None,
    };
    let effect = design_effect(requests, concentration(&world.traffic, world.split));
    if effect < NOTABLE || requests < 1.0 {
        return None;
    }
    let share = weight.share();
    let deviation = (share * (1.0 - share) * effect / requests).sqrt();
    Some(format!(
        "Requests of one user stay with one {kept}: over {window} the canary's share strays from \
         {} by {} points (standard deviation), {} times as far as with independent requests \
         (design effect {}).",
        exact_share(share),
        digits(deviation * 100.0),
        digits(effect.sqrt()),
        digits(effect),
    ))
}

/// Swings, sessions and uneven gaps make windows differ more than chance would.
fn swings(world: &World, weight: Weight, window: Span, requests: f64) -> Option<String> {
    let traffic = &world.traffic;
    let all = dispersion(traffic, window, requests);
    let together = concentration_matters(world.split);
    let share = weight.share();
    // Picking each request on its own thins the excess out; picking users does not.
    let excess = if together {
        all - 1.0
    } else {
        share * (all - 1.0)
    };
    if 1.0 + excess < NOTABLE {
        return None;
    }
    let mean = requests * share;
    let memory = match traffic.swing {
        Some(Swing::OnOff { shape, .. }) => format!(
            " The swings have long memory (Hurst exponent {}), so longer windows help less than \
             they promise.",
            digits((3.0 - shape) / 2.0)
        ),
        _ => String::new(),
    };
    Some(format!(
        "Requests come in swings: in {window} a {} canary gets {} give or take {}, where \
         independent requests would stray by {} (index of dispersion {}).{memory}",
        exact_share(share),
        count(mean),
        count((mean * (1.0 + excess)).sqrt()),
        count(mean.sqrt()),
        digits(1.0 + excess),
    ))
}

/// Which users a fault reaches is luck, and they are not all alike.
fn reached(world: &World, fault: &Fault) -> Option<String> {
    let users = fault.scope.users.get();
    if users <= 0.0 || users >= 1.0 || fault.target == Target::Both {
        return None;
    }
    let squares = concentration(&world.traffic, Split::UserHash);
    let deviation = (users * (1.0 - users) * squares).sqrt();
    (deviation > 0.2 * users).then(|| {
        format!(
            "The fault reaches {} of users, and users are unequal: from one rollout to the next \
             these send {} of the requests give or take {} points.",
            exact_share(users),
            exact_share(users),
            digits(deviation * 100.0)
        )
    })
}

/// A fault of a single user, whom the split puts on one side.
fn single(world: &World, fault: &Fault, weight: Weight) -> Option<String> {
    let groups = (world.traffic.groups.iter().take(32).enumerate())
        .filter(|(place, _)| fault.scope.groups >> place & 1 == 1);
    let users: u32 = groups.clone().map(|(_, group)| group.users.users()).sum();
    let (_, group) = groups.clone().next()?;
    let alone = users == 1 && groups.count() == 1 && fault.target != Target::Both;
    (alone && concentration_matters(world.split)).then(|| {
        format!(
            "The fault meets one user only, {}, and the split puts each user on one version: at {} the \
             canary has that user in {} of the rollouts, and in the others there is nothing to see.",
            group.name,
            exact_share(weight.share()),
            exact_share(weight.share()),
        )
    })
}

fn bursts(scenario: &Scenario) -> Option<String> {
    let bursts = |fault: &Fault| matches!(fault.kind, FaultKind::Bursts { .. });
    let tests = |gate: &Gate| matches!(gate, Gate::TwoProportionZ(_));
    let both = scenario.world.faults.iter().any(bursts) && scenario.analysis.iter().any(tests);
    both.then(|| {
        "Failures come in bursts, and the z test takes each request as independent of the others: \
         it alarms far more often than its level says."
            .to_owned()
    })
}

fn concentration_matters(split: Split) -> bool {
    matches!(
        split,
        Split::UserHash | Split::SplitClients | Split::RingHash | Split::Connection
    )
}

/// Variance of a share of `requests` requests over what it would be if they were independent, when
/// what is shared out are users whose squared shares of all requests add up to `squares`:
/// `1 + (n - 1) Σ a²` (Kish's design effect with everything alike within a user).
fn design_effect(requests: f64, squares: f64) -> f64 {
    1.0 + (requests - 1.0).max(0.0) * squares
}

/// Sum of the squares of the users' shares of all requests: one over the number of equal users that
/// would be as uneven.
fn concentration(traffic: &Traffic, split: Split) -> f64 {
    if traffic.groups.is_empty() {
        return traffic.users.concentration();
    }
    let groups = traffic.groups.iter().map(|group| {
        let share = group.share.get();
        // Without a cookie to hash, all of them look like one user.
        let alike = split == Split::SplitClients && !group.cookies;
        let within = if alike {
            1.0
        } else {
            group.users.concentration()
        };
        share * share * within
    });
    groups.sum()
}

/// Variance over mean of the number of requests in a window that expects `requests`; 1 for a Poisson
/// process. Sources of variance are taken as independent. Exact for swings over whole minutes, the
/// limit of long windows for gaps, and a lower bound for sessions, of which it counts the requests
/// of a page as one.
fn dispersion(traffic: &Traffic, window: Span, requests: f64) -> f64 {
    let gaps = match traffic.arrivals {
        Arrivals::Poisson | Arrivals::Even => 1.0,
        Arrivals::Gamma { cv } => cv * cv,
        Arrivals::Weibull { shape } => {
            (ln_gamma(1.0 + 2.0 / shape) - 2.0 * ln_gamma(1.0 + 1.0 / shape)).exp() - 1.0
        }
    };
    let pages = traffic.sessions.as_ref().map_or(1.0, page_dispersion);
    let swing = (traffic.swing.as_ref()).map_or(0.0, |swing| swing_variance(swing, window));
    1.0 + (gaps - 1.0) + (pages - 1.0) + requests * swing
}

/// Pages of `1 + g` requests, `g` geometric from 0 with mean `e`, come like a Poisson process:
/// `E k² / E k = 1 + 2e`.
fn page_dispersion(sessions: &Sessions) -> f64 {
    1.0 + 2.0 * sessions.embedded
}

/// Variance of the mean over `window` of a factor whose own mean is 1.
fn swing_variance(swing: &Swing, window: Span) -> f64 {
    match swing {
        Swing::LogNormal { terms } => {
            // The factor is constant within a minute: a mean over m of them.
            let minutes = (window.as_secs_f64() / 60.0).round().max(1.0) as u64;
            let m = minutes as f64;
            let covariance = |lag: f64| -> f64 {
                let log = |(deviation, time): &(f64, Span)| {
                    deviation * deviation * (-60.0 * lag / time.as_secs_f64()).exp()
                };
                terms.iter().map(log).sum::<f64>().exp_m1()
            };
            let lags = (1..minutes).map(|lag| (m - lag as f64) * covariance(lag as f64));
            (m * covariance(0.0) + 2.0 * lags.sum::<f64>()) / (m * m)
        }
        Swing::Mmpp { ratio, high, burst } => {
            let q = high.get();
            // Rates of the two states where the mean is 1.
            let low = 1.0 / (q * ratio + 1.0 - q);
            let variance = q * (1.0 - q) * (ratio * low - low).powi(2);
            // Its autocorrelation is exp(-s t), s the sum of the rates of change.
            let s = 1.0 / burst.as_secs_f64() / (1.0 - q);
            let x = s * window.as_secs_f64();
            variance * 2.0 / x * (1.0 + (-x).exp_m1() / x)
        }
        Swing::OnOff {
            sources,
            shape,
            shortest,
        } => {
            // Each is on half of the time: variance 1/N, which falls with the power 2H - 2 of the
            // window from the shortest time on.
            let lengths = (window.as_secs_f64() / shortest.as_secs_f64()).max(1.0);
            lengths.powf(1.0 - shape) / f64::from((*sources).max(1))
        }
    }
}

/// Two digits that count: `0.12`, `3.4`, `57`, `1,200`.
fn digits(number: f64) -> String {
    if number >= 9.95 {
        return count(number);
    }
    let places = if number >= 0.095 { 1 } else { 2 };
    let text = format!("{number:.places$}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Probability, Rate};
    use crate::model::service::Latency;
    use crate::model::traffic::{Population, Profile, UserGroup};

    fn share(value: f64) -> Probability {
        Probability::new(value).unwrap()
    }

    fn traffic() -> Traffic {
        let rate = Rate::per_second(10.0).unwrap();
        Traffic::plain(Profile::Constant(rate), Population::zipf(100, 0.0))
    }

    fn group(part: f64, users: u32, cookies: bool) -> UserGroup {
        UserGroup {
            name: "some".to_owned(),
            share: share(part),
            users: Population::zipf(users, 0.0),
            cookies,
            returning: Probability::ZERO,
            mix: Vec::new(),
            matched: false,
        }
    }

    #[test]
    fn equal_users_are_as_many_as_they_are_and_unequal_ones_fewer() {
        let near =
            |found: f64, wanted: f64| assert!((found / wanted - 1.0).abs() < 1e-9, "{found}");
        near(concentration(&traffic(), Split::UserHash), 0.01);
        // 10,000 users of Zipf's law: π²/6 over the square of the harmonic number.
        let zipf = Population::zipf(10_000, 1.0).concentration();
        assert!(
            (zipf - 1.644_83 / 9.787_606_f64.powi(2)).abs() < 1e-6,
            "{zipf}"
        );
        let mut mixed = traffic();
        mixed.groups = vec![group(0.8, 100, true), group(0.2, 4, false)];
        near(concentration(&mixed, Split::UserHash), 0.0064 + 0.01);
        near(concentration(&mixed, Split::SplitClients), 0.0064 + 0.04);
        near(design_effect(1.0, 0.01), 1.0);
        near(design_effect(201.0, 0.01), 3.0);
    }

    #[test]
    fn two_state_traffic_is_as_dispersed_as_its_closed_form_says() {
        // Eight times the rate for a tenth of the time, in bursts of 20 s, at 20/s: with the
        // switching rates s12 and s21 and rates r1 and r2,
        // IDC = 1 + 2 s12 s21 (r1 - r2)² / (s² (s21 r1 + s12 r2)), and short of it by
        // 1 - (1 - e^-st) / st in a window t.
        let (s12, s21) = (1.0 / 20.0, 0.1 / (20.0 * 0.9));
        let s: f64 = s12 + s21;
        let r2 = 20.0 / (0.1 * 8.0 + 0.9);
        let r1 = 8.0 * r2;
        let long = 2.0 * s12 * s21 * (r1 - r2) * (r1 - r2) / (s * s * (s21 * r1 + s12 * r2));
        let mut bursty = traffic();
        bursty.swing = Some(Swing::Mmpp {
            ratio: 8.0,
            high: share(0.1),
            burst: Span::from_secs(20),
        });
        for seconds in [1.0, 60.0, 3_600.0] {
            let x: f64 = s * seconds;
            let wanted = 1.0 + long * (1.0 - (1.0 - (-x).exp()) / x);
            let window = Span::from_secs_f64(seconds);
            let found = dispersion(&bursty, window, 20.0 * seconds);
            assert!(
                (found / wanted - 1.0).abs() < 1e-9,
                "{seconds}: {found} {wanted}"
            );
        }
    }

    #[test]
    fn log_normal_swings_average_out_as_fast_as_their_memory_is_short() {
        let swing = |time: u64| Swing::LogNormal {
            terms: vec![(0.4, Span::from_secs(time))],
        };
        let minutes = |m: u64| Span::from_secs(60 * m);
        let single = 0.16_f64.exp_m1();
        let near =
            |found: f64, wanted: f64| assert!((found / wanted - 1.0).abs() < 1e-6, "{found}");
        near(swing_variance(&swing(60), minutes(1)), single);
        // With hardly any memory the minutes of an hour are independent; with a very long one they
        // are all alike.
        near(swing_variance(&swing(1), minutes(60)), single / 60.0);
        let long = swing_variance(&swing(1_000_000_000), minutes(60));
        assert!((long / single - 1.0).abs() < 1e-5, "{long}");
        // Two minutes: half the sum of variance and covariance.
        let pair = (single + (0.16 * (-1.0_f64).exp()).exp_m1()) / 2.0;
        near(swing_variance(&swing(60), minutes(2)), pair);
    }

    #[test]
    fn gaps_and_pages_add_to_the_dispersion() {
        let window = Span::from_secs(60);
        let with = |change: fn(&mut Traffic)| {
            let mut traffic = traffic();
            change(&mut traffic);
            dispersion(&traffic, window, 600.0)
        };
        assert_eq!(with(|_| {}), 1.0);
        assert_eq!(
            with(|traffic| traffic.arrivals = Arrivals::Gamma { cv: 3.0 }),
            9.0
        );
        // Weibull gaps of shape 0.5 have a coefficient of variation of √5.
        let weibull = with(|traffic| traffic.arrivals = Arrivals::Weibull { shape: 0.5 });
        assert!((weibull - 5.0).abs() < 1e-9, "{weibull}");
        let sessions = with(|traffic| {
            let think = Latency::log_normal(
                Span::from_secs(40),
                Probability::new(0.9).unwrap(),
                Span::from_secs(300),
            );
            traffic.sessions = Some(Sessions {
                single: Probability::ZERO,
                pages: 3.0,
                embedded: 2.2,
                think: think.unwrap(),
            });
        });
        assert!((sessions - 5.4).abs() < 1e-9, "{sessions}");
    }

    #[test]
    fn numbers_have_two_digits_that_count() {
        for (number, text) in [
            (0.034, "0.03"),
            (0.95, "0.9"),
            (3.0, "3"),
            (3.44, "3.4"),
            (57.2, "57"),
        ] {
            assert_eq!(digits(number), text);
        }
    }
}
