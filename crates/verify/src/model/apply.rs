//! What an action does.

mod ending;
mod etcd;
mod fate;

use std::sync::Arc;

use self::etcd::{lose_lease, rival_joins};
use self::fate::{ail, change_limit, die, lead, recover, remove};
use super::action::Action;
use super::check::{Application, Seen};
use super::state::{Broken, Event, Hook, Life, State, UNITS, Unit, bit, each, small};
use super::step::{Call, Deed, Reply};
use super::text::Text;
use super::truth;

/// How many sleeps of its wakers a unit counts. Its clock then stands still, so that there are finitely many states.
const MAX_SLEEPS: u8 = 6;

impl Application {
    /// The state after an action; `None` where the action changes nothing that others do not do as well.
    pub(crate) fn apply(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        match action {
            Action::Begin(unit, event, rotation) => {
                self.begin(&mut next, unit, event, Deed::Begin, rotation);
            }
            Action::BeginUnwell(unit, event) => {
                next.left.check -= 1;
                self.begin(&mut next, unit, event, Deed::BeginUnwell, 0);
            }
            Action::Ask(unit) => self.ask(&mut next, unit),
            Action::Proceed(unit, end) => return self.proceed(next, unit, end),
            Action::Lead(unit) => lead(&mut next, unit),
            Action::Remove(unit) => remove(&mut next, unit),
            Action::Die(unit) => die(&mut next, unit),
            Action::Rebirth(unit, asks) => self.rebirth(&mut next, unit, asks),
            Action::LoseDisk(unit) => self.lose_disk(&mut next, unit),
            Action::ChangeLimit => change_limit(&mut next),
            Action::Ail(unit) => ail(&mut next, unit),
            Action::Recover(unit) => recover(&mut next, unit),
            Action::Serve(unit) => self.serve(&mut next, unit),
            Action::Hold(unit) => self.hold(&mut next, unit),
            Action::LoseLease(unit) => lose_lease(&mut next, unit),
            Action::RivalJoins => rival_joins(&mut next),
            Action::RivalLeaves => next.rival = None,
        }
        Some(next)
    }

    fn run(
        &self,
        state: &mut State,
        index: u8,
        deed: Deed,
        slow: bool,
        rotation: u8,
    ) -> Arc<Reply> {
        let at = usize::from(index);
        let unit = &state.units[at];
        let Some(hook) = unit.hook else {
            unreachable!("a step belongs to a hook");
        };
        let bags = std::array::from_fn(|peer| {
            let cached = unit.members & !unit.uncached & bit(small(peer)) != 0;
            if peer != at && cached {
                unit.cache[peer]
            } else {
                state.units[peer].bag
            }
        });
        let living = (0..UNITS).filter(|&peer| state.units[peer].life != Life::Dead);
        let call = Call {
            unit: index,
            generation: unit.generation,
            event: hook.event,
            deed,
            journal: unit.journal,
            session: hook.session,
            roster: unit.memory.roster,
            odd: unit.memory.odd,
            own: hook.own,
            written_line: hook.line,
            line: state.line,
            leads: state.leader == Some(index),
            bags,
            members: unit.members,
            known: living.fold(0, |known, peer| known | bit(small(peer))),
            dying: unit.life == Life::Dying,
            slow,
            failed_before: hook.failed_before,
            lowered: state.lowered,
            ails: unit.ails,
            wishes: unit.wishes,
            seat: unit.seat,
            slept: unit.slept,
            rotation,
        };
        let reply = self.steps.run(&call);
        state.broken = state.broken.or(reply.error);
        let unit = &mut state.units[at];
        for peer in each(reply.read & unit.members) {
            unit.cache[usize::from(peer)] = call.bags[usize::from(peer)];
        }
        unit.uncached &= !(reply.read & unit.members);
        let last = reply.journals.last();
        unit.journal = last.map_or(unit.journal, |(journal, _)| *journal);
        unit.wishes = reply.wishes;
        if self.case.remembers {
            unit.memory.session = reply.session;
            unit.memory.roster = reply.roster;
        }
        unit.news.wake |= reply.woke;
        unit.news.later |= reply.woke_later;
        if let Some(hook) = &mut unit.hook {
            hook.session = reply.session;
            hook.own = reply.own;
            hook.line = reply.line;
        }
        reply
    }

    fn begin(&self, state: &mut State, index: u8, event: Event, deed: Deed, rotation: u8) {
        let leads = state.leader == Some(index);
        let unit = &mut state.units[usize::from(index)];
        let failed_before = unit.retry == Some(event);
        unit.take(event);
        unit.memory.odd ^= self.case.remembers;
        if self.case.announces && event == Event::Wake {
            unit.slept = MAX_SLEEPS.min(unit.slept + 1);
        }
        unit.hook = Some(Hook {
            event,
            session: unit.memory.session,
            own: Text::ABSENT,
            line: Text::ABSENT,
            line_read: state.line,
            running: None,
            late: false,
            led: leads,
            failed_before,
        });
        match event {
            Event::Config => {
                unit.requests -= u8::from(!failed_before);
                unit.owed = bit(self.case.locks) - 1;
                unit.asked = unit.owed;
            }
            Event::Cancel(_) => state.left.cancel -= 1,
            Event::Skip(_) => state.left.skip -= 1,
            Event::Pause => state.left.pause -= 1,
            Event::Roll(_) => state.left.roll -= 1,
            Event::Abort => state.left.abort -= 1,
            Event::Pass => state.left.pass -= u8::from(!failed_before),
            Event::Created => self.is_born(state, index),
            _ => {}
        }
        if state.is_paused(self.locks()) {
            self.saw(Seen::Paused);
        }
        let journal = state.units[usize::from(index)].journal;
        let reply = self.run(state, index, deed, false, rotation);
        self.look_at_checks(state, index, journal, deed == Deed::BeginUnwell);
        if matches!(event, Event::Changed(_)) && reply.started.is_some() {
            self.saw(Seen::HandOff);
        }
        self.passed(state, index, reply.passed);
        self.started(state, index, &reply, journal);
    }

    /// What a journal says of checks, in a case that has some.
    fn trials(&self, journal: Text) -> truth::Trials {
        if self.case.checks {
            truth::trials(journal, self.locks())
        } else {
            truth::Trials::default()
        }
    }

    /// The turn of an operation on trial is over once the journal no longer says so.
    fn look_at_checks(&self, state: &mut State, index: u8, before: Text, unwell: bool) {
        let unit = &mut state.units[usize::from(index)];
        let (before, after) = (self.trials(before), self.trials(unit.journal));
        let over = before.on_trial & !after.on_trial;
        unit.inside &= !over;
        if unwell && over & after.well != 0 {
            let broken = Broken::TurnLastsUntilItsCheckHasHeld;
            state.broken = state.broken.or(Some(broken));
        }
        if unwell && after.on_trial != 0 {
            self.saw(Seen::Checked);
        }
    }

    fn started(&self, state: &mut State, index: u8, reply: &Reply, journal: Text) {
        let Some((lock, seq)) = reply.started else {
            return;
        };
        let limit = self.case.limit;
        let turn = state.is_turn(index, lock.into(), seq.into(), limit, self.locks());
        let hook = state.units[usize::from(index)].hook;
        let known = (hook.map(|hook| hook.line_read).unwrap_or_default(), journal);
        let forbidden = state.forbidden(index, lock.into(), seq.into(), known, self.locks());
        let called = self.joins_campaign(state, index, lock);
        let unit = &mut state.units[usize::from(index)];
        let seat = unit.seat.filter(|seat| seat.holds && seq == seat.seq);
        if self.case.shares && seat.is_none() {
            let broken = Broken::NothingStartsWithoutTheSharedLock;
            state.broken = state.broken.or(Some(broken));
        }
        let again = seq <= unit.finished[usize::from(lock)];
        let asked = (unit.asked | unit.inside) & bit(lock) != 0;
        if unit.inside & bit(lock) == 0 {
            unit.asked &= !bit(lock);
        }
        unit.inside |= bit(lock);
        unit.owed &= !bit(lock);
        if unit.stopped & bit(lock) != 0 {
            self.saw(Seen::Permitted);
        }
        unit.stopped &= !bit(lock);
        if let Some(hook) = &mut unit.hook {
            hook.running = Some((lock, seq));
        }
        if again {
            state.broken = state.broken.or(Some(Broken::FinishedNeverRunsAgain));
        } else if !turn {
            state.broken = state.broken.or(Some(Broken::StartsOnlyInTurn));
        } else if !asked && !called {
            state.broken = state.broken.or(Some(Broken::NothingRunsUnasked));
        }
        state.broken = state.broken.or(forbidden);
        match (asked, called) {
            (false, true) => self.saw(Seen::Called),
            (true, true) => self.saw(Seen::Shared),
            _ => {}
        }
        if reply.interrupted {
            self.saw(Seen::SecondAttempt);
        }
    }

    /// An operation begins; whether a campaign calls its unit, in the line that its hook has read.
    fn joins_campaign(&self, state: &mut State, index: u8, lock: u8) -> bool {
        let at = usize::from(lock);
        let unit = &mut state.units[usize::from(index)];
        let read = unit.hook.map(|hook| hook.line_read).unwrap_or_default();
        let campaign = truth::campaign(read, at, self.locks());
        let part = &mut unit.part[at];
        part.forgot = false;
        let calls = campaign.filter(|now| !now.aborted && now.version > part.settled);
        // Another attempt at what began in an earlier campaign may be for that one alone.
        if calls.is_some() || unit.inside & bit(lock) == 0 {
            part.serves = calls.map_or(0, |campaign| campaign.version);
        }
        calls.is_some()
    }

    /// An operation has passed the turn on.
    fn serves_campaign(unit: &mut Unit, lock: u8) {
        let part = &mut unit.part[usize::from(lock)];
        part.settled = part.settled.max(part.serves);
        part.serves = 0;
    }

    /// Its charm has passed, by the line that this hook has read.
    fn passed(&self, state: &mut State, index: u8, passed: u8) {
        let unit = &mut state.units[usize::from(index)];
        let read = unit.hook.map(|hook| hook.line_read).unwrap_or_default();
        for at in 0..self.locks().len() {
            if passed & (1 << at) != 0
                && let Some(campaign) = truth::campaign(read, at, self.locks())
            {
                let part = &mut unit.part[at];
                part.settled = part.settled.max(campaign.version);
                self.saw(Seen::Passed);
            }
        }
    }

    /// The hook in which a unit's relation is created: what it finds there is older than the unit.
    fn is_born(&self, state: &mut State, index: u8) {
        let line = state.line;
        let unit = &mut state.units[usize::from(index)];
        if unit.bag != Text::ABSENT {
            return;
        }
        for (lock, part) in unit.part.iter_mut().enumerate().take(self.locks().len()) {
            let campaign = truth::campaign(line, lock, self.locks());
            part.let_off = campaign.map_or(part.let_off, |campaign| campaign.version);
        }
    }

    fn ask(&self, state: &mut State, index: u8) {
        let unit = &mut state.units[usize::from(index)];
        let Some((lock, _)) = unit.hook.and_then(|hook| hook.running) else {
            return;
        };
        unit.requests -= 1;
        unit.owed |= bit(lock);
        unit.asked |= bit(lock);
        self.run(state, index, Deed::Ask(lock), false, 0);
        self.saw(Seen::AskedWhileRunning);
    }
}
