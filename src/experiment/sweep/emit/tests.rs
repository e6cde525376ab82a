//! What is printed, as it was read; and what is refused.

use super::*;

fn work<'a>(shards: &'a Shards, text: &'a str) -> Work<'a> {
    Work {
        plan: Path::new("plan.json"),
        text,
        id: "3f9a0b1c2d3e4f5061728394a5b6c7d8",
        shards,
        program: "coalmine",
        out: Path::new("shards"),
        threads: 2,
    }
}

const PLAN: &str = "{\n  \"coalmine\": \"plan\"\n}\n";

fn kubernetes() -> Kubernetes {
    Kubernetes {
        image: "registry/coalmine:1".to_owned(),
        claim: "sweeps".to_owned(),
        namespace: None,
        name: None,
        at_once: 16,
        memory: "512Mi".to_owned(),
    }
}

fn slurm() -> Slurm {
    Slurm {
        at_once: 16,
        memory: "512M".to_owned(),
        time: None,
        partition: None,
        max_array_size: 1001,
    }
}

fn parallel(hosts: &[&str]) -> Parallel {
    Parallel {
        hosts: hosts.iter().map(|host| host.parse().unwrap()).collect(),
        at_once: 2,
        ssh: "ssh".to_owned(),
    }
}

#[test]
fn all_shards_on_each_engine() {
    let shards = Shards::all(64);
    let work = work(&shards, PLAN);
    insta::assert_snapshot!("kubernetes", kubernetes().manifest(&work).unwrap());
    insta::assert_snapshot!("slurm", slurm().script(&work).unwrap());
    insta::assert_snapshot!("parallel", parallel(&[]).script(&work));
    insta::assert_snapshot!("ssh", parallel(&["8/ada", "me@bob"]).script(&work));
}

#[test]
fn what_is_missing_is_all_that_runs() {
    let shards = Shards::some(64, [3, 17, 18, 19]);
    let work = work(&shards, PLAN);
    let manifest = kubernetes().manifest(&work).unwrap();
    insta::assert_snapshot!("kubernetes_missing", manifest);
    let script = slurm().script(&work).unwrap();
    assert!(script.contains("--array=3,17-19%16\n"), "{script}");
    assert!(script.contains("--shard-count 64 "), "{script}");
    for hosts in [&[][..], &["ada"]] {
        let script = parallel(hosts).script(&work);
        assert!(script.contains("printf '%s\\n' 3 17 18 19 |\n"), "{script}");
    }
}

#[test]
fn what_users_say_reaches_the_engine() {
    let shards = Shards::all(4);
    let work = Work {
        plan: Path::new("my plan.json"),
        program: "/opt/it's/coalmine",
        ..work(&shards, PLAN)
    };
    let slurm = Slurm {
        time: Some("2:00:00".to_owned()),
        partition: Some("short".to_owned()),
        ..slurm()
    };
    let script = slurm.script(&work).unwrap();
    for part in [
        "#SBATCH --time=2:00:00\n",
        "#SBATCH --partition=short\n",
        r"'/opt/it'\''s/coalmine' sweep run 'my plan.json' --shard-index",
    ] {
        assert!(script.contains(part), "{script}");
    }
    let kubernetes = Kubernetes {
        namespace: Some("tests".to_owned()),
        name: Some("nightly".to_owned()),
        ..kubernetes()
    };
    let manifest = kubernetes.manifest(&work).unwrap();
    for (part, times) in [
        ("  namespace: \"tests\"\n", 3),
        ("  name: \"nightly\"\n", 2),
        ("  name: \"nightly-merge\"\n", 1),
        ("  parallelism: 4\n", 1),
        ("cpu: \"2\"", 1),
        ("--threads=2", 1),
    ] {
        assert_eq!(manifest.matches(part).count(), times, "{part}: {manifest}");
    }
}

#[test]
fn what_an_engine_cannot_take_is_refused_here() {
    let shards = Shards::all(1002);
    let long = slurm().script(&work(&shards, PLAN)).unwrap_err();
    assert_eq!(long.to_string(), LONG);
    assert!(long.help().contains("--max-array-size"));
    let shards = Shards::all(1001);
    assert!(slurm().script(&work(&shards, PLAN)).is_ok());

    let plan = "x".repeat(MOST_BYTES);
    let large = |shards: &Shards| kubernetes().manifest(&work(shards, &plan));
    assert!(large(&shards).is_ok());
    // The list of shards takes room as well.
    let bytes = MOST_BYTES + 2;
    assert_eq!(
        large(&Shards::some(64, [3])),
        Err(EmitError::Large { bytes })
    );

    for name in ["", "Sweep", "1st", "a-", "a.b", &"a".repeat(53)] {
        let kubernetes = Kubernetes {
            name: Some(name.to_owned()),
            ..kubernetes()
        };
        let refused = kubernetes.manifest(&work(&shards, PLAN));
        assert_eq!(refused, Err(EmitError::Name(name.to_owned())));
    }
}

const LONG: &str =
    "1002 shards need the indices 0 to 1001, and Slurm's MaxArraySize of 1001 ends at 1000";

#[test]
fn hosts_are_read_as_people_write_them() {
    let host = |text: &str| text.parse::<Host>();
    let ada = Host {
        at_once: Some(8),
        name: "me@ada".to_owned(),
    };
    assert_eq!(host("8/me@ada"), Ok(ada));
    assert_eq!(host("ada").unwrap().at_once, None);
    for wrong in [
        "",
        "8/",
        "0/ada",
        "x/ada",
        "-oProxyCommand=x",
        "a b",
        "a;b",
        "a,b",
    ] {
        assert!(host(wrong).unwrap_err().contains("HOST"), "{wrong}");
    }
    assert_eq!(parallel(&["8/ada", "bob"]).slots(), 10);
    assert_eq!(parallel(&[]).slots(), 2);
}
