//! The one typeface of the figures, carried in the binary so that no system font is needed.

use std::sync::OnceLock;

use plotters::style::{FontDesc, FontFamily, FontStyle, register_font};

/// DejaVu Sans, reduced; its licence lies beside it.
const REGULAR: &[u8] = include_bytes!("font/DejaVuSans.ttf");
const BOLD: &[u8] = include_bytes!("font/DejaVuSans-Bold.ttf");

/// The name under which plotters knows it.
pub(super) const FAMILY: &str = "sans-serif";

/// What plotters calls a font's size is the distance from its lowest to its highest point: for
/// DejaVu Sans so many em.
pub(super) const POINTS_PER_EM: f64 = 0.928_222_66 + 0.235_839_84;

/// Makes the typeface known to plotters; false when it cannot be read.
pub(super) fn ready() -> bool {
    static READY: OnceLock<bool> = OnceLock::new();
    *READY.get_or_init(|| {
        register_font(FAMILY, FontStyle::Normal, REGULAR).is_ok()
            && register_font(FAMILY, FontStyle::Bold, BOLD).is_ok()
    })
}

/// How wide `text` is in pixels at `size` pixels an em.
pub(super) fn width(text: &str, size: f64, bold: bool) -> f64 {
    ready();
    let style = if bold {
        FontStyle::Bold
    } else {
        FontStyle::Normal
    };
    // Measured large, because plotters rounds to whole pixels.
    const SCALE: f64 = 16.0;
    let font = FontDesc::new(FontFamily::SansSerif, size * SCALE * POINTS_PER_EM, style);
    match font.layout_box(text) {
        Ok(((left, _), (right, _))) => f64::from(right - left) / SCALE,
        Err(_) => 0.6 * size * text.chars().count() as f64,
    }
}

/// `text`, or as much of its beginning as is at most `room` pixels wide, with an ellipsis.
pub(super) fn fit(text: &str, size: f64, bold: bool, room: f64) -> String {
    if width(text, size, bold) <= room {
        return text.to_owned();
    }
    let mut kept: Vec<char> = text.chars().collect();
    while kept.pop().is_some() {
        let short: String = kept.iter().collect();
        let short = format!("{}…", short.trim_end_matches([' ', ',', ';', ':']));
        if width(&short, size, bold) <= room {
            return short;
        }
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_typeface_is_there_in_both_weights() {
        assert!(ready());
        assert!(width("canary", 20.0, true) > 1.05 * width("canary", 20.0, false));
    }

    #[test]
    fn a_long_line_is_cut_to_its_room() {
        let text = "20/s constant; stable 0.1 % errors; canary 1.5 % errors";
        let short = fit(text, 18.0, false, 200.0);
        assert!(short.ends_with('…') && text.starts_with(short.trim_end_matches('…')));
        assert!(width(&short, 18.0, false) <= 200.0);
        assert_eq!(fit("short", 18.0, false, 200.0), "short");
    }
}
