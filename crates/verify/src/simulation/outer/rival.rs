//! Somebody without Juju who wants the lock: what `ops-coordinator lock` does.

use std::time::Duration;

use ops_coordinator_etcd::{Validity, Wish};

use super::place::{Place, Stage, Stepped};
use super::plan::RivalPlan;
use super::{Inside, Job, Outer, Whose, shared_lock};

const PAUSE: u64 = 1_000;
/// How often it looks how long the lease is still to live while its operation runs.
const LOOK: u64 = 200;

#[derive(Debug)]
pub(super) struct Rival {
    plan: RivalPlan,
    place: Option<Place>,
    /// When its operation ends.
    ends: Option<u64>,
    renews: bool,
    over: bool,
}

impl Rival {
    pub(super) fn new(plan: &RivalPlan) -> Self {
        Self {
            plan: plan.clone(),
            place: None,
            ends: None,
            renews: false,
            over: false,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.over
    }
}

impl Outer {
    pub(super) fn rival(&mut self, number: usize) {
        if self.rivals[number].over {
            return;
        }
        if let Some(ends) = self.rivals[number].ends {
            return self.operate(number, ends);
        }
        let lease = self.rng.i64((1 << 32)..i64::MAX);
        let latency = self.rng.u64(1..60);
        let place = self.rivals[number].place.take();
        let mut place = match place {
            Some(place) => place,
            None => match self.wish(number) {
                Some(wish) => Place::new(wish, lease),
                None => return,
            },
        };
        let (now, bug) = (self.now, self.bug);
        let stepped = place.step(now, latency, bug, |request| self.call(request).is_some());
        let (pause, lease) = (place.pause(), place.ticket.lease());
        if matches!(place.stage, Stage::Leased) && !self.rivals[number].renews {
            self.rivals[number].renews = true;
            self.at(now + pause, Job::RivalRenew(number));
        }
        let out = matches!(place.stage, Stage::Out);
        let inside = shared_lock(&self.plan, 0).map(|lock| Inside {
            lock: lock.name,
            token: place.ticket.token(),
            unit: None,
            orphan: false,
        });
        self.rivals[number].place = Some(place);
        match stepped {
            Stepped::On(time) => self.at(now + time, Job::Rival(number)),
            Stepped::Waits => {}
            Stepped::Up => {
                if let Some(inside) = inside {
                    self.go_inside(Whose::Rival(number), inside);
                }
                let ends = now + self.rivals[number].plan.holds;
                self.rivals[number].ends = Some(ends);
                self.at(now, Job::Rival(number));
            }
            Stepped::Lost => self.ask_again(number),
            Stepped::Trouble => {
                if out {
                    let _ = self.call(|store, _| store.revoke(lease));
                    self.rivals[number].place = None;
                }
                self.at(now + PAUSE, Job::Rival(number));
            }
        }
    }

    fn ask_again(&mut self, number: usize) {
        self.rivals[number].place = None;
        self.soon(Job::Rival(number));
    }

    fn wish(&self, number: usize) -> Option<Wish> {
        let lock = shared_lock(&self.plan, 0)?;
        Some(Wish {
            prefix: ops_coordinator_etcd::PREFIX.to_owned(),
            lock: lock.name,
            limit: lock.limit,
            ttl: Duration::from_secs(lock.ttl),
            who: format!("rival {number}"),
        })
    }

    /// Its operation goes on, unless it has come to its end, or the lease soon does.
    fn operate(&mut self, number: usize, ends: u64) {
        let now = self.now;
        let rival = &mut self.rivals[number];
        let Some(place) = rival.place.as_ref() else {
            return;
        };
        let margin = super::place::millis(place.ttl / 3);
        let stops = place.until().is_none_or(|until| until <= now + margin);
        if now < ends && !stops {
            let next = ends.min(now + LOOK);
            return self.at(next, Job::Rival(number));
        }
        let lease = place.ticket.lease();
        rival.over = true;
        let vanishes = rival.plan.vanishes;
        self.go_out(&Whose::Rival(number));
        if !vanishes {
            // If it does not arrive, the lease ends by itself.
            let _ = self.call(|store, _| store.revoke(lease));
        }
    }

    pub(super) fn renew_rival(&mut self, number: usize) {
        self.rivals[number].renews = false;
        let rival = &self.rivals[number];
        let lease = rival.place.as_ref().filter(|_| !rival.over);
        let lease = lease.filter(|place| !matches!(place.stage, Stage::Out));
        let Some((lease, pause)) = lease.map(|place| (place.ticket.lease(), place.pause())) else {
            return;
        };
        self.rivals[number].renews = true;
        let answer = self.call(|store, now| store.keep_alive(now, lease));
        let now = self.now;
        let Some(seconds) = answer else {
            return self.at(now + 100, Job::RivalRenew(number));
        };
        let Some(place) = self.rivals[number].place.as_mut() else {
            return;
        };
        if place.renewed(now, seconds) {
            self.at(now + pause, Job::RivalRenew(number));
            return;
        }
        self.rivals[number].renews = false;
        self.rival_lost(number);
    }

    fn rival_lost(&mut self, number: usize) {
        if self.rivals[number].ends.is_some() {
            // Its operation is stopped at the next look.
            self.at(self.now, Job::Rival(number));
        } else {
            self.ask_again(number);
        }
    }

    pub(super) fn tell_rivals(&mut self) {
        let mut told = Vec::new();
        for (number, rival) in self.rivals.iter_mut().enumerate() {
            let Some(place) = rival.place.as_mut().filter(|_| !rival.over) else {
                continue;
            };
            if place.hears(&self.store) {
                if matches!(place.stage, Stage::Holding)
                    && matches!(place.validity, Validity::Until(_))
                {
                    place.renewed(self.now, 0);
                }
                told.push(number);
            }
        }
        for number in told {
            self.soon(Job::Rival(number));
        }
    }

    pub(super) fn cut_rivals(&mut self) {
        let mut cut = Vec::new();
        for (number, rival) in self.rivals.iter_mut().enumerate() {
            if rival.place.as_mut().is_some_and(Place::is_cut) {
                cut.push(number);
            }
        }
        for number in cut {
            self.soon(Job::Rival(number));
        }
    }
}
