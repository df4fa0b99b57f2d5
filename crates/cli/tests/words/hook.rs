//! What is said in a hook: in the charm's log, and to an operator.

use crate::fixture::Fixture;
use crate::same;

/// A charm that takes turns in every hook. The operation fails on app/0, always.
const CHARM: &str = "
    ops-coordinator begin --relation cluster
    ops-coordinator run restart --relation cluster -- test $JUJU_UNIT_NAME != app/0 || true
    ops-coordinator release --relation cluster";

/// What is called in a unit, one call after another; its file `words` keeps the transcript.
fn calls(unit: &str, lines: &[&str]) -> String {
    let step = |line: &&str| {
        let relation = match line.contains("--relation") {
            true => "",
            false => "--relation cluster",
        };
        let command = line.replacen(' ', &format!(" {relation} "), 1);
        let shown = line.replace('$', "\\$");
        format!(
            r#"
            [[step]]
            [step.exec]
            unit = '{unit}'
            command = '''
            exec >>words 2>&1
            code=0
            echo "\$ ops-coordinator" {shown}
            ops-coordinator {command} || code=$?
            [ $code = 0 ] || echo "[exit code $code]"
            echo
            '''
            "#
        )
    };
    lines.iter().map(step).collect()
}

#[test]
fn while_one_unit_fails_and_another_waits_for_it() {
    let head = "
        units = 3
        update-status-interval = '0s'
        [[step]]
        leader = 'app/1'
        ";
    let steps = [
        head.to_owned(),
        calls("app/2", &["request restart"]),
        calls("app/0", &["request restart"]),
        calls(
            "app/1",
            &[
                "request restart",
                "request restart",
                "status",
                "status --format json",
                "run restart",
                "run backup",
                "withdraw backup",
                "cancel backup app/0",
            ],
        ),
        calls(
            "app/0",
            &[
                "run restart",
                "run restart -- nowhere",
                "run restart -- false",
                "run restart --relation cluster -- ops-coordinator run restart --relation cluster",
            ],
        ),
        calls(
            "app/2",
            &[
                "cancel restart app/1",
                "request backup --relation other",
                "request backup --ctx \"$(seq -s, 9999 | sed 's/.*/[&]/')\"",
            ],
        ),
        calls(
            "app/1",
            &["cancel restart app/1", "cancel restart app/0 --force"],
        ),
    ];
    let run = Fixture::new(CHARM).play(&steps.concat(), &["--timeout", "50s"]);
    let words = |unit| run.file(unit, "words");
    same("hook-whose-turn-it-is", &words(0));
    same("hook-of-the-leader", &words(1));
    same("hook-of-another-unit", &words(2));
}
