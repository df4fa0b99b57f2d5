//! Gates: what keeps an operation from beginning although its turn has come; and the shared lock, which it must hold at every
//! attempt.

use super::round::Round;
use super::site::Site;
use super::{Effect, Gate, Need, Shared};
use crate::{Errand, LockName, News, Tick, Transition, Turn, Wait};

/// A window that opens within this time, in milliseconds, is waited for by a waker; one that opens later by
/// `update-status`, which Juju runs every five minutes by default.
const SOON: u64 = 300_000;

impl Site {
    /// What keeps the operation from beginning, if anything does. The gate does not keep one that has begun before from going
    /// on: its unit may be in the middle of something. Without its shared lock, no attempt begins: somebody else may be
    /// inside.
    pub(super) fn held_back(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
    ) -> Result<Option<Wait>, Need> {
        if !self.load_unit(round)?.has_begun(lock)
            && let Some(wait) = self.at_the_gate(round, lock)?
        {
            return Ok(Some(wait));
        }
        self.without_shared(round, lock)
    }

    fn at_the_gate(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
    ) -> Result<Option<Wait>, Need> {
        // A record has room for a few words only.
        let (why, in_short, opens_in) = match round.known.gate(lock)? {
            Gate::Open => return Ok(None),
            Gate::Outside { opens, opens_in } => {
                let in_short = format!("opens {opens}");
                let why = format!("outside its window, {in_short}");
                (why, in_short, Some(*opens_in))
            }
            Gate::Blocked(what) => {
                let why = format!("blocked: {what}");
                (why.clone(), why, None)
            }
        };
        let steady = opens_in.is_some();
        self.load_unit(round)?.hold_back(lock, &in_short, steady);
        self.store_journal(round);
        if let Some(time) = opens_in.filter(|time| *time <= SOON) {
            self.wake_in(round, time);
        }
        Ok(Some(Wait::HeldBack(why)))
    }

    fn without_shared(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
    ) -> Result<Option<Wait>, Need> {
        let Some(ticket) = self.load_unit(round)?.next(lock) else {
            return Ok(None);
        };
        let (why, in_short) = match round.known.shared(&self.endpoint, lock, ticket.seq)? {
            Shared::NotNeeded => return Ok(None),
            Shared::Waived { why } => {
                round.news.push(News {
                    lock: lock.clone(),
                    transition: Transition::Alone { why: why.clone() },
                });
                return Ok(None);
            }
            Shared::Held => {
                self.session.shared.insert(lock.clone(), ticket.seq);
                return Ok(None);
            }
            Shared::Awaited { why, in_short } => (why.clone(), in_short),
        };
        self.load_unit(round)?.hold_back(lock, in_short, true);
        self.session.shared.insert(lock.clone(), ticket.seq);
        self.store_journal(round);
        Ok(Some(Wait::HeldBack(why)))
    }

    /// For which request the unit has need of a shared lock, if its operation needs one at all: its operation has begun and its
    /// turn is not over, or only that lock was missing when its charm last asked whether it may begin. A lowered limit can take
    /// the turn away between two attempts. Then those ahead need the shared lock first.
    pub(super) fn shared_is_for(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
    ) -> Result<Option<u64>, Need> {
        let lacked_it = self.session.shared.get(lock).copied();
        let unit = self.load_unit(round)?;
        let next = unit.outstanding(lock).map(|ticket| ticket.seq);
        let (has_begun, on_trial) = (unit.has_begun(lock), unit.is_on_trial(lock));
        let at_work =
            self.session.running.contains(lock) || self.session.orphans.contains_key(lock);
        let keeps = has_begun
            && (at_work
                || on_trial
                || !matches!(self.turn(round, lock)?, Turn::Wait(Wait::Behind(_))));
        Ok(next.filter(|seq| keeps || lacked_it == Some(*seq)))
    }

    /// Starts a waker for the time at which there is something to do, unless one is already waiting for it.
    pub(super) fn wake_in(&mut self, round: &mut Round<'_>, time: u64) {
        let now = round.now.0;
        let due = now.saturating_add(time);
        let waits = self.session.alarm.is_some_and(|alarm| {
            // One from before the machine was booted may be anywhere.
            alarm.0 > now && alarm.0 <= due
        });
        if !waits {
            self.session.alarm = Some(Tick(due));
            round.tell(Effect::Wake {
                endpoint: self.endpoint.clone(),
                errand: Errand::Later(time),
            });
        }
    }
}
