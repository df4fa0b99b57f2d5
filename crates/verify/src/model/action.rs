//! What can happen next.

use ops_coordinator_core::{Instruction, LockName};

use super::case::Case;
use super::state::{Event, Life, State, UNITS, Unit, bit, each};
use super::truth::campaign;

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A unit's hook begins: it asks whether it leads, reads the line, and perhaps begins an operation.
    Begin(u8, Event, u8),
    /// The same, while the unit's check does not hold.
    BeginUnwell(u8, Event),
    /// In the middle of an operation, its charm requests another turn.
    Ask(u8),
    /// A unit's hook continues, to its end or to the next operation.
    Proceed(u8, End),
    /// The lease moves to another unit.
    Lead(u8),
    /// An operator removes a unit.
    Remove(u8),
    /// A removed unit has run its last hook.
    Die(u8),
    /// A unit with an old name is created, which will make this many requests.
    Rebirth(u8, u8),
    /// A unit loses its disk.
    LoseDisk(u8),
    /// An operator lowers the limit to one, or raises it again.
    ChangeLimit,
    /// A unit becomes unavailable.
    Ail(u8),
    /// It becomes available again by itself.
    Recover(u8),
    /// A unit's deputy looks at what its unit wants: it joins the line of the shared lock, or gives its place back.
    Serve(u8),
    /// A deputy finds that its turn has come.
    Hold(u8),
    /// The lease of a deputy's place ends, and it joins anew.
    LoseLease(u8),
    /// Somebody else joins the line of the shared lock.
    RivalJoins,
    /// That one's turn comes and is over.
    RivalLeaves,
}

/// How a hook ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// Successfully, and Juju is asked to commit it.
    Done,
    /// Successfully, but long after it began.
    Slow,
    /// The operation succeeds, its check does not hold, and the hook goes on.
    CheckFails,
    /// The operation fails, and the hook with it.
    OperationFails,
    /// The operation fails, waits for an operator, and the hook goes on.
    Stops,
    /// The same, but the hook fails at its end.
    StopsAndFails,
    /// The operation fails, the turn passes on, and the hook goes on.
    PassesOn,
    /// Successfully, but another unit leads by the time Juju is asked to commit it.
    LeaseLost,
    /// Its last command fails.
    Fails,
    /// The agent dies with it, in the middle of its operation.
    Killed,
    /// The agent dies with it, right after it has written its journal for the nth time.
    KilledAt(u8),
    /// Juju commits it and forgets that it has.
    CommittedThenKilled,
}

impl State {
    /// What must happen sooner or later, without faults and new requests.
    pub(crate) fn duties(&self, locks: &[LockName], actions: &mut Vec<Action>) {
        for (index, unit) in (0_u8..).zip(&self.units) {
            if unit.life == Life::Dead {
                continue;
            }
            if self.is_to_serve(index, locks) {
                actions.push(Action::Serve(index));
            }
            let waits = unit.seat.filter(|seat| !seat.holds);
            if waits.is_some_and(|seat| self.first_token() == Some(seat.token)) {
                actions.push(Action::Hold(index));
            }
            if unit.hook.is_some() {
                actions.push(Action::Proceed(index, End::Done));
                continue;
            }
            if self.leader.is_none() && unit.life == Life::Alive {
                actions.push(Action::Lead(index));
            }
            if unit.ails && !self.waits(index.into(), locks) {
                actions.push(Action::Recover(index));
            }
            unit.events(|event| actions.push(Action::Begin(index, event, 0)));
            if unit.life == Life::Dying && unit.retry.is_none() && unit.news.departed == 0 {
                actions.push(Action::Die(index));
            }
            // Last, as it is the most patient.
            if unit.news.wake || unit.news.later {
                actions.push(Action::Begin(index, Event::Wake, 0));
            }
            let in_service = unit.life == Life::Alive && !unit.news.created;
            if self.leader == Some(index) && in_service && unit.retry.is_none() {
                self.operators_duties(index, locks, actions);
            }
        }
        if self.rival.is_some() && self.first_token() == self.rival {
            actions.push(Action::RivalLeaves);
        }
    }

    /// The token of whoever is first in the line of the shared lock.
    fn first_token(&self) -> Option<u8> {
        let seats = self.units.iter().filter_map(|unit| unit.seat);
        seats.map(|seat| seat.token).chain(self.rival).min()
    }

    /// An operator does not leave a lock paused, nor a unit stopped.
    fn operators_duties(&self, leader: u8, locks: &[LockName], actions: &mut Vec<Action>) {
        if self.is_paused(locks) {
            actions.push(Action::Begin(leader, Event::Resume, 0));
        }
        let stopped = (0_u8..).zip(&self.units).filter(|(index, unit)| {
            unit.life != Life::Dead && self.needs_permission(*index, locks)
        });
        let retry = stopped.map(|(index, _)| Action::Begin(leader, Event::Retry(index), 0));
        actions.extend(retry);
    }

    /// Everything that can happen.
    pub(crate) fn choices(&self, case: &Case, locks: &[LockName], actions: &mut Vec<Action>) {
        self.duties(locks, actions);
        let duties = actions.len();
        if case.rotations > 1 {
            for index in 0..duties {
                if let Action::Begin(unit, event @ (Event::Line | Event::Wake), _) = actions[index]
                {
                    actions.push(Action::Begin(unit, event, 1));
                }
            }
        }
        if self.left.check > 0 {
            for index in 0..duties {
                if let Action::Begin(unit, event, _) = actions[index]
                    && self.is_on_trial(unit, locks)
                {
                    actions.push(Action::BeginUnwell(unit, event));
                }
            }
        }
        if self.left.limit > 0 {
            actions.push(Action::ChangeLimit);
        }
        if self.left.rival > 0 && self.rival.is_none() {
            actions.push(Action::RivalJoins);
        }
        for index in 0..case.units {
            self.choices_of(index, case, locks, actions);
        }
    }

    /// What an operator may want of a campaign, and what a charm may want in one.
    fn campaigns_choices(
        &self,
        index: u8,
        case: &Case,
        locks: &[LockName],
        actions: &mut Vec<Action>,
    ) {
        let campaign = (0..locks.len()).find_map(|lock| campaign(self.line, lock, locks));
        let mut begin = |event| actions.push(Action::Begin(index, event, 0));
        let leads = self.leader == Some(index);
        if leads && self.left.roll > 0 {
            // The first reason is as good as any other.
            let reasons = campaign.map_or(1, |_| case.reasons);
            (0..reasons).for_each(|reason| begin(Event::Roll(reason)));
        }
        let Some(campaign) = campaign.filter(|campaign| !campaign.aborted) else {
            return;
        };
        if leads && self.left.abort > 0 {
            begin(Event::Abort);
        }
        let part = self.units[usize::from(index)].part[0];
        if self.left.pass > 0 && part.settled < campaign.version {
            begin(Event::Pass);
        }
    }

    fn choices_of(&self, index: u8, case: &Case, locks: &[LockName], actions: &mut Vec<Action>) {
        let unit = &self.units[usize::from(index)];
        let left = &self.left;
        if unit.life == Life::Dead {
            if left.rebirth > 0 {
                actions.extend((0..=case.reborn_requests).map(|asks| Action::Rebirth(index, asks)));
            }
            return;
        }
        let alive = unit.life == Life::Alive;
        if left.leader > 0 && alive && self.leader.is_some() && self.leader != Some(index) {
            actions.push(Action::Lead(index));
        }
        let others = self
            .units
            .iter()
            .filter(|unit| unit.life == Life::Alive)
            .count();
        if left.remove > 0 && alive && others > 1 {
            actions.push(Action::Remove(index));
        }
        if let Some(hook) = &unit.hook {
            let mut end = |end| actions.push(Action::Proceed(index, end));
            if left.slow > 0 && hook.led && !hook.late {
                end(End::Slow);
            }
            if left.check > 0 && hook.running.is_some() {
                end(End::CheckFails);
            }
            if left.leader > 0 && hook.led && self.leader == Some(index) {
                end(End::LeaseLost);
            }
            if left.fail > 0 {
                end(End::Fails);
                if hook.running.is_some() {
                    end(End::OperationFails);
                }
            }
            if left.stop > 0 && hook.running.is_some() {
                end(End::Stops);
                end(End::PassesOn);
                if left.fail > 0 {
                    end(End::StopsAndFails);
                }
            }
            if left.kill > 0 {
                end(End::Killed);
                end(End::KilledAt(0));
                end(End::KilledAt(1));
                end(End::CommittedThenKilled);
            }
            if hook.running.is_some() && unit.requests > 0 && case.asks_while_running {
                actions.push(Action::Ask(index));
            }
            return;
        }
        if left.disk > 0 {
            actions.push(Action::LoseDisk(index));
        }
        if left.lease > 0 && unit.seat.is_some() {
            actions.push(Action::LoseLease(index));
        }
        if left.ail > 0 && !unit.ails {
            actions.push(Action::Ail(index));
        }
        // Nothing comes before the hook in which the relation is created.
        if alive && unit.retry.is_none() && !unit.news.created {
            if unit.requests > 0 {
                actions.push(Action::Begin(index, Event::Config, 0));
            }
            if left.cancel > 0 && self.leader == Some(index) {
                let whom = (0..case.units).map(|whom| Action::Begin(index, Event::Cancel(whom), 0));
                actions.extend(whom);
            }
            if left.skip > 0 && self.leader == Some(index) {
                let whom = (0..case.units).map(|whom| Action::Begin(index, Event::Skip(whom), 0));
                actions.extend(whom);
            }
            if left.pause > 0 && self.leader == Some(index) {
                actions.push(Action::Begin(index, Event::Pause, 0));
            }
            self.campaigns_choices(index, case, locks, actions);
        }
    }
}

impl Unit {
    /// The hooks that may be the unit's next, the waker's apart.
    fn events(&self, mut event: impl FnMut(Event)) {
        if let Some(failed) = self.retry {
            event(failed);
            return;
        }
        each(self.news.departed).for_each(|unit| event(Event::Departed(unit)));
        if self.life == Life::Dying {
            return;
        }
        if self.news.created {
            event(Event::Created);
            return;
        }
        if self.news.line {
            event(Event::Line);
        }
        if self.news.elected {
            event(Event::Elected);
        }
        each(self.news.joined).for_each(|unit| event(Event::Joined(unit)));
        // A unit's changes are told after its joining.
        each(self.news.changed & self.members).for_each(|unit| event(Event::Changed(unit)));
    }

    /// Takes an event off what there is to tell.
    pub(crate) fn take(&mut self, event: Event) {
        if self.retry == Some(event) && event != Event::Wake {
            self.retry = None;
        }
        // Any hook makes the waker that waits unnecessary.
        self.news.wake = false;
        self.news.later &= event != Event::Wake;
        match event {
            Event::Changed(unit) => {
                self.news.changed &= !bit(unit);
                self.uncached |= bit(unit);
            }
            Event::Joined(unit) => {
                self.news.joined &= !bit(unit);
                self.news.changed |= bit(unit);
                self.members |= bit(unit);
                self.uncached |= bit(unit);
            }
            Event::Departed(unit) => {
                self.news.departed &= !bit(unit);
                self.members &= !bit(unit);
            }
            Event::Line => self.news.line = false,
            Event::Elected => self.news.elected = false,
            Event::Created => self.news.created = false,
            Event::Config
            | Event::Wake
            | Event::Cancel(_)
            | Event::Skip(_)
            | Event::Retry(_)
            | Event::Pause
            | Event::Resume
            | Event::Roll(_)
            | Event::Abort
            | Event::Pass => {}
        }
    }
}

impl Event {
    /// Whether Juju runs the hook again when it has failed.
    pub(crate) fn will_be_retried(self) -> bool {
        self != Self::Wake && !self.is_action()
    }

    /// Whether it is an operator's action.
    pub(crate) fn is_action(self) -> bool {
        matches!(self, Self::Cancel(_) | Self::Roll(_)) || self.instruction().is_some()
    }

    /// What an operator wants by it, apart from a cancellation.
    pub(crate) fn instruction(self) -> Option<Instruction> {
        let name = |unit: u8| format!("app/{unit}").parse().ok();
        match self {
            Self::Skip(unit) => name(unit).map(Instruction::Skip),
            Self::Retry(unit) => name(unit).map(Instruction::Retry),
            Self::Pause => Some(Instruction::Pause {
                reason: "night".to_owned(),
            }),
            Self::Resume => Some(Instruction::Resume),
            Self::Abort => Some(Instruction::Abort),
            _ => None,
        }
    }

    /// Why an operator rolls all units by it.
    pub(crate) fn reason(self) -> Option<&'static str> {
        match self {
            Self::Roll(0) => Some("keys"),
            Self::Roll(_) => Some("cipher"),
            _ => None,
        }
    }
}

/// All units but one.
pub(crate) fn others(unit: u8) -> impl Iterator<Item = usize> {
    (0..UNITS).filter(move |&other| other != usize::from(unit))
}
