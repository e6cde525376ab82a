//! Cookies that keep users where they were.

use coalmine::base::Span;
use coalmine::engine::live::splitter::SplitterOptions;
use coalmine::model::split::{Affinity, Precedence, ratchet};

use super::server::Server;
use super::{Site, setting};

fn sticky(precedence: Precedence) -> Affinity {
    Affinity {
        precedence,
        lifetime: Span::from_secs(3_600),
        outlives_rollback: false,
    }
}

/// Users who keep what they are told to keep, as browsers do.
fn users_on_canary(site: &Site, users: u32, requests: u32) -> usize {
    let mut client = site.client();
    let mut cookies = vec![None::<String>; users as usize];
    let mut last = vec![String::new(); users as usize];
    for _ in 0..requests {
        for user in 0..users {
            let cookie = &mut cookies[user as usize];
            let held = cookie.as_deref().map_or(String::new(), |value| {
                format!("cookie: coalmine-version={value}\r\n")
            });
            let answer = client.get(&format!("x-user: {user}\r\n{held}"));
            if let Some(set) = answer.header("set-cookie") {
                let value = set.split(['=', ';']).nth(1).unwrap();
                *cookie = (!value.is_empty()).then(|| value.to_owned());
            }
            last[user as usize] = answer.version().to_owned();
        }
    }
    last.iter().filter(|version| *version == "canary").count()
}

#[test]
fn the_canary_s_share_of_users_only_grows() {
    let [stable, canary] = [(); 2].map(|()| Server::well());
    let mut setting = setting();
    setting.world.affinity = Some(sticky(Precedence::CanaryOnly));
    let site = Site::start(&setting, [&[&stable], &[&canary], &[]]);
    site.canary(0.1);
    let found = users_on_canary(&site, 500, 10) as f64;
    let share = ratchet(0.1, 10.0);
    // 326 users are expected; standard deviation 10.6: four of them.
    let deviation = (500.0 * share * (1.0 - share)).sqrt();
    assert!((found - 500.0 * share).abs() < 4.0 * deviation, "{found}");
}

#[test]
fn where_both_versions_set_cookies_the_share_stays() {
    let [stable, canary] = [(); 2].map(|()| Server::well());
    let mut setting = setting();
    setting.world.affinity = Some(sticky(Precedence::Both));
    let site = Site::start(&setting, [&[&stable], &[&canary], &[]]);
    site.canary(0.1);
    let found = users_on_canary(&site, 500, 5) as f64;
    // 50 users are expected; standard deviation 6.7: four of them.
    assert!((found - 50.0).abs() < 27.0, "{found}");
}

#[test]
fn a_cookie_lasts_as_long_as_the_scenario_says_at_its_speed() {
    let [stable, canary] = [(); 2].map(|()| Server::well());
    let mut setting = setting();
    setting.world.affinity = Some(sticky(Precedence::CanaryOnly));
    let options = SplitterOptions::default();
    for (speed, seconds) in [(1.0, 3_600), (60.0, 60), (100_000.0, 1)] {
        let servers: [&[&Server]; 3] = [&[&stable], &[&canary], &[]];
        let site = Site::start_with(&setting, servers, &options, speed);
        site.canary(1.0);
        let answer = site.client().ask(1);
        assert_eq!(
            answer.header("set-cookie"),
            Some(format!("coalmine-version=canary; Max-Age={seconds}; Path=/").as_str())
        );
    }
}

#[test]
fn a_cookie_is_set_once_and_taken_away_when_its_version_is_gone() {
    let [stable, canary] = [(); 2].map(|()| Server::well());
    let mut setting = setting();
    setting.world.affinity = Some(sticky(Precedence::CanaryOnly));
    let site = Site::start(&setting, [&[&stable], &[&canary], &[]]);
    site.canary(0.5);
    let mut client = site.client();
    let held = "x-user: 1\r\ncookie: a=b; coalmine-version=canary\r\n";
    for _ in 0..20 {
        let answer = client.get(held);
        assert_eq!(answer.version(), "canary");
        assert_eq!(answer.header("set-cookie"), None);
    }
    site.canary(0.0);
    let answer = client.get(held);
    assert_eq!(answer.version(), "stable");
    assert_eq!(
        answer.header("set-cookie"),
        Some("coalmine-version=; Max-Age=0; Path=/")
    );
    let mut affinity = sticky(Precedence::CanaryOnly);
    affinity.outlives_rollback = true;
    setting.world.affinity = Some(affinity);
    let site = Site::start(&setting, [&[&stable], &[&canary], &[]]);
    assert_eq!(site.client().get(held).version(), "canary");
}

#[test]
fn who_keeps_no_cookies_gets_none() {
    let [stable, canary] = [(); 2].map(|()| Server::well());
    let mut setting = setting();
    setting.world.affinity = Some(sticky(Precedence::Both));
    let users = setting.world.traffic.users.clone();
    let group = |cookies| coalmine::model::traffic::UserGroup {
        name: "some".to_owned(),
        share: coalmine::base::Probability::new(0.5).unwrap(),
        users: users.clone(),
        cookies,
        returning: coalmine::base::Probability::ZERO,
        mix: Vec::new(),
        matched: false,
    };
    setting.world.traffic.groups = vec![group(true), group(false)];
    let site = Site::start(&setting, [&[&stable], &[&canary], &[]]);
    let mut client = site.client();
    for (headers, cookie) in [
        ("x-user: 1\r\nx-group: 0\r\n", true),
        ("x-user: 1\r\nx-group: 1\r\n", false),
        ("x-user: 1\r\n", true),
        ("", false),
    ] {
        let answer = client.get(headers);
        assert_eq!(answer.header("set-cookie").is_some(), cookie, "{headers}");
    }
}
