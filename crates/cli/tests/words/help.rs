//! The help of each command.

use crate::{command, same};

const COMMANDS: &[&str] = &[
    "begin",
    "request",
    "run",
    "withdraw",
    "pass",
    "release",
    "status",
    "check",
    "plan",
    "campaign",
    "campaign start",
    "campaign abort",
    "campaign status",
    "pause",
    "resume",
    "retry",
    "skip",
    "cancel",
    "action",
    "lock",
    "lab",
    "lab run",
    "lab status",
    "lab exec",
    "lab action",
    "lab step",
    "lab wait",
    "lab faults",
    "demo",
    "demo resume",
    "simulate",
];

fn help(line: &str, flag: &str) -> String {
    let args: Vec<&str> = line.split_whitespace().chain([flag]).collect();
    let output = command(&args).output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_command_explains_itself() {
    same("help", &help("", "--help"));
}

#[test]
fn each_subcommand_explains_itself() {
    for line in COMMANDS {
        same(
            &format!("help-{}", line.replace(' ', "-")),
            &help(line, "--help"),
        );
    }
}

#[test]
fn no_subcommand_is_left_out() {
    for (line, prefix) in [
        ("", ""),
        ("campaign", "campaign "),
        ("lab", "lab "),
        ("demo", "demo "),
    ] {
        let short = help(line, "-h");
        let listed = short
            .lines()
            .skip_while(|line| *line != "Commands:")
            .skip(1);
        let names = listed.map_while(|line| line.split_whitespace().next());
        for name in names.filter(|name| *name != "help") {
            let name = format!("{prefix}{name}");
            assert!(COMMANDS.contains(&name.as_str()), "{name}");
        }
    }
}
