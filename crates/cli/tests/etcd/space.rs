//! An etcd whose database is full.

use std::path::Path;
use std::process::Child;
use std::thread;
use std::time::Duration;

use ops_coordinator_trial::faults::{Kind, Means, flood, make_room};
use ops_coordinator_trial::{Cluster, program};

use crate::{assert_clean, holder, in_line, lock, output, text, until};

const QUOTA: u64 = 4 << 20;

/// What begins in its turn, says so by a file of its own, and lasts until a file `go` is there.
fn lasting(cluster: &Cluster, options: &[&str], name: &str) -> Child {
    let script = format!("echo >{name}; until [ -e go ]; do sleep 0.02; done");
    lock(cluster, options, &script).spawn().unwrap()
}

#[test]
fn without_space_nobody_joins_and_the_error_says_what_to_do_but_who_is_in_line_goes_on() {
    nobody_joins(&program());
}

/// 3.5.1 takes no transaction then, not even one that only reads.
#[test]
fn without_space_who_is_in_line_goes_on_with_the_next_version_as_well() {
    match Means::get().next() {
        Some(next) => nobody_joins(next),
        None => eprintln!("skipped: {}", Means::get().lacks(Kind::Upgrade).unwrap()),
    }
}

fn nobody_joins(program: &Path) {
    let cluster = Cluster::with_quota(program, QUOTA);
    let mut first = holder(&cluster, &["--ttl", "2s"]);
    let second = lock(&cluster, &["--ttl", "2s"], "echo second")
        .spawn()
        .unwrap();
    in_line(&cluster, 2);
    flood(&cluster, QUOTA).unwrap();
    let refused = output(lock(&cluster, &[], "echo ran"));
    assert_eq!(
        (refused.status.code(), text(&refused.stdout)),
        (Some(77), String::new())
    );
    let said = text(&refused.stderr);
    for words in [
        "database space exceeded",
        "hint: etcd's disk quota is used up: compact and defragment it, then `etcdctl alarm disarm`",
    ] {
        assert!(said.contains(words), "{said}");
    }
    // Longer than a lease: renewals take no space.
    thread::sleep(Duration::from_secs(3));
    in_line(&cluster, 2);
    drop(first.stdin.take());
    assert_eq!(first.wait().unwrap().code(), Some(0));
    let second = second.wait_with_output().unwrap();
    assert_eq!(
        (second.status.code(), text(&second.stdout)),
        (Some(0), "second\n".to_owned())
    );
    assert_clean(&cluster);
    make_room(&cluster).unwrap();
    let again = output(lock(&cluster, &[], "echo ran"));
    assert_eq!(text(&again.stdout), "ran\n", "{again:?}");
    assert_clean(&cluster);
}

/// With a limit above 1, the next one waits for the one ahead to say that it has begun, which takes space.
#[test]
fn one_that_could_not_say_that_it_has_begun_says_so_when_there_is_space_again() {
    let cluster = Cluster::with_quota(&program(), QUOTA);
    let options = ["--limit", "2"];
    let there = |name: &str| cluster.directory().join(name).exists();
    let mut holders = Vec::new();
    for name in ["one", "two"] {
        let script = format!("echo >{name}; cat >/dev/null; exit 0");
        let mut command = lock(&cluster, &options, &script);
        holders.push(command.stdin(std::process::Stdio::piped()).spawn().unwrap());
        until(|| there(name));
    }
    let third = lasting(&cluster, &options, "three");
    in_line(&cluster, 3);
    let fourth = lasting(&cluster, &options, "four");
    in_line(&cluster, 4);
    flood(&cluster, QUOTA).unwrap();
    for mut holder in holders {
        drop(holder.stdin.take());
        assert_eq!(holder.wait().unwrap().code(), Some(0));
    }
    until(|| there("three"));
    thread::sleep(Duration::from_millis(500));
    assert!(
        !there("four"),
        "nobody has told it that the third has begun"
    );
    make_room(&cluster).unwrap();
    let patience = (0..500).find(|_| {
        thread::sleep(Duration::from_millis(20));
        there("four")
    });
    std::fs::write(cluster.directory().join("go"), "").unwrap();
    assert!(patience.is_some(), "the fourth must not wait for the third");
    for child in [third, fourth] {
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    }
    assert_clean(&cluster);
}
