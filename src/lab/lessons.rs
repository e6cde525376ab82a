//! The lessons: a situation, a question whose answer the reader predicts, the run that answers it, and
//! what to do in production.
//!
//! Each is a TOML file of the `lessons` folder that plays a shipped scenario, perhaps changed. What its
//! texts claim stands beside them as clauses, which a test plays.

use std::fmt::Display;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::base::{Problems, Weight};
use crate::scenario::{
    self, Asked, Bundle, Change, ChangeError, Expectation, Metric, Origin, Overrides, Scenario,
    UnknownScenario,
};

/// A lesson, as its file has it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lesson {
    /// The name of its file, without `.toml`: links name it.
    #[serde(skip)]
    pub name: String,
    /// Its title.
    pub title: String,
    /// The shipped scenario that it plays.
    pub scenario: String,
    /// What it changes in that.
    #[serde(default, deserialize_with = "read_all")]
    pub set: Vec<Change>,
    /// Whether it is about a release as good as stable: that one is played then.
    #[serde(default)]
    pub good: bool,
    /// The situation, in Markdown.
    pub text: String,
    /// What the reader is asked.
    pub question: String,
    /// How the reader commits to an answer.
    pub prediction: Prediction,
    /// What the run shows.
    pub answer: Answer,
    /// What to do in production.
    pub production: Production,
    /// Settings to try next.
    #[serde(rename = "try")]
    pub tries: Vec<Try>,
}

/// A prediction to make before the run answers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Prediction {
    /// A figure, picked with a slider.
    Number {
        /// The figure.
        #[serde(deserialize_with = "read")]
        asks: Asked,
        /// What the slider counts in.
        unit: Unit,
        /// The slider's left end.
        min: f64,
        /// Its right end.
        max: f64,
        /// Its step.
        step: f64,
    },
    /// A share at each percentage of the scenario's grid, held there; drawn as a curve.
    Curve {
        /// The figure; it names no percentage.
        #[serde(deserialize_with = "read")]
        asks: Asked,
    },
    /// One of several answers.
    Choice {
        /// The answers.
        options: Vec<String>,
        /// Which of them is right, from 1.
        right: usize,
        /// Clauses that make it so.
        #[serde(deserialize_with = "read_all")]
        proof: Vec<Expectation>,
    },
}

/// What a slider counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Unit {
    /// Hundredths, of a share.
    #[serde(rename = "%")]
    Percent,
    /// Minutes, of a time.
    #[serde(rename = "min")]
    Minutes,
    /// Requests, of a count.
    #[serde(rename = "requests")]
    Requests,
    /// Users, of a count.
    #[serde(rename = "users")]
    Users,
}

/// What the run shows and why.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// In Markdown.
    pub text: String,
    /// What the text relies on.
    #[serde(deserialize_with = "read_all")]
    pub expect: Vec<Expectation>,
}

/// What to do in production.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Production {
    /// In Markdown.
    pub text: String,
}

/// A setting to try next.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Try {
    /// What it is, in a few words.
    pub label: String,
    /// What it changes, beside the lesson's own changes.
    #[serde(deserialize_with = "read_all")]
    pub set: Vec<Change>,
    /// What comes of it.
    #[serde(deserialize_with = "read_all")]
    pub expect: Vec<Expectation>,
}

/// What is wrong with a lesson.
#[derive(Debug, thiserror::Error)]
#[error("lessons/{name}.toml: {why}")]
pub struct LessonError {
    /// The lesson's name.
    pub name: String,
    /// What is wrong.
    pub why: LessonProblem,
}

/// What can be wrong with a lesson.
#[derive(Debug, thiserror::Error)]
pub enum LessonProblem {
    /// It is not written as a lesson is; says line and field.
    #[error("{0}")]
    Toml(Box<toml::de::Error>),
    /// A field has a value that does not fit the others.
    #[error("{field}: {why}")]
    Field {
        /// The field.
        field: &'static str,
        /// What does not fit, and what would.
        why: &'static str,
    },
    /// There is no such scenario.
    #[error("scenario: {0}")]
    Scenario(#[from] UnknownScenario),
    /// Its changes cannot be made.
    #[error("set: {0}")]
    Change(#[from] ChangeError),
    /// What comes of its changes is no scenario.
    #[error("set: {0}")]
    Changed(Box<Problems>),
}

macro_rules! lessons {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../lessons/", $name, ".toml")))),+]
    };
}

/// Names and texts, in the order in which they are taught.
const FILES: &[(&str, &str)] = lessons![
    "thirty-requests",
    "nervous-gate",
    "polite-cookies",
    "green-dashboard",
    "louder-pictures",
    "peeking",
    "cold-canary",
    "slow-leak",
    "two-retries",
    "average",
    "p99-of-thirty",
    "silence",
    "simpson",
    "shared-outage",
    "ratchet",
    "twenty-tests",
    "on-the-line",
    "time-bomb",
    "way-back",
    "late-counter",
];

/// All lessons, in the order in which they are taught.
///
/// # Errors
/// The first that cannot be read; a test reads all of them.
pub fn all() -> Result<Vec<Lesson>, LessonError> {
    let lessons = FILES.iter().map(|(name, text)| Lesson::read(name, text));
    lessons.collect()
}

impl Lesson {
    /// Reads a lesson.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(name: &str, text: &str) -> Result<Lesson, LessonError> {
        let failed = |why| LessonError {
            name: name.to_owned(),
            why,
        };
        let mut lesson: Lesson =
            toml::from_str(text).map_err(|error| failed(LessonProblem::Toml(Box::new(error))))?;
        name.clone_into(&mut lesson.name);
        lesson.check().map_err(failed)?;
        Ok(lesson)
    }

    fn check(&self) -> Result<(), LessonProblem> {
        let wrong = |field, why| Err(LessonProblem::Field { field, why });
        match &self.prediction {
            Prediction::Number {
                asks,
                unit,
                min,
                max,
                step,
            } => {
                if !unit.fits(asks.metric) {
                    return wrong(
                        "prediction.unit",
                        "write % for shares, min for times, requests or users for exposure",
                    );
                }
                let ordered = *min >= 0.0 && min < max && max.is_finite();
                if !(ordered && *step > 0.0 && *step <= max - min) {
                    return wrong("prediction", "min, max and step make no slider");
                }
            }
            Prediction::Curve { asks } => {
                if asks.at.is_some() || !Unit::Percent.fits(asks.metric) {
                    return wrong(
                        "prediction.asks",
                        "a curve is a share at every percentage: write power or false_rollback",
                    );
                }
            }
            Prediction::Choice {
                options,
                right,
                proof,
            } => {
                if options.len() < 2 || !(1..=options.len()).contains(right) {
                    return wrong("prediction.right", "write the number of an option, from 1");
                }
                if proof.is_empty() {
                    return wrong(
                        "prediction.proof",
                        "write a clause that makes the option right",
                    );
                }
            }
        }
        Ok(())
    }

    /// What its texts and its right option rely on, of the scenario that it plays.
    pub fn clauses(&self) -> impl Iterator<Item = &Expectation> {
        let proof: &[Expectation] = match &self.prediction {
            Prediction::Choice { proof, .. } => proof,
            _ => &[],
        };
        self.answer.expect.iter().chain(proof)
    }

    /// Where the canary's share is held to play what is asked; `None`: the rollout as it is written.
    pub fn held(&self) -> Option<Weight> {
        match &self.prediction {
            Prediction::Number { asks, .. } | Prediction::Curve { asks } => asks.at,
            Prediction::Choice { .. } => None,
        }
    }

    /// The scenario that it plays, with its changes and then these; as texts, to change it further,
    /// and read.
    ///
    /// # Errors
    /// When there is no such scenario, or a change cannot be made.
    pub fn scenario(&self, further: &[Change]) -> Result<(Bundle, Scenario), LessonError> {
        let play = || -> Result<(Bundle, Scenario), LessonProblem> {
            let origin = Origin::Builtin(scenario::find(&self.scenario)?);
            let changed = |problems| LessonProblem::Changed(Box::new(problems));
            let (bundle, _) = Bundle::gather(origin, &Overrides::default()).map_err(changed)?;
            let bundle = bundle.changed(&[&self.set, further].concat())?;
            let scenario = bundle.scenario().map_err(changed)?;
            Ok((bundle, scenario))
        };
        play().map_err(|why| LessonError {
            name: self.name.clone(),
            why,
        })
    }
}

impl Unit {
    fn fits(self, metric: Metric) -> bool {
        match self {
            Unit::Percent => metric.unit() == scenario::Unit::Share,
            Unit::Minutes => metric.unit() == scenario::Unit::Time,
            Unit::Users => metric == Metric::ExposedUsers,
            Unit::Requests => [Metric::ExposedRequests, Metric::ExposedAfter].contains(&metric),
        }
    }

    /// Its sign in files.
    pub fn sign(self) -> &'static str {
        match self {
            Unit::Percent => "%",
            Unit::Minutes => "min",
            Unit::Requests => "requests",
            Unit::Users => "users",
        }
    }

    /// A figure in its metric's unit (a share, seconds, a count) as the slider counts it.
    pub fn counted(self, figure: f64) -> f64 {
        match self {
            Unit::Percent => figure * 100.0,
            Unit::Minutes => figure / 60.0,
            Unit::Requests | Unit::Users => figure,
        }
    }
}

fn read<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(from: D) -> Result<T, D::Error> {
    String::deserialize(from)?.parse().map_err(D::Error::custom)
}

fn read_all<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(
    from: D,
) -> Result<Vec<T>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    let read = texts
        .iter()
        .map(|text| text.parse().map_err(D::Error::custom));
    read.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::lab::routes::learn::taught;

    const LEAST: &str = r#"
        title = "t"
        scenario = "low-traffic"
        set = ["traffic.rate=20/s"]
        text = "a **b**"
        question = "q"
        [prediction]
        kind = "number"
        asks = "power at 1%"
        unit = "%"
        min = 0
        max = 100
        step = 1
        [answer]
        text = "a"
        expect = ["power<=60%"]
        [production]
        text = "p"
        [[try]]
        label = "l"
        set = ["rollout.steps=[{weight=\"2%\",hold=\"5m\"}]"]
        expect = ["never at 2% >= 1%"]
    "#;

    #[test]
    fn the_program_carries_every_lesson_of_the_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("lessons");
        let in_folder: BTreeSet<String> = fs::read_dir(folder)
            .unwrap()
            .filter_map(|entry| {
                let name = entry.unwrap().file_name().into_string().unwrap();
                name.strip_suffix(".toml").map(str::to_owned)
            })
            .collect();
        let carried: BTreeSet<String> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(carried, in_folder);
        assert!(carried.len() >= 15);
    }

    #[test]
    fn every_lesson_plays_a_scenario_and_so_does_everything_to_try() {
        let mut scenarios = BTreeSet::new();
        for lesson in all().unwrap() {
            let (_, scenario) = lesson.scenario(&[]).unwrap();
            for clause in lesson.clauses() {
                let after = clause.metric == Metric::ExposedAfter;
                assert!(!after || !scenario.experiment.aftermath.is_zero());
            }
            for further in &lesson.tries {
                let (_, tried) = lesson.scenario(&further.set).unwrap();
                assert_ne!(tried, scenario, "{}: {}", lesson.name, further.label);
                assert!(!further.expect.is_empty(), "{}", lesson.name);
            }
            assert!((1..=3).contains(&lesson.tries.len()), "{}", lesson.name);
            scenarios.insert(lesson.scenario.clone());
        }
        assert!(scenarios.len() >= 15, "{scenarios:?}");
    }

    #[test]
    fn a_lesson_plays_the_release_that_it_asks_about() {
        let mut good = 0;
        for lesson in all().unwrap() {
            let asked = match &lesson.prediction {
                Prediction::Number { asks, .. } | Prediction::Curve { asks } => asks.metric,
                Prediction::Choice { proof, .. } => proof[0].metric,
            };
            let name = &lesson.name;
            assert_eq!(lesson.good, asked == Metric::FalseRollback, "{name}");
            assert_eq!(taught(&lesson).unwrap().good, lesson.good, "{name}");
            good += usize::from(lesson.good);
        }
        assert!(good >= 5, "{good}");
        let nervous = all().unwrap();
        let nervous = nervous.iter().find(|lesson| lesson.name == "nervous-gate");
        let played = taught(nervous.unwrap()).unwrap();
        assert_eq!((played.good, played.held_percent), (true, Some(5.0)));
    }

    #[test]
    fn texts_are_as_short_as_somebody_reads() {
        for lesson in all().unwrap() {
            let name = &lesson.name;
            for (what, text, words) in [
                ("title", &lesson.title, 2..=8),
                ("text", &lesson.text, 50..=120),
                ("question", &lesson.question, 4..=25),
                ("answer", &lesson.answer.text, 50..=150),
                ("production", &lesson.production.text, 35..=100),
            ] {
                let count = text.split_whitespace().count();
                assert!(words.contains(&count), "{name}: {what} has {count} words");
            }
            assert!(!lesson.answer.expect.is_empty(), "{name}");
        }
    }

    #[test]
    fn a_lesson_goes_to_a_page_as_html_and_changes_as_they_are_written() {
        let lesson = Lesson::read("least", LEAST).unwrap();
        let json = serde_json::to_value(taught(&lesson).unwrap()).unwrap();
        assert_eq!(json["id"], "least");
        assert_eq!(json["text_html"], "<p>a <strong>b</strong></p>\n");
        assert_eq!(json["prediction"]["kind"], "number");
        assert_eq!(json["prediction"]["asks"], "power at 1%");
        assert_eq!(json["held_percent"], 1.0);
        assert_eq!(json["good"], false);
        assert_eq!(json["aftermath_seconds"], 0.0);
        assert_eq!(json["expect"][0], "power <= 60%");
        // What a page hands back is the change that it was given.
        for (given, kept) in [
            (&json["set"], &lesson.set),
            (&json["try"][0]["set"], &lesson.tries[0].set),
        ] {
            let back: Change = given[0].as_str().unwrap().parse().unwrap();
            assert_eq!(&back, &kept[0]);
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_file_and_field() {
        for (from, to, wanted) in [
            (
                "asks = \"power at 1%\"",
                "asks = \"powr\"",
                "`powr` is no metric",
            ),
            (
                "asks = \"power at 1%\"",
                "asks = \"detection_p50\"",
                "prediction.unit",
            ),
            ("max = 100", "max = 0", "no slider"),
            ("unit = \"%\"", "unit = \"m\"", "unknown variant `m`"),
            ("title = \"t\"", "titel = \"t\"", "unknown field `titel`"),
            ("\"power<=60%\"", "\"power\"", "compares nothing"),
            ("\"traffic.rate=20/s\"", "\"traffic.rate\"", "sets nothing"),
            (
                "kind = \"number\"",
                "kind = \"guess\"",
                "unknown variant `guess`",
            ),
        ] {
            assert!(LEAST.contains(from), "{from}");
            let error = Lesson::read("least", &LEAST.replace(from, to))
                .unwrap_err()
                .to_string();
            assert!(error.starts_with("lessons/least.toml: "), "{error}");
            assert!(error.contains(wanted), "{to}: {error}");
        }
        let start = LEAST.find("kind").unwrap();
        let rest = &LEAST[LEAST.find("[answer]").unwrap()..];
        let with = |prediction: &str| format!("{}{prediction}\n{rest}", &LEAST[..start]);
        for (prediction, wanted) in [
            (
                "kind = \"curve\"\nasks = \"power at 1%\"",
                "prediction.asks",
            ),
            (
                "kind = \"curve\"\nasks = \"exposure.users\"",
                "prediction.asks",
            ),
            (
                "kind = \"choice\"\noptions = [\"a\", \"b\"]\nright = 3\nproof = [\"power <= 5%\"]",
                "prediction.right",
            ),
            (
                "kind = \"choice\"\noptions = [\"a\", \"b\"]\nright = 1\nproof = []",
                "prediction.proof",
            ),
        ] {
            let error = Lesson::read("least", &with(prediction))
                .unwrap_err()
                .to_string();
            assert!(error.contains(wanted), "{prediction}: {error}");
        }
        for (from, to, wanted) in [
            ("low-traffic", "low-trafic", "did you mean `low-traffic`"),
            ("traffic.rate=20/s", "traffic.users[3]=1", "set: "),
            ("traffic.rate=20/s", "traffic.rate=many", "set: "),
        ] {
            let lesson = Lesson::read("least", &LEAST.replace(from, to)).unwrap();
            let error = lesson.scenario(&[]).unwrap_err().to_string();
            assert!(error.starts_with("lessons/least.toml: "), "{error}");
            assert!(error.contains(wanted), "{to}: {error}");
        }
    }
}
