//! How a hook goes on and ends, and what becomes public then.

use ops_coordinator_core::OnFailure;

use super::fate::lead;
use crate::Bug;
use crate::model::action::{End, others};
use crate::model::check::{Application, Seen};
use crate::model::state::{Broken, Event, Life, State, UNITS, bit, small};
use crate::model::step::Deed;
use crate::model::text::Text;
use crate::model::truth;

impl Application {
    pub(super) fn proceed(&self, mut state: State, index: u8, end: End) -> Option<State> {
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
                (unit.journal, unit.wishes) = *reply.journals.get(usize::from(nth))?;
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
        if let Some(most) = self.case.max_unavailable
            && !state.budget_is_kept(index, line, most, self.locks())
        {
            state.broken = state.broken.or(Some(Broken::BudgetIsKept));
        }
        state.let_off(line, self.locks());
        state.line = line;
        for (at, unit) in (0_u8..).zip(&mut state.units) {
            if unit.life == Life::Alive && (at != index || self.case.hears_own_line) {
                unit.news.line = true;
            }
        }
    }
}
