use std::path::Path;

use super::*;
use ops_coordinator_core::OnFailure;
use ops_coordinator_core::policy::{Limit, Policy, Sequence, Situation, Waves};

fn lock() -> LockName {
    "restart".parse().unwrap()
}

fn wrong(text: &str) -> String {
    text.parse::<Coordination>().unwrap_err().to_string()
}

/// What is wrong with one key of a lock.
fn wrong_key(line: &str) -> String {
    let said = wrong(&format!("[locks.restart]\n{line}\n"));
    let place = "coordination.toml, line 2: ";
    said.strip_prefix(place)
        .unwrap_or_else(|| panic!("{said}"))
        .to_owned()
}

#[test]
fn all_of_a_locks_policy_is_read() {
    let coordination: Coordination = r#"
        available = ["./is-available"]

        [locks.restart]
        limit = "25%"
        order = "leader-last"
        waves = "zone"
        canary = true
        lookahead = 8
        max-unavailable = "10%"
        window = ["Mon-Fri 02:00-05:00 Europe/London", "Sun 00:00-24:00 UTC"]
        blocker = ["./may-restart", "now"]
        on-failure = "retry"
        max-retry = 3
        back-off = "10s"
        check = "./healthy --fast"
        soak = 60
        check-within = "2m"

        [locks.backup]
        limit = 2
        order = ["app/2", "app/0"]
        window = "02:00-05:00 UTC"
        soak = "5m"
    "#
    .parse()
    .unwrap();
    let restart = &coordination.locks()[&lock()];
    let expected = Rules {
        limit: Limit::percent(25).unwrap(),
        sequence: Sequence::LeaderLast,
        waves: Waves::Zone,
        canary: true,
        lookahead: 8,
        max_unavailable: Limit::percent(10),
    };
    assert_eq!(restart.rules, expected);
    assert_eq!(coordination.available().unwrap(), ["./is-available"]);
    assert_eq!(restart.windows.len(), 2);
    assert_eq!(
        restart.blocker.as_deref(),
        Some(&["./may-restart".to_owned(), "now".to_owned()][..])
    );
    let check = restart.check.as_ref().unwrap();
    assert_eq!(check.command.as_ref().unwrap(), &["./healthy", "--fast"]);
    let demands = (check.demands.soak, check.demands.within);
    assert_eq!(demands, (60_000, 120_000));
    let expected = Recovery {
        on_failure: OnFailure::Retry,
        max_retry: Some(3),
        back_off: 10_000,
    };
    assert_eq!(coordination.recovery(&lock()), expected);
    let backup = &coordination.locks()[&"backup".parse().unwrap()];
    assert_eq!(backup.rules.sequence.to_string(), "app/2,app/0");
    let check = backup.check.as_ref().unwrap();
    assert_eq!((&check.command, check.demands.soak), (&None, 300_000));
    let leader = "app/0".parse().unwrap();
    let mut situation = Situation::new(&leader);
    situation.units = 12;
    let policy = coordination.policy(Path::new("/nowhere"));
    assert_eq!(policy.limit(&lock(), &situation), 3);
    assert_eq!(policy.limit(&"backup".parse().unwrap(), &situation), 2);
    assert_eq!(policy.limit(&"other".parse().unwrap(), &situation), 1);
}

#[test]
fn a_shared_lock_is_a_table_of_its_own() {
    let coordination: Coordination = r#"
        [locks.restart]
        limit = 2
        [locks.restart.shared]
        name = "db-restart"
        limit = 3
        ttl = "1m"
        endpoints = "https://10.0.0.1, 10.0.0.2:2379"
        cacert = "ca.pem"

        [locks.backup.shared]
        name = "backup"
        endpoints-file = "etcd-endpoints"

        [locks.rotate.shared]
        name = "rotate"
        relation = "etcd"
        cert = "me.pem"
        key = "me.key"
    "#
    .parse()
    .unwrap();
    let shared = coordination.locks()[&lock()].shared.clone().unwrap();
    assert_eq!(
        (shared.limit, shared.ttl, shared.endpoints.len()),
        (3, 60, 2)
    );
    let backup = &coordination.locks()[&"backup".parse().unwrap()];
    let backup = backup.shared.clone().unwrap();
    assert_eq!((backup.limit, backup.ttl), (1, 30));
    let rotate = &coordination.locks()[&"rotate".parse().unwrap()];
    let rotate = rotate.shared.clone().unwrap();
    assert_eq!(rotate.relation.as_deref(), Some("etcd"));
    let charm = tempfile::tempdir().unwrap();
    let unknown = backup.clone().reach(charm.path()).unwrap_err();
    assert_eq!(unknown.why, "etcd-endpoints does not say yet where etcd is");
    fs::write(
        charm.path().join("etcd-endpoints"),
        "10.0.0.1:2379,\n10.0.0.2\n",
    )
    .unwrap();
    let known = backup.reach(charm.path()).unwrap();
    assert_eq!(known.endpoints, ["10.0.0.1:2379", "10.0.0.2"]);
}

#[test]
fn what_is_wrong_with_a_shared_lock_is_told() {
    let wrong = |lines: &str| wrong(&format!("[locks.restart.shared]\n{lines}\n"));
    for (lines, said) in [
        (
            "name = 'a'",
            "shared needs endpoints, endpoints-file or relation: where etcd is",
        ),
        (
            "name = 'a'\nendpoints = []",
            "shared names no endpoint; one is HOST:PORT",
        ),
        (
            "name = 'a'\nendpoints = 'e'\nendpoints-file = 'f'",
            "keep one",
        ),
        ("name = 'a'\nendpoints = 'e'\nrelation = 'f'", "keep one"),
        (
            "name = 'a'\nrelation = 'etcd'\ncacert = 'f'",
            "leave cacert out",
        ),
        ("name = 'a'\nrelation = '../etcd'", "invalid relation"),
        (
            "name = 'a'\nendpoints = 'e'\noptional = true",
            "optional without relation",
        ),
        (
            "name = 'a'\nendpoints = 'e'\nkey = 'f'",
            "shared needs both cert and key",
        ),
        ("endpoints = 'e'", "missing field `name`"),
        ("name = 'A'\nendpoints = 'e'", "invalid lock name 'A'"),
        (
            "name = 'a'\nendpoints = 'e'\nttl = '1s'",
            "the ttl of a shared lock is 2s or more",
        ),
        (
            "name = 'a'\nendpoints = 'e'\nlimit = 0",
            "the limit of a shared lock is 1 to 1000",
        ),
        ("name = 'a'\nendpoint = 'e'", "unknown field `endpoint`"),
    ] {
        let told = wrong(lines);
        assert!(told.contains(said), "{lines}: {told}");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    assert!(wrong_key("limt = 2").starts_with("unknown field `limt`, expected one of `limit`, "));
    assert_eq!(
        wrong_key("limit = 0"),
        "expected a whole number from 1 to 100, or a percentage such as 25%"
    );
    assert!(wrong_key("limit = true").starts_with("invalid type: boolean `true`, expected a text"));
    assert!(wrong_key("order = \"random\"").starts_with("neither an order nor units"));
    assert!(wrong_key("waves = \"rack\"").contains("zone"));
    assert_eq!(wrong_key("lookahead = 33"), "a lookahead is at most 32");
    assert_eq!(
        wrong_key("window = \"02:00-05:00 Atlantis\""),
        "unknown time zone 'Atlantis'"
    );
    assert!(wrong_key("blocker = []").starts_with("a command is a text or a list of words"));
    assert!(wrong_key("check = ''").starts_with("a command is a text or a list of words"));
    assert!(wrong_key("soak = 'long'").starts_with("'long' is no time such as 90s"));
    assert_eq!(
        wrong("[locks.restart]\non-failure = 'stop'\nmax-retry = 2\n"),
        "coordination.toml: lock restart: max-retry and back-off are for on-failure = \"retry\""
    );
    assert!(wrong("[locks.restart]\ncheck-within = '5m'\n").ends_with("add one, or leave it out"));
    assert_eq!(
        wrong_key("on-failure = \"again\""),
        "what happens after a failure is 'retry', 'stop' or 'continue', not \"again\""
    );
    assert!(wrong("[locks.Restart]\n").contains("invalid lock name 'Restart'"));
    assert!(
        wrong("[lock.restart]\n").contains("unknown field `lock`, expected `available` or `locks`")
    );
    assert!(wrong("[locks.restart").starts_with("coordination.toml, line 1: "));
}

#[test]
fn a_lock_that_is_not_declared_is_told_with_those_that_are() {
    let coordination: Coordination = "[locks.restart]\n[locks.backup]\n".parse().unwrap();
    let error = coordination
        .require(&"restrat".parse().unwrap())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "coordination.toml declares no lock 'restrat'"
    );
    assert_eq!(
        error.hint().unwrap(),
        "it declares backup, restart; add [locks.restrat] to it, or use one of these"
    );
}

#[test]
fn a_charm_without_the_file_declares_nothing() {
    let charm = tempfile::tempdir().unwrap();
    assert_eq!(Coordination::of(charm.path()).unwrap(), None);
    fs::write(charm.path().join(Coordination::FILE), "[locks.restart]\n").unwrap();
    let coordination = Coordination::of(charm.path()).unwrap().unwrap();
    assert!(coordination.require(&lock()).is_ok());
}

#[test]
fn of_several_windows_the_one_that_opens_first_counts() {
    let charm = tempfile::tempdir().unwrap();
    let text = "[locks.restart]\nwindow = [\"Mon 02:00-05:00 UTC\", \"Sun 02:00-05:00 UTC\"]\nblocker = [\"false\"]\n";
    let coordination: Coordination = text.parse().unwrap();
    let gate = |now: &str| coordination.gate(&lock(), charm.path(), now.parse().unwrap());
    // 2026-01-03 is a Saturday.
    assert_eq!(
        gate("2026-01-03T02:00:00Z"),
        Gate::Outside {
            opens: "Sun 02:00 UTC".to_owned(),
            opens_in: 24 * 3_600_000 + 1,
        }
    );
    // Only inside the window is the blocker asked.
    let blocked = "its blocker ended with exit status: 1".to_owned();
    assert_eq!(gate("2026-01-04T02:00:00Z"), Gate::Blocked(blocked));
}

#[test]
fn how_many_may_be_unavailable_needs_a_way_to_tell() {
    assert_eq!(
        wrong("[locks.restart]\nmax-unavailable = 1\n"),
        "coordination.toml: lock restart: max-unavailable needs a command that succeeds while a unit is available: \
         add available = \"./is-available\" above the locks"
    );
    assert_eq!(
        wrong("available = \"./is-available\"\n[locks.restart]\n"),
        "coordination.toml: available is for max-unavailable; give that to a lock, or leave it out"
    );
    let said = wrong_key("max-unavailable = 0");
    assert!(
        said.starts_with("expected a whole number from 1 to 100"),
        "{said}"
    );
}

#[test]
fn a_command_may_say_who_goes_first() {
    let coordination: Coordination = "[locks.restart]\norder-command = './who-first now'"
        .parse()
        .unwrap();
    let declared = &coordination.locks()[&lock()];
    assert_eq!(
        declared.order_command.as_deref().unwrap(),
        ["./who-first", "now"]
    );
    assert!(declared.chooser(Path::new("/nowhere")).is_some());
    let both = wrong("[locks.restart]\norder = 'unit-number'\norder-command = './who-first'");
    assert!(
        both.contains("order and order-command contradict each other"),
        "{both}"
    );
}
