//! The faults of a run and their times: the seed determines all of them.

use std::collections::BTreeMap;

use fastrand::Rng;
use ops_coordinator_lab::deed::{Deed, UnitDeed};
use ops_coordinator_lab::scenario::{Act, After, Moment, Step, Target};
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
        draw.move_leadership(idle());
        for roll in 1..=ROLLS {
            draw.roll(roll);
        }
        draw.step(idle(), Act::Wait);
        Self {
            point: wanted.point,
            settings,
            clocks,
            steps: draw.steps,
            last_value: value(ROLLS),
        }
    }
}

fn idle() -> After {
    After {
        moment: Moment::Idle,
        delay: 0,
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
        let moment = if roll == 1 || self.rng.bool() {
            Moment::Idle
        } else {
            Moment::Now
        };
        let after = After { moment, delay: 0 };
        self.step(after, change.into());
        // Each time all of these,
        let mut faults: Vec<fn(&mut Self, After)> = vec![
            Self::crash,
            Self::crash,
            Self::fail,
            Self::move_leadership,
            Self::kill,
            Self::jump,
        ];
        // and one of those that last.
        let lasting = [Self::suspend, Self::cut_off, Self::agent_down];
        faults.push(lasting[self.rng.u32(0..3) as usize]);
        if self.wanted.disks {
            faults.push(Self::lose_disk);
        }
        self.rng.shuffle(&mut faults);
        for fault in faults {
            let after = self.moment();
            fault(self, after);
        }
    }

    fn step(&mut self, after: After, act: Act) {
        let note = None;
        self.steps.push(Step { after, act, note });
    }

    fn strike(&mut self, after: After, unit: Target, deed: UnitDeed) {
        self.step(after, Deed::Unit(unit, deed).into());
    }

    /// When the next thing goes wrong: soon after some unit has begun or ended its operation, or just soon.
    fn moment(&mut self) -> After {
        let mark = |enter| Moment::Mark {
            enter,
            lock: None,
            unit: None,
            count: 1,
        };
        let (moment, delay) = match self.rng.u32(0..4) {
            0 => (mark(true), self.rng.u64(0..300)),
            1 => (mark(false), self.rng.u64(0..100)),
            _ => (Moment::Now, self.rng.u64(0..800)),
        };
        After { moment, delay }
    }

    fn anybody(&mut self) -> Target {
        let number = self.rng.u32(0..self.wanted.units);
        self.unit(number)
    }

    fn unit(&self, number: u32) -> Target {
        Target::Unit(UnitName::new(self.wanted.application, number).to_string())
    }

    /// An agent dies: of the unit that is inside, or of some unit.
    fn crash(&mut self, after: After) {
        let unit = if self.rng.bool() {
            Target::Holder
        } else {
            self.anybody()
        };
        let at = self.wanted.point;
        self.strike(after, unit, UnitDeed::Crash { at });
    }

    fn fail(&mut self, after: After) {
        let unit = self.anybody();
        self.strike(after, unit, UnitDeed::Fail);
    }

    /// The hook of the unit that is inside is killed: with all that it has started, or its first process alone.
    fn kill(&mut self, after: After) {
        let spare_children = self.rng.bool();
        self.strike(after, Target::Holder, UnitDeed::Kill { spare_children });
    }

    fn move_leadership(&mut self, after: After) {
        if let Some(number) = self.to_lead.pop() {
            let unit = self.unit(number);
            self.strike(after, unit, UnitDeed::Leader);
        }
    }

    /// A clock jumps.
    fn jump(&mut self, after: After) {
        let offset = (self.anybody(), self.rng.i64(-HOURS..=HOURS));
        self.step(after, Deed::Clock(vec![offset]).into());
    }

    fn lose_disk(&mut self, after: After) {
        let unit = self.anybody();
        self.strike(after, unit, UnitDeed::LoseDisk);
    }

    fn suspend(&mut self, after: After) {
        self.for_a_while(after, UnitDeed::Suspend);
    }

    fn cut_off(&mut self, after: After) {
        self.for_a_while(after, UnitDeed::CutOff);
    }

    fn agent_down(&mut self, after: After) {
        self.for_a_while(after, UnitDeed::AgentDown);
    }

    /// Something that lasts begins, and ends a while later.
    fn for_a_while(&mut self, after: After, deed: UnitDeed) {
        let unit = self.anybody();
        self.strike(after, unit.clone(), deed);
        let (moment, delay) = (Moment::Now, self.rng.u64(100..2_000));
        if let Some(end) = deed.ended_by() {
            self.strike(After { moment, delay }, unit, end);
        }
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
}
