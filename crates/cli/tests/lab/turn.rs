//! The judge of the marks.

use crate::fixture::Fixture;

#[test]
fn units_that_are_inside_together_fail_the_run() {
    let script =
        "if [ $hook = start ]; then lab-mark enter disk; sleep 0.5; lab-mark leave disk; fi";
    let run = Fixture::new(script).run(&["--units", "2"]).exits(1);
    assert!(
        run.text.contains("problem: 2 inside disk at "),
        "{}",
        run.text
    );
    let run = Fixture::new(script)
        .run(&["--units", "2", "--limit", "disk=2"])
        .exits(0);
    assert!(run.text.contains("at most 2 inside"), "{}", run.text);
}

#[test]
fn a_hook_killed_inside_runs_again_and_ends_the_same_turn() {
    let scenario = "
        [[step]]
        after = { mark = 'enter', lock = 'disk', delay = '100ms' }
        kill = 'holder'
        [[step]]
        expect = { turns = { disk = 1 }, largest-inside = { disk = 1 }, failed-hooks = 0 }
        ";
    let script = "if [ $hook = start ]; then
           echo begun >>attempts; lab-mark enter disk; sleep 0.4; lab-mark leave disk
         fi";
    let run = Fixture::new(script).play(scenario, &[]).exits(0);
    assert_eq!(run.file(0, "attempts"), "begun\nbegun\n");
    assert!(run.text.contains("app/0 start was killed"), "{}", run.text);
}

#[test]
fn an_expectation_that_does_not_hold_fails_the_run() {
    let scenario = "[[step]]\nexpect = { turns = { disk = 1 }, units = 2 }\n";
    let run = Fixture::new("true").play(scenario, &[]).exits(1);
    let wanted = "step 1: turns of disk: expected 1, found 0; units: expected 2, found 1";
    assert!(run.text.contains(wanted), "{}", run.text);
}
