//! The faults of a run and their times: the seed determines all of them.

use std::collections::BTreeMap;

use fastrand::Rng;
use ops_coordinator_lab::scenario::{After, Deed, Moment, Step, Target};
use ops_coordinator_lab::{CrashPoint, Retry, Settings, ToolDelays, UnitName};

/// How often the option changes.
const ROLLS: u32 = 2;

/// The largest clock offset, in milliseconds.
const HOURS: i64 = 12 * 3_600_000;

/// What a plan is made of.
pub(super) struct Wanted<'a> {
    pub(super) seed: u64,
    pub(super) point: CrashPoint,
    pub(super) application: &'a str,
    pub(super) units: u32,
    pub(super) option: &'a str,
    /// Whether units lose their disks as well.
    pub(super) disks: bool,
}

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

/// The seed's choices.
struct Draw<'a> {
    rng: Rng,
    wanted: &'a Wanted<'a>,
    /// Units that have not led yet. Leadership does not come back to a unit: there and back within one hook
    /// is outside the guarantees, and a real hook may take long.
    to_lead: Vec<u32>,
    steps: Vec<Step>,
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
        let mut to_lead: Vec<u32> = (0..wanted.units).collect();
        rng.shuffle(&mut to_lead);
        let mut draw = Draw {
            rng,
            wanted,
            to_lead,
            steps: Vec::new(),
        };
        // From here on it is known who has led.
        draw.move_leadership(Moment::Idle, 0);
        for roll in 1..=ROLLS {
            draw.roll(roll);
        }
        draw.step(Moment::Idle, 0, Deed::Wait);
        Self {
            point: wanted.point,
            settings,
            clocks,
            steps: draw.steps,
            last_value: value(ROLLS),
        }
    }
}

fn value(roll: u32) -> String {
    format!("roll-{roll}")
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

impl Draw<'_> {
    /// The option changes, and then things go wrong.
    fn roll(&mut self, roll: u32) {
        let option = self.wanted.option.to_owned();
        let change = Deed::Config(BTreeMap::from([(option, value(roll).into())]));
        // The next change may come while the units still deal with the one before.
        let before = match roll {
            1 => Moment::Idle,
            _ if self.rng.bool() => Moment::Idle,
            _ => Moment::Now,
        };
        self.step(before, 0, change);
        let mut faults = vec![0, 0, 1, 2, 3, 4];
        faults.push(self.rng.u32(5..8));
        faults.extend(self.wanted.disks.then_some(8));
        self.rng.shuffle(&mut faults);
        for fault in faults {
            let (moment, delay) = self.moment();
            match fault {
                0 => self.crash(moment, delay),
                1 => {
                    let unit = self.anybody();
                    self.step(moment, delay, Deed::Fail(unit));
                }
                2 => self.move_leadership(moment, delay),
                3 => self.kill(moment, delay),
                4 => {
                    let jumps = vec![(self.anybody(), self.rng.i64(-HOURS..=HOURS))];
                    self.step(moment, delay, Deed::Clock(jumps));
                }
                8 => {
                    let unit = self.anybody();
                    self.step(moment, delay, Deed::LoseDisk(unit));
                }
                lasting => self.for_a_while(lasting, moment, delay),
            }
        }
    }

    fn step(&mut self, moment: Moment, delay: u64, deed: Deed) {
        self.steps.push(Step {
            after: After { moment, delay },
            deed,
            note: None,
        });
    }

    /// When the next thing goes wrong: soon after some unit has begun or ended its operation, or just soon.
    fn moment(&mut self) -> (Moment, u64) {
        let mark = |enter| Moment::Mark {
            enter,
            lock: None,
            unit: None,
            count: 1,
        };
        match self.rng.u32(0..4) {
            0 => (mark(true), self.rng.u64(0..300)),
            1 => (mark(false), self.rng.u64(0..100)),
            _ => (Moment::Now, self.rng.u64(0..800)),
        }
    }

    fn anybody(&mut self) -> Target {
        let number = self.rng.u32(0..self.wanted.units);
        self.unit(number)
    }

    fn unit(&self, number: u32) -> Target {
        Target::Unit(UnitName::new(self.wanted.application, number).to_string())
    }

    /// An agent dies: of the unit that is inside, or of some unit.
    fn crash(&mut self, moment: Moment, delay: u64) {
        let unit = if self.rng.bool() {
            Target::Holder
        } else {
            self.anybody()
        };
        let at = self.wanted.point;
        self.step(moment, delay, Deed::Crash { unit, at });
    }

    /// The hook of the unit that is inside is killed: with all that it has started, or its first process alone.
    fn kill(&mut self, moment: Moment, delay: u64) {
        let unit = Target::Holder;
        let spare_children = self.rng.bool();
        let deed = Deed::Kill {
            unit,
            spare_children,
        };
        self.step(moment, delay, deed);
    }

    fn move_leadership(&mut self, moment: Moment, delay: u64) {
        if let Some(number) = self.to_lead.pop() {
            let unit = self.unit(number);
            self.step(moment, delay, Deed::Leader(unit));
        }
    }

    /// Something that lasts: a machine stands still, a controller is out of reach, an agent is down.
    fn for_a_while(&mut self, what: u32, moment: Moment, delay: u64) {
        let unit = self.anybody();
        let (begin, end) = match what {
            5 => (Deed::Suspend(unit.clone()), Deed::Wake(unit)),
            6 => (Deed::CutOff(unit.clone()), Deed::Reconnect(unit)),
            _ => (Deed::AgentDown(unit.clone()), Deed::AgentUp(unit)),
        };
        self.step(moment, delay, begin);
        let lasts = self.rng.u64(100..2_000);
        self.step(Moment::Now, lasts, end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(seed: u64) -> Plan {
        Plan::new(&Wanted {
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
        for seed in 0..200 {
            let (mut led, mut lasting) = (Vec::new(), 0);
            for step in plan(seed).steps {
                match step.deed {
                    Deed::Leader(unit) => {
                        assert!(!led.contains(&unit), "seed {seed}: {unit:?} leads twice");
                        led.push(unit);
                    }
                    Deed::Suspend(_) | Deed::CutOff(_) | Deed::AgentDown(_) => lasting += 1,
                    Deed::Wake(_) | Deed::Reconnect(_) | Deed::AgentUp(_) => lasting -= 1,
                    _ => {}
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
                match step.deed {
                    Deed::Kill { spare_children, .. } if spare_children => alone += 1,
                    Deed::Kill { .. } => together += 1,
                    Deed::LoseDisk(_) => disks += 1,
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
}
