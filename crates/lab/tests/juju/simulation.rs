//! Runs in virtual time: the same seed gives the same history, whatever happens in it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use ops_coordinator_lab::deed::{Deed, Revision, UnitDeed};
use ops_coordinator_lab::history::Happening;
use ops_coordinator_lab::settings::Detail;
use ops_coordinator_lab::simulation::{
    End, HookContext, Outcome, Phase, Plan, Simulation, VirtualCharm, run,
};
use ops_coordinator_lab::{Application, CrashPoint, Dispatch, Leases, Settings, UnitName, World};
use serde_json::Value;

use crate::support::application;

/// A charm that writes to both bags, reads all peers, keeps a file, and takes its time inside a lock.
struct Busy;

impl VirtualCharm for Busy {
    fn begin(&mut self, _: &Dispatch, context: &HookContext) -> Phase {
        context.mark_enter("busy");
        let mut disk = context.disk();
        let count = disk.entry("count".into()).or_insert_with(|| vec![0]);
        count[0] = count[0].wrapping_add(1);
        Phase::After(u64::from(count[0]) % 7)
    }

    fn resume(&mut self, hook: &Dispatch, context: &HookContext) -> Phase {
        context.mark_leave("busy");
        if hook.name == "config-changed" {
            let value = format!("at={}", context.now());
            context.call("relation-set", &["-r", "0", &value], None);
            if context.call("is-leader", &[], None).stdout == b"True\n" {
                context.call("relation-set", &["-r", "0", "--app", &value], None);
            }
        }
        let peers = context
            .call("relation-list", &["-r", "0", "--format=json"], None)
            .stdout;
        let peers: Vec<String> = serde_json::from_slice(&peers).unwrap_or_default();
        for peer in peers {
            context.call("relation-get", &["-r", "0", "-", &peer], None);
        }
        Phase::Exit(0)
    }
}

/// What units read of each other: reader, peer, value, time of reading.
type Reads = Rc<RefCell<Vec<(UnitName, String, u64, u64)>>>;

/// A charm that publishes the time at the end of each hook, and notes what it reads of its peers.
struct Clock(Reads);

impl VirtualCharm for Clock {
    fn begin(&mut self, _: &Dispatch, _: &HookContext) -> Phase {
        Phase::After(20)
    }

    fn resume(&mut self, hook: &Dispatch, context: &HookContext) -> Phase {
        for peer in ["app/0", "app/1", "app/2"] {
            let read = context
                .call("relation-get", &["-r", "0", "time", peer], None)
                .stdout;
            if let Ok(value) = String::from_utf8(read).unwrap().trim_end().parse() {
                let read = (hook.unit.clone(), peer.to_owned(), value, context.now());
                self.0.borrow_mut().push(read);
            }
        }
        let time = format!("time={}", context.now());
        if !hook.name.contains("-relation-") {
            context.call("relation-set", &["-r", "0", &time], None);
        }
        Phase::Exit(0)
    }
}

#[test]
fn what_is_read_was_committed_before_and_never_gets_older() {
    for seed in 0..50 {
        let reads = Reads::default();
        let plan = Plan {
            deeds: random_deeds(seed),
            ..Plan::new(application(), 3)
        };
        let notes = Rc::clone(&reads);
        run(settings(seed), plan, |_: &UnitName| {
            Box::new(Clock(Rc::clone(&notes)))
        })
        .unwrap();
        let mut latest = BTreeMap::new();
        assert!(!reads.borrow().is_empty(), "seed {seed}");
        for (reader, peer, value, now) in reads.borrow().iter() {
            assert!(
                value <= now,
                "seed {seed}: {reader} read {value} of {peer} at {now}"
            );
            let before = latest
                .insert((reader.clone(), peer.clone()), *value)
                .unwrap_or(0);
            assert!(
                *value >= before,
                "seed {seed}: {reader} read {value} of {peer} after {before}"
            );
        }
    }
}

/// A charm that does nothing.
struct Still;

impl VirtualCharm for Still {
    fn begin(&mut self, _: &Dispatch, _: &HookContext) -> Phase {
        Phase::Exit(0)
    }

    fn resume(&mut self, _: &Dispatch, _: &HookContext) -> Phase {
        Phase::Exit(0)
    }
}

fn message(text: &str) -> BTreeMap<String, Value> {
    [("message".to_owned(), text.into())].into()
}

fn settings(seed: u64) -> Settings {
    Settings {
        seed,
        watcher_delay: 300,
        ..Settings::default()
    }
}

fn busy(seed: u64, deeds: Vec<(u64, Deed<u32>)>) -> Outcome {
    let plan = Plan {
        deeds,
        ..Plan::new(application(), 4)
    };
    run(settings(seed), plan, |_: &UnitName| Box::new(Busy)).unwrap()
}

/// Deeds of every kind at random times, healed at the end.
fn random_deeds(seed: u64) -> Vec<(u64, Deed<u32>)> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut deeds: Vec<(u64, Deed<u32>)> = (0..25)
        .map(|place| {
            let unit = rng.u32(0..6);
            let to = |deed: UnitDeed| Deed::Unit(unit, deed);
            let deed = match rng.u32(0..24) {
                0 | 1 => Deed::Config(message(&place.to_string())),
                2 => Deed::AddUnits(1),
                3 => to(UnitDeed::Remove {
                    force: rng.bool(),
                    untold: rng.bool(),
                }),
                4 => to(UnitDeed::Leader),
                5 => Deed::ExpireLease,
                6 => to(UnitDeed::Kill {
                    spare_children: false,
                }),
                7 => to(UnitDeed::KillAfter {
                    phases: rng.u32(0..2),
                }),
                8 => to(UnitDeed::Crash {
                    at: CrashPoint::ALL[rng.usize(0..5)],
                }),
                9 => to(UnitDeed::Fail),
                10 => to(either(&mut rng, UnitDeed::AgentUp, UnitDeed::AgentDown)),
                11 => to(either(&mut rng, UnitDeed::Reconnect, UnitDeed::CutOff)),
                12 => to(either(&mut rng, UnitDeed::Suspend, UnitDeed::Wake)),
                13 => to(UnitDeed::LoseMachine),
                14 => to(UnitDeed::Resolve { retry: rng.bool() }),
                15 => Deed::Upgrade {
                    to: Revision::Same,
                    force: rng.bool(),
                },
                16 => to(UnitDeed::LoseReply),
                17 => to(UnitDeed::Kill {
                    spare_children: true,
                }),
                18 => to(UnitDeed::EndLeftovers),
                19 => to(UnitDeed::LoseDisk),
                20 => Deed::DuplicateRelation("peer".into()),
                21 => to(UnitDeed::ForgetRelation),
                22 => Deed::Upgrade {
                    to: Revision::Adds(vec![format!("extra{place}")]),
                    force: false,
                },
                _ => Deed::Exec {
                    unit,
                    command: "true".into(),
                },
            };
            (rng.u64(0..200_000), deed)
        })
        .collect();
    for unit in 0..12 {
        for end in UnitDeed::ALL.iter().filter_map(|deed| deed.ended_by()) {
            deeds.push((250_000, Deed::Unit(unit, end)));
        }
    }
    deeds
}

#[test]
fn what_cannot_be_done_is_refused_and_changes_nothing() {
    let directory = Revision::Directory("../charm".into());
    let (to, force, spare_children) = (directory, false, false);
    let deeds = vec![
        (60_000, Deed::Upgrade { to, force }),
        (60_001, Deed::Clock(vec![(0, 1_000)])),
        (60_002, Deed::Unit(9, UnitDeed::Fail)),
        (60_003, Deed::Unit(0, UnitDeed::Kill { spare_children })),
    ];
    let outcome = busy(1, deeds);
    let refused: Vec<_> = outcome
        .refused
        .iter()
        .map(|(at, why)| format!("{at} {why}"))
        .collect();
    assert_eq!(
        refused,
        [
            "60000 a charm in a directory is not possible here",
            "60001 a clock that is set is not possible here",
            "60002 unit app/9 does not exist (or no longer does)",
            "60003 app/0 has no running hook to kill",
        ]
    );
    let events = outcome.world.history().events();
    assert!(events.iter().all(|event| event.at < 60_000));
}

fn either(rng: &mut fastrand::Rng, one: UnitDeed, other: UnitDeed) -> UnitDeed {
    if rng.bool() { one } else { other }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_gives_others() {
    for seed in 0..5 {
        let history = |seed| busy(seed, random_deeds(7)).world.history().to_lines();
        assert_eq!(history(seed), history(seed));
        assert_ne!(history(seed), history(seed + 100));
    }
}

#[test]
fn a_run_ends_when_nothing_is_left_to_do() {
    let outcome = busy(1, vec![(60_000, Deed::Config(message("new")))]);
    assert_eq!(outcome.end, End::Idle);
    assert!(
        outcome
            .world
            .units()
            .iter()
            .all(|unit| unit.started && unit.failures == 0)
    );
    assert!(outcome.now >= 60_000);
    assert_eq!(outcome.disks.len(), 4);
}

#[test]
fn a_run_stops_at_its_limits() {
    let plan = Plan::new(application(), 3);
    let few = Plan {
        limits: ops_coordinator_lab::simulation::Limits {
            hooks: 5,
            ..plan.limits
        },
        ..plan.clone()
    };
    let outcome = run(settings(1), few, |_: &UnitName| Box::new(Still)).unwrap();
    assert_eq!((outcome.end, outcome.hooks), (End::TooManyHooks, 5));
    let limits = ops_coordinator_lab::simulation::Limits {
        time: 1_000_000,
        past_idle: true,
        ..plan.limits
    };
    let outcome = run(settings(1), Plan { limits, ..plan }, |_: &UnitName| {
        Box::new(Still)
    })
    .unwrap();
    assert_eq!(outcome.end, End::TooLate);
    let ticks = outcome.world.history().events().iter().filter(
        |event| matches!(&event.happening, Happening::HookBegin { hook, .. } if hook == "update-status"),
    );
    assert!(
        (6..=12).contains(&ticks.count()),
        "three units, three times or so each"
    );
}

#[test]
fn a_killed_hook_keeps_its_files_and_its_mark() {
    let deeds = vec![
        (60_000, Deed::Unit(0, UnitDeed::KillAfter { phases: 1 })),
        (61_000, Deed::Config(message("x"))),
    ];
    let outcome = busy(3, deeds);
    let unit = UnitName::new("app", 0);
    let stay = outcome.judge.locks()["busy"]
        .stays
        .iter()
        .find(|s| s.unit == unit && s.entries == 2);
    assert!(stay.is_some(), "it went in twice before it came out");
    assert_eq!(u64::from(outcome.disks[&unit]["count"][0]), {
        let runs = outcome.world.unit(&unit).unwrap().runs;
        runs % 256
    });
}

/// What must hold at every moment, whatever happens.
fn check(world: &World, versions: &mut BTreeMap<Option<u32>, u64>, seed: u64) {
    let leaders = world.units().iter().filter(|unit| unit.leader).count();
    assert!(leaders <= 1, "seed {seed}: {leaders} leaders");
    for bag in (0..12).map(Some).chain([None]) {
        let version = world.databag_version("app", "peer", bag).unwrap_or(0);
        let before = versions.insert(bag, version).unwrap_or(0);
        assert!(version >= before, "seed {seed}: a version went back");
    }
}

#[test]
fn whatever_happens_the_model_keeps_its_promises() {
    for seed in 0..150 {
        let plan = Plan {
            deeds: random_deeds(seed),
            ..Plan::new(application(), 4)
        };
        let mut simulation =
            Simulation::new(settings(seed), plan, |_: &UnitName| Box::new(Busy)).unwrap();
        let mut versions = BTreeMap::new();
        let end = loop {
            check(&simulation.world(), &mut versions, seed);
            if let Some(end) = simulation.advance() {
                break end;
            }
        };
        assert_eq!(end, End::Idle, "seed {seed}");
        let outcome = simulation.into_outcome(end);
        one_hook_at_a_time(&outcome, seed);
        let hung: Vec<_> = outcome
            .world
            .units()
            .into_iter()
            .filter(|unit| {
                let lost = unit.agent == ops_coordinator_lab::world::AgentStatus::Lost;
                !lost && unit.agent != ops_coordinator_lab::world::AgentStatus::Idle
            })
            .collect();
        assert!(hung.is_empty(), "seed {seed}: {hung:?}");
    }
}

fn one_hook_at_a_time(outcome: &Outcome, seed: u64) {
    let mut running = BTreeMap::new();
    let (mut n, mut at) = (0, 0);
    for event in outcome.world.history().events() {
        assert!(
            event.n > n && event.at >= at,
            "seed {seed}: time goes back at {}",
            event.n
        );
        (n, at) = (event.n, event.at);
        match &event.happening {
            Happening::HookBegin { unit, hook, .. } => {
                let other = running.insert(unit.clone(), hook.clone());
                assert_eq!(other, None, "seed {seed}: two at once on {unit}");
            }
            Happening::HookEnd { unit, hook, .. } => {
                assert_eq!(running.remove(unit).as_ref(), Some(hook), "seed {seed}");
            }
            _ => {}
        }
    }
}

#[test]
fn all_units_end_up_with_the_same_view_once_all_is_quiet() {
    for seed in 0..30 {
        let outcome = busy(seed, vec![(30_000, Deed::Config(message("new")))]);
        let mut world = outcome.world;
        let name = UnitName::new("app", 1);
        world.exec(&name, String::new(), outcome.now).unwrap();
        let ops_coordinator_lab::Step::Run(dispatch) = world.step(&name, outcome.now) else {
            panic!("nothing to run")
        };
        for number in [0, 2, 3] {
            let line = format!("relation-get -r 0 at app/{number}");
            let call = crate::support::call_of(&dispatch.context, &line, None);
            let read = crate::support::shown(&world.call(&call, outcome.now));
            let bag = world.databag("app", "peer", Some(number)).unwrap();
            assert_eq!(read.trim_end(), bag["at"], "seed {seed}");
        }
    }
}

#[test]
fn a_hundred_units_are_deployed_in_no_time() {
    let outcome = deploy(100);
    assert_eq!(outcome.end, End::Idle);
    // Five or six hooks each, and two for each peer.
    assert!(outcome.hooks >= 100 * (99 * 2 + 5), "{}", outcome.hooks);
}

#[test]
#[ignore = "a minute without optimisation; seconds with: cargo test --release -- --ignored"]
fn a_thousand_units_are_deployed_in_seconds() {
    let begin = std::time::Instant::now();
    let outcome = deploy(1_000);
    let (hooks, took) = (outcome.hooks, begin.elapsed());
    println!(
        "{hooks} hooks of 1,000 units in {took:?}, virtual time {} ms",
        outcome.now
    );
    assert_eq!(outcome.end, End::Idle);
    assert!(took.as_secs() < 60, "ten or so on an idle machine");
}

fn deploy(units: u32) -> Outcome {
    let leases = Leases::default();
    let settings = Settings {
        detail: Detail::Turns,
        leases,
        watcher_delay: 500,
        ..Settings::default()
    };
    let application = Application::with_peers("app", &["peer"]);
    let plan = Plan {
        keep_history: false,
        ..Plan::new(application, units)
    };
    run(settings, plan, |_: &UnitName| Box::new(Still)).unwrap()
}
