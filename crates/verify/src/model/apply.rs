//! What an action does.

use std::sync::Arc;

use ops_coordinator_core::OnFailure;

use super::action::{Action, End, others};
use super::check::{Application, Seen};
use super::state::{Broken, Event, Hook, Life, Memory, State, UNITS, Unit, bit, each};
use super::step::{Call, Deed, Reply};
use super::text::Text;
use super::truth;
use crate::Bug;

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
        unit.journal = reply.journals.last().copied().unwrap_or(unit.journal);
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

    fn proceed(&self, mut state: State, index: u8, end: End) -> Option<State> {
        let at = usize::from(index);
        let hook = state.units[at].hook?;
        let left = &mut state.left;
        match end {
            End::Done | End::LeaseLost => {}
            End::Slow => left.slow -= 1,
            End::CheckFails => left.check -= 1,
            End::OperationFails | End::Fails => left.fail -= 1,
            End::Stops | End::PassesOn => left.stop -= 1,
            End::StopsAndFails => {
                left.stop -= 1;
                left.fail -= 1;
            }
            End::Killed | End::KilledAt(_) | End::CommittedThenKilled => left.kill -= 1,
        }
        if end == End::Killed {
            self.fail(&mut state, index, true);
            return Some(state);
        }
        if end == End::OperationFails {
            let (lock, _) = hook.running?;
            self.run(&mut state, index, Deed::Fail(lock), false, 0);
            return Some(self.exit_badly(state, index));
        }
        let running = hook.running.map(|(lock, _)| lock);
        let slow = hook.late || end == End::Slow;
        let failure = match end {
            End::Stops | End::StopsAndFails => Some(OnFailure::Stop),
            End::PassesOn => Some(OnFailure::Continue),
            _ => None,
        };
        let deed = match (running, failure) {
            (Some(lock), Some(then)) => Deed::FailAndGoOn(lock, then),
            _ if end == End::CheckFails => Deed::ProceedUnwell(running),
            _ => Deed::Proceed(running),
        };
        let journal = state.units[at].journal;
        let unit = &mut state.units[at];
        // Its turn repairs it.
        unit.ails &= running.is_none() || failure.is_some();
        let reply = self.run(&mut state, index, deed, slow, 0);
        let unit = &mut state.units[at];
        if let Some((lock, _)) = hook.running.filter(|_| failure == Some(OnFailure::Stop)) {
            unit.stopped |= bit(lock);
        } else if let Some((lock, seq)) = hook.running {
            let trials = self.trials(unit.journal);
            if trials.on_trial & bit(lock) == 0 {
                unit.inside &= !bit(lock);
                let unwell = end == End::CheckFails;
                let broken = unwell.then_some(Broken::TurnLastsUntilItsCheckHasHeld);
                state.broken = state.broken.or(broken);
            } else {
                self.saw(Seen::Checked);
            }
            Self::serves_campaign(unit, lock);
            let finished = &mut unit.finished[usize::from(lock)];
            *finished = seq.max(*finished);
        }
        if let Some(hook) = &mut unit.hook {
            hook.running = None;
        }
        if reply.started.is_some() {
            self.started(&mut state, index, &reply, journal);
            let goes_on = matches!(
                end,
                End::Done | End::CheckFails | End::Stops | End::PassesOn
            );
            return goes_on.then_some(state);
        }
        match end {
            End::KilledAt(nth) => {
                let unit = &mut state.units[at];
                unit.journal = *reply.journals.get(usize::from(nth))?;
                // It may have died before it knew that its check holds.
                unit.inside |= self.trials(unit.journal).on_trial;
                self.fail(&mut state, index, true);
                Some(state)
            }
            End::Fails | End::StopsAndFails => Some(self.exit_badly(state, index)),
            End::LeaseLost => {
                let heir = others(index).find(|&heir| state.units[heir].life == Life::Alive)?;
                lead(&mut state, small(heir));
                Some(self.exit_well(state, index, end))
            }
            _ => Some(self.exit_well(state, index, end)),
        }
    }

    /// A failing hook loses its changes, a failing `juju-exec` does not.
    fn exit_badly(&self, mut state: State, index: u8) -> State {
        let event = state.units[usize::from(index)].hook.map(|hook| hook.event);
        if event == Some(Event::Wake) {
            let mut state = self.exit_well(state, index, End::Done);
            self.wake_again(&mut state, index);
            return state;
        }
        self.fail(&mut state, index, false);
        state
    }

    fn exit_well(&self, mut state: State, index: u8, end: End) -> State {
        let at = usize::from(index);
        let Some(hook) = state.units[at].hook else {
            return state;
        };
        if hook.late && hook.line == Text::ABSENT {
            self.saw(Seen::EndedLate);
        }
        if hook.line != Text::ABSENT && state.leader != Some(index) {
            self.saw(Seen::Refused);
            self.fail(&mut state, index, false);
            return state;
        }
        if hook.own != Text::ABSENT {
            self.publish(&mut state, index, hook.own);
        }
        if hook.line != Text::ABSENT {
            self.publish_line(&mut state, index, hook.line);
        }
        if end == End::CommittedThenKilled {
            self.fail(&mut state, index, true);
        } else {
            state.units[at].hook = None;
        }
        state
    }

    /// A hook has ended without a commit.
    fn fail(&self, state: &mut State, index: u8, agent_too: bool) {
        let unit = &mut state.units[usize::from(index)];
        let event = unit.hook.take().map(|hook| hook.event);
        if agent_too {
            unit.uncached = bit(small(UNITS)) - 1;
        }
        if event == Some(Event::Wake) {
            self.wake_again(state, index);
        } else {
            unit.retry = event.filter(|event| event.will_be_retried());
        }
    }

    /// Juju does not retry the waker's hook; the waker does.
    fn wake_again(&self, state: &mut State, index: u8) {
        state.units[usize::from(index)].news.wake |= self.bug != Some(Bug::WakerGivesUp);
    }

    fn publish(&self, state: &mut State, index: u8, record: Text) {
        let at = usize::from(index);
        if state.units[at].bag == record {
            return;
        }
        state.hear_of_campaigns(index, record, self.locks());
        if let Some(broken) = truth::record_step(state.units[at].bag, record) {
            state.broken = state.broken.or(Some(broken));
        }
        let unit = &mut state.units[at];
        unit.bag = record;
        if let Some(counters) = truth::counters(record, self.locks()) {
            for (lock, counters) in (0..).zip(counters.iter()) {
                let finished = u64::from(unit.finished[usize::from(lock)]);
                let forgot = unit.part[usize::from(lock)].forgot;
                if (counters.cancelled || counters.passed && forgot) && counters.done > finished {
                    // An operation that was cut off or has stopped is over when it is cancelled. So is one of which
                    // its unit knows nothing, if it then needs no turn.
                    unit.inside &= !bit(lock);
                    unit.stopped &= !bit(lock);
                    unit.part[usize::from(lock)].forgot = false;
                    self.saw(Seen::Cancelled);
                }
                if counters.cancelled && counters.done >= counters.seq {
                    unit.owed &= !bit(lock);
                    unit.asked &= !bit(lock);
                }
            }
        }
        // What a leaver still publishes is told to nobody.
        if unit.life == Life::Alive {
            for other in others(index) {
                let other = &mut state.units[other];
                if other.life == Life::Alive && other.members & bit(index) != 0 {
                    other.news.changed |= bit(index);
                }
            }
        }
    }

    fn publish_line(&self, state: &mut State, index: u8, line: Text) {
        if let Some(broken) = state.line_step(line, self.locks()) {
            state.broken = state.broken.or(Some(broken));
        }
        if state.lowered && !state.limit_holds(line, 1, self.locks()) {
            state.broken = state.broken.or(Some(Broken::LoweredLimitHolds));
        }
        state.let_off(line, self.locks());
        state.line = line;
        for (at, unit) in (0_u8..).zip(&mut state.units) {
            if unit.life == Life::Alive && (at != index || self.case.hears_own_line) {
                unit.news.line = true;
            }
        }
    }

    fn lose_disk(&self, state: &mut State, index: u8) {
        state.left.disk -= 1;
        let unit = &mut state.units[usize::from(index)];
        unit.journal = Text::ABSENT;
        unit.memory = Memory::default();
        if let Some(counters) = truth::counters(unit.bag, self.locks()) {
            for (lock, counters) in (0_u8..).zip(counters.iter()) {
                unit.finished[usize::from(lock)] = u8::try_from(counters.done).unwrap_or(u8::MAX);
                let part = &mut unit.part[usize::from(lock)];
                part.settled = part.told;
                part.forgot = unit.inside & bit(lock) != 0;
                if counters.stopped.is_none() {
                    // So is a failure that was never published.
                    unit.stopped &= !bit(lock);
                }
                // A request that was never published is lost with the disk, unless its hook runs again.
                if counters.seq > counters.done {
                    // What was published is run again, if it had ended and nothing told so.
                    unit.owed |= bit(lock);
                    unit.asked |= bit(lock);
                } else if unit.retry.is_none() {
                    unit.owed &= !bit(lock);
                    unit.asked &= !bit(lock);
                }
            }
        }
    }

    fn rebirth(&self, state: &mut State, index: u8, asks: u8) {
        let introduced = self.case.introduced;
        let campaign = |lock| truth::campaign(state.line, lock, self.locks());
        let older = (0..self.locks().len()).map(|lock| campaign(lock).map_or(0, |now| now.version));
        let older: Vec<u8> = older.collect();
        state.left.rebirth -= 1;
        let mut joined = 0;
        for other in others(index) {
            let unit = &mut state.units[other];
            if unit.life != Life::Alive {
                continue;
            }
            joined |= bit(small(other));
            unit.news.departed &= !bit(index);
            if unit.members & bit(index) != 0 {
                // Nobody saw it go: its new bag is a change like any other.
                unit.news.changed |= bit(index);
            } else {
                unit.news.joined |= bit(index);
            }
        }
        let has_line = state.line != Text::ABSENT;
        let unit = &mut state.units[usize::from(index)];
        unit.life = Life::Alive;
        unit.generation += 1;
        unit.bag = Text::ABSENT;
        unit.members = 0;
        unit.requests = asks;
        unit.news.joined = joined;
        unit.news.line = has_line;
        unit.news.created = introduced;
        // It knows nothing of what came before it.
        for (part, version) in unit.part.iter_mut().zip(older) {
            part.let_off = version;
        }
    }
}

/// Every unit gets a hook for it, as with `config-changed`.
fn change_limit(state: &mut State) {
    state.left.limit -= 1;
    state.lowered = !state.lowered;
    for unit in &mut state.units {
        unit.news.wake |= unit.life == Life::Alive;
    }
}

/// Its charm learns of it in the next `update-status`.
fn ail(state: &mut State, index: u8) {
    state.left.ail -= 1;
    let unit = &mut state.units[usize::from(index)];
    unit.ails = true;
    unit.news.wake = true;
}

fn recover(state: &mut State, index: u8) {
    let unit = &mut state.units[usize::from(index)];
    unit.ails = false;
    unit.news.wake = true;
}

fn lead(state: &mut State, index: u8) {
    if state.leader.is_some() {
        state.left.leader -= 1;
    }
    state.leader = Some(index);
    for (at, unit) in (0_u8..).zip(&mut state.units) {
        unit.news.elected = at == index;
        if let Some(hook) = &mut unit.hook
            && at != index
        {
            hook.late |= hook.led;
        }
    }
}

fn remove(state: &mut State, index: u8) {
    state.left.remove -= 1;
    for other in others(index) {
        let other = &mut state.units[other];
        other.news.changed &= !bit(index);
        other.news.joined &= !bit(index);
        if other.life == Life::Alive {
            other.news.departed |= other.members & bit(index);
        }
    }
    let unit = &mut state.units[usize::from(index)];
    unit.life = Life::Dying;
    unit.requests = 0;
    unit.news = super::state::News {
        departed: unit.members,
        wake: unit.news.wake,
        later: unit.news.later,
        ..super::state::News::default()
    };
}

fn die(state: &mut State, index: u8) {
    let unit = &mut state.units[usize::from(index)];
    unit.life = Life::Dead;
    unit.inside = 0;
    unit.stopped = 0;
    unit.owed = 0;
    unit.asked = 0;
    unit.news = super::state::News::default();
    unit.journal = Text::ABSENT;
    unit.memory = Memory::default();
    unit.cache = Default::default();
    unit.uncached = bit(small(UNITS)) - 1;
    unit.finished = Default::default();
    unit.part = Default::default();
    unit.ails = false;
    if state.leader == Some(index) {
        state.leader = None;
    }
}

fn small(index: usize) -> u8 {
    u8::try_from(index).unwrap_or(u8::MAX)
}
