//! What a run that came to rest is judged by.

use crate::fixture::{Fixture, Run};

/// The four lines of the README, in a charm that does not stop at a failing command.
fn careless() -> Fixture {
    Fixture::new(
        "set +e
         in='--relation cluster'
         ops-coordinator begin $in
         [ $hook = config-changed ] && ops-coordinator request restart $in
         ops-coordinator run restart $in -- false || [ $? = 75 ]
         ops-coordinator release $in
         exit 0",
    )
}

#[track_caller]
fn says(run: &Run, wanted: &str) {
    assert!(
        run.text.contains(wanted),
        "{wanted:?} is not in:\n{}",
        run.text
    );
}

/// The scenario in which the only unit is expected to end so.
fn expecting(what: &str) -> String {
    format!("retry-after = '0s'\n[[step]]\nexpect = {{ {what} }}\n")
}

#[test]
fn a_roll_that_stands_still_fails_the_run_and_names_who_waits_for_what() {
    let scenario = "units = 3\n[[step]]\nleader = 'app/0'\n";
    let run = careless().play(scenario, &["--timeout", "4s"]).exits(1);
    let first = "asked for restart and was not served: it is its turn; the last attempt: failed, exit code 1";
    says(&run, first);
    let asked = run.text.lines().filter(|line| {
        line.starts_with("problem: app/") && line.contains("asked for restart and was not served: ")
    });
    assert_eq!(asked.count(), 3, "{}", run.text);
    let stopped = run.text.lines().filter(|line| {
        line.contains("was not served: stopped, app/") && line.ends_with(" failed: exit code 1")
    });
    assert_eq!(stopped.count(), 2, "{}", run.text);
    assert!(!run.text.contains("passed in"), "{}", run.text);
}

#[test]
fn a_scenario_can_expect_that_somebody_is_unserved() {
    let run = careless()
        .play(&expecting("unserved = { 'app/0' = ['restart'] }"), &[])
        .exits(0);
    assert!(!run.text.contains("problem"), "{}", run.text);
    let run = careless()
        .play(&expecting("unserved = { 'app/0' = [] }"), &[])
        .exits(1);
    says(
        &run,
        "step 1: unserved requests of app/0: expected nothing, found restart",
    );
    let run = Fixture::new("true")
        .play(&expecting("unserved = { 'app/0' = ['restart'] }"), &[])
        .exits(1);
    says(
        &run,
        "step 1: unserved requests of app/0: expected restart, found nothing",
    );
}

#[test]
fn a_process_that_a_hook_left_running_may_still_bring_a_turn() {
    let charm = Fixture::new(
        "in='--relation cluster'
         ops-coordinator begin $in
         if [ $hook = start ]; then
             ops-coordinator request restart $in
             export AGAIN='JUJU_DISPATCH_PATH=hooks/again ./dispatch'
             env -u JUJU_CONTEXT_ID setsid bash -c 'sleep 1; touch ready; juju-exec app/0 \"$AGAIN\"' \
                 </dev/null >/dev/null 2>&1 &
         fi
         [ ! -e ready ] || ops-coordinator run restart $in -- true
         ops-coordinator release $in",
    );
    charm.run(&[]).exits(0);
}

#[test]
fn a_unit_that_ends_blocked_or_waiting_fails_the_run_unless_that_is_expected() {
    for (status, shown) in [
        ("blocked", "blocked: no licence"),
        ("waiting", "waiting: no licence"),
    ] {
        let charm = || {
            Fixture::new(&format!(
                "[ $hook != start ] || status-set {status} no licence"
            ))
        };
        let run = charm().run(&[]).exits(1);
        says(&run, &format!("problem: app/0 is {shown}"));
        let expected = format!("status = {{ 'app/0' = '{status}' }}");
        charm().play(&expecting(&expected), &[]).exits(0);
    }
    Fixture::new("[ $hook != start ] || status-set maintenance busy")
        .run(&[])
        .exits(0);
}

#[test]
fn a_unit_in_error_fails_the_run_unless_that_is_expected() {
    let charm = || Fixture::new("[ $hook != start ]");
    let run = charm().play("retry-after = '0s'\n", &[]).exits(1);
    says(&run, "problem: app/0 is in error: start failed once");
    let expected = "status = { 'app/0' = 'error' }";
    charm().play(&expecting(expected), &[]).exits(0);
    let wrong = "status = { 'app/0' = 'active' }";
    let run = charm().play(&expecting(wrong), &[]).exits(1);
    says(&run, "status of app/0: expected active, found error");
}

#[test]
fn without_a_mark_mutual_exclusion_is_not_judged() {
    let run = Fixture::new("true").run(&[]).exits(0);
    says(
        &run,
        "mutual exclusion was not judged: no hook has called lab-mark\n",
    );
    says(&run, "finished without failures in ");
    let run = Fixture::new("lab-mark enter disk; lab-mark leave disk")
        .run(&[])
        .exits(0);
    says(&run, "passed in ");
    assert!(!run.text.contains("not judged"), "{}", run.text);
}
