//! Which version answers: shares, their order, and what happens when they change.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use coalmine::base::{Purpose, Seed, Stream};
use coalmine::engine::live::splitter::SplitterOptions;
use coalmine::engine::live::steering::Shares;
use coalmine::model::split::{self, Memory, Request, Rules, Side, Split, Weights};
use coalmine::model::traffic::Population;
use coalmine::telemetry::Version;

use super::server::Server;
use super::{Client, Site, setting};

/// Asks as users 0, 1, 2 ... and returns who answered.
fn versions(site: &Site, requests: u32) -> Vec<String> {
    let mut client = site.client();
    (0..requests)
        .map(|user| client.ask(user).version().to_owned())
        .collect()
}

fn count(versions: &[String], version: &str) -> usize {
    versions.iter().filter(|found| *found == version).count()
}

#[test]
fn a_random_split_holds_its_share_within_chance() {
    let [stable, canary] = [(); 2].map(|()| Server::well());
    let site = Site::start(&setting(), [&[&stable], &[&canary], &[]]);
    site.canary(0.05);
    let found = versions(&site, 4_000);
    // Mean 200, standard deviation 13.8: four of them.
    let canaries = count(&found, "canary");
    assert!((145..=255).contains(&canaries), "{canaries}");
    assert_eq!(canary.requests(), canaries);
    assert_eq!(site.counted(Some(Version::Canary), None), canaries as u64);
    assert_eq!(
        site.counts().decided,
        [4_000 - canaries as u64, canaries as u64, 0]
    );
}

#[test]
fn an_even_split_holds_it_within_one() {
    let [stable, canary] = [(); 2].map(|()| Server::well());
    let mut setting = setting();
    for split in [Split::Even, Split::RoundRobin] {
        setting.world.split = split;
        let site = Site::start(&setting, [&[&stable], &[&canary], &[]]);
        site.canary(0.05);
        for requests in [100, 250, 1_000] {
            let found = count(&versions(&site, requests), "canary");
            let wanted = f64::from(requests) * 0.05;
            assert!((found as f64 - wanted).abs() <= 1.0, "{split:?} {found}");
        }
    }
}

#[test]
fn the_order_comes_from_the_seed_and_is_that_of_the_model() {
    let [stable, canary, baseline] = [(); 3].map(|()| Server::well());
    let mut setting = setting();
    setting.world.rules.baseline = true;
    for (split, seed) in [
        (Split::Random, 1),
        (Split::Random, 2),
        (Split::UserHash, 1),
        (Split::RingHash, 1),
        (Split::SplitClients, 1),
        (Split::RoundRobin, 1),
    ] {
        setting.world.split = split;
        setting.seed = Seed(seed);
        let mut site = Site::start(&setting, [&[&stable], &[&canary], &[&baseline]]);
        site.canary(0.3);
        let found = versions(&site, 300);
        let salt = setting.seed.salt(setting.replicate, Purpose::Split);
        let mut stream: Stream = setting.seed.stream(setting.replicate, Purpose::Split);
        let mut model = split::Splitter::new(split, setting.world.rules, None, salt);
        let weights = Weights::of(0.3, &setting.world.rules);
        let expected: Vec<&str> = (0..300)
            .map(|user| {
                let request = Request {
                    user,
                    place: Population::place(user, salt),
                    cookies: true,
                    matched: false,
                    opens: user == 0,
                };
                match model.choose(&request, &weights, 0.0, &mut Memory::default(), &mut stream) {
                    Side::Stable => "stable",
                    Side::Canary => "canary",
                    Side::Baseline => "baseline",
                }
            })
            .collect();
        assert_eq!(found, expected, "{split:?} {seed}");
        // The log says the same.
        let log = site.splitter.stop().concat();
        let logged: Vec<_> = (log.iter())
            .map(|decided| {
                (
                    decided.order,
                    decided.user,
                    decided.version as usize,
                    decided.status,
                )
            })
            .collect();
        let names = ["stable", "canary", "baseline"];
        let wanted: Vec<_> = (expected.iter().enumerate())
            .map(|(order, name)| {
                let version = names.iter().position(|other| other == name).unwrap();
                (order as u64, order as u32, version, 200)
            })
            .collect();
        assert_eq!(logged, wanted);
        assert!(log.is_sorted_by_key(|decided| decided.at));
    }
}

#[test]
fn a_new_weight_holds_from_the_next_request_and_loses_none() {
    let [stable, canary] = [(); 2].map(|()| Server::well());
    let site = Site::start(&setting(), [&[&stable], &[&canary], &[]]);
    let done = AtomicBool::new(false);
    let answered: usize = thread::scope(|scope| {
        let busy: Vec<_> = (0..8)
            .map(|user| {
                let (mut client, done) = (site.client(), &done);
                scope.spawn(move || {
                    let mut answered = 0;
                    while !done.load(Ordering::SeqCst) {
                        let answer = client.ask(user);
                        assert_eq!(answer.status, 200);
                        answered += 1;
                    }
                    answered
                })
            })
            .collect();
        let mut client = site.client();
        let mut asked = 0;
        for flip in 0..100 {
            let (share, version) = [(1.0, "canary"), (0.0, "stable")][flip % 2];
            site.canary(share);
            for _ in 0..5 {
                assert_eq!(client.ask(99).version(), version, "flip {flip}");
                asked += 1;
            }
        }
        done.store(true, Ordering::SeqCst);
        asked
            + busy
                .into_iter()
                .map(|busy| busy.join().unwrap())
                .sum::<usize>()
    });
    assert_eq!(site.counted(None, Some(200)), answered as u64);
    assert_eq!(site.counted(None, None), answered as u64);
    assert_eq!(stable.requests() + canary.requests(), answered);
    assert_eq!(site.counts().clients, 9, "no connection was closed");
}

#[test]
fn requests_with_the_header_of_the_rule_go_to_the_canary() {
    let [stable, canary] = [(); 2].map(|()| Server::well());
    let mut setting = setting();
    setting.world.rules.matched = coalmine::base::Probability::new(0.1);
    let site = Site::start(&setting, [&[&stable], &[&canary], &[]]);
    let mut client = site.client();
    let matched = "x-user: 1\r\nx-canary: always\r\n";
    assert_eq!(client.get(matched).version(), "stable", "it has no traffic");
    site.canary(0.000_001);
    for _ in 0..20 {
        assert_eq!(client.get(matched).version(), "canary");
        assert_eq!(
            client.get("x-user: 1\r\nx-canary: no\r\n").version(),
            "stable"
        );
    }
    // Without a rule the header is a header like any other.
    setting.world.rules = Rules::default();
    let site = Site::start(&setting, [&[&stable], &[&canary], &[]]);
    site.canary(0.000_001);
    assert_eq!(site.client().get(matched).version(), "stable");
}

#[test]
fn a_connection_keeps_its_version_until_the_weight_changes() {
    let [stable, canary] = [(); 2].map(|()| Server::well());
    let mut setting = setting();
    setting.world.split = Split::Connection;
    let site = Site::start(&setting, [&[&stable], &[&canary], &[]]);
    site.canary(0.5);
    let mut clients: Vec<Client> = (0..64).map(|_| site.client()).collect();
    let first: Vec<String> = (clients.iter_mut())
        .map(|client| client.ask(1).version().to_owned())
        .collect();
    // Mean 32, standard deviation 4: four of them.
    assert!((16..=48).contains(&count(&first, "canary")), "{first:?}");
    for user in 2..6 {
        for (client, version) in clients.iter_mut().zip(&first) {
            assert_eq!(client.ask(user).version(), version);
        }
    }
    site.canary(1.0);
    assert!(
        clients
            .iter_mut()
            .all(|client| client.ask(1).version() == "canary")
    );
}

#[test]
fn the_canary_gets_copies_whose_answers_nobody_sees() {
    let stable = Server::well();
    let canary = Server::saying("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n");
    let site = Site::start(&setting(), [&[&stable], &[&canary], &[]]);
    site.steering.set(Shares {
        canary: 0.0,
        mirror: 1.0,
    });
    let mut client = site.client();
    for _ in 0..50 {
        client.send("POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc");
        let answer = client.answer();
        assert_eq!((answer.status, answer.version()), (200, "stable"));
    }
    site.until("every copy", |_| canary.requests() == 50);
    let marked = stable.heads()[0].replace("host: a\r\n", "host: a-shadow\r\n");
    assert_eq!(
        canary.heads()[0],
        marked,
        "told from a request by its host alone"
    );
    assert_eq!(site.counts().mirrored, 50);
    assert_eq!(site.counted(None, None), 50, "copies are no requests");
    site.steering.set(Shares {
        canary: 0.0,
        mirror: 0.25,
    });
    for _ in 0..1_000 {
        client.ask(1);
    }
    // Mean 250, standard deviation 13.7: four of them.
    let copies = site.counts().mirrored - 50;
    assert!((195..=305).contains(&copies), "{copies}");
}

#[test]
fn several_workers_share_the_traffic_and_are_read_as_one() {
    let [stable, canary] = [(); 2].map(|()| Server::well());
    let options = SplitterOptions {
        workers: 3,
        ..SplitterOptions::default()
    };
    let mut site = Site::start_with(&setting(), [&[&stable], &[&canary], &[]], &options, 1.0);
    site.canary(0.5);
    let site_ref = &site;
    thread::scope(|scope| {
        for _ in 0..40 {
            scope.spawn(move || assert_eq!(versions(site_ref, 20).len(), 20));
        }
    });
    // A scrape meets one worker only.
    site.until("all are counted", |site| {
        site.counted(None, Some(200)) == 800
    });
    // Mean 400, standard deviation 14: four of them.
    let canaries = site.counted(Some(Version::Canary), None);
    assert!((344..=456).contains(&canaries), "{canaries}");
    let log = site.splitter.stop();
    assert_eq!(log.iter().map(Vec::len).sum::<usize>(), 800);
    // Forty connections, all to one of three, would be a hash of no use.
    assert!(log.iter().filter(|worker| !worker.is_empty()).count() > 1);
    let orders = |worker: &Vec<_>| -> Vec<Version> {
        let decided: &Vec<coalmine::engine::live::splitter::Decided> = worker;
        decided
            .iter()
            .take(20)
            .map(|decided| decided.version)
            .collect()
    };
    assert_ne!(orders(&log[0]), orders(&log[1]), "each has luck of its own");
}
