//! Gates: what keeps an operation from beginning although its turn has come.

use super::round::Round;
use super::site::Site;
use super::{Effect, Gate, Need};
use crate::{Errand, LockName, Tick, Wait};

/// A window that opens within this time, in milliseconds, is waited for by a waker; one that opens later by
/// `update-status`, which Juju runs every five minutes by default.
const SOON: u64 = 300_000;

impl Site {
    /// What keeps the operation from beginning, if anything does. One that has begun before is not kept from going on: its
    /// unit may be in the middle of something.
    pub(super) fn held_back(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
    ) -> Result<Option<Wait>, Need> {
        if self.load_unit(round)?.has_begun(lock) {
            return Ok(None);
        }
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
