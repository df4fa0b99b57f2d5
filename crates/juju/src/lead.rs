//! The end of a hook: what the unit publishes last, and the line where it leads.

use std::collections::BTreeSet;

use ops_coordinator_core::leader::{Lead, Plan, Postponed, lead};
use ops_coordinator_core::policy::Policy;
use ops_coordinator_core::{
    KEY, Line, LockName, Reading, Ticket, UnitName, UnitRecord, encode_line,
};

use crate::hook::Hook;
use crate::{Error, RelationId};

impl Hook {
    /// Ends the hook: publishes what is still to be published and, where this unit leads, keeps the
    /// line. It must be the last thing that the hook does, because the line may be written only for a
    /// short while after it was read. Calling it again is harmless.
    ///
    /// # Errors
    /// A hook tool's failure, or a state file that cannot be written.
    pub fn release(
        &mut self,
        policy: &dyn Policy,
        cancel: &[(LockName, Ticket)],
    ) -> Result<(), Error> {
        if self.relation.is_some() {
            if self.session.leader {
                self.publish_own()?;
                self.keep_line(policy, cancel)?;
            } else if !self.only_waits()? {
                self.publish_own()?;
            }
        }
        self.save_session()
    }

    fn publish_own(&mut self) -> Result<(), Error> {
        self.load_unit()?;
        self.publish()
    }

    /// Whether every request of this unit is in the line and waits there, so that it has nothing to say.
    fn only_waits(&mut self) -> Result<bool, Error> {
        let Some(tickets) = self.quiet_tickets() else {
            return Ok(false);
        };
        for (lock, _) in tickets {
            // What matters is the look at the line: should the turn have come in a hook that the charm
            // did not wire, it stays ours until a hook takes it.
            self.turn(&lock)?;
        }
        Ok(true)
    }

    fn keep_line(
        &mut self,
        policy: &dyn Policy,
        cancel: &[(LockName, Ticket)],
    ) -> Result<(), Error> {
        let Some(relation) = self.relation.clone() else {
            return Ok(());
        };
        if self.session.wrote_line {
            return Ok(());
        }
        let mut members = self.tools.relation_list(&relation)?;
        for member in &members {
            self.read_peer(member);
        }
        members.retain(|unit| !self.session.departed.contains(unit));
        self.report_unreadable();
        let mut alive = None;
        if self.environment.lists_the_gone && self.someone_waits()? {
            let known = self.tools.goal_state_units()?;
            members.retain(|unit| known.contains(unit));
            alive = Some(known);
        }
        let mut plan = self.plan(policy, &members, alive.as_ref(), cancel)?;
        if let Plan::AskGoalState(_) = plan {
            let alive = self.tools.goal_state_units()?;
            plan = self.plan(policy, &members, Some(&alive), cancel)?;
        }
        match plan {
            Plan::Keep { wake: false } | Plan::AskGoalState(_) => {}
            Plan::Keep { wake: true } | Plan::Postpone(Postponed::FinishFirst(_)) => self.wake(),
            Plan::Postpone(Postponed::LeaseBound) => {
                self.warnings
                    .push("the hook took so long that the line is left to the next one".to_owned());
                self.wake();
            }
            Plan::Write { line, wake } => self.write_line(&relation, &line, wake)?,
            Plan::Frozen(why) => self.warnings.push(why),
        }
        Ok(())
    }

    /// Whether a unit has asked for what is not finished, as far as this hook has read.
    fn someone_waits(&mut self) -> Result<bool, Error> {
        let waits = |record: &UnitRecord| record.locks.values().any(|lock| lock.seq > lock.done);
        let others = self.view.records().values().filter_map(Reading::good);
        let others_wait = others.into_iter().any(waits);
        Ok(others_wait || waits(self.load_unit()?.record()))
    }

    fn write_line(&mut self, relation: &RelationId, line: &Line, wake: bool) -> Result<(), Error> {
        match self
            .tools
            .relation_set(relation, true, KEY, &encode_line(line))
        {
            Ok(()) => {
                self.session.wrote_line = true;
                if wake {
                    self.wake();
                }
                Ok(())
            }
            // Another unit leads by now and keeps the line. Failing the hook would lose what it did.
            Err(Error::Tool(refused)) => {
                self.warnings
                    .push(format!("the line is left to another leader: {refused}"));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn plan(
        &mut self,
        policy: &dyn Policy,
        members: &BTreeSet<UnitName>,
        alive: Option<&BTreeSet<UnitName>>,
        cancel: &[(LockName, Ticket)],
    ) -> Result<Plan, Error> {
        let departing = self.environment.departing_unit.clone();
        let (read_at, now) = (self.session.read_at, self.machine.now());
        let finished_operation = self.session.finished_operation;
        let view = self.view.clone();
        let unit = self.load_unit()?;
        let input = Lead {
            unit,
            view: &view,
            members,
            departing: departing.as_ref(),
            alive,
            read_at,
            now,
            finished_operation,
            cancel,
        };
        Ok(lead(&input, policy))
    }

    fn report_unreadable(&mut self) {
        for (unit, record) in self.view.records() {
            if let Some(fault) = record.fault() {
                self.warnings
                    .push(format!("the databag of {unit}: {fault}"));
            }
        }
    }

    /// Arranges for another hook. That there is no waker is no reason to fail: the next `update-status`
    /// serves as well, only later.
    pub(crate) fn wake(&mut self) {
        if self.session.woke {
            return;
        }
        match self.machine.wake(&self.environment.context) {
            Ok(()) => self.session.woke = true,
            Err(error) => self
                .warnings
                .push(format!("no waker could be started: {error}")),
        }
    }
}
