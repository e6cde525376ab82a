//! Interval logs made here, with known contents.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::*;

/// A histogram of 2 digits from 1 up with these counts by index.
fn encoded(counts: &[i64], is_second: bool) -> String {
    let mut payload = Vec::new();
    for count in counts {
        if is_second {
            let mut value = (count << 1) as u64 ^ (count >> 63) as u64;
            while value > 0x7f {
                payload.push(value as u8 | 0x80);
                value >>= 7;
            }
            payload.push(value as u8);
        } else {
            payload.extend(count.max(&0).to_be_bytes());
        }
    }
    let cookies = if is_second {
        [V2 | 0x10, V2_COMPRESSED | 0x10]
    } else {
        [V1 | 0x80, V1_COMPRESSED | 0x80]
    };
    let mut raw = cookies[0].to_be_bytes().to_vec();
    raw.extend((payload.len() as u32).to_be_bytes());
    raw.extend(0_u32.to_be_bytes());
    raw.extend(2_u32.to_be_bytes());
    raw.extend(1_u64.to_be_bytes());
    raw.extend(1_000_000_u64.to_be_bytes());
    raw.extend(1.0_f64.to_be_bytes());
    raw.extend(payload);
    let mut zipped = ZlibEncoder::new(Vec::new(), Compression::default());
    zipped.write_all(&raw).unwrap();
    let zipped = zipped.finish().unwrap();
    let mut packed = cookies[1].to_be_bytes().to_vec();
    packed.extend((zipped.len() as u32).to_be_bytes());
    packed.extend(zipped);
    BASE64_STANDARD.encode(packed)
}

#[test]
fn both_encodings_give_the_counts_and_the_values_of_their_buckets() {
    // With 2 digits the first 256 buckets are 1 wide, the next 128 are 2 wide, and so on.
    let mut first = vec![0; 400];
    (first[7], first[255], first[256], first[390]) = (3, 200, 4, 5);
    let second = [-7, 3, -247, 200, 4, -133, 5];
    for text in [encoded(&first, false), encoded(&second, true)] {
        let Histogram(buckets) = Histogram::decode(&text).unwrap();
        assert_eq!(
            buckets,
            [
                (7.0, 8.0, 3.0),
                (255.0, 256.0, 200.0),
                (256.0, 258.0, 4.0),
                (536.0, 540.0, 5.0)
            ]
        );
    }
}

fn log(lines: &[(f64, f64, i64)]) -> String {
    let mut text = String::from("#[Histogram log format version 1.3]\n\"StartTimestamp\",\"I\"\n");
    for (start, length, count) in lines {
        let histogram = encoded(&[-99, *count], true);
        text.push_str(&format!("Tag=A,{start},{length},0.1,{histogram}\n"));
    }
    text
}

#[test]
fn intervals_become_bins_and_no_request_is_lost() {
    let text = log(&[
        (10.0, 1.0, 30),
        (11.0, 1.002, 50),
        (12.002, 0.998, 70),
        (14.0, 1.0, 10),
    ]);
    let by_second = trace(text.as_bytes(), None).unwrap();
    assert_eq!(by_second.bin(), Span::from_secs(1));
    let rates: Vec<f64> = by_second
        .rates()
        .iter()
        .map(|rate| (rate * 10.0).round() / 10.0)
        .collect();
    assert_eq!(rates, [30.0, 49.9, 70.1, 0.0, 10.0]);
    assert!((by_second.mean() * 5.0 - 160.0).abs() < 1e-9);
    let longer = trace(text.as_bytes(), Some(Span::from_secs(2))).unwrap();
    let total: f64 = longer.rates().iter().map(|rate| rate * 2.0).sum();
    assert!((total - 160.0).abs() < 1e-9);
}

#[test]
fn latencies_of_all_intervals_make_one_distribution() {
    let histogram = |counts: &[i64]| format!("0,1,1,{}\n", encoded(counts, true));
    let text = histogram(&[-10, 50]) + &histogram(&[-10, 25, -89, 24, -99, 1]);
    let latency = latency(text.as_bytes(), 1e-3).unwrap();
    let quantile = |p| latency.quantile(Probability::new(p).unwrap());
    assert!((quantile(0.75) - 0.011).abs() < 1e-9);
    assert!((quantile(0.99) - 0.101).abs() < 1e-9);
    assert!((quantile(1.0) - 0.201).abs() < 2e-3);
    assert!(quantile(0.0) >= 0.0099);
}

#[test]
fn lines_that_are_no_intervals_are_named() {
    let text = log(&[(0.0, 1.0, 1)]) + "1.0,1.0,0.1,HIST!\n2.0,0,0.1,AAAA\n3.0\n";
    let errors = trace(text.as_bytes(), None).unwrap_err();
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), 3);
    assert!(
        texts[0].starts_with("line 4: `1.0,1.0,0.1,HIST!`"),
        "{texts:?}"
    );
    assert_eq!(
        trace(b"# nothing\n", None),
        Err(vec![TraceError::NoRequests])
    );
    assert_eq!(
        latency(b"# nothing\n", 1.0),
        Err(vec![TraceError::NoRequests])
    );
}
