//! What befalls units and the application around their hooks.

use crate::model::action::others;
use crate::model::check::Application;
use crate::model::state::{Life, Memory, News, State, UNITS, bit, small};
use crate::model::text::Text;
use crate::model::truth;

impl Application {
    pub(super) fn lose_disk(&self, state: &mut State, index: u8) {
        state.left.disk -= 1;
        let unit = &mut state.units[usize::from(index)];
        unit.journal = Text::ABSENT;
        unit.wishes = Text::ABSENT;
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

    pub(super) fn rebirth(&self, state: &mut State, index: u8, asks: u8) {
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
pub(super) fn change_limit(state: &mut State) {
    state.left.limit -= 1;
    state.lowered = !state.lowered;
    for unit in &mut state.units {
        unit.news.wake |= unit.life == Life::Alive;
    }
}

/// Its charm learns of it in the next `update-status`.
pub(super) fn ail(state: &mut State, index: u8) {
    state.left.ail -= 1;
    let unit = &mut state.units[usize::from(index)];
    unit.ails = true;
    unit.news.wake = true;
}

pub(super) fn recover(state: &mut State, index: u8) {
    let unit = &mut state.units[usize::from(index)];
    unit.ails = false;
    unit.news.wake = true;
}

pub(super) fn lead(state: &mut State, index: u8) {
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

pub(super) fn remove(state: &mut State, index: u8) {
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
    unit.news = News {
        departed: unit.members,
        wake: unit.news.wake,
        later: unit.news.later,
        ..News::default()
    };
}

pub(super) fn die(state: &mut State, index: u8) {
    let unit = &mut state.units[usize::from(index)];
    unit.life = Life::Dead;
    unit.inside = 0;
    unit.stopped = 0;
    unit.owed = 0;
    unit.asked = 0;
    unit.news = News::default();
    unit.journal = Text::ABSENT;
    unit.memory = Memory::default();
    unit.cache = Default::default();
    unit.uncached = bit(small(UNITS)) - 1;
    unit.finished = Default::default();
    unit.part = Default::default();
    unit.ails = false;
    unit.wishes = Text::ABSENT;
    // Its deputy sees that the unit's directory is gone.
    unit.seat = None;
    if state.leader == Some(index) {
        state.leader = None;
    }
}
