//! How every figure looks: one page size, one palette, one set of sizes.
//!
//! Sizes are in pixels of the page. The hues are those of Okabe and Ito (2008), chosen to be told
//! apart with any colour vision; meaning never rests on hue alone.

/// Width of a figure in pixels.
pub(super) const WIDTH: f64 = 1200.0;
/// Height of a figure in pixels.
pub(super) const HEIGHT: f64 = 750.0;

/// A colour, red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Colour(pub u8, pub u8, pub u8);

/// Background. The page of the report replaces it, and the four below, in the dark.
pub(crate) const PAPER: Colour = Colour(0xFF, 0xFF, 0xFF);
/// Text and axes.
pub(crate) const INK: Colour = Colour(0x1B, 0x1F, 0x24);
/// Secondary text and ticks.
pub(crate) const MUTED: Colour = Colour(0x5A, 0x65, 0x70);
/// Grid lines.
pub(crate) const GRID: Colour = Colour(0xE4, 0xE8, 0xEC);
/// Blue: power, stable.
pub(crate) const BLUE: Colour = Colour(0x00, 0x72, 0xB2);
/// Vermilion: false rollback, the canary, failed checks.
pub(super) const VERMILION: Colour = Colour(0xD5, 0x5E, 0x00);
/// Bluish green: the median, passed checks.
pub(super) const GREEN: Colour = Colour(0x00, 0x9E, 0x73);
/// Reddish purple: the 90th percentile.
pub(super) const PURPLE: Colour = Colour(0xCC, 0x79, 0xA7);
/// Orange: what never happened.
pub(super) const ORANGE: Colour = Colour(0xE6, 0x9F, 0x00);

/// Text on light cells of a map; unlike [`INK`] it stays dark in the dark.
pub(super) const CELL_INK: Colour = Colour(0x10, 0x14, 0x18);
/// Text on dark cells of a map.
pub(super) const CELL_PAPER: Colour = Colour(0xFD, 0xFD, 0xFD);

/// Size of the title.
pub(super) const TITLE: f64 = 27.0;
/// Size of all other text.
pub(super) const TEXT: f64 = 18.0;
/// Width of a line that carries data.
pub(super) const LINE: f64 = 3.0;
/// Width of axes, ticks and grid.
pub(super) const HAIR: f64 = 1.0;
/// Radius of a marker.
pub(super) const MARKER: f64 = 6.0;
/// Distance from the left edge of the page to titles.
pub(super) const MARGIN: f64 = 36.0;

impl Colour {
    /// Between `self` and `other`, `share` of the way.
    pub(super) fn towards(self, other: Colour, share: f64) -> Colour {
        let mix = |a: u8, b: u8| {
            let (a, b) = (f64::from(a), f64::from(b));
            (a + (b - a) * share.clamp(0.0, 1.0)).round() as u8
        };
        Colour(
            mix(self.0, other.0),
            mix(self.1, other.1),
            mix(self.2, other.2),
        )
    }

    /// `#RRGGBB`, as the SVG files write it.
    pub(crate) fn hex(self) -> String {
        format!("#{:02X}{:02X}{:02X}", self.0, self.1, self.2)
    }

    /// How light it looks, 0 to 1 (Rec. 709 weights, good enough to choose the text colour).
    pub(super) fn lightness(self) -> f64 {
        let [r, g, b] = [self.0, self.1, self.2].map(|channel| f64::from(channel) / 255.0);
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }
}

/// The colour of a share on a map: pale for none, dark for all, in steps that a grey print keeps.
pub(super) fn sequential(share: f64) -> Colour {
    along(
        &[
            Colour(0xF3, 0xF6, 0xF9),
            Colour(0xA9, 0xD0, 0xE8),
            Colour(0x3C, 0x97, 0xCB),
            Colour(0x0B, 0x5F, 0x96),
            Colour(0x06, 0x2B, 0x4F),
        ],
        share,
    )
}

/// The colour of the line at `rank` of `count` lines that have an order; all readable on light and
/// dark paper.
pub(super) fn ordinal(rank: usize, count: usize) -> Colour {
    let share = if count < 2 {
        0.0
    } else {
        rank as f64 / (count - 1) as f64
    };
    along(
        &[
            Colour(0xE8, 0x8A, 0x1A),
            Colour(0xD1, 0x45, 0x5B),
            Colour(0x9A, 0x3F, 0xA8),
            Colour(0x2F, 0x6F, 0xC4),
            Colour(0x12, 0x93, 0x9A),
        ],
        share,
    )
}

fn along(stops: &[Colour], share: f64) -> Colour {
    let last = stops.len() - 1;
    let place = share.clamp(0.0, 1.0) * last as f64;
    let from = (place.floor() as usize).min(last - 1);
    stops[from].towards(stops[from + 1], place - from as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_darkens_all_the_way_so_that_it_reads_in_grey() {
        let lightness: Vec<f64> = (0..=20)
            .map(|i| sequential(f64::from(i) / 20.0).lightness())
            .collect();
        assert!(lightness.windows(2).all(|w| w[1] < w[0]), "{lightness:?}");
    }
}
