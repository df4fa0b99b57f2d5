//! What a charm asks in its hook.

use std::collections::BTreeMap;

use ops_coordinator_core::engine::{Carried, Engine, Process};
use ops_coordinator_core::policy::Policy;
use ops_coordinator_core::wire::LockRecord;
use ops_coordinator_core::{
    Instructed, Instruction, LockName, OnFailure, Order, Payload, Recovery, Requested, RollPlan,
    Status, Ticket, Turn, UnitName, Wait,
};
use ops_coordinator_excerpt::excerpt;

use crate::{Error, Hook, Operation, Start};

/// How an operation stands that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It has succeeded, and the turn is over.
    Done,
    /// It has succeeded, and keeps the turn until its check has held: [`Hook::start`] looks at that in later hooks.
    Checking(Wait),
    /// It has failed, or its check has.
    Failed {
        /// Why.
        why: String,
        /// What the unit does now.
        then: OnFailure,
    },
}

impl Hook {
    /// Requests a turn and publishes the request. If the relation does not exist yet, stores the request on
    /// disk to publish it later.
    ///
    /// # Errors
    /// A hook tool's failure, or a state file that cannot be written.
    pub fn request(&mut self, lock: &LockName) -> Result<Requested, Error> {
        self.ask(|engine| engine.request(lock, None, &Payload::default()))
    }

    /// As [`Hook::request`], for an operation that is given to whoever runs it. Two requests that share a turn become
    /// one operation ([`Operation::join`]).
    ///
    /// # Errors
    /// As [`Hook::request`].
    pub fn request_with(
        &mut self,
        lock: &LockName,
        operation: &Operation,
    ) -> Result<Requested, Error> {
        let payload = operation.to_payload();
        let name = operation.name.as_deref();
        self.ask(|engine| engine.request(lock, name, &payload))
    }

    /// Withdraws the unit's requests for a lock. Returns false if none is waiting or the operation is running.
    ///
    /// # Errors
    /// As [`Hook::request`].
    pub fn withdraw(&mut self, lock: &LockName) -> Result<bool, Error> {
        let withdrawn = self.ask(|engine| engine.withdraw(lock, None))?;
        self.settle_shared()?;
        Ok(withdrawn)
    }

    /// Withdraws the unit's requests for a lock because they have no claimant, and publishes the reason.
    /// Returns false if none is waiting or the operation is running.
    ///
    /// # Errors
    /// As [`Hook::request`].
    pub fn withdraw_because(&mut self, lock: &LockName, reason: &str) -> Result<bool, Error> {
        let withdrawn = self.ask(|engine| engine.withdraw(lock, Some(reason)))?;
        self.settle_shared()?;
        Ok(withdrawn)
    }

    /// Expects a campaign: all units know of this reason, so the leader rolls them when it expects it as well, and none need
    /// ask. A unit that no campaign has called after a minute asks for itself. It expects until an operation begins, it
    /// passes, or an operator aborts the campaign for that reason.
    ///
    /// # Errors
    /// As [`Hook::request`].
    pub fn expect(
        &mut self,
        lock: &LockName,
        reason: &str,
        operation: &Operation,
    ) -> Result<(), Error> {
        let call = operation.to_call(reason);
        self.ask(|engine| engine.expect(lock, &call))
    }

    /// Passes in the campaign that calls this unit for a lock: it needs no turn. Returns false if none does, or if the
    /// unit has a request of its own, which [`Hook::withdraw`] takes back.
    ///
    /// # Errors
    /// As [`Hook::request`].
    pub fn pass(&mut self, lock: &LockName, reason: Option<&str>) -> Result<bool, Error> {
        self.ask(|engine| engine.pass(lock, reason))
    }

    /// Whether this unit's turn has come. [`Hook::start`] also asks the gatekeeper ([`Hook::set_gatekeeper`]).
    ///
    /// # Errors
    /// A hook tool's failure, or a state file that cannot be read.
    pub fn turn(&mut self, lock: &LockName) -> Result<Turn, Error> {
        self.ask(|engine| engine.turn(lock))
    }

    /// Begins the operation if it is this unit's turn. The journal is then synced to disk. If the operation has succeeded in
    /// an earlier hook and its check has yet to hold ([`Hook::set_check`]), looks at that instead.
    ///
    /// # Errors
    /// As [`Hook::request`].
    pub fn start(&mut self, lock: &LockName) -> Result<Start, Error> {
        let started = self.ask(|engine| engine.start(lock))?;
        self.settle_shared()?;
        Ok(started.map(Operation::from_payload))
    }

    /// Records a process that works on the operation which [`Hook::start`] began, in addition to this process. While
    /// either is alive, no later hook begins another attempt.
    ///
    /// # Errors
    /// As [`Hook::request`].
    pub fn note_process(&mut self, lock: &LockName, process: Process) -> Result<(), Error> {
        self.ask(|engine| engine.note_process(lock, process))
    }

    /// Ends the operation that [`Hook::start`] began, and publishes how it ended. After a success the unit keeps its turn
    /// until its check has held, if it has one ([`Hook::set_check`]).
    ///
    /// # Errors
    /// As [`Hook::request`]; [`Error::HookOver`] if another hook has begun meanwhile, which will run the
    /// operation again.
    pub fn finish(&mut self, lock: &LockName, result: Result<(), String>) -> Result<Ended, Error> {
        let Err(why) = result else {
            return self.succeed(lock, None);
        };
        self.ask(|engine| engine.finish(lock, Err(&why), None))?;
        let then = OnFailure::Retry;
        Ok(Ended::Failed { why, then })
    }

    fn succeed(&mut self, lock: &LockName, served: Option<u64>) -> Result<Ended, Error> {
        if !self.has_check(lock) {
            self.ask(|engine| engine.finish(lock, Ok(()), served))?;
            self.settle_shared()?;
            return Ok(Ended::Done);
        }
        // Before the check runs, which may take long, it is on the disk that the operation has succeeded.
        self.ask(|engine| engine.put_on_trial(lock, served))?;
        Ok(self.look_at_check(lock)?.unwrap_or(Ended::Done))
    }

    /// Looks at the check of an operation that has succeeded in an earlier hook, as [`Hook::start`] does; begins nothing.
    /// `None` if no operation keeps its turn for a check.
    ///
    /// # Errors
    /// As [`Hook::request`].
    pub fn look_at_check(&mut self, lock: &LockName) -> Result<Option<Ended>, Error> {
        let looked = self.ask(|engine| engine.look_at_check(lock))?;
        self.settle_shared()?;
        Ok(looked.map(|looked| match looked {
            ops_coordinator_core::Start::Waiting(wait) => Ended::Checking(wait),
            ops_coordinator_core::Start::Failed { why, then } => Ended::Failed { why, then },
            _ => Ended::Done,
        }))
    }

    /// Ends the operation that [`Hook::start`] began, which has failed. Returns what the unit then does, as `recovery`
    /// says; [`Hook::finish`] with an error is [`OnFailure::Retry`].
    ///
    /// # Errors
    /// As [`Hook::finish`].
    pub fn fail(
        &mut self,
        lock: &LockName,
        why: &str,
        recovery: impl Into<Recovery>,
    ) -> Result<OnFailure, Error> {
        let recovery = recovery.into();
        let then = self.ask(|engine| engine.fail(lock, why, recovery))?;
        self.settle_shared()?;
        Ok(then)
    }

    /// Ends the operation successfully, and with it every request up to number `seq`: they were made before
    /// it began.
    ///
    /// # Errors
    /// As [`Hook::finish`].
    pub fn finish_through(&mut self, lock: &LockName, seq: u64) -> Result<Ended, Error> {
        self.succeed(lock, Some(seq))
    }

    /// Ends the hook: publishes pending changes and, if this unit leads, maintains the line. It must be the
    /// last thing that the hook does, because the line may be written only for a short time after it was
    /// read. Calling it again is harmless.
    ///
    /// # Errors
    /// A hook tool's failure, or a state file that cannot be written.
    pub fn release(&mut self, policy: &dyn Policy) -> Result<(), Error> {
        self.release_with(policy, &[])
    }

    /// As [`Hook::release`]; on the leader, carries out operators' orders in the same write.
    ///
    /// # Errors
    /// As [`Hook::release`].
    pub fn release_with(&mut self, policy: &dyn Policy, orders: &[Order]) -> Result<(), Error> {
        // What needs a look at the databags comes before the line is written.
        self.settle_shared()?;
        self.ask_for_all_access()?;
        let released = self.ask(|engine| engine.release(policy, orders));
        self.warn_of_faults(policy);
        released
    }

    /// The ticket with which a unit waits or works, as this leader sees it: an operator names only the unit. `None`
    /// if none is outstanding.
    ///
    /// # Errors
    /// [`Error::NotLeader`] on any other unit; a hook tool's failure; a state file that cannot be read.
    pub fn ticket_of(&mut self, lock: &LockName, unit: &UnitName) -> Result<Option<Ticket>, Error> {
        if !self.is_leader() {
            return Err(Error::NotLeader);
        }
        self.ask(|engine| engine.ticket_of(lock, unit))
    }

    /// Carries out an operator's instruction at once, and changes nothing else in the line. Repeating it is harmless.
    /// Returns what was done, in words, without the lock's name.
    ///
    /// # Errors
    /// [`Error::NotLeader`] on any other unit; [`Error::NotStopped`] for a retry of what has not stopped;
    /// [`Error::NotCarriedOut`] if the line could not be written; a hook tool's failure.
    pub fn instruct(
        &mut self,
        lock: &LockName,
        instruction: &Instruction,
    ) -> Result<String, Error> {
        if !self.is_leader() {
            return Err(Error::NotLeader);
        }
        let instructed = self.ask(|engine| engine.instruct(lock, instruction))?;
        if let Some(why) = self.unwritten.take() {
            return Err(Error::NotCarriedOut(why));
        }
        let (ticket, anew) = match instructed {
            Instructed::Done(ticket) => (ticket, true),
            Instructed::AlreadySo(ticket) => (ticket, false),
            Instructed::NothingAsked(unit) => {
                let unit = unit.to_string();
                return Ok(format!("{} has requested nothing", excerpt(&unit)));
            }
            Instructed::NotStopped(ticket) => return Err(Error::NotStopped(ticket)),
            Instructed::Not(why) => return Err(Error::NotCarriedOut(why)),
        };
        Ok(told(instruction, ticket.as_ref(), anew))
    }

    /// Rolls all units: announces a campaign at once, and fills the line by this policy. Without one, the leader's next
    /// release fills it. Returns false if a campaign for the same reason is under way, which goes on; one for another
    /// reason gives way.
    ///
    /// # Errors
    /// [`Error::NotLeader`] on any other unit; [`Error::NotCarriedOut`] if the line could not be written; a hook
    /// tool's failure.
    pub fn roll(
        &mut self,
        lock: &LockName,
        reason: &str,
        operation: &Operation,
        policy: Option<&dyn Policy>,
    ) -> Result<bool, Error> {
        if !self.is_leader() {
            return Err(Error::NotLeader);
        }
        let call = operation.to_call(reason);
        let told = self.ask(|engine| engine.roll(lock, &call, policy));
        if let Some(policy) = policy {
            self.warn_of_faults(policy);
        }
        match told? {
            Instructed::Not(why) => Err(Error::NotCarriedOut(why)),
            instructed => match self.unwritten.take() {
                Some(why) => Err(Error::NotCarriedOut(why)),
                None => Ok(matches!(instructed, Instructed::Done(_))),
            },
        }
    }

    /// Carries out orders at once, and changes nothing else in the line. Returns false if the line already is as
    /// ordered.
    ///
    /// # Errors
    /// [`Error::NotLeader`] on any other unit; [`Error::NotCarriedOut`] if the line could not be written; a hook
    /// tool's failure.
    pub fn carry_out_orders(&mut self, orders: &[Order]) -> Result<bool, Error> {
        if !self.is_leader() {
            return Err(Error::NotLeader);
        }
        match self.ask(|engine| engine.carry_out(orders))? {
            Carried::Out => match self.unwritten.take() {
                Some(why) => Err(Error::NotCarriedOut(why)),
                None => Ok(true),
            },
            Carried::AlreadySo => Ok(false),
            Carried::Not(why) => Err(Error::NotCarriedOut(why)),
        }
    }

    /// What this unit publishes about a lock, including this hook's changes.
    ///
    /// # Errors
    /// A hook tool's failure, or a state file that cannot be read.
    pub fn record(&mut self, lock: &LockName) -> Result<LockRecord, Error> {
        self.ask(|engine| engine.record(lock))
    }

    /// The payload of the request that is served next, if it has one.
    ///
    /// # Errors
    /// As [`Hook::record`].
    pub fn asked(&mut self, lock: &LockName) -> Result<Option<Operation>, Error> {
        let payload = self.ask(|engine| engine.payload(lock))?;
        let has_one = payload.value.is_some();
        Ok(has_one.then(|| Operation::from_payload(payload)))
    }

    /// What a campaign has this unit do now, and under which number: its turn has come, and it has no request of its own.
    /// `None` otherwise, also once the operation has begun. [`Hook::start`] begins it.
    ///
    /// # Errors
    /// As [`Hook::record`].
    pub fn invitation(&mut self, lock: &LockName) -> Result<Option<(u64, Operation)>, Error> {
        let invited = self.ask(|engine| engine.invitation(lock))?;
        Ok(invited.map(|invited| {
            let operation = Operation::from_payload(invited.payload);
            (invited.ticket.seq, operation)
        }))
    }

    /// The locks for which a campaign has invited this unit and its turn has come, although it has no request of its own. If
    /// there is none, this calls no hook tool in most hooks.
    ///
    /// # Errors
    /// As [`Hook::record`].
    pub fn invitations(&mut self) -> Result<Vec<LockName>, Error> {
        self.ask(Engine::invitations)
    }

    /// For each lock with an outstanding request of this unit, the number of the one that is served next, including
    /// those left on `siblings`, endpoints that the charm has used before. If the unit only waits, this calls no hook
    /// tool.
    ///
    /// # Errors
    /// As [`Hook::record`].
    pub fn outstanding(&mut self, siblings: &[String]) -> Result<BTreeMap<LockName, u64>, Error> {
        self.ask(|engine| engine.outstanding(siblings))
    }

    /// The units that have requested a lock and are not in its line, in the order in which they would join it under
    /// [`Rotation`](crate::policy::Rotation). Reads every unit's record.
    ///
    /// # Errors
    /// As [`Hook::record`].
    pub fn queue(&mut self, lock: &LockName) -> Result<Vec<UnitName>, Error> {
        self.ask(|engine| engine.queue(lock))
    }

    /// What this unit waits for, in one line for all its locks, such as "restart: 2nd in line, behind app/3"; `None` if
    /// nothing is requested. Says nothing of an operation that this hook is running. A waiting unit's hook knows this without another hook tool call, so some of the
    /// entries that it counts may be finished.
    ///
    /// # Errors
    /// As [`Hook::record`].
    pub fn summary(&mut self) -> Result<Option<String>, Error> {
        self.ask(Engine::summary)
    }

    /// This unit's metrics, in the text format of Prometheus.
    ///
    /// # Errors
    /// As [`Hook::record`].
    pub fn metrics(&mut self) -> Result<String, Error> {
        self.ask(Engine::metrics)
    }

    /// Reads every unit's record and says who would go when if the leader fills the line by this policy, and what stands
    /// in the way. Costs one hook tool call per unit.
    ///
    /// # Errors
    /// As [`Hook::record`].
    pub fn plan(&mut self, lock: &LockName, policy: &dyn Policy) -> Result<RollPlan, Error> {
        let plan = self.ask(|engine| engine.plan(lock, policy));
        self.warn_of_faults(policy);
        plan
    }

    fn warn_of_faults(&mut self, policy: &dyn Policy) {
        for fault in policy.take_faults() {
            self.warn(fault);
        }
    }

    /// Reads every unit's record and reports where all requests stand. Costs one hook tool call per unit.
    ///
    /// # Errors
    /// As [`Hook::record`].
    pub fn status(&mut self) -> Result<Status, Error> {
        let mut status = self.ask(Engine::status)?;
        status.shared = self.shared_in_words()?;
        status.warnings.splice(..0, self.take_warnings());
        Ok(status)
    }
}

/// What has become of an instruction, in words.
fn told(instruction: &Instruction, ticket: Option<&Ticket>, anew: bool) -> String {
    let already = if anew { "" } else { "already " };
    let ticket = ticket.map(ToString::to_string).unwrap_or_default();
    let until = "it keeps its place until the unit's next hook";
    match instruction {
        Instruction::Pause { .. } => format!("{already}paused; what runs is not interrupted"),
        Instruction::Resume if anew => "resumed".to_owned(),
        Instruction::Resume => "not paused".to_owned(),
        Instruction::Abort if anew => "campaign aborted; units that have begun go on".to_owned(),
        Instruction::Abort => "no campaign is under way".to_owned(),
        Instruction::Retry(_) => {
            format!("{ticket} may {already}try again, in the unit's next hook")
        }
        Instruction::Skip(_) => format!("{ticket} {already}skipped; {until}"),
        Instruction::Force(_) => {
            format!("{ticket} {already}cancelled; its entry was removed from the line")
        }
        _ => format!("{ticket} {already}cancelled; {until}"),
    }
}
