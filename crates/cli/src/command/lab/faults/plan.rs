//! A run before it begins: the seed determines the model, the clocks, and what goes wrong when.

use std::collections::BTreeMap;

use fastrand::Rng;
use ops_coordinator_lab::scenario::Step;
use ops_coordinator_lab::{CrashPoint, Retry, Settings, ToolDelays, UnitName};

use super::draw;
use super::wanted::{HOURS, ROLLS, Wanted, value};

/// A run before it begins.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) point: CrashPoint,
    pub(super) settings: Settings,
    pub(super) clocks: BTreeMap<UnitName, i64>,
    pub(super) steps: Vec<Step>,
    /// What every unit must show in the end.
    pub(super) last_value: String,
}

impl Plan {
    pub(super) fn new(wanted: &Wanted<'_>) -> Self {
        let mut rng = Rng::with_seed(wanted.seed);
        let settings = settings(wanted, &mut rng);
        let clock = |number| {
            let unit = UnitName::new(wanted.application, number);
            (unit, 0)
        };
        let mut clocks: BTreeMap<UnitName, i64> = (0..wanted.units).map(clock).collect();
        for offset in clocks.values_mut() {
            *offset = rng.i64(-HOURS..=HOURS);
        }
        Self {
            point: wanted.point,
            settings,
            clocks,
            steps: draw::steps(rng, wanted),
            last_value: value(ROLLS),
        }
    }
}

fn settings(wanted: &Wanted<'_>, rng: &mut Rng) -> Settings {
    let defaults = Settings::default();
    let leftovers_die = rng.u32(0..3) == 0;
    let mut tool_delays = ToolDelays::default();
    if rng.u32(0..3) == 0 {
        let slow = UnitName::new(wanted.application, rng.u32(0..wanted.units));
        tool_delays.units.insert(slow, rng.u64(50..500));
    }
    let version = rng.choice(["2.9.50", "3.6.9", "4.0.0"]);
    Settings {
        juju_version: version
            .and_then(|version| version.parse().ok())
            .unwrap_or(defaults.juju_version),
        seed: wanted.seed,
        // Where wakers live, nothing but what the charms do themselves brings another hook.
        update_status_interval: if leftovers_die { 2_000 } else { 0 },
        leftovers_die_with_agent: leftovers_die,
        tool_delays,
        leader_hears_own_write: rng.u32(0..4) != 0,
        watcher_delay: *rng.choice(&[0, 50, 500]).unwrap_or(&0),
        agent_restart: rng.u64(100..1_000),
        retry: Retry {
            first: rng.u64(100..1_000),
            ..Retry::default()
        },
        ..defaults
    }
}

#[cfg(test)]
mod tests {
    use ops_coordinator_lab::deed::{Deed, UnitDeed};
    use ops_coordinator_lab::scenario::Act;

    use super::*;
    use crate::command::lab::faults::wanted::OPERATORS;

    fn plan(seed: u64) -> Plan {
        plan_with(seed, &[])
    }

    fn plan_with(seed: u64, actions: &[String]) -> Plan {
        Plan::new(&Wanted {
            actions,
            seed,
            point: CrashPoint::AfterFlush,
            application: "app",
            units: 5,
            option: "message",
            disks: seed.is_multiple_of(2),
        })
    }

    #[test]
    fn a_seed_is_one_plan() {
        for seed in 0..20 {
            assert_eq!(format!("{:?}", plan(seed)), format!("{:?}", plan(seed)));
        }
        assert_ne!(
            format!("{:?}", plan(0).steps),
            format!("{:?}", plan(1).steps)
        );
    }

    #[test]
    fn no_unit_leads_twice_and_what_lasts_ends() {
        let ends = UnitDeed::ALL.iter().filter_map(|deed| deed.ended_by());
        let ends: Vec<UnitDeed> = ends.collect();
        for seed in 0..200 {
            let (mut led, mut lasting) = (Vec::new(), 0);
            for step in plan(seed).steps {
                if let Act::Do(Deed::Unit(unit, deed), _) = step.act {
                    if deed == UnitDeed::Leader {
                        assert!(!led.contains(&unit), "seed {seed}: {unit:?} leads twice");
                        led.push(unit);
                    }
                    lasting += i32::from(deed.ended_by().is_some());
                    lasting -= i32::from(ends.contains(&deed));
                }
                assert!((0..=1).contains(&lasting), "seed {seed}");
            }
            assert_eq!((led.len(), lasting), (3, 0), "seed {seed}");
        }
    }

    #[test]
    fn hooks_are_killed_with_and_without_their_children_and_disks_are_lost_only_where_asked_for() {
        let (mut alone, mut together) = (0, 0);
        for seed in 0..20 {
            let mut disks = 0;
            for step in plan(seed).steps {
                let Act::Do(Deed::Unit(_, deed), _) = step.act else {
                    continue;
                };
                match deed {
                    UnitDeed::Kill {
                        spare_children: true,
                    } => alone += 1,
                    UnitDeed::Kill { .. } => together += 1,
                    UnitDeed::LoseDisk => disks += 1,
                    _ => {}
                }
            }
            assert_eq!(
                disks,
                if seed.is_multiple_of(2) { ROLLS } else { 0 },
                "seed {seed}"
            );
        }
        assert!(alone > 5 && together > 5, "{alone} and {together}");
    }

    #[test]
    fn where_wakers_die_with_their_agent_juju_itself_brings_hooks() {
        let all: Vec<Settings> = (0..30).map(|seed| plan(seed).settings).collect();
        for settings in &all {
            let ticks = settings.update_status_interval > 0;
            assert_eq!(ticks, settings.leftovers_die_with_agent);
        }
        let count = |wanted: &dyn Fn(&&Settings) -> bool| all.iter().filter(wanted).count();
        assert!((3..27).contains(&count(&|s| s.leftovers_die_with_agent)));
        assert!((3..27).contains(&count(&|s| !s.tool_delays.units.is_empty())));
    }

    #[test]
    fn clocks_are_hours_apart() {
        for seed in 0..20 {
            let clocks = plan(seed).clocks;
            let (least, most) = (clocks.values().min(), clocks.values().max());
            let apart = most.zip(least).map_or(0, |(most, least)| most - least);
            assert!(apart > 3_600_000, "seed {seed}: {clocks:?}");
        }
    }

    #[test]
    fn operators_interfere_if_the_charm_has_their_actions_and_resume_in_the_end() {
        let actions = OPERATORS.map(str::to_owned);
        let acts = |actions: &[String]| {
            let steps = plan_with(1, actions).steps.into_iter();
            let acts = steps.filter_map(|step| match step.act {
                Act::Do(Deed::Action { name, .. }, _) => Some(name),
                _ => None,
            });
            acts.collect::<Vec<String>>()
        };
        let all = acts(&actions);
        let count = |name| all.iter().filter(|act| *act == name).count();
        assert_eq!((count("roll"), count("pause"), count("resume")), (2, 2, 3));
        assert_eq!(all.last().unwrap(), "resume");
        assert!(acts(&actions[1..]).is_empty());
    }
}
