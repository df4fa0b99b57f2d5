//! Units that lose their disk, and what their hooks left running.

use crate::support::{Lab, calm, unit};
use ops_coordinator_lab::history::Happening;
use ops_coordinator_lab::{CrashPoint, Exit, Settings};

fn count(lab: &Lab, wanted: impl Fn(&Happening) -> bool) -> usize {
    let events = lab.world.history().events().iter();
    events.filter(|event| wanted(&event.happening)).count()
}

fn lost(happening: &Happening) -> bool {
    matches!(happening, Happening::DiskLost { .. })
}

fn leftovers(happening: &Happening) -> bool {
    matches!(happening, Happening::LeftoversEnded { .. })
}

#[test]
fn a_unit_that_lost_its_disk_starts_again_and_keeps_its_databag() {
    let mut lab = Lab::settled(calm(), 2);
    lab.write(1, "relation-set -r 0 n=1");
    lab.settle();
    lab.forget();
    lab.world.lose_disk(&unit(1), lab.now).unwrap();
    assert_eq!((count(&lab, lost), count(&lab, leftovers)), (1, 1));
    lab.settle();
    assert_eq!(lab.runs(1), ["start"]);
    assert_eq!(lab.runs(0), Vec::<String>::new());
    assert_eq!(lab.world.databag("app", "peer", Some(1)).unwrap()["n"], "1");
}

#[test]
fn a_disk_is_lost_when_no_hook_runs() {
    let mut lab = Lab::settled(calm(), 1);
    let hook = lab.open(0);
    lab.world.lose_disk(&unit(0), lab.now).unwrap();
    assert_eq!(count(&lab, lost), 0);
    assert_eq!(lab.call(&hook, "relation-set -r 0 n=1"), "");
    lab.end(&hook, Exit::Code(0));
    assert_eq!(count(&lab, lost), 1);
    assert_eq!(lab.world.databag("app", "peer", Some(0)).unwrap()["n"], "1");
}

#[test]
fn a_failed_hook_goes_before_the_start_that_tells_of_a_new_disk() {
    let mut lab = Lab::settled(calm(), 1);
    let values = [("message".to_owned(), "new".into())].into();
    lab.world.set_config("app", values, lab.now).unwrap();
    let hook = lab.begin(0);
    lab.end(&hook, Exit::Code(1));
    lab.forget();
    lab.world.lose_disk(&unit(0), lab.now).unwrap();
    lab.settle();
    assert_eq!(lab.runs(0), ["config-changed", "start"]);
}

#[test]
fn a_unit_that_has_not_started_is_not_told_of_its_new_disk() {
    let mut lab = Lab::new(calm(), 1);
    let install = lab.begin(0);
    lab.world.lose_disk(&unit(0), 0).unwrap();
    lab.end(&install, Exit::Code(0));
    lab.settle();
    assert_eq!(
        lab.runs(0),
        [
            "install",
            "peer-relation-created",
            "leader-elected",
            "config-changed",
            "start"
        ]
    );
}

#[test]
fn what_hooks_left_running_dies_with_the_agent_only_where_it_is_set_so() {
    for (dies, wanted) in [(false, 0), (true, 2)] {
        let settings = Settings {
            leftovers_die_with_agent: dies,
            ..calm()
        };
        let mut lab = Lab::settled(settings, 1);
        lab.world.set_agent_up(&unit(0), false, lab.now).unwrap();
        lab.world.set_agent_up(&unit(0), true, lab.now).unwrap();
        lab.settle();
        let hook = lab.open(0);
        lab.end(&hook, Exit::Crash(CrashPoint::AfterFlush));
        lab.settle();
        assert_eq!(count(&lab, leftovers), wanted);
    }
}
