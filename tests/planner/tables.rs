//! The worked tables of low traffic: errors needed, requests needed, and the time that takes.
//!
//! The table's numbers of requests were found on a grid of steps up to one percent, upward: ours may
//! lie up to one percent below, and nowhere above but by rounding.

use super::plan;

/// Base rate, ratio, percentage; requests by the exact test and by Fleiss's formula; canary requests;
/// expected errors of canary and stable; time at 0.1, 1, 10, 100 and 1,000 requests a second. One-sided
/// 5 %, power 80 %, one look.
type TableRow = (
    (f64, f64, f64),
    (f64, f64),
    f64,
    (f64, f64),
    [&'static str; 5],
);

#[rustfmt::skip]
const TABLE: [TableRow; 24] = [
    ((0.001, 2.0, 1.0), (966_000.0, 814_000.0), 9_660.0, (19.0, 957.0), ["112 d", "11 d", "26.8 h", "2.7 h", "16 min"]),
    ((0.001, 2.0, 2.0), (490_000.0, 413_000.0), 9_800.0, (20.0, 480.0), ["57 d", "6 d", "13.6 h", "82 min", "8 min"]),
    ((0.001, 2.0, 5.0), (203_000.0, 172_000.0), 10_100.0, (20.0, 192.0), ["23 d", "2 d", "5.6 h", "34 min", "3 min"]),
    ((0.001, 2.0, 10.0), (108_000.0, 92_400.0), 10_800.0, (22.0, 97.0), ["12 d", "29.9 h", "3.0 h", "18 min", "108 s"]),
    ((0.001, 2.0, 25.0), (52_300.0, 46_400.0), 13_100.0, (26.0, 39.0), ["6 d", "14.5 h", "87 min", "9 min", "52 s"]),
    ((0.001, 2.0, 50.0), (40_000.0, 37_000.0), 20_000.0, (40.0, 20.0), ["5 d", "11.1 h", "67 min", "7 min", "40 s"]),
    ((0.001, 5.0, 1.0), (111_000.0, 79_400.0), 1_110.0, (6.0, 110.0), ["13 d", "30.9 h", "3.1 h", "19 min", "111 s"]),
    ((0.001, 5.0, 2.0), (56_200.0, 40_700.0), 1_120.0, (6.0, 55.0), ["7 d", "15.6 h", "94 min", "9 min", "56 s"]),
    ((0.001, 5.0, 5.0), (24_000.0, 17_400.0), 1_200.0, (6.0, 23.0), ["3 d", "6.7 h", "40 min", "4 min", "24 s"]),
    ((0.001, 5.0, 10.0), (13_100.0, 9_740.0), 1_310.0, (7.0, 12.0), ["36.3 h", "3.6 h", "22 min", "2 min", "13 s"]),
    ((0.001, 5.0, 25.0), (6_450.0, 5_340.0), 1_610.0, (8.0, 5.0), ["17.9 h", "108 min", "11 min", "65 s", "6 s"]),
    ((0.001, 5.0, 50.0), (5_050.0, 4_620.0), 2_530.0, (13.0, 3.0), ["14.0 h", "84 min", "8 min", "51 s", "5 s"]),
    ((0.01, 2.0, 1.0), (96_600.0, 80_300.0), 966.0, (19.0, 957.0), ["11 d", "26.8 h", "2.7 h", "16 min", "97 s"]),
    ((0.01, 2.0, 2.0), (49_000.0, 40_700.0), 980.0, (20.0, 480.0), ["6 d", "13.6 h", "82 min", "8 min", "49 s"]),
    ((0.01, 2.0, 5.0), (20_300.0, 17_000.0), 1_010.0, (20.0, 192.0), ["2 d", "5.6 h", "34 min", "3 min", "20 s"]),
    ((0.01, 2.0, 10.0), (10_800.0, 9_120.0), 1_080.0, (22.0, 97.0), ["29.9 h", "3.0 h", "18 min", "108 s", "11 s"]),
    ((0.01, 2.0, 25.0), (5_230.0, 4_580.0), 1_310.0, (26.0, 39.0), ["14.5 h", "87 min", "9 min", "52 s", "5 s"]),
    ((0.01, 2.0, 50.0), (4_000.0, 3_650.0), 2_000.0, (40.0, 20.0), ["11.1 h", "67 min", "7 min", "40 s", "4 s"]),
    ((0.01, 5.0, 1.0), (11_100.0, 7_710.0), 111.0, (6.0, 110.0), ["30.9 h", "3.1 h", "19 min", "111 s", "11 s"]),
    ((0.01, 5.0, 2.0), (5_620.0, 3_950.0), 112.0, (6.0, 55.0), ["15.6 h", "94 min", "9 min", "56 s", "6 s"]),
    ((0.01, 5.0, 5.0), (2_400.0, 1_690.0), 120.0, (6.0, 23.0), ["6.7 h", "40 min", "4 min", "24 s", "2 s"]),
    ((0.01, 5.0, 10.0), (1_310.0, 947.0), 131.0, (7.0, 12.0), ["3.6 h", "22 min", "2 min", "13 s", "1 s"]),
    ((0.01, 5.0, 25.0), (645.0, 519.0), 161.0, (8.0, 5.0), ["108 min", "11 min", "65 s", "6 s", "1 s"]),
    ((0.01, 5.0, 50.0), (505.0, 448.0), 253.0, (13.0, 3.0), ["84 min", "8 min", "51 s", "5 s", "1 s"]),
];

/// Ratio, and expected canary errors at 1, 5, 10, 25 and 50 %.
const ERRORS_NEEDED: [(f64, [f64; 5]); 5] = [
    (1.5, [48.0, 50.0, 54.0, 65.0, 98.0]),
    (2.0, [19.0, 20.0, 22.0, 26.0, 40.0]),
    (3.0, [9.3, 10.0, 11.0, 13.0, 20.0]),
    (5.0, [5.6, 6.0, 6.5, 8.1, 13.0]),
    (10.0, [4.2, 4.1, 4.5, 5.8, 9.3]),
];

/// Steps of the grid on which the tables were searched.
const STEP: f64 = 0.01;

/// Whether a number may be printed as `printed`, with half a unit of rounding.
fn may_be(ours: f64, printed: f64, half_unit: f64) -> bool {
    ours <= printed + half_unit && ours * (1.0 + STEP) >= printed - half_unit
}

/// Half a unit in the last of three digits.
fn half_of_three_digits(printed: f64) -> f64 {
    0.5 * 10_f64.powf(printed.log10().floor() - 2.0)
}

#[test]
fn the_worked_table_of_low_traffic() {
    for ((stable, ratio, percent), (exact, fleiss), canary, errors, times) in TABLE {
        let what = format!("{stable} x{ratio} at {percent} %");
        let row = plan(1.0, stable, ratio, percent).metrics[0].rows[0];
        let near = |ours, printed| may_be(ours, printed, half_of_three_digits(printed));
        assert!(near(row.requests, exact), "{what}: {}", row.requests);
        assert!(
            near(row.canary_requests, canary),
            "{what}: {}",
            row.canary_requests
        );
        let formula = row.requests_otherwise.unwrap();
        assert!(
            (formula - fleiss).abs() <= half_of_three_digits(fleiss),
            "{what}: {formula}"
        );
        for (ours, printed) in [(row.canary_events, errors.0), (row.stable_events, errors.1)] {
            assert!(may_be(ours.unwrap(), printed, 0.5), "{what}: {ours:?}");
        }
        for (rate, printed) in [0.1, 1.0, 10.0, 100.0, 1_000.0].into_iter().zip(times) {
            let row = plan(rate, stable, ratio, percent).metrics[0].rows[0];
            let (seconds, half_unit) = seconds(printed);
            assert!(
                may_be(row.seconds, seconds, half_unit),
                "{what} at {rate}/s: {} for {printed}",
                row.seconds
            );
        }
    }
}

/// `26.8 h` in seconds, with half a unit of its last digit.
fn seconds(printed: &str) -> (f64, f64) {
    let (number, unit) = printed.split_once(' ').unwrap();
    let unit = match unit {
        "s" => 1.0,
        "min" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        other => panic!("{other}"),
    };
    let decimals = number
        .split_once('.')
        .map_or(0, |(_, decimals)| decimals.len());
    let half = 0.5 * 0.1_f64.powi(decimals as i32);
    (number.parse::<f64>().unwrap() * unit, half * unit)
}

#[test]
fn the_rule_of_canary_errors_holds_whatever_the_base_rate() {
    for (ratio, needed) in ERRORS_NEEDED {
        for (percent, printed) in [1.0, 5.0, 10.0, 25.0, 50.0].into_iter().zip(needed) {
            let half_unit = if printed < 10.0 { 0.05 } else { 0.5 };
            for stable in [0.0001, 0.001, 0.02] {
                let row = plan(1.0, stable, ratio, percent).metrics[0].rows[0];
                let errors = row.canary_events.unwrap();
                assert!(
                    may_be(errors, printed, half_unit),
                    "x{ratio} at {percent} %: {errors} for {printed}"
                );
                // What fails on the canary is what hurts: r p w N.
                assert_eq!(row.hurt, errors);
            }
        }
    }
}

#[test]
fn five_percent_for_half_an_hour_wants_these_rates() {
    for (stable, ratio, rate) in [
        (0.01, 5.0, 1.3),
        (0.01, 2.0, 11.0),
        (0.001, 5.0, 13.0),
        (0.001, 2.0, 113.0),
    ] {
        let requests = plan(1.0, stable, ratio, 5.0).metrics[0].rows[0].requests;
        let wanted = requests / 1_800.0;
        let half_unit = if rate < 10.0 { 0.05 } else { 0.5 };
        assert!(may_be(wanted, rate, half_unit), "{wanted} for {rate}");
    }
}
