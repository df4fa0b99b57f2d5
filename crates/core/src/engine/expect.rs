//! Expecting a campaign: all units know the reason for a roll, so one of them, the leader, rolls them all.
//!
//! A unit that expects a campaign publishes nothing. The leader begins it when it expects it as well. Where it does not,
//! or where the campaign has passed this unit by, the unit asks for itself after a while. It expects until an operation
//! begins, which serves that too: the campaign may end without it, for example when its lock moves to another endpoint.

use super::Need;
use super::lead::Kept;
use super::round::Round;
use super::site::Site;
use crate::{LockName, Order};

/// For how many milliseconds a unit expects a campaign that does not call it, before it asks for itself: long enough for a
/// leader whose hook takes a while, for example because it is at the same work.
pub const PATIENCE: u64 = 60_000;

impl Site {
    /// What this unit does for the campaigns that it expects: a leader begins them; any other unit waits for a while, and
    /// then asks.
    pub(super) fn tend_expectations(&mut self, round: &mut Round<'_>) -> Result<Vec<Order>, Need> {
        let expects_none = self.journal().expected(self.line.good()).next().is_none();
        let knows_of_none = self.unit.is_none() && expects_none;
        if knows_of_none && self.session.expects.is_empty() {
            return Ok(Vec::new());
        }
        let expected = self.load_unit(round)?.expected();
        let still = |lock: &LockName| expected.iter().any(|(known, _)| known == lock);
        self.session.expects.retain(|lock, _| still(lock));
        let mut rolls = Vec::new();
        for (lock, call) in expected {
            if self.session.leader {
                rolls.push(Order::Roll(lock, call));
                continue;
            }
            let now = round.now;
            let since = *self.session.expects.entry(lock.clone()).or_insert(now);
            // A time in the future is from before the machine was booted.
            let waited = now.0.checked_sub(since.0);
            if let Some(waited) = waited.filter(|waited| *waited < PATIENCE) {
                self.wake_in(round, PATIENCE - waited);
            } else {
                self.session.expects.remove(&lock);
                self.load_unit(round)?.expect_no_longer(&lock);
            }
        }
        Ok(rolls)
    }

    /// Lets a leader ask for itself that wants to roll all units for a reason for which a campaign is under way: it has gone
    /// in that already.
    pub(super) fn stand_alone(
        &mut self,
        round: &mut Round<'_>,
        rolls: &[Order],
        kept: &Kept,
    ) -> Result<(), Need> {
        let line = match kept {
            Kept::Written(line) => Some(line.as_ref().clone()),
            Kept::Unchanged => self.line.good().cloned(),
            Kept::Left(_) => None,
        };
        let Some(line) = line else { return Ok(()) };
        for roll in rolls {
            let Order::Roll(lock, _) = roll else { continue };
            let unit = self.load_unit(round)?;
            let state = unit.record().locks.get(lock);
            let calls = line.locks.get(lock).and_then(|line| line.calls(state));
            if calls.is_none() {
                unit.expect_no_longer(lock);
                self.publish(round);
            }
        }
        Ok(())
    }
}
