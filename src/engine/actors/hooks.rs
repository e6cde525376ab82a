//! Who answers the hooks that a controller asks.

use crate::base::{Purpose, Seed, Span, Time, split_mix};
use crate::model::World;
use crate::model::hooks::{Hook, HookKind};
use crate::rollout::{HookKinds, Hooks};

/// The people and systems behind the hooks of one trial.
#[derive(Debug)]
pub(in crate::engine) struct Callees<'a> {
    world: &'a World,
    salt: u64,
    /// When each hook was first asked.
    first: Vec<Option<Time>>,
    /// How many ticks there were.
    ticks: u64,
}

impl<'a> Callees<'a> {
    /// Nobody has been asked yet.
    pub(in crate::engine) fn new(world: &'a World, seed: Seed, replicate: u64) -> Callees<'a> {
        Callees {
            world,
            salt: seed.salt(replicate, Purpose::Hooks),
            first: vec![None; world.hooks.len()],
            ticks: 0,
        }
    }

    /// What each kind would answer at `now`. Of several hooks of one kind all have to agree, and one
    /// that wants a rollback is enough.
    pub(in crate::engine) fn answers(&mut self, now: Time) -> Hooks {
        let mut answers = Hooks::default();
        if self.first.is_empty() {
            return answers;
        }
        self.ticks += 1;
        let faulty = self.world.canary_severity(now) > 0.0;
        for (index, hook) in self.world.hooks.iter().enumerate() {
            let answer = self.answer(index, hook, now, faulty);
            match hook.kind {
                HookKind::ConfirmRollout => answers.confirm_rollout &= answer,
                HookKind::PreRollout => answers.pre_rollout &= answer,
                HookKind::Rollout => answers.rollout &= answer,
                HookKind::ConfirmTrafficIncrease => answers.confirm_traffic_increase &= answer,
                HookKind::ConfirmPromotion => answers.confirm_promotion &= answer,
                HookKind::Rollback => answers.rollback |= answer,
            }
        }
        answers
    }

    fn answer(&self, index: usize, hook: &Hook, now: Time, faulty: bool) -> bool {
        let since = self.first[index].map_or(Span::ZERO, |first| now.since(first));
        let own = split_mix(self.salt ^ index as u64);
        let [patience, chance] = [own, split_mix(own ^ self.ticks)].map(|hash| {
            // Its upper 52 bits, in the middle of their interval.
            ((split_mix(hash) >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
        });
        hook.answer(since, faulty, patience, chance)
    }

    /// Takes note of the kinds that were asked at `now`.
    pub(in crate::engine) fn note(&mut self, now: Time, asked: HookKinds) {
        for (hook, first) in self.world.hooks.iter().zip(&mut self.first) {
            let asked = match hook.kind {
                HookKind::ConfirmRollout => asked.confirm_rollout,
                HookKind::PreRollout => asked.pre_rollout,
                HookKind::Rollout => asked.rollout,
                HookKind::ConfirmTrafficIncrease => asked.confirm_traffic_increase,
                HookKind::ConfirmPromotion => asked.confirm_promotion,
                HookKind::Rollback => asked.rollback,
            };
            if asked {
                first.get_or_insert(now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Probability, Weight};
    use crate::engine::Ending;
    use crate::engine::r#virtual::tests::world_at;
    use crate::engine::r#virtual::{Kind, Player, Setting};
    use crate::model::service::Latency;
    use crate::rollout::flagger::{FlaggerPlan, FlaggerSettings};
    use crate::rollout::{Phase, Plan};
    use crate::telemetry::{self, Birth, Buckets, Sampling};

    fn hook(kind: HookKind, answer: bool, delay: Option<u64>) -> Hook {
        Hook {
            kind,
            answer,
            delay: delay.map(|seconds| Latency::Fixed(Span::from_secs(seconds))),
            faulty: None,
            failing: Probability::ZERO,
        }
    }

    /// How a rollout of two steps of a minute ends that has every kind of hook, and the phases after
    /// its ticks.
    fn played(hooks: Vec<Hook>) -> (Ending, Time, Vec<Phase>) {
        let mut world = world_at(20.0);
        world.hooks = hooks;
        let all = HookKinds {
            confirm_rollout: true,
            pre_rollout: true,
            rollout: true,
            confirm_traffic_increase: true,
            confirm_promotion: true,
            rollback: true,
        };
        let plan = Plan::Flagger(FlaggerPlan::new(FlaggerSettings {
            threshold: 3,
            step_weights: vec![10, 50],
            hooks: all,
            ..FlaggerSettings::default()
        }));
        let telemetry = telemetry::Plan::plain(Sampling::Exact, Birth::Zero, Buckets::istio());
        let mut player = Player::new(Setting {
            world: &world,
            telemetry: &telemetry,
            rollout: &plan,
            analysis: &[],
            onlookers: &[],
            horizon: Span::from_secs(3_600),
            aftermath: Span::ZERO,
            held: None::<Weight>,
            engine: Kind::Counts,
            observe: false,
        });
        let mut phases = Vec::new();
        let trial = player.watch(Seed::DEFAULT, 1, &mut |tick| phases.push(tick.state.phase));
        (trial.ending, trial.ended, phases)
    }

    #[test]
    fn a_rollout_waits_until_its_hooks_agree() {
        let (ending, at, _) = played(Vec::new());
        assert_eq!((ending, at), (Ending::Promoted, Time::from_secs(180)));
        let (ending, at, phases) = played(vec![
            hook(HookKind::ConfirmRollout, true, Some(100)),
            hook(HookKind::ConfirmPromotion, true, Some(60)),
        ]);
        // Asked first at 0 s and again at 60 s, it agrees at 120 s; promotion is asked for at 300 s
        // and granted at 360 s.
        assert_eq!((ending, at), (Ending::Promoted, Time::from_secs(360)));
        assert_eq!(
            phases[..3],
            [Phase::Waiting, Phase::Waiting, Phase::Progressing]
        );
        assert!(phases.contains(&Phase::WaitingPromotion), "{phases:?}");
    }

    #[test]
    fn a_refused_increase_keeps_the_weight_and_costs_no_failure() {
        let held = hook(HookKind::ConfirmTrafficIncrease, true, Some(600));
        let (ending, at, _) = played(vec![held]);
        // Asked first at the first step, at 60 s.
        assert_eq!((ending, at), (Ending::Promoted, Time::from_secs(780)));
    }

    #[test]
    fn tests_that_fail_and_buttons_that_are_pressed_roll_back() {
        let (ending, at, _) = played(vec![hook(HookKind::PreRollout, false, None)]);
        // Three failures, and one more tick to roll back.
        assert_eq!((ending, at), (Ending::RolledBack, Time::from_secs(240)));
        let (ending, at, _) = played(vec![hook(HookKind::Rollout, false, None)]);
        assert_eq!((ending, at), (Ending::RolledBack, Time::from_secs(300)));
        let (ending, at, _) = played(vec![hook(HookKind::Rollback, true, Some(60))]);
        assert_eq!((ending, at), (Ending::RolledBack, Time::from_secs(120)));
    }

    #[test]
    fn a_test_may_fail_on_a_bad_canary_only() {
        let catching = Hook {
            faulty: Some(false),
            ..hook(HookKind::PreRollout, true, None)
        };
        let mut world = world_at(20.0);
        world.hooks = vec![catching];
        let answer = |world: &World| Callees::new(world, Seed::DEFAULT, 1).answers(Time::START);
        assert!(!answer(&world).pre_rollout);
        assert!(answer(&world.healthy()).pre_rollout);
    }
}
