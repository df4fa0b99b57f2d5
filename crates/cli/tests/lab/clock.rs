//! Clocks that are wrong, for real processes. These tests need libfaketime, which `./dev setup` installs.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::fixture::Fixture;

/// By how many hours a note of the time, taken some seconds ago, is wrong.
#[track_caller]
fn hours(note: &str) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let noted: i64 = note.trim().parse().unwrap();
    let wrong = noted - i64::try_from(now.as_secs()).unwrap();
    (wrong + 1_800).div_euclid(3_600)
}

#[test]
fn units_live_hours_apart_with_all_that_they_leave_running() {
    let script = "[ $hook != start ] || {
        date +%s >in-a-hook
        setsid bash -c 'sleep 0.1; date +%s >left-running' </dev/null >/dev/null 2>&1 &
        sleep 0.3
    }";
    let scenario = "
        units = 3
        [clock]
        'app/0' = '+3h'
        'app/1' = '-5h'
        ";
    let run = Fixture::new(script).play(scenario, &[]).exits(0);
    for (unit, wanted) in [(0, 3), (1, -5), (2, 0)] {
        for note in ["in-a-hook", "left-running"] {
            assert_eq!(hours(&run.file(unit, note)), wanted, "{note} of app/{unit}");
        }
    }
}

#[test]
fn a_clock_jumps_while_a_process_runs() {
    // Not in bash: its own `getenv` keeps it from ever learning that its clock is wrong.
    let script = r#"[ $hook != start ] || perl >times -e '
        print $first = time, "\n";
        system "lab-mark enter jump";
        for (1..200) { select(undef, undef, undef, 0.1); last if abs(time - $first) > 3600 }
        print time, "\n";
        system "lab-mark leave jump"'"#;
    let scenario = "
        clock = { 'app/0' = '+3h' }
        [[step]]
        after = { mark = 'enter' }
        clock = { leader = '-2h' }
        ";
    let run = Fixture::new(script).play(scenario, &[]).exits(0);
    let times: Vec<i64> = run.file(0, "times").lines().map(hours).collect();
    assert_eq!(times, [3, -2]);
    let told = "set clock offsets: app/0 -7200.000 s";
    assert!(run.text.contains(told), "{}", run.text);
}

#[test]
fn a_clock_of_nobody_is_a_mistake() {
    for (scenario, nobody) in [
        ("clock = { 'other/0' = '+1h' }\n", "other/0"),
        ("[[step]]\nclock = { 'app/7' = '+1h' }\n", "app/7"),
    ] {
        let run = Fixture::new("true").play(scenario, &[]).exits(1);
        let problem = format!("unit {nobody} does not exist");
        assert!(run.text.contains(&problem), "{}", run.text);
    }
}
