//! What is said about common mistakes.

use std::fs;

use crate::fixture::Fixture;
use crate::{same, transcript};

fn told(calls: &[&[&str]]) -> String {
    let fixture = Fixture::new("true");
    let place = fixture.charm().parent().unwrap().to_owned();
    fs::create_dir(place.join("empty")).unwrap();
    fs::create_dir(place.join("used")).unwrap();
    fs::write(place.join("used/file"), "").unwrap();
    for (charm, text) in [
        ("typo", "[locks.restart]\nlimt = 2\n"),
        (
            "no-blocker",
            "[locks.restart]\nblocker = ['./may-restart']\n",
        ),
    ] {
        fs::create_dir(place.join(charm)).unwrap();
        fs::write(place.join(charm).join("coordination.toml"), text).unwrap();
    }
    let scenario = |name: &str, text: &str| fs::write(place.join(name), text).unwrap();
    scenario("kil.toml", "units = 2\n[[step]]\nkil = 'holder'\n");
    scenario("soon.toml", "[[step]]\nafter = 'soon'\n");
    scenario("old.toml", "juju = '1.25'\n");
    scenario("nobody.toml", "[[step]]\nkill = 'somebody'\n");
    calls.iter().map(|args| transcript(args, &place)).collect()
}

#[test]
fn in_a_command_of_a_charm() {
    same(
        "mistakes-in-a-charm",
        &told(&[
            &["requets", "restart"],
            &["request"],
            &["request", "Restart"],
            &["request", "restart", "--ctx", "{7"],
            &["request", "restart", "--service", "--now"],
            &["request", "restart", "now"],
            &["release", "--limt", "2"],
            &["release", "--limit", "0"],
            &["release", "--limit", "Backup=2"],
            &["release", "--lookahead", "99"],
            &["release", "--limit", "120%"],
            &["release", "--order", "leader"],
            &["release", "--waves", "rack"],
            &["check", "nowhere"],
            &["check", "typo"],
            &["check", "no-blocker"],
            &["cancel", "restart", "app"],
            &["resume"],
            &["retry", "restart"],
            &["pause", "restart", "now"],
            &["run", "restart", "--on-failure", "panic"],
            &["status", "--format", "yaml"],
            &["status"],
        ]),
    );
}

#[test]
fn in_a_command_of_the_lab() {
    same(
        "mistakes-in-the-lab",
        &told(&[
            &["demo", "--units", "0"],
            &["demo", "--limit", "120%"],
            &["demo", "--fail", "app"],
            &["demo", "--fail", "app/5"],
            &["lab", "status", "--dir", "empty"],
            &["lab", "exec", "--dir", "empty", "app/0", "--", "true"],
            &["lab", "exec", "app/0"],
            &["lab", "exec", "app", "--", "true"],
            &["lab", "action", "app/0", "go", "now"],
            &["lab", "run"],
            &["lab", "run", "--charm", "nowhere"],
            &["lab", "run", "--charm", "empty"],
            &["lab", "run", "--charm", "charm", "--config", "message"],
            &["lab", "run", "--charm", "charm", "--config", "massage=x"],
            &["lab", "run", "--charm", "charm", "--timeout", "60"],
            &["lab", "run", "--charm", "charm", "--juju-version", "1.25"],
            &["lab", "run", "--charm", "charm", "--limit", "restart"],
            &["lab", "run", "--charm", "charm", "--dir", "used"],
            &["lab", "run", "--scenario", "nowhere.toml"],
            &["lab", "run", "--charm", "charm", "--scenario", "kil.toml"],
            &["lab", "run", "--charm", "charm", "--scenario", "soon.toml"],
            &["lab", "run", "--charm", "charm", "--scenario", "old.toml"],
            &[
                "lab",
                "run",
                "--charm",
                "charm",
                "--scenario",
                "nobody.toml",
            ],
            &["lab", "faults", "--charm", "charm", "--option", "port"],
            &[
                "lab", "faults", "--charm", "charm", "--option", "message", "--at", "noon",
            ],
            &["simulate", "--seeds", "0"],
            &["simulate", "--faults", "sleep"],
        ]),
    );
}
