//! Sliders: where they begin and end, and how far one step goes.

use super::Scale;
use crate::base::{Probability, Rate, Span};

/// Numbers along which a knob moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::lab) struct Slider {
    pub unit: &'static str,
    pub number: f64,
    pub min: f64,
    pub max: f64,
    pub step: f64,
    pub scale: Scale,
}

/// What a written value is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::lab) enum Reading {
    /// A share of all, 0 to 1.
    Share(f64),
    /// A length of time.
    Span(Span),
    /// Requests a second.
    Rate(f64),
    /// A whole number.
    Whole(f64),
    /// Any number.
    Number(f64),
}

impl Reading {
    /// What a value of TOML or YAML is; `None` where it is words.
    pub(in crate::lab) fn of(value: &toml::Value) -> Option<Reading> {
        match value {
            toml::Value::Integer(number) => Some(Reading::Whole(*number as f64)),
            toml::Value::Float(number) => Some(Reading::Number(*number)),
            toml::Value::String(text) if text.trim_end().ends_with('%') => {
                let share: Option<Probability> = text.parse().ok();
                share.map(|share| Reading::Share(share.get()))
            }
            toml::Value::String(text) => {
                let span = text.parse::<Span>().ok().map(Reading::Span);
                let rate = || text.parse::<Rate>().ok();
                span.or_else(|| rate().map(|rate| Reading::Rate(rate.get())))
            }
            _ => None,
        }
    }
}

impl Slider {
    /// The value in force as a setup takes it.
    pub(in crate::lab) fn value(&self) -> String {
        format!("{}{}", self.number, self.unit)
    }

    /// A slider around a value.
    pub(in crate::lab) fn around(reading: Reading) -> Slider {
        match reading {
            Reading::Share(share) => Slider::share(share),
            Reading::Span(span) => Slider::span(span),
            Reading::Rate(rate) => Slider::wide("/s", rate, 100.0),
            Reading::Whole(number) => Slider::whole(number),
            Reading::Number(number) => Slider::wide("", number, 10.0),
        }
    }

    /// A share in percent: small ones by factors, those near all evenly.
    pub(in crate::lab) fn share(share: f64) -> Slider {
        let percent = tidy(share * 100.0);
        if percent <= 0.0 {
            return Slider::even("%", percent, 0.0, 10.0);
        }
        if percent <= 30.0 {
            let mut slider = Slider::wide("%", percent, 50.0);
            slider.max = slider.max.min(100.0);
            return slider;
        }
        let short = (100.0 - percent).max(1.0);
        let min = (100.0 - 10.0 * short).max(0.0);
        Slider::even("%", percent, tidy(min), 100.0)
    }

    /// A length of time: milliseconds below a second.
    pub(in crate::lab) fn span(span: Span) -> Slider {
        let seconds = span.as_secs_f64();
        if span.is_zero() {
            return Slider::even("s", 0.0, 0.0, 600.0);
        }
        match seconds < 1.0 {
            true => Slider::wide("ms", tidy(seconds * 1_000.0), 10.0),
            false => {
                let mut slider = Slider::wide("s", tidy(seconds), 10.0);
                slider.step = 1.0;
                if seconds.fract() == 0.0 {
                    slider.min = slider.min.ceil();
                    slider.max = slider.max.ceil();
                }
                slider
            }
        }
    }

    /// A whole number from 0 on.
    pub(in crate::lab) fn whole(number: f64) -> Slider {
        let max = match number {
            few if few <= 10.0 => 10.0,
            many => round_up(many * 4.0),
        };
        Slider {
            step: 1.0,
            ..Slider::even("", number, 0.0, max)
        }
    }

    /// Between two numbers, evenly.
    pub(in crate::lab) fn even(unit: &'static str, number: f64, min: f64, max: f64) -> Slider {
        let (min, max) = (min.min(number), max.max(number));
        let steps = [0.001, 0.01, 0.1, 1.0, 10.0, 60.0, 600.0];
        let step = steps.into_iter().find(|step| (max - min) / step <= 200.0);
        Slider {
            unit,
            number,
            min,
            max,
            step: step.unwrap_or(3_600.0),
            scale: Scale::Linear,
        }
    }

    /// From a part of the number to as many times the number.
    pub(in crate::lab) fn wide(unit: &'static str, number: f64, times: f64) -> Slider {
        if number <= 0.0 {
            return Slider::even(unit, number, number, 10.0);
        }
        let min = tidy(number / times);
        Slider {
            unit,
            number,
            min,
            max: tidy(number * times),
            step: min,
            scale: Scale::Log,
        }
    }

    /// The same within these bounds.
    pub(in crate::lab) fn within(mut self, min: Option<f64>, max: Option<f64>) -> Slider {
        self.min = min.map_or(self.min, |min| self.min.max(min).min(self.number));
        self.max = max.map_or(self.max, |max| self.max.min(max).max(self.number));
        self
    }
}

/// A number without float dust: six significant digits.
pub(in crate::lab) fn tidy(number: f64) -> f64 {
    if number == 0.0 || !number.is_finite() {
        return 0.0;
    }
    let text = format!("{number:.5e}");
    text.parse().unwrap_or(number)
}

/// The next number of one digit and zeros.
fn round_up(number: f64) -> f64 {
    let scale = 10_f64.powf(number.log10().floor());
    (number / scale).ceil() * scale
}
