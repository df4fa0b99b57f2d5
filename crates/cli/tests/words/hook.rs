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
        let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
        let command = format!("{name} {relation} {rest}");
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

/// The text with 0 in place of every point in time and of every number of seconds.
fn timeless(text: &str) -> String {
    text.lines().map(|line| zeroed(line) + "\n").collect()
}

fn zeroed(line: &str) -> String {
    if let Some((name, time)) = line.split_once("\": ") {
        let number = time.trim_end_matches(',');
        if time.len() > 9 && number.bytes().all(|byte| byte.is_ascii_digit()) {
            return format!("{name}\": 0{}", &time[number.len()..]);
        }
    }
    let mut line = line.to_owned();
    while let Some(end) = line.find(" s ") {
        let digits = line[..end].bytes().rev();
        let start = end - digits.take_while(u8::is_ascii_digit).count();
        // As wide as before, so that the columns stay.
        let seconds = format!("{:>width$} S ", 0, width = end - start);
        line.replace_range(start..end + 3, &seconds);
    }
    line.replace(" S ", " s ")
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
                "status --line",
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
    let words = |unit| timeless(&run.file(unit, "words"));
    same("hook-whose-turn-it-is", &words(0));
    same("hook-of-the-leader", &words(1));
    same("hook-of-another-unit", &words(2));
}
