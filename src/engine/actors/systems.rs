//! Systems that are not simulated, and answer as the scenario says.

use crate::base::{Purpose, Seed, Time, split_mix};
use crate::gate::{Gate, Verdict};
use crate::model::World;
use crate::model::figures::Answer;
use crate::telemetry::{Figure, Telemetry, Version};

/// Who answers the questions that gates ask other systems.
pub(in crate::engine) trait Others {
    /// Lays out what each question would be answered at `now`.
    fn supply(&mut self, now: Time, telemetry: &mut Telemetry);
    /// Lays out what the questions that gates ask once a step have been answered up to `now`.
    fn record(&mut self, now: Time, analysis: &[Gate], telemetry: &mut Telemetry);
    /// Takes note of the looks that were taken, each of which asked its gate's question.
    fn count(&mut self, now: Time, analysis: &[Gate], looks: &[Verdict]);
}

/// The systems that the gates of one trial ask. Each answer is decided by the trial, the question
/// and how often it was asked before, and by nothing else.
#[derive(Debug)]
pub(in crate::engine) struct Systems<'a> {
    world: &'a World,
    salt: u64,
    /// How often each question was asked, and how often while the fault was there.
    asked: Vec<[usize; 2]>,
}

impl<'a> Systems<'a> {
    /// Nobody has asked yet.
    pub(in crate::engine) fn new(world: &'a World, seed: Seed, replicate: u64) -> Systems<'a> {
        Systems {
            world,
            salt: seed.salt(replicate, Purpose::Figures),
            asked: vec![[0; 2]; world.figures.len()],
        }
    }

    /// How many questions there are.
    pub(in crate::engine) fn questions(&self) -> usize {
        self.asked.len()
    }

    fn lay_out(&self, now: Time, telemetry: &mut Telemetry) {
        if self.asked.is_empty() {
            return;
        }
        let severity = self.world.canary_severity(now);
        for (question, (figures, [asked, since])) in
            self.world.figures.iter().zip(&self.asked).enumerate()
        {
            let [place, chance] = self.places(question, *asked);
            let answer = match chance < figures.failing.get() {
                true => Answer::Error,
                false => figures.answer(*asked, *since, severity, place),
            };
            telemetry.supply(question, figure(answer));
        }
    }

    /// Two places strictly between 0 and 1, drawn anew for each asking.
    fn places(&self, question: usize, asked: usize) -> [f64; 2] {
        let first = split_mix(split_mix(self.salt ^ question as u64) ^ asked as u64);
        [first, split_mix(first)].map(|hash| {
            // Its upper 52 bits, in the middle of their interval.
            ((hash >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
        })
    }
}

impl Others for Systems<'_> {
    fn supply(&mut self, now: Time, telemetry: &mut Telemetry) {
        self.lay_out(now, telemetry);
    }

    /// Only the canary has the fault.
    fn record(&mut self, now: Time, analysis: &[Gate], telemetry: &mut Telemetry) {
        for recorded in analysis.iter().flat_map(Gate::recorded) {
            let question = recorded.question;
            let Some(figures) = self.world.figures.get(question) else {
                continue;
            };
            let mut index = telemetry.supplied_series(question).len();
            let mut at = Time::START + recorded.step * index as u64;
            while at <= now {
                let severity = match recorded.version {
                    Version::Canary => self.world.canary_severity(at),
                    Version::Stable | Version::Baseline => 0.0,
                };
                let [place, chance] = self.places(question, index);
                let since = self.asked[question][1];
                let answer = match chance < figures.failing.get() {
                    true => Answer::Error,
                    false => figures.answer(index, since, severity, place),
                };
                telemetry.supply_next(question, figure(answer));
                self.asked[question][1] += usize::from(severity > 0.0);
                index += 1;
                at += recorded.step;
            }
        }
    }

    fn count(&mut self, now: Time, analysis: &[Gate], looks: &[Verdict]) {
        if self.asked.is_empty() {
            return;
        }
        let faulty = usize::from(self.world.canary_severity(now) > 0.0);
        let gates = looks.iter().filter_map(|look| analysis.get(look.gate));
        for question in gates.filter_map(Gate::question) {
            if let Some([asked, since]) = self.asked.get_mut(question) {
                *asked += 1;
                *since += faulty;
            }
        }
    }
}

fn figure(answer: Answer) -> Figure {
    match answer {
        Answer::Number(number) => Figure::Number(number),
        Answer::Nothing => Figure::Nothing,
        _ => Figure::Error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Probability, Span};
    use crate::engine::r#virtual::tests::world_at;
    use crate::gate::flagger::Limits;
    use crate::gate::{CustomCheck, Jury, Source};
    use crate::model::fault::{Fault, FaultKind, Schedule, Scope, Target};
    use crate::model::figures::Figures;
    use crate::telemetry::{Birth, Buckets, Plan, Sampling};

    /// Answers 1, 2, 3, …: each tells how often it was asked before.
    fn counting(name: &str) -> Figures {
        Figures {
            usual: (1..=9)
                .map(|number| Answer::Number(f64::from(number)))
                .collect(),
            ..Figures::silent(name)
        }
    }

    fn gate(question: usize, max: f64) -> Gate {
        Gate::CustomCheck(CustomCheck {
            name: format!("metric {question}"),
            source: Source::Supplied(question),
            limits: Limits::Range {
                min: None,
                max: Some(max),
            },
            empty: None,
        })
    }

    fn telemetry() -> Telemetry {
        let plan = Plan::plain(Sampling::Exact, Birth::Zero, Buckets::istio());
        Telemetry::new(&plan, Span::ZERO)
    }

    /// The figures read in so many looks at an analysis.
    fn looks(world: &World, analysis: &[Gate], times: &[u64]) -> Vec<Vec<f64>> {
        let mut systems = Systems::new(world, Seed::DEFAULT, 3);
        let mut telemetry = telemetry();
        let mut all = Vec::new();
        for &second in times {
            let (now, mut looks) = (Time::from_secs(second), Vec::new());
            systems.supply(now, &mut telemetry);
            Jury::new(analysis).judge_in_order(now, &telemetry, &mut looks);
            systems.count(now, analysis, &looks);
            all.push(looks.iter().map(|look| look.value).collect());
        }
        all
    }

    #[test]
    fn only_metrics_that_were_looked_at_have_asked() {
        let mut world = world_at(10.0);
        world.figures = vec![counting("a"), counting("b")];
        // The first fails at its second answer, so the second metric is not asked then.
        let read = looks(&world, &[gate(0, 1.5), gate(1, 9.0)], &[60, 120, 180]);
        assert_eq!(read, [vec![1.0, 1.0], vec![2.0], vec![3.0]]);
        let both = looks(&world, &[gate(0, 9.0), gate(1, 9.0)], &[60, 120]);
        assert_eq!(both, [vec![1.0, 1.0], vec![2.0, 2.0]]);
    }

    #[test]
    fn faulty_answers_come_with_the_fault_and_never_with_a_good_canary() {
        let mut world = world_at(10.0);
        world.canary = world.stable.clone();
        world.faults = vec![Fault {
            kind: FaultKind::Errors {
                probability: Probability::ONE,
                latency: None,
            },
            target: Target::Canary,
            schedule: Schedule {
                onset: Time::from_secs(100),
                ..Schedule::ALWAYS
            },
            scope: Scope::EVERYONE,
        }];
        world.figures = vec![Figures {
            faulty: Some(vec![Answer::Number(-1.0), Answer::Number(-2.0)]),
            ..counting("a")
        }];
        let analysis = [gate(0, 9.0)];
        let read = |world: &World| looks(world, &analysis, &[60, 120, 180]).concat();
        assert_eq!(read(&world), [1.0, -1.0, -2.0]);
        assert_eq!(read(&world.healthy()), [1.0, 2.0, 3.0]);
    }

    #[test]
    fn an_answer_depends_on_its_trial_and_question_and_on_no_other() {
        let normal = Answer::Normal {
            mean: 0.0,
            deviation: 1.0,
        };
        let drawn = |name| Figures {
            usual: vec![normal],
            ..Figures::silent(name)
        };
        let mut world = world_at(10.0);
        world.figures = vec![drawn("a"), drawn("b")];
        let read = |replicate| {
            let mut telemetry = telemetry();
            let mut systems = Systems::new(&world, Seed::DEFAULT, replicate);
            systems.supply(Time::START, &mut telemetry);
            [0, 1].map(|question| telemetry.supplied(question))
        };
        assert_eq!(read(1), read(1));
        assert_ne!(read(1), read(2));
        let [first, second] = read(1);
        assert_ne!(first, second);
        let mean: f64 = (0..2_000)
            .map(|replicate| match read(replicate)[1] {
                Figure::Number(number) => number,
                Figure::Nothing | Figure::Error => f64::NAN,
            })
            .sum::<f64>()
            / 2_000.0;
        // Five standard errors.
        assert!(mean.abs() < 5.0 / 2_000.0_f64.sqrt(), "{mean}");
    }

    #[test]
    fn a_share_of_questions_fails() {
        let mut world = world_at(10.0);
        world.figures = vec![Figures {
            failing: Probability::new(0.25).unwrap(),
            ..counting("a")
        }];
        let mut telemetry = telemetry();
        let failed = (0..4_000)
            .filter(|replicate| {
                let mut systems = Systems::new(&world, Seed::DEFAULT, *replicate);
                systems.supply(Time::START, &mut telemetry);
                telemetry.supplied(0) == Figure::Error
            })
            .count();
        assert!((850..=1_150).contains(&failed), "{failed} of 4000");
    }

    #[test]
    fn a_series_is_answered_once_a_step_and_only_the_canary_has_the_fault() {
        use crate::gate::CanaryAnalysis;
        use crate::gate::kayenta::{Judge, JudgeName, Sources, Thresholds, Window};
        let mut world = world_at(10.0);
        world.canary = world.stable.clone();
        world.figures = ["cpu", "cpu"]
            .map(|name| Figures {
                faulty: Some(vec![Answer::Number(100.0)]),
                ..counting(name)
            })
            .to_vec();
        world.faults.push(Fault {
            target: Target::Canary,
            kind: FaultKind::Errors {
                probability: Probability::ONE,
                latency: None,
            },
            scope: Scope::EVERYONE,
            schedule: Schedule {
                onset: Time::from_secs(120),
                ..Schedule::ALWAYS
            },
        });
        let minute = Span::from_secs(60);
        let analysis = [Gate::Kayenta(CanaryAnalysis {
            judge: Judge {
                name: JudgeName::Netflix,
                metrics: Vec::new(),
                groups: Vec::new(),
                thresholds: Thresholds {
                    pass: 95.0,
                    marginal: 75.0,
                },
            }
            .into(),
            sources: vec![Sources {
                control: Source::Supplied(0),
                experiment: Source::Supplied(1),
            }],
            control: Version::Stable,
            window: Window::Last(minute * 3),
            control_offset: Span::ZERO,
            step: minute,
        })];
        let (mut systems, mut telemetry) = (Systems::new(&world, Seed::DEFAULT, 3), telemetry());
        // However often somebody looks, there is one answer a minute.
        for second in [60, 60, 200] {
            systems.record(Time::from_secs(second), &analysis, &mut telemetry);
        }
        let numbers = |question| -> Vec<f64> {
            let figures = telemetry.supplied_series(question).iter();
            let number = |figure: &Figure| match figure {
                Figure::Number(number) => *number,
                Figure::Nothing | Figure::Error => f64::NAN,
            };
            figures.map(number).collect()
        };
        assert_eq!(numbers(0), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(numbers(1), [1.0, 2.0, 100.0, 100.0]);
    }
}
