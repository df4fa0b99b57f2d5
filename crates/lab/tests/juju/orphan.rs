//! Virtual charms that outlive their dispatch process, and whose tools take time.

use std::cell::RefCell;
use std::rc::Rc;

use ops_coordinator_lab::deed::{Deed, Revision, UnitDeed};
use ops_coordinator_lab::simulation::{HookContext, Outcome, Phase, Plan, VirtualCharm, run};
use ops_coordinator_lab::{Dispatch, Settings, ToolDelays, UnitName};

use crate::support::{application, calm};

/// When which hook's operation did what.
type Notes = Rc<RefCell<Vec<String>>>;

/// The dispatch process dies alone.
const ORPHAN: UnitDeed = UnitDeed::Kill {
    spare_children: true,
};

/// A charm whose operation takes ten seconds in every `config-changed`.
struct Operator(Notes);

impl Operator {
    fn note(&self, what: &str, context: &HookContext) {
        let tool = context.call("is-leader", &[], None);
        let note = format!("{what} at {}, tools exit {}", context.now(), tool.code);
        self.0.borrow_mut().push(note);
    }
}

impl VirtualCharm for Operator {
    fn begin(&mut self, hook: &Dispatch, context: &HookContext) -> Phase {
        if hook.name != "config-changed" || context.now() < 60_000 {
            return Phase::Exit(0);
        }
        context.disk().insert("begun".into(), Vec::new());
        self.note("begins", context);
        Phase::After(10_000)
    }

    fn resume(&mut self, _: &Dispatch, context: &HookContext) -> Phase {
        self.note("ends", context);
        Phase::Exit(0)
    }

    fn orphaned(&mut self, _: &Dispatch, context: &HookContext) -> bool {
        self.note("is orphaned", context);
        true
    }
}

fn play(settings: Settings, deeds: &[(u64, Deed<u32>)]) -> (Vec<String>, Outcome) {
    let notes = Notes::default();
    let values = [("message".to_owned(), "new".into())].into();
    let mut plan = Plan::new(application(), 1).at(60_000, Deed::Config(values));
    plan.latency = 0;
    plan.deeds.extend(deeds.iter().cloned());
    let shared = Rc::clone(&notes);
    let outcome = run(settings, plan, |_: &UnitName| {
        Box::new(Operator(Rc::clone(&shared)))
    });
    (notes.take(), outcome.unwrap())
}

#[test]
fn an_operation_outlives_a_dispatch_process_that_is_killed_alone() {
    let (notes, _) = play(calm(), &[(64_000, Deed::Unit(0, ORPHAN))]);
    assert_eq!(
        notes,
        [
            "begins at 60000, tools exit 0",
            "is orphaned at 64000, tools exit 1",
            "begins at 64000, tools exit 0",
            "ends at 70000, tools exit 1",
            "ends at 74000, tools exit 0"
        ]
    );
}

#[test]
fn an_orphan_stands_still_with_its_machine_and_dies_with_the_other_leftovers() {
    let frozen = [
        (64_000, Deed::Unit(0, ORPHAN)),
        (69_000, Deed::Unit(0, UnitDeed::Suspend)),
        (80_000, Deed::Unit(0, UnitDeed::Wake)),
    ];
    let (mut notes, _) = play(calm(), &frozen);
    // Both were due while the machine stood still; which goes on first is left to chance.
    notes[3..].sort();
    assert_eq!(
        notes[3..],
        ["ends at 80000, tools exit 0", "ends at 80000, tools exit 1"]
    );
    let killed = [
        (64_000, Deed::Unit(0, ORPHAN)),
        (66_000, Deed::Unit(0, UnitDeed::EndLeftovers)),
    ];
    let (notes, _) = play(calm(), &killed);
    assert_eq!(notes[3..], ["ends at 74000, tools exit 0"]);
}

#[test]
fn a_disk_that_is_lost_is_empty() {
    let (notes, outcome) = play(calm(), &[(64_000, Deed::Unit(0, UnitDeed::LoseDisk))]);
    assert_eq!(notes[1], "ends at 70000, tools exit 0");
    assert!(outcome.disks[&UnitName::new("app", 0)].is_empty());
    assert_eq!(outcome.refused, []);
}

#[test]
fn tools_that_take_long_make_their_hook_longer() {
    let unit = UnitName::new("app", 0);
    let settings = Settings {
        tool_delays: ToolDelays {
            others: 1_000,
            units: [(unit, 7_000)].into(),
        },
        ..calm()
    };
    let (notes, outcome) = play(settings, &[]);
    assert_eq!(
        notes,
        [
            "begins at 60000, tools exit 0",
            "ends at 77000, tools exit 0"
        ]
    );
    assert_eq!(outcome.now, 84_000);
}

/// What each hook's charm is, by the revision that its unit runs.
struct Revisions(Notes);

impl VirtualCharm for Revisions {
    fn begin(&mut self, hook: &Dispatch, _: &HookContext) -> Phase {
        let note = format!("{} {}", hook.name, hook.revision);
        self.0.borrow_mut().push(note);
        Phase::Exit(0)
    }

    fn resume(&mut self, _: &Dispatch, _: &HookContext) -> Phase {
        Phase::Exit(0)
    }
}

#[test]
fn a_hook_tells_which_revision_its_unit_runs() {
    let notes = Notes::default();
    let upgrade = Deed::Upgrade {
        to: Revision::Adds(vec!["extra".to_owned()]),
        force: false,
    };
    let plan = Plan::new(application(), 1).at(60_000, upgrade);
    let shared = Rc::clone(&notes);
    run(calm(), plan, |_: &UnitName| {
        Box::new(Revisions(Rc::clone(&shared)))
    })
    .unwrap();
    let notes = notes.take();
    assert_eq!(
        notes[notes.len() - 4..],
        [
            "start 0",
            "upgrade-charm 1",
            "config-changed 1",
            "extra-relation-created 1"
        ]
    );
}
