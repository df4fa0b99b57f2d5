//! What goes wrong in a run, and when: the seed chooses among the deeds that a scenario can name.
//!
//! The mix differs from that of the simulations. Real hooks take real time, so there are fewer faults, each soon after
//! something happens. Clocks jump only here.

use std::collections::BTreeMap;

use fastrand::Rng;
use ops_coordinator_lab::UnitName;
use ops_coordinator_lab::deed::{Deed, UnitDeed};
use ops_coordinator_lab::scenario::{Act, After, Moment, Step, Target};

use super::wanted::{HOURS, ROLLS, Wanted, value};

/// The seed's choices.
struct Draw<'a> {
    rng: Rng,
    wanted: &'a Wanted<'a>,
    /// Units that have not led yet. Leadership does not come back to a unit: there and back within one hook
    /// is outside the guarantees, and a real hook may take long.
    to_lead: Vec<u32>,
    steps: Vec<Step>,
}

/// All that happens, in order.
pub(super) fn steps(mut rng: Rng, wanted: &Wanted<'_>) -> Vec<Step> {
    let mut to_lead: Vec<u32> = (0..wanted.units).collect();
    rng.shuffle(&mut to_lead);
    let mut draw = Draw {
        rng,
        wanted,
        to_lead,
        steps: Vec::new(),
    };
    // From here on it is known who has led.
    draw.move_leadership(After::IDLE);
    for roll in 1..=ROLLS {
        draw.roll(roll);
    }
    if wanted.has_operators() {
        // The one who was to resume may have asked somebody who led no more, or who died.
        draw.act("resume", After::IDLE);
    }
    draw.step(After::IDLE, Act::Wait);
    draw.steps
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
        if self.wanted.has_operators() {
            faults.extend([Self::campaign as fn(&mut Self, After), Self::pause]);
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

    /// An operator rolls all units, beside what the option's change has begun.
    fn campaign(&mut self, after: After) {
        self.act("roll", after);
    }

    /// An operator pauses, and resumes a while later.
    fn pause(&mut self, after: After) {
        self.act("pause", after);
        let (moment, delay) = (Moment::Now, self.rng.u64(100..2_000));
        self.act("resume", After { moment, delay });
    }

    /// An operator asks the leader for something.
    fn act(&mut self, name: &str, after: After) {
        let deed = Deed::Action {
            unit: Target::Leader,
            name: name.to_owned(),
            params: BTreeMap::new(),
        };
        self.step(after, deed.into());
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
