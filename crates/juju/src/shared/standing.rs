//! How a unit stands with what it wants in etcd.

use std::collections::BTreeMap;
use std::time::Duration;

use ops_coordinator_core::engine::Process;
use ops_coordinator_core::{LockName, Tick};
use serde::{Deserialize, Serialize};

use super::{GRACE, SharedLock, Wish};

/// How one wish stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The request for which it is.
    pub seq: u64,
    /// The lock whose turn it was when `until` was written: a charm that is refreshed may declare another one.
    pub lock: Option<SharedLock>,
    /// Its lease in etcd.
    pub lease: i64,
    /// Its place in the line, and the token of its turn; `None` before it has joined.
    pub token: Option<i64>,
    /// Up to when no server ends its lease, in milliseconds since the boot; `None` while it is not its turn.
    pub until: Option<u64>,
    /// How long its lease lives, in milliseconds.
    pub ttl: u64,
    /// What it waits for.
    pub words: Option<String>,
    /// What is wrong with etcd.
    pub trouble: Option<String>,
}

/// How all wishes of a unit stand. The deputy writes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standings {
    /// The deputy.
    pub process: Option<Process>,
    /// The boot of the machine by which the times count.
    pub boot: Option<String>,
    /// By the unit's own locks.
    pub locks: BTreeMap<LockName, Standing>,
}

/// A turn of a shared lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedTurn {
    /// The fencing token: larger than that of every turn of this lock before.
    pub token: i64,
    /// How long one may still rely on it, if it is not renewed.
    pub left: Duration,
    /// How long its lease lives.
    pub ttl: Duration,
}

impl SharedTurn {
    /// For how long an operation may still run before it has to end.
    pub fn grace(self) -> Duration {
        self.ttl / GRACE
    }

    /// Whether it is time to end, and too late to begin.
    pub fn nearly_over(self) -> bool {
        self.left <= self.grace()
    }

    /// What becomes of an operation that began with this turn, or went on with it when it last looked; `now` is the turn
    /// that the unit has at this moment.
    ///
    /// # Errors
    /// It must end within this time.
    pub fn goes_on(self, now: Option<Self>) -> Result<Self, Duration> {
        match now.filter(|now| now.token == self.token) {
            Some(now) if !now.nearly_over() => Ok(now),
            Some(now) => Err(now.left),
            // What etcd has ended early may be somebody else's already, who waits no longer for a slow end.
            None => Err(self.grace().min(self.left)),
        }
    }
}

impl Standings {
    /// The turn that a wish has at this moment of this boot.
    pub(super) fn turn(
        &self,
        lock: &LockName,
        wish: &Wish,
        boot: Option<&str>,
        now: Tick,
    ) -> Option<SharedTurn> {
        let own = self.locks.get(lock).filter(|own| own.seq == wish.seq)?;
        let same_boot = boot.is_some() && self.boot.as_deref() == boot;
        let same_lock = own.lock.as_ref() == Some(&wish.lock);
        let left = own.until?.saturating_sub(now.0);
        let turn = SharedTurn {
            token: own.token?,
            left: Duration::from_millis(left),
            ttl: Duration::from_millis(own.ttl),
        };
        (same_boot && same_lock && left > 0).then_some(turn)
    }

    /// What a wish waits for: in full, and for all to read.
    pub(super) fn in_words(&self, lock: &LockName, wish: &Wish, now: Tick) -> (String, String) {
        let waits = format!("waits for {} in etcd", wish.lock.name);
        let Some(own) = self.locks.get(lock).filter(|own| own.seq == wish.seq) else {
            return (waits.clone(), waits);
        };
        // Records cut it short: first what matters.
        let trouble = format!("trouble with etcd, {}", wish.lock.name);
        if let Some(why) = &own.trouble {
            return (format!("{waits}: {why}"), trouble);
        }
        if own
            .until
            .is_some_and(|until| until <= now.0 + own.ttl / u64::from(GRACE))
        {
            return (format!("{waits}: its lease is not being renewed"), trouble);
        }
        match &own.words {
            Some(words) => (format!("{waits}, {words}"), waits),
            None => (waits.clone(), waits),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock() -> LockName {
        "restart".parse().unwrap()
    }

    fn shared() -> SharedLock {
        SharedLock::new("db-restart".parse().unwrap(), vec!["etcd".to_owned()])
    }

    fn wish(seq: u64) -> Wish {
        Wish {
            seq,
            lock: shared(),
            taken: None,
        }
    }

    /// A turn for request 7 until 30 s after the boot.
    fn standings() -> Standings {
        let own = Standing {
            seq: 7,
            lock: Some(shared()),
            lease: 1,
            token: Some(5),
            until: Some(30_000),
            ttl: 30_000,
            ..Standing::default()
        };
        Standings {
            process: None,
            boot: Some("a".to_owned()),
            locks: BTreeMap::from([(lock(), own)]),
        }
    }

    #[test]
    fn a_turn_counts_for_its_request_in_its_boot_and_up_to_its_end() {
        let at =
            |seq, boot: Option<&str>, now| standings().turn(&lock(), &wish(seq), boot, Tick(now));
        let turn = at(7, Some("a"), 1_000).unwrap();
        assert_eq!(
            (turn.token, turn.left.as_secs(), turn.nearly_over()),
            (5, 29, false)
        );
        assert!(at(7, Some("a"), 20_000).unwrap().nearly_over());
        assert_eq!(at(7, Some("a"), 30_000), None);
        assert_eq!(at(8, Some("a"), 1_000), None, "of an earlier request");
        assert_eq!(at(7, Some("b"), 1_000), None, "from before a reboot");
        assert_eq!(at(7, None, 1_000), None);
        let mut other = wish(7);
        other.lock.limit = 2;
        let turn = standings().turn(&lock(), &other, Some("a"), Tick(1_000));
        assert_eq!(turn, None, "of another lock");
    }

    #[test]
    fn the_reason_for_waiting_says_whom_or_what_it_waits_for() {
        let mut waits = standings();
        let said = |waits: &Standings| waits.in_words(&lock(), &wish(7), Tick(0));
        let own = waits.locks.get_mut(&lock()).unwrap();
        own.until = None;
        own.words = Some("2nd in line, behind other/0".to_owned());
        let short = "waits for db-restart in etcd".to_owned();
        let full = format!("{short}, 2nd in line, behind other/0");
        assert_eq!(said(&waits), (full, short));
        waits.locks.get_mut(&lock()).unwrap().trouble = Some("no answer".to_owned());
        let full = "waits for db-restart in etcd: no answer".to_owned();
        let short = "trouble with etcd, db-restart".to_owned();
        assert_eq!(said(&waits), (full, short));
    }
}
