//! Gates and people: how often a test alarms when nothing is wrong, and how long a rollout takes that
//! waits for somebody.

use coalmine::base::Span;
use coalmine::engine::r#virtual::Player;
use coalmine::engine::{Ending, Trial};
use coalmine::stats::{normal_quantile, normal_upper};

use super::{SEED, assert_distribution, assert_mean, assert_near, assert_share, parsed, setting};

fn trials(text: &str, trials: u64) -> Vec<Trial> {
    let scenario = parsed(text);
    let mut setting = setting(&scenario);
    setting.observe = false;
    let mut player = Player::new(setting);
    (0..trials)
        .map(|replicate| player.play(SEED, replicate))
        .collect()
}

/// How many of some rollouts of a good canary a z test rolls back: looks of 60 s at all that came.
fn alarms(world: &str, alpha: f64, looks: u64, number: u64) -> u64 {
    let seconds = 60 * looks;
    let text = format!(
        "{world}\n[telemetry]\nscrape = \"exact\"\n[rollout]\ninterval = \"60s\"\n\
         steps = [{{ weight = \"50%\", hold = \"{seconds}s\" }}]\n\
         [[rollout.gates]]\nkind = \"z-test\"\nalpha = \"{alpha}%\"\nwindow = \"{seconds}s\""
    );
    let trials = trials(&text, number);
    let alarmed = trials.iter().filter(|t| t.ending == Ending::RolledBack);
    alarmed.count() as u64
}

fn plain(rate: u32, errors: &str) -> String {
    format!(
        "[traffic]\nrate = \"{rate}/s\"\nusers = 200\nzipf = 0\n\
         [stable]\nlatency = {{ fixed = \"1us\" }}\nerrors = \"{errors}\""
    )
}

#[test]
fn independent_requests_alarm_as_often_as_the_level_says() {
    // 600 requests and 120 errors to an arm: the normal approximation is off by 0.2 points at most.
    let found = alarms(&plain(20, "20%"), 5.0, 1, 8_000);
    assert_near(found as f64 / 8_000.0, 0.05, 4.4 * 0.0024 + 0.002);
}

#[test]
fn looking_again_alarms_more_often() {
    // Two-sided at 5 %: 19.3 % within ten looks (Armitage, McPherson and Rowe 1969), half of them on
    // this side.
    let found = alarms(&plain(20, "20%"), 2.5, 10, 1_500);
    assert_near(found as f64 / 1_500.0, 0.193 / 2.0, 4.4 * 0.0076);
}

#[test]
fn requests_of_a_user_are_not_independent() {
    // A tenth of the users always fails, and users are hashed: 60 requests of each in 10 minutes are
    // worth one, so the z value has the variance 61.
    let world = format!(
        "{}\n[[faults]]\nkind = \"errors\"\nprobability = \"100%\"\nusers = \"10%\"\n\
         [split]\npolicy = \"user-hash\"",
        plain(20, "0%")
    );
    let scale = |world: &str| {
        let seconds = 600;
        let text = format!(
            "{world}\n[telemetry]\nscrape = \"exact\"\n[rollout]\ninterval = \"{seconds}s\"\n\
             steps = [{{ weight = \"50%\", hold = \"{seconds}s\" }}]\n\
             [[rollout.gates]]\nkind = \"z-test\"\nalpha = \"5%\"\nwindow = \"{seconds}s\""
        );
        let trials = trials(&text, 500);
        let alarmed = trials.iter().filter(|t| t.ending == Ending::RolledBack);
        alarmed.count() as f64 / 500.0
    };
    let expected = normal_upper(normal_quantile(0.95) / 61.0_f64.sqrt());
    assert_near(scale(&world), expected, 4.4 * 0.022 + 0.01);
    // Drawn request by request, the same users fail alike on both sides, with less spread than
    // independent failures would have: at most as many alarms as the level says.
    let drawn = scale(&world.replace("user-hash", "random"));
    assert!(drawn < 0.05 + 4.4 * 0.01, "{drawn}");
}

#[test]
fn failures_in_bursts_alarm_far_too_often() {
    // Spells of 10 s in which three in ten fail, two in a thousand seconds, of each version on its
    // own, and one failure in a thousand besides. Within five minutes a version has seen one with
    // 1 - 0.98 exp(-0.6 (0.98)) = 46 %. It alarms when the canary has and stable has not, and half of
    // the times when both have: between 0.46 * 0.54 and 0.46 * 0.77.
    let bursts =
        "[[faults]]\nkind = \"bursts\"\nprobability = \"30%\"\ngood = \"500s\"\nbad = \"10s\"";
    let once = |world: &str| {
        let text = format!(
            "{world}\n[telemetry]\nscrape = \"exact\"\n[rollout]\ninterval = \"300s\"\n\
             steps = [{{ weight = \"10%\", hold = \"300s\" }}]\n\
             [[rollout.gates]]\nkind = \"z-test\"\nalpha = \"5%\"\nwindow = \"300s\""
        );
        let trials = trials(&text, 500);
        let alarmed = trials.iter().filter(|t| t.ending == Ending::RolledBack);
        alarmed.count() as f64 / 500.0
    };
    let found = once(&format!("{}\n{bursts}", plain(50, "0.1%")));
    assert!(
        (0.46 * 0.54 - 0.09..=0.46 * 0.77 + 0.09).contains(&found),
        "{found}"
    );
    assert!(once(&plain(50, "2%")) < 0.05 + 0.043);
}

/// The quantile function of the judgement of `p50=20m,p90=60m`, in seconds.
fn judgement(q: f64) -> f64 {
    (1_200_f64.ln() + 3_f64.ln() / normal_quantile(0.9) * normal_quantile(q)).exp()
}

fn rollout(canary: &str, rollout: &str) -> String {
    format!(
        "horizon = \"500h\"\n[traffic]\nrate = \"2/s\"\n[stable]\nlatency = {{ fixed = \"1us\" }}\nerrors = \"0%\"\n{canary}\n\
         [telemetry]\nscrape = \"exact\"\n[rollout]\n{rollout}\n\
         [[rollout.gates]]\nkind = \"success-ratio\"\nmin = \"99%\"\nwindow = \"60s\"\nmin_requests = 1"
    )
}

const BAD: &str = "[canary]\nerrors = \"100%\"";

#[test]
fn people_roll_back_when_they_have_judged() {
    let text = rollout(
        BAD,
        "interval = \"10s\"\nrollback = \"manual\"\njudgement = \"p50=20m,p90=60m\"\n\
         steps = [{ weight = \"50%\", hold = \"10m\" }]",
    );
    let trials = trials(&text, 300);
    let mut delays = Vec::new();
    for trial in &trials {
        assert_eq!(trial.ending, Ending::RolledBack);
        // From the alert at the first check; what happens, happens at the next check.
        delays.push(trial.ended.as_secs_f64() - 10.0 - 5.0);
        // The canary goes on hurting until then.
        let hurt = trial.exposed_requests as f64 / trial.ended.as_secs_f64();
        assert_near(hurt, 1.0, 0.6);
    }
    assert_distribution(&mut delays, judgement);
}

#[test]
fn a_pause_waits_for_somebody() {
    let text = rollout(
        "",
        "interval = \"10s\"\njudgement = \"p50=20m,p90=60m\"\n\
         steps = [{ weight = \"10%\", hold = \"10m\", pause = true }, { weight = \"50%\", hold = \"10m\" }]",
    );
    let trials = trials(&text, 300);
    let mut delays = Vec::new();
    for trial in &trials {
        assert_eq!(trial.ending, Ending::Promoted);
        delays.push(trial.ended.as_secs_f64() - 1_200.0 - 5.0);
    }
    assert_distribution(&mut delays, judgement);
}

#[test]
fn weights_grow_in_office_hours_and_rollbacks_come_at_any() {
    let hours = "interval = \"30m\"\nsteps = [{ weight = \"10%\", hold = \"30m\" }, { weight = \"50%\", hold = \"30m\" }]\n\
                 office_hours = { from = \"09:00\", to = \"17:00\", days = \"Mon-Fri\", start = \"Fri 16:00\" }";
    for trial in trials(&rollout("", hours), 3) {
        assert_eq!(trial.ending, Ending::Promoted);
        // Friday at five nobody is there any more: Monday at nine.
        assert_near(trial.ended.as_secs_f64(), 65.0 * 3_600.0, 1e-6);
    }
    let night = "[[canary.faults]]\nkind = \"errors\"\nprobability = \"100%\"\nonset = \"10h\"";
    for trial in trials(&rollout(night, hours), 3) {
        assert_eq!(trial.ending, Ending::RolledBack);
        assert_near(trial.ended.as_secs_f64(), 10.5 * 3_600.0, 1e-6);
    }
}

#[test]
fn a_step_waits_until_the_canary_has_answered_enough() {
    let text = rollout(
        "",
        "interval = \"10s\"\nmin_requests = 120\nsteps = [{ weight = \"10%\", hold = \"60s\" }]",
    );
    let ended: Vec<f64> = trials(&text, 300)
        .iter()
        .map(|trial| {
            assert_eq!(trial.ending, Ending::Promoted);
            assert!(trial.canary_requests >= 120);
            trial.ended.as_secs_f64()
        })
        .collect();
    // 120 requests at 0.2 a second take 600 s on average, and half an interval until somebody looks.
    assert_mean(&ended, 605.0, 0.1);
    // Nor is it judged before: a bad one is found at the same time.
    let text = text.replace(
        "errors = \"0%\"\n",
        "errors = \"0%\"\n[canary]\nerrors = \"100%\"\n",
    );
    let rolled = trials(&text, 300);
    assert!(
        rolled
            .iter()
            .all(|trial| trial.ending == Ending::RolledBack)
    );
    let again: Vec<f64> = rolled.iter().map(|t| t.ended.as_secs_f64()).collect();
    assert_eq!(again, ended);
}

#[test]
fn detection_and_exposure_are_what_the_trial_says() {
    // Every request of the canary fails from 300 s on; the next check of the last minute sees it.
    let text = rollout(
        "[[canary.faults]]\nkind = \"errors\"\nprobability = \"50%\"\nonset = \"300s\"",
        "interval = \"60s\"\nsteps = [{ weight = \"50%\", hold = \"20m\" }]",
    );
    let trials = trials(&text, 300);
    let mut hurt = 0;
    let mut asked = 0;
    for trial in &trials {
        assert_eq!(trial.ending, Ending::RolledBack);
        assert_near(trial.ended.as_secs_f64(), 360.0, 1e-6);
        assert_eq!(trial.detection.map(Span::as_secs_f64), Some(60.0));
        hurt += trial.exposed_requests;
        asked += trial.canary_requests;
    }
    // A sixth of the time, half of the requests.
    assert_share(hurt, asked, 0.5 / 6.0);
}

#[test]
fn who_is_not_looked_at_is_there_all_the_same() {
    // Nobody reads stable: replicas share one pool, a fifth of it the canary's.
    let text = rollout(
        "[split]\nreplicas = 4",
        "interval = \"60s\"\nsteps = [{ weight = \"10%\", hold = \"10h\" }]",
    );
    for trial in trials(&text, 3) {
        assert_share(trial.canary_requests, 72_000, 0.2);
    }
}

#[test]
fn who_is_worse_off_is_exposed() {
    let routes = "[[traffic.routes]]\nname = \"browse\"\nshare = \"60%\"\n\
                  [[traffic.routes]]\nname = \"checkout\"\nshare = \"40%\"\n\
                  [[goals]]\nname = \"orders\"\nprobability = \"3%\"\nroutes = [\"checkout\"]\n[canary]\n";
    let business = "[[canary.faults]]\nkind = \"business\"\nmultiply = 0.5";
    for (canary, share) in [
        // Users who do less, on the goal's route alone.
        (business.to_owned(), 0.4),
        (format!("{business}\nrequests = \"50%\""), 0.2),
        (business.replace("0.5", "1.5"), 0.0),
        // A route that is slower by itself.
        (
            "[[canary.routes]]\nname = \"browse\"\nlatency = { fixed = \"1ms\" }".to_owned(),
            0.6,
        ),
    ] {
        let text = rollout(
            &format!("{routes}{canary}"),
            "interval = \"60s\"\nsteps = [{ weight = \"50%\", hold = \"10h\" }]",
        );
        for trial in trials(&text, 2) {
            assert_share(trial.exposed_requests, trial.canary_requests, share);
        }
    }
}
