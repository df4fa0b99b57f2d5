//! A ticket and its lease, as a process has them that keeps them.

use std::time::Duration;

use ops_coordinator_etcd::{Lease, Lookout, Moment, Sight, Sighted, Ticket, Validity, Wish};

use crate::Bug;
use crate::etcd::{Compacted, Store};

/// Where a request stands.
#[derive(Debug, Clone)]
pub(super) enum Stage {
    /// It has no lease, or not asked for one.
    Out,
    /// It has a lease, and joins with it.
    Leased,
    /// It looks at the line.
    Looking(Option<Sight>),
    /// It is about to watch these.
    Watching(Lookout),
    /// It waits for one of these to tell.
    Waiting(Lookout),
    /// It has the turn.
    Holding,
}

/// A ticket and its lease.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) ticket: Ticket,
    pub(super) validity: Validity,
    pub(super) ttl: Duration,
    pub(super) stage: Stage,
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stepped {
    /// Goes on after so many milliseconds.
    On(u64),
    /// Waits for a watch to tell.
    Waits,
    /// The turn has come.
    Up,
    /// The lease is gone.
    Lost,
    /// etcd has not answered, or has refused.
    Trouble,
}

/// The pause before the line is read again because the lease is not sure.
const UNSURE: u64 = 20;

impl Place {
    pub(super) fn new(wish: Wish, lease: i64) -> Self {
        Self {
            ttl: wish.ttl,
            ticket: Ticket::new(wish, lease),
            validity: Validity::Gone { early: false },
            stage: Stage::Out,
        }
    }

    pub(super) fn pause(&self) -> u64 {
        millis(Lease::pause(self.ttl))
    }

    /// Up to when no server ends the lease; `None` if it is gone.
    pub(super) fn until(&self) -> Option<u64> {
        match self.validity {
            Validity::Until(moment) => Some(moment.as_millis()),
            Validity::Gone { .. } => None,
        }
    }

    /// A server has granted or renewed the lease.
    pub(super) fn is_leased(&mut self, now: u64, seconds: i64) {
        self.ttl = Duration::from_secs(seconds.unsigned_abs());
        self.validity = Validity::sent(Moment::from_millis(now), self.ttl);
    }

    /// Goes one step on. `call` is a request to etcd.
    pub(super) fn step(
        &mut self,
        now: u64,
        latency: u64,
        bug: Option<Bug>,
        mut call: impl FnMut(&mut dyn FnMut(&mut Store, u64)) -> bool,
    ) -> Stepped {
        if self.until().is_none() && !matches!(self.stage, Stage::Out) {
            return Stepped::Lost;
        }
        match std::mem::replace(&mut self.stage, Stage::Out) {
            Stage::Out => {
                let (lease, seconds) = (self.ticket.lease(), self.ticket.wish().ttl.as_secs());
                let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
                let mut granted = None;
                let arrived = call(&mut |store, now| {
                    granted = store.grant(now, lease, seconds).ok();
                });
                let Some(granted) = granted.filter(|_| arrived) else {
                    return Stepped::Trouble;
                };
                self.is_leased(now, granted);
                self.stage = Stage::Leased;
                Stepped::On(latency)
            }
            Stage::Leased => {
                let request = self.ticket.joining();
                let mut answer = None;
                let arrived = call(&mut |store, _| answer = store.txn(&request).ok());
                let Some(answer) = answer.filter(|_| arrived) else {
                    return Stepped::Trouble;
                };
                self.stage = Stage::Looking(self.ticket.joined(answer));
                Stepped::On(latency)
            }
            Stage::Looking(Some(sight)) => match self.ticket.sighted(&sight) {
                Sighted::Up if self.validity.is_sure_at(Moment::from_millis(now)) => {
                    self.stage = Stage::Holding;
                    Stepped::Up
                }
                Sighted::Up => {
                    self.stage = Stage::Looking(None);
                    Stepped::On(UNSURE)
                }
                Sighted::Behind(lookout) => {
                    self.stage = Stage::Watching(lookout);
                    Stepped::On(latency)
                }
            },
            Stage::Looking(None) => {
                self.stage = Stage::Looking(None);
                let request = self.ticket.looking();
                let mut answer = None;
                if !call(&mut |store, _| answer = Some(store.range(&request))) {
                    return Stepped::Trouble;
                }
                let Some(sight) = answer.and_then(|answer| self.ticket.looked(answer)) else {
                    return Stepped::Lost;
                };
                self.stage = Stage::Looking(Some(sight));
                Stepped::On(latency)
            }
            Stage::Watching(mut lookout) => {
                self.stage = Stage::Looking(None);
                let mut quiet = false;
                let arrived = call(&mut |store, _| {
                    if bug == Some(Bug::WatchesFromNow) {
                        for watch in &mut lookout.watches {
                            watch.start_revision = store.revision() + 1;
                        }
                    }
                    quiet = is_quiet(store, &mut lookout);
                });
                if !arrived || !quiet {
                    return Stepped::On(latency);
                }
                self.stage = Stage::Waiting(lookout);
                Stepped::Waits
            }
            stage @ (Stage::Waiting(_) | Stage::Holding) => {
                self.stage = stage;
                Stepped::Waits
            }
        }
    }

    /// Whether a watch has something to tell, so that it looks again. Whoever holds looks for its own key.
    pub(super) fn hears(&mut self, store: &Store) -> bool {
        match &mut self.stage {
            Stage::Waiting(lookout) => {
                let quiet = is_quiet(store, lookout);
                if !quiet {
                    self.stage = Stage::Looking(None);
                }
                !quiet
            }
            Stage::Holding => {
                // Of what is forgotten, a look finds out.
                let mut lookout = self.ticket.watching_itself(self.ticket.token());
                has_news(store, &mut lookout) == Ok(true)
                    || !store.keys().any(|kv| kv.key == self.ticket.key())
            }
            _ => false,
        }
    }

    /// The watch is cut: it looks again.
    pub(super) fn is_cut(&mut self) -> bool {
        let waits = matches!(self.stage, Stage::Waiting(_));
        if waits {
            self.stage = Stage::Looking(None);
        }
        waits
    }

    /// A renewal was answered; returns whether the lease lives.
    pub(super) fn renewed(&mut self, now: u64, seconds: i64) -> bool {
        if seconds > 0 {
            self.validity.renew(Moment::from_millis(now), self.ttl)
        } else {
            self.validity.end(Moment::from_millis(now));
            false
        }
    }
}

fn is_quiet(store: &Store, lookout: &mut Lookout) -> bool {
    has_news(store, lookout) == Ok(false)
}

/// Whether the watches have told of something since they were last asked.
fn has_news(store: &Store, lookout: &mut Lookout) -> Result<bool, Compacted> {
    let mut events = Vec::new();
    for watch in &mut lookout.watches {
        events.extend(store.hear(watch)?);
    }
    Ok(events.iter().any(|event| lookout.is_news(event)))
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
