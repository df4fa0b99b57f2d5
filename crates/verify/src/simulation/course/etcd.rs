//! A run with shared locks: etcd, its deputies and its rivals work in between.

use std::mem::take;

use ops_coordinator_juju::Errand;

use super::{Run, Violation, told};
use crate::simulation::bridge::Wish;
use crate::simulation::outer::Outer;

impl Run {
    /// Lets etcd and the deputies work until the next thing happens, or with `alone` the next of theirs. Returns whether
    /// there was any.
    pub(super) fn let_etcd_work(&mut self, alone: bool) -> bool {
        let mut shared = self.shared.borrow_mut();
        let leapt = shared.leapt;
        let next = self.simulation.next_at().map(|at| at + leapt);
        let boots = shared.boots.clone();
        let Some(outer) = &mut shared.outer else {
            return false;
        };
        outer.boots = boots;
        let until = if alone { outer.next_at() } else { next };
        let Some(until) = until else {
            return false;
        };
        let now = outer.run_until(until);
        let (woken, ended) = (take(&mut outer.woken), take(&mut outer.ended));
        for process in ended {
            shared.process_ends(process);
        }
        drop(shared);
        if alone || !woken.is_empty() {
            self.simulation.pass(now - leapt);
        }
        for (unit, endpoint) in woken {
            let wish = Wish {
                endpoint,
                context: "deputy".to_owned(),
                errand: Errand::Later(0),
                after: 0,
            };
            if let Ok(unit) = unit.parse() {
                self.wakers.ask(self.simulation.now(), unit, &wish);
            }
        }
        true
    }

    pub(super) fn nothing_in_etcd(&self) -> bool {
        let shared = self.shared.borrow();
        shared.outer.as_ref().is_none_or(Outer::is_empty)
    }

    pub(super) fn rivals_wait(&self) -> bool {
        let shared = self.shared.borrow();
        shared.outer.as_ref().is_some_and(Outer::is_wanted)
    }

    /// Whether somebody has gone inside a shared lock, or out, since the last look.
    pub(super) fn has_progressed(&mut self) -> bool {
        let shared = self.shared.borrow();
        let progress = shared.outer.as_ref().map_or(0, Outer::progress);
        std::mem::replace(&mut self.progress, progress) != progress
    }

    pub(super) fn check_etcd_at_rest(&mut self) -> Result<(), Violation> {
        let mut shared = self.shared.borrow_mut();
        let left = shared.outer.as_mut().map(Outer::check_rest);
        left.transpose().map(drop).map_err(told)
    }
}
