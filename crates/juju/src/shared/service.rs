//! What a deputy decides: which wishes it serves, what it writes down of each, and when it has the charm run. No I/O: the
//! command's deputy carries it out over connections and files, and simulations in virtual time.

use std::time::Duration;

use ops_coordinator_core::engine::Process;
use ops_coordinator_core::{LockName, Tick};

use super::{GRACE, PATIENCE, SharedLock, Standing, Standings, Wish, Wishes};

/// How often the end of a lease is written down within its life.
const NOTES: u32 = 10;

impl Wishes {
    /// What of these wishes, which are being served, is over, and whether its place is given back.
    pub fn over<'a>(
        &self,
        served: impl IntoIterator<Item = (&'a LockName, &'a Wish)>,
    ) -> Vec<(LockName, bool)> {
        let over = served.into_iter().filter_map(|(lock, old)| {
            let new = self.locks.get(lock);
            let same = new.is_some_and(|new| new.seq == old.seq && new.lock == old.lock);
            let goes_on = new.is_some_and(|new| new.is_same_place(old));
            (!same).then(|| (lock.clone(), !goes_on))
        });
        over.collect()
    }
}

impl Wish {
    /// Whether both are the same place in the same line, however etcd is reached.
    fn is_same_place(&self, other: &Self) -> bool {
        let key = |wish: &Self| {
            let lock = &wish.lock;
            (
                wish.seq,
                lock.name.clone(),
                lock.prefix.clone(),
                lock.limit,
                lock.ttl,
            )
        };
        key(self) == key(other)
    }
}

impl Standings {
    /// What a deputy begins with: the deputy before it has left this. Its places may still be there; but times from before
    /// a boot are of another clock.
    pub fn take_over(&mut self, process: Option<Process>, boot: Option<String>) {
        if self.boot != boot {
            self.locks.values_mut().for_each(|own| own.until = None);
            self.boot = boot;
        }
        self.process = process;
    }
}

impl Standing {
    /// The place of a request that is there already: its lease and its token.
    pub fn place(&self, seq: u64) -> Option<(i64, i64)> {
        let own = self.token.filter(|_| self.seq == seq);
        own.map(|token| (self.lease, token))
    }

    /// A request is about to join the line with this lease. Written before that, so that whoever comes after this deputy
    /// can give it back.
    pub fn joins(&mut self, seq: u64, lease: i64, ttl: Duration) {
        self.seq = seq;
        self.lease = lease;
        self.ttl = millis(ttl);
        (self.token, self.until, self.words) = (None, None, None);
    }

    /// The request has a place.
    pub fn stands(&mut self, token: i64) {
        self.token = Some(token);
        self.trouble = None;
    }

    /// It waits for this.
    pub fn waits(&mut self, words: Option<String>) {
        self.words = words;
        self.trouble = None;
    }

    /// It has the turn of this lock, and no server ends its lease before `until`.
    pub fn holds(&mut self, lock: &SharedLock, until: Tick, ttl: Duration) {
        self.until = Some(until.0);
        self.lock = Some(lock.clone());
        self.ttl = millis(ttl);
        (self.words, self.trouble) = (None, None);
    }

    /// Its lease is gone: the next request is at the end of the line.
    pub fn is_lost(&mut self) {
        self.token = None;
        self.until = None;
    }

    /// Something is wrong with etcd.
    pub fn in_trouble(&mut self, seq: u64, why: String) {
        self.seq = seq;
        self.trouble = Some(why);
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Watches over a turn from its beginning: when its end is written down, and when the charm is to run.
#[derive(Debug)]
pub struct Vigil {
    /// Up to when the hook that has asked may still be waiting for this very answer.
    early: Tick,
    /// Up to when hooks have believed so far, once that is written down.
    until: Option<Tick>,
    woken: bool,
    unsure: bool,
}

/// What to do at a moment of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note {
    /// Whether what is written down has to survive the machine.
    pub durable: bool,
    /// Whether to have the charm run, unless a hook has taken this turn already.
    pub wakes: bool,
    /// When to look again, at the latest.
    pub pause: Duration,
}

impl Vigil {
    /// Over the turn of a wish that has been served since then.
    pub fn new(since: Tick) -> Self {
        Self {
            early: Tick(since.0 + millis(PATIENCE * 3 / 2)),
            until: None,
            woken: false,
            unsure: false,
        }
    }

    /// What to do now. `until` is written down.
    pub fn note(&mut self, now: Tick, until: Tick, ttl: Duration) -> Note {
        let is_unsure = |until: Tick| until.0.saturating_sub(now.0) <= millis(ttl / GRACE);
        // A hook that came while etcd was away, or the deputy stood still, has found the turn of no use.
        let was_unsure = self.unsure || self.until.is_some_and(is_unsure);
        self.unsure = is_unsure(until);
        self.woken &= !was_unsure || self.unsure;
        let wakes = !self.woken && now >= self.early;
        self.woken |= wakes;
        let early = Duration::from_millis(self.early.0.saturating_sub(now.0));
        let pause = ttl / NOTES;
        Note {
            durable: self.until.replace(until).is_none(),
            wakes,
            pause: if self.woken { pause } else { pause.min(early) },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn wishes(seq: u64, limit: u32, endpoint: &str) -> Wishes {
        let lock = SharedLock {
            limit,
            ..SharedLock::new("db".parse().unwrap(), vec![endpoint.to_owned()])
        };
        let wish = Wish {
            seq,
            lock,
            taken: None,
        };
        Wishes {
            locks: BTreeMap::from([("restart".parse().unwrap(), wish)]),
        }
    }

    #[test]
    fn a_place_is_kept_however_etcd_is_reached_and_given_back_if_another_one_is_wanted() {
        let served = wishes(1, 1, "a").locks;
        let over = |new: &Wishes| {
            let over = new.over(&served);
            over.first().map(|(_, gives_back)| *gives_back)
        };
        assert_eq!(over(&wishes(1, 1, "a")), None);
        assert_eq!(over(&wishes(1, 1, "b")), Some(false));
        assert_eq!(over(&wishes(2, 1, "a")), Some(true));
        assert_eq!(over(&wishes(1, 2, "a")), Some(true));
        assert_eq!(over(&Wishes::default()), Some(true));
    }

    #[test]
    fn the_charm_runs_once_for_a_turn_and_again_when_its_lease_is_sure_again() {
        let ttl = Duration::from_secs(30);
        let mut vigil = Vigil::new(Tick(0));
        let mut note = |now, until| vigil.note(Tick(now), Tick(until), ttl);
        let first = note(1_000, 31_000);
        assert!(first.durable && !first.wakes);
        assert_eq!(
            first.pause.as_millis(),
            500,
            "the hook waits for so much longer"
        );
        let then = note(1_500, 31_000);
        assert!(!then.durable && then.wakes);
        assert_eq!(then.pause.as_secs(), 3);
        assert!(!note(4_500, 34_000).wakes);
        assert!(!note(25_000, 34_000).wakes, "of no use to a hook");
        assert!(note(26_000, 56_000).wakes);
    }

    #[test]
    fn the_charm_runs_again_when_its_deputy_has_stood_still() {
        let ttl = Duration::from_secs(30);
        let mut vigil = Vigil::new(Tick(0));
        assert!(vigil.note(Tick(2_000), Tick(31_000), ttl).wakes);
        assert!(!vigil.note(Tick(5_000), Tick(34_000), ttl).wakes);
        // For 20 s it neither wrote nor renewed, and then it did both at once. A hook has read the old time meanwhile.
        assert!(vigil.note(Tick(25_000), Tick(55_000), ttl).wakes);
        assert!(!vigil.note(Tick(28_000), Tick(55_000), ttl).wakes);
    }

    #[test]
    fn a_boot_leaves_the_places_and_ends_the_times() {
        let standing = Standing {
            seq: 1,
            lease: 5,
            token: Some(9),
            until: Some(1_000),
            ..Standing::default()
        };
        let mut standings = Standings {
            boot: Some("a".to_owned()),
            locks: BTreeMap::from([("restart".parse().unwrap(), standing)]),
            process: None,
        };
        let until = |standings: &Standings| standings.locks.values().next().unwrap().until;
        standings.take_over(None, Some("a".to_owned()));
        assert_eq!(until(&standings), Some(1_000));
        standings.take_over(None, Some("b".to_owned()));
        assert_eq!(until(&standings), None);
        let own = standings.locks.values().next().unwrap();
        assert_eq!((own.place(1), own.place(2)), (Some((5, 9)), None));
    }
}
