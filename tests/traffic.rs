//! Traffic against what was measured: requests generated from recorded series have the dispersion
//! and the memory of the series, and the presets those of the systems that they are named after.

mod shared_folder;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path as FilePath;

use coalmine::base::Purpose;
use coalmine::base::{Probability, Seed, Span, Stream, Time};
use coalmine::model::service::Latency;
use coalmine::model::traffic::{Arrivals, Clock, Path, Population, Profile, Traffic};
use coalmine::scenario;
use coalmine::scenario::trace::{self, Columns};

/// The rows of a recorded file, without the header; `None`, on record, where it is not there.
fn rows(name: &str) -> Option<Vec<Vec<String>>> {
    let path = shared_folder::shared(&format!("data/{name}"))?;
    let text = flate2::read::MultiGzDecoder::new(std::fs::File::open(path).unwrap());
    let mut reader = csv::Reader::from_reader(text);
    let cells = |row: csv::StringRecord| row.iter().map(str::to_owned).collect();
    Some(reader.records().map(|row| cells(row.unwrap())).collect())
}

/// A trace of counts in bins of so many seconds.
fn trace_of(counts: &[f64], bin: u64) -> Profile {
    let mut text = String::from("second,requests\n");
    for (index, count) in counts.iter().enumerate() {
        text.push_str(&format!("{},{count}\n", index as u64 * bin));
    }
    Profile::Trace(trace::read(text.as_bytes(), &Columns::default()).unwrap())
}

/// Requests in each bin of `width` seconds, one by one as the clock gives them.
fn generated(
    profile: &Profile,
    path: Option<&Path>,
    bins: usize,
    width: f64,
    seed: u64,
) -> Vec<f64> {
    let mut clock = Clock::new(profile, path);
    let mut stream = Seed(seed).stream(0, Purpose::Arrivals);
    let gaps = Arrivals::Poisson.gaps();
    let mut counts = vec![0.0; bins];
    let mut now = 0.0;
    let end = bins as f64 * width;
    while let Some(at) = clock.advance(now, gaps.draw(&mut stream), end) {
        counts[((at / width) as usize).min(bins - 1)] += 1.0;
        now = at;
    }
    counts
}

/// Index of dispersion, and autocorrelation from one value to the next.
fn dispersion_and_memory(counts: &[f64]) -> (f64, f64) {
    let n = counts.len() as f64;
    let mean = counts.iter().sum::<f64>() / n;
    let variance = counts
        .iter()
        .map(|count| (count - mean).powi(2))
        .sum::<f64>()
        / n;
    let pairs = counts
        .windows(2)
        .map(|pair| (pair[0] - mean) * (pair[1] - mean));
    (variance / mean, pairs.sum::<f64>() / n / variance)
}

fn by_minute(counts: &[f64], bin: usize) -> Vec<f64> {
    counts
        .chunks_exact(60 / bin)
        .map(|minute| minute.iter().sum())
        .collect()
}

/// Feeds counts to the generator and compares what comes out with what went in.
///
/// Poisson noise around given means adds 1 to the index of dispersion and leaves covariances as they
/// are, so memory falls by the factor V / (V + mean). Both are compared with that: the bounds, as
/// shares of dispersion and as absolute autocorrelation, are five standard errors or more.
fn compare(counts: &[f64], bin: usize, bounds: (f64, f64)) {
    let profile = trace_of(counts, bin as u64);
    // Exact in expectation, bin by bin.
    for (index, count) in counts.iter().enumerate() {
        let time = |index: usize| Time::from_secs((index * bin) as u64);
        let expected = profile.expected(time(index), time(index + 1));
        assert!(
            (expected - count).abs() < 1e-6 * (1.0 + count),
            "{index}: {expected} {count}"
        );
    }
    // At another scale within Poisson error: five standard deviations.
    let scaled = generated(&profile.scaled(0.3), None, counts.len(), bin as f64, 77);
    let (drawn, wanted) = (scaled.iter().sum::<f64>(), 0.3 * counts.iter().sum::<f64>());
    assert!(
        (drawn - wanted).abs() < 5.0 * wanted.sqrt(),
        "{drawn} {wanted}"
    );
    let recorded = by_minute(counts, bin);
    let (dispersion, memory) = dispersion_and_memory(&recorded);
    let (mut sum, mut correlation, mut total) = (0.0, 0.0, 0.0);
    let rounds = 8;
    for seed in 0..rounds {
        let minutes = by_minute(
            &generated(&profile, None, counts.len(), bin as f64, seed),
            bin,
        );
        let (dispersion, memory) = dispersion_and_memory(&minutes);
        sum += dispersion / rounds as f64;
        correlation += memory / rounds as f64;
        total += minutes.iter().sum::<f64>() / rounds as f64;
    }
    let expected = dispersion + 1.0;
    assert!(
        (sum / expected - 1.0).abs() < bounds.0,
        "dispersion {sum}, recorded {dispersion}"
    );
    let expected = memory * dispersion / (dispersion + 1.0);
    assert!(
        (correlation - expected).abs() < bounds.1,
        "memory {correlation}, recorded {memory}"
    );
    let all: f64 = recorded.iter().sum();
    assert!(
        (total - all).abs() < 5.0 * (all / rounds as f64).sqrt(),
        "{total} {all}"
    );
}

/// Events per second from the first to the last.
fn per_second(times: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut bins: BTreeMap<u64, f64> = BTreeMap::new();
    for time in times {
        *bins.entry(time as u64).or_default() += 1.0;
    }
    let last = *bins.last_key_value().unwrap().0;
    (0..=last)
        .map(|second| bins.get(&second).copied().unwrap_or(0.0))
        .collect()
}

#[test]
fn a_month_of_a_web_server_comes_back() {
    let Some(rows) = rows("nasa-http-1995-per-minute.csv.gz") else {
        return;
    };
    let july: Vec<f64> = (rows.iter())
        .filter(|row| row[0].starts_with("1995-07-") && row[0].as_str() < "1995-07-15")
        .map(|row| row[1].parse().unwrap())
        .collect();
    assert_eq!(july.len(), 14 * 1_440);
    compare(&july, 60, (0.01, 0.005));
}

#[test]
fn chats_and_code_completions_come_back() {
    for (name, requests) in [
        ("azure-llm-2023-conv-arrivals.csv.gz", 19_366.0),
        ("azure-llm-2023-code-arrivals.csv.gz", 8_819.0),
    ] {
        let Some(rows) = rows(name) else {
            return;
        };
        let counts = per_second(rows.iter().map(|row| row[0].parse().unwrap()));
        assert_eq!(counts.iter().sum::<f64>(), requests);
        // An hour has 60 minutes: the noise of single rounds is large.
        compare(&counts, 1, (0.15, 0.08));
    }
}

/// A scenario whose traffic follows a file of this text.
fn follows(file: &str, text: &str, more: &str) -> Traffic {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(file), text).unwrap();
    read(
        &format!("rate = {{ trace = \"{file}\"{more} }}"),
        folder.path(),
    )
    .traffic
}

fn read(traffic: &str, folder: &FilePath) -> coalmine::model::World {
    let text = format!(
        "[traffic]\n{traffic}\n[canary]\nerrors = \"1%\"\n[rollout]\n\
         steps = [{{ weight = \"5%\", hold = \"5m\" }}]\n[[rollout.gates]]\n\
         kind = \"success-ratio\"\nmin = \"99%\"\n"
    );
    scenario::parse(&text, &folder.join("test.toml"), Some(folder))
        .unwrap()
        .world
}

#[test]
fn access_logs_of_real_requests_come_back() {
    // Lines as a web server writes them, made of recorded requests: a technical site in the
    // combined format, where all requests of an hour bear minute 05, and a morning of a space
    // centre as JSON.
    let Some(rows_of_site) = rows("semicomplete-2015-requests.csv.gz") else {
        return;
    };
    let mut text = String::new();
    for row in &rows_of_site {
        let time: jiff::civil::DateTime = row[0].parse().unwrap();
        let time = time.strftime("%d/%b/%Y:%H:%M:%S +0000");
        text.push_str(&format!(
            "192.0.2.{} - - [{time}] \"{} {} HTTP/1.1\" {} {} \"-\" \"-\"\n",
            row[1].parse::<u32>().unwrap() % 250,
            row[2],
            row[3],
            row[4],
            row[5]
        ));
    }
    let Profile::Trace(trace) = follows("site.log", &text, "").profile else {
        panic!("not a trace");
    };
    let counts: Vec<f64> = trace
        .rates()
        .iter()
        .map(|rate| (rate * 60.0).round())
        .collect();
    assert_eq!(counts.iter().sum::<f64>(), rows_of_site.len() as f64);
    // 84 hours, of which one minute each has requests.
    assert_eq!(counts.iter().filter(|count| **count > 0.0).count(), 84);
    compare(&counts, 60, (0.05, 0.01));

    let Some(rows_of_centre) = rows("nasa-http-1995-08-01-requests.csv.gz") else {
        return;
    };
    let lines = rows_of_centre
        .iter()
        .map(|row| format!("{{\"path\": \"/\", \"t\": {}}}\n", row[0]));
    let text: String = lines.collect();
    let more = ", format = \"access-log\", bin = \"1s\", columns = { time = \"t\" }";
    let Profile::Trace(trace) = follows("centre.log", &text, more).profile else {
        panic!("not a trace");
    };
    assert_eq!(trace.bin(), Span::from_secs(1));
    let counts: Vec<f64> = trace.rates().to_vec();
    assert_eq!(counts.iter().sum::<f64>(), rows_of_centre.len() as f64);
    assert_eq!(
        counts,
        per_second(
            rows_of_centre
                .iter()
                .map(|row| row[0].parse::<f64>().unwrap() - 7_200.0)
        )
    );
    compare(&counts, 1, (0.05, 0.03));
}

#[test]
fn interval_logs_give_rates_and_latencies() {
    for (name, longest) in [
        ("hdr-ycsb.logV1.hlog.gz", 600),
        ("hdr-jHiccup-2.0.7S.logV2.hlog.gz", 62),
    ] {
        let Some(path) = shared_folder::shared(&format!("data/{name}")) else {
            return;
        };
        let folder = path.parent().unwrap();
        let world = read(&format!("rate = {{ trace = \"{name}\" }}"), folder);
        let Profile::Trace(trace) = &world.traffic.profile else {
            panic!("not a trace");
        };
        assert_eq!(trace.bin(), Span::from_secs(1));
        assert!(
            trace.rates().len().abs_diff(longest) <= 2,
            "{}",
            trace.rates().len()
        );
        let coarse = read(
            &format!("rate = {{ trace = \"{name}\", bin = \"7s\" }}"),
            folder,
        );
        let whole = Span::from_secs(700);
        let total = |profile: &Profile| {
            let Profile::Trace(trace) = profile else {
                panic!("not a trace");
            };
            trace.mean() * trace.bin().as_secs_f64() * trace.rates().len() as f64
        };
        let (fine, coarse) = (
            total(&world.traffic.profile),
            total(&coarse.traffic.profile),
        );
        assert!(
            fine > 1_000.0 && (fine / coarse - 1.0).abs() < 1e-9,
            "{fine} {coarse}"
        );
        assert!(
            world
                .traffic
                .profile
                .expected(Time::START, Time::START + whole)
                > 0.0
        );
        // The third column is the longest of each interval, in milliseconds.
        let mut text = flate2::read::MultiGzDecoder::new(std::fs::File::open(&path).unwrap());
        let mut lines = String::new();
        text.read_to_string(&mut lines).unwrap();
        let maxima = (lines.lines())
            .filter(|line| !line.starts_with(['#', '"']))
            .map(|line| line.split(',').nth(2).unwrap().parse::<f64>().unwrap());
        // What was recorded is a million times that.
        let recorded = maxima.fold(0.0, f64::max) * 1e6;
        let (unit, seconds) = if name.contains("ycsb") {
            ("us", 1e-6)
        } else {
            ("ns", 1e-9)
        };
        let longest = recorded * seconds;
        let service = format!(
            "rate = \"1/s\"\n[stable]\nlatency = {{ hdr = \"{name}\", unit = \"{unit}\" }}"
        );
        let latency = read(&service, folder).stable.latency;
        assert!(matches!(latency, Latency::Empirical(_)));
        let quantile = |p| latency.quantile(Probability::new(p).unwrap());
        assert!(
            (quantile(1.0) / longest - 1.0).abs() < 0.02,
            "{} {longest}",
            quantile(1.0)
        );
        assert!(quantile(0.5) > 0.0 && quantile(0.5) < quantile(0.99));
    }
}

#[test]
fn clients_are_as_unequal_as_the_population_that_stands_for_them() {
    for (name, column, sigma, bound) in [
        ("nasa-http-1995-08-01-requests.csv.gz", 1, 1.08, 0.15),
        ("semicomplete-2015-requests.csv.gz", 1, 1.6, 0.25),
    ] {
        let Some(rows) = rows(name) else {
            return;
        };
        let mut counts: BTreeMap<&str, f64> = BTreeMap::new();
        for row in &rows {
            *counts.entry(&row[column]).or_default() += 1.0;
        }
        let requests = rows.len() as f64;
        let among = counts.values().map(|count| count * count).sum::<f64>() / requests;
        let population = Population::log_normal(counts.len() as u32, sigma);
        let effective = population.effective(requests);
        assert!(
            (effective / among - 1.0).abs() < bound,
            "{name}: {effective} {among}"
        );
        // The busiest hundredth.
        let mut sizes: Vec<f64> = counts.values().copied().collect();
        sizes.sort_by(|a, b| b.total_cmp(a));
        let hundredth = sizes.len() / 100;
        let share = sizes[..hundredth].iter().sum::<f64>() / requests;
        let top: f64 = (0..hundredth as u32)
            .map(|user| population.activity(user))
            .sum();
        assert!((top / share - 1.0).abs() < bound, "{name}: {top} {share}");
    }
}

/// The preset at the rate of the recorded site, over whole weeks from Monday midnight.
fn web_week() -> Traffic {
    let lines =
        "preset = \"web-day\"\nrate = { week = { mean = \"1.5/s\", start = \"Mon 00:00\" } }";
    read(lines, FilePath::new("")).traffic
}

/// The rate's path through one week.
fn web_path(traffic: &Traffic, seed: u64) -> Path {
    let mut stream: Stream = Seed(seed).stream(0, Purpose::Swing);
    Path::draw(traffic, Span::from_secs(7 * 86_400), &mut stream).unwrap()
}

#[test]
fn a_web_day_swings_as_a_real_one() {
    let (mut dispersions, mut residuals) = (Vec::new(), Vec::new());
    let rounds = 48;
    let traffic = web_week();
    let profile = &traffic.profile;
    for seed in 0..rounds {
        let path = web_path(&traffic, seed);
        let minutes = generated(profile, Some(&path), 7 * 1_440, 60.0, seed);
        for day in minutes[..5 * 1_440].chunks_exact(1_440) {
            dispersions.push(dispersion_and_memory(day).0);
        }
        for (index, count) in minutes.iter().enumerate() {
            let time = |index: usize| Time::from_secs(index as u64 * 60);
            let expected = profile.expected(time(index), time(index + 1));
            residuals.push(count / expected - 1.0);
        }
    }
    // Measured on one day: 45 at 60 s.
    let mean = dispersions.iter().sum::<f64>() / dispersions.len() as f64;
    assert!((10.0..=100.0).contains(&mean), "{mean}");
    // Measured over a month after taking out hours and weekends: 0.47 at a minute.
    let square = residuals
        .iter()
        .map(|residual| residual * residual)
        .sum::<f64>();
    let cv = (square / residuals.len() as f64).sqrt();
    assert!((0.3..=0.5).contains(&cv), "{cv}");
}

#[test]
fn weekends_of_a_web_day_are_as_quiet_as_real_ones() {
    // Requests expected on days of a week, swings and all. A week's slow swing moves its own ratio by
    // a fifth, so that the ratio of 2,000 weeks has a standard error of about 0.003.
    let traffic = web_week();
    let (mut weekend, mut weekdays) = (0.0, 0.0);
    for seed in 0..2_000 {
        let path = web_path(&traffic, seed);
        let day = |day: u64| Time::from_secs(day * 86_400);
        weekdays += path.expected(&traffic.profile, day(0), day(5)) / 5.0;
        weekend += path.expected(&traffic.profile, day(5), day(7)) / 2.0;
    }
    let ratio = weekend / weekdays;
    assert!((ratio - 0.60).abs() < 0.03, "{ratio}");
}
