//! Figures that somebody else has read.

use super::*;

/// What a window shows, as a metrics server would say it.
fn figures(window: &Window<'_>, buckets: Vec<f64>) -> Figures {
    let latencies = window.requests();
    Figures {
        requests: Status::BOTH.map(|status| window.increase(status)),
        buckets,
        seconds: window.latency_mean().map(|mean| mean * latencies),
        latencies: Some(latencies),
        goals: vec![window.goal(0).unwrap()],
        goals_so_far: vec![window.goal_so_far(0).unwrap()],
    }
}

#[test]
fn gates_read_the_same_from_answers_as_from_samples() {
    let buckets = Buckets::new(vec![0.1, 0.5, 2.0], Unit::Seconds).unwrap();
    let sampling = Sampling::Scraped {
        interval: secs(15),
        phase: Phase::Fixed(Span::ZERO),
    };
    let plan = Plan {
        routes: 1,
        goals: 1,
        ..Plan::plain(sampling, Birth::Zero, buckets)
    };
    let mut recorded = Recorded::with(plan.clone(), Span::ZERO);
    for scrape in 0..=8 {
        recorded.serve(Status::Success, 100, 0.05);
        recorded.serve(Status::Success, 40 + scrape, 0.3);
        recorded.serve(Status::Failure, 5, 1.0);
        recorded.telemetry.counters_mut(V).goals[0].add(2.0);
        recorded.scrape(Time::from_secs(15 * scrape));
    }
    let (now, span) = (Time::from_secs(125), secs(60));
    let seen = recorded.telemetry.window(V, now, span);
    let le = |bounds: &[f64]| -> f64 {
        // Cumulative, as `sum by (le) (increase(...))`.
        Recorded::sum(Status::BOTH.map(|status| {
            let value = |c: &Counters| {
                let own = status as usize * 4;
                c.buckets[own..own + bounds.len()].iter().sum::<u64>() as f64
            };
            increase(&recorded.series(status, now, value), now, span)
        }))
        .unwrap()
    };
    let cumulative = vec![le(&[0.1]), le(&[0.1, 0.5]), le(&[0.0; 3]), le(&[0.0; 4])];

    let mut asked = Telemetry::new(&plan, Span::ZERO);
    asked.go_by_answers();
    asked.answer(V, None, now, span, figures(&seen, cumulative));
    let told = asked.window(V, now, span);
    let close = |a: Option<f64>, b: Option<f64>| {
        let (a, b) = (a.unwrap(), b.unwrap());
        assert!((a - b).abs() <= 1e-12 * b.abs(), "{a} {b}");
    };
    for status in Status::BOTH {
        close(told.increase(status), seen.increase(status));
        close(told.volume(status), seen.volume(status));
    }
    close(told.success_ratio(), seen.success_ratio());
    close(told.latency_quantile(0.99), seen.latency_quantile(0.99));
    close(told.latency_mean(), seen.latency_mean());
    close(Some(told.requests()), Some(seen.requests()));
    assert_eq!(told.goal(0), seen.goal(0));
    assert_eq!(told.goal_so_far(0), seen.goal_so_far(0));
}

#[test]
fn what_was_not_answered_is_no_data() {
    let sampling = Sampling::Scraped {
        interval: secs(15),
        phase: Phase::Fixed(Span::ZERO),
    };
    let plan = Plan {
        routes: 2,
        goals: 1,
        ..Plan::plain(sampling, Birth::Zero, Buckets::istio())
    };
    let mut telemetry = Telemetry::new(&plan, Span::ZERO);
    telemetry.go_by_answers();
    let nothing = |window: Window<'_>| {
        assert_eq!(window.success_ratio(), None);
        assert_eq!(window.latency_quantile(0.5), None);
        assert_eq!(window.latency_mean(), None);
        assert_eq!(window.requests(), 0.0);
        assert_eq!(window.goal(0), None);
        assert_eq!(window.goal_so_far(0), None);
    };
    let (now, span) = (Time::from_secs(60), secs(60));
    let ten = Figures {
        requests: [Some(10.0), None],
        ..Figures::default()
    };
    telemetry.answer(V, Some(1), now, span, ten.clone());
    assert_eq!(telemetry.route_window(V, 1, now, span).requests(), 10.0);
    assert_eq!(
        telemetry.route_window(V, 1, now, span).success_ratio(),
        Some(1.0)
    );
    // Another version, route, span or instant.
    nothing(telemetry.window(V, now, span));
    nothing(telemetry.route_window(Version::Stable, 1, now, span));
    nothing(telemetry.route_window(V, 0, now, span));
    nothing(telemetry.route_window(V, 1, now, secs(61)));
    nothing(telemetry.route_window(V, 1, Time::from_secs(61), span));
    // A server that had no series.
    telemetry.answer(V, Some(1), now, span, Figures::default());
    nothing(telemetry.route_window(V, 1, now, span));
    // The next look forgets the one before.
    telemetry.answer(V, Some(1), now, span, ten.clone());
    telemetry.answer(V, None, Time::from_secs(120), span, ten);
    nothing(telemetry.route_window(V, 1, now, span));
    telemetry.begin(Span::ZERO, 0);
    nothing(telemetry.window(V, Time::from_secs(120), span));
}
