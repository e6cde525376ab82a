//! What one look of a statistical gate costs at 6,000 requests a minute, 300 of them the canary's,
//! of which 1 % fail: the mean over the looks of an hour, with a good canary.

use coalmine::base::{Probability, Span, Stream};
use coalmine::gate::statistical::{Arm, Batch, Planned, Reads, shelf};
use coalmine::stats::draw::Alias;
use coalmine::stats::normal_upper;
use coalmine::telemetry::{Buckets, UserFailures};
use criterion::{Criterion, criterion_group, criterion_main};
use rand::{Rng, SeedableRng};

/// Requests per bucket, then the failed ones per bucket, of stable and of the canary.
type Minute = [Vec<u64>; 2];

/// An hour of log-normal latencies around 40 ms in the mesh's buckets.
fn hour(bounds: &Buckets) -> Vec<Minute> {
    let width = bounds.len();
    let above = |index: usize| match index {
        0 => 1.0,
        _ if index == width => 0.0,
        _ => normal_upper((bounds.bound_seconds(index - 1) / 0.04).ln() / 0.6),
    };
    let chances: Vec<f64> = (0..width)
        .map(|bucket| above(bucket) - above(bucket + 1))
        .collect();
    let latencies = Alias::new(&chances);
    let mut stream = Stream::seed_from_u64(1);
    let minutes = (0..60).map(|_| {
        let mut arms = [vec![0; 2 * width], vec![0; 2 * width]];
        for _ in 0..6_000 {
            let arm = &mut arms[usize::from(stream.next_u32() % 20 == 0)];
            let bucket = latencies.cell(stream.next_u32());
            arm[bucket] += 1;
            arm[width + bucket] += u64::from(stream.next_u32() % 100 == 0);
        }
        arms
    });
    minutes.collect()
}

fn looks(criterion: &mut Criterion) {
    let bounds = Buckets::istio();
    let width = bounds.len();
    let minutes = hour(&bounds);
    let planned = Planned {
        duration: Span::from_secs(3_600),
        interval: Span::from_secs(60),
    };
    let Some(alpha) = Probability::new(0.05) else {
        return;
    };
    for (name, method) in shelf(alpha) {
        let mut test = method.start(planned);
        let mut now = 0;
        criterion.bench_function(&format!("look/{name}"), |bencher| {
            bencher.iter(|| {
                if now == 0 {
                    test.begin(7);
                }
                let [other, canary] = minutes[now].each_ref().map(|latencies| Arm {
                    requests: latencies[..width].iter().sum(),
                    errors: latencies[width..].iter().sum(),
                    latencies: match method.entry().reads {
                        Reads::Both => latencies,
                        _ => &latencies[..width],
                    },
                    users: UserFailures::default(),
                });
                let look = test.look(&Batch {
                    elapsed: Span::from_secs(60 * (now as u64 + 1)),
                    share: Some(0.05),
                    bounds: &bounds,
                    other,
                    canary,
                });
                now = (now + 1) % minutes.len();
                look
            });
        });
    }
}

criterion_group!(benches, looks);
criterion_main!(benches);
