//! What a unit does for campaigns: those that call it, and those that it expects.

use serde_json::Value;

use super::Unit;
use crate::record::short;
use crate::{Call, Campaign, Invitation, LockJournal, LockName, Outcome, Payload, Reading, Ticket};

impl Unit {
    /// The ticket with which a campaign has invited this unit, if it has not taken that up yet.
    pub(super) fn invited(&self, lock: &LockName) -> Option<&Ticket> {
        let line = self.line.good()?.locks.get(lock)?;
        let state = self.record.locks.get(lock);
        let asked = state.map_or(0, |state| state.seq);
        line.invitation(&self.name, &self.record, asked)
    }

    /// The campaign in which this unit still has to go.
    fn called_by(&self, lock: &LockName) -> Option<&Campaign> {
        let line = self.line.good()?.locks.get(lock)?;
        line.calls(self.record.locks.get(lock))
    }

    /// What a campaign has this unit do, if it has no request of its own.
    pub(crate) fn invitation(&self, lock: &LockName) -> Option<Invitation> {
        if self.outstanding(lock).is_some() {
            return None;
        }
        Some(Invitation {
            ticket: self.invited(lock)?.clone(),
            payload: self.payload(lock),
        })
    }

    /// Adds what a campaign gives to an operation, unless an earlier attempt at this ticket has it already; and what the
    /// unit expects, unless that campaign answers it.
    pub(super) fn with_campaign(
        &self,
        lock: &LockName,
        ticket: &Ticket,
        own: Option<Value>,
    ) -> Option<Value> {
        let kept = self.journal.locks.get(lock);
        let started = kept.filter(|kept| kept.started.is_some_and(|begun| begun.seq == ticket.seq));
        let takes_part = started.and_then(|kept| kept.serves.as_ref());
        let campaign = self.called_by(lock);
        let news = campaign.filter(|campaign| takes_part != Some(&campaign.id));
        let given = news.and_then(|campaign| campaign.payload.clone());
        let id = campaign.map(|campaign| &campaign.id);
        let expects = kept.filter(|kept| id.is_none() || kept.answer.as_ref() != id);
        let expected = expects.and_then(|kept| kept.expects.as_ref()?.payload.clone());
        self.joined(self.joined(own, given), expected)
    }

    /// The operation takes part in the campaign that calls this unit now: it begins after that was announced. It serves
    /// what the unit expects as well.
    pub(super) fn join_campaign(&mut self, lock: &LockName, ticket: &Ticket) {
        let campaign = self.called_by(lock).map(|campaign| campaign.id.clone());
        let own = self.journal.locks.get(lock);
        let own = own.and_then(|kept| kept.payload.get(&ticket.seq).cloned());
        let payload = self.with_campaign(lock, ticket, own);
        let kept = self.journal.locks.entry(lock.clone()).or_default();
        kept.expect_nothing();
        if let Some(payload) = payload {
            kept.payload.insert(ticket.seq, payload);
        }
        let again = kept.started.is_some_and(|begun| begun.seq == ticket.seq);
        if campaign.is_some() || !again {
            kept.serves = campaign;
        }
    }

    /// Makes an invitation this unit's own request.
    pub(super) fn accept_invitation(&mut self, lock: &LockName) {
        if self.outstanding(lock).is_some() {
            return;
        }
        let Some(seq) = self.invited(lock).map(|ticket| ticket.seq) else {
            return;
        };
        let campaign = self.called_by(lock).cloned();
        let kept = self.journal.locks.entry(lock.clone()).or_default();
        // Numbers in between, if any, were never requested.
        kept.record.done = seq.saturating_sub(1);
        kept.record.seq = seq;
        kept.called = true;
        if let Some(campaign) = campaign {
            kept.record.asked = campaign.version;
            kept.record.requested_at = campaign.at;
            let operation = campaign.operation.as_deref().map(short);
            kept.record.operation = operation.filter(|text| text != lock.as_str());
        }
        self.publish_journal();
    }

    /// Passes in the campaign that calls this unit: it needs no turn. Returns false if none does, or if the unit has a
    /// request of its own.
    pub(crate) fn pass(&mut self, lock: &LockName, reason: Option<&str>) -> bool {
        let passes = self.step_aside(lock, reason);
        let kept = self.journal.locks.get_mut(lock);
        if let Some(kept) = kept.filter(|kept| passes && kept.answer.is_some()) {
            kept.expect_nothing();
        }
        passes
    }

    /// As [`Unit::pass`], but the unit still expects what it has expected.
    fn step_aside(&mut self, lock: &LockName, reason: Option<&str>) -> bool {
        let asks = self.outstanding(lock).is_some();
        if asks && !self.waits_only_for_campaign(lock) || self.is_under_way(lock) {
            return false;
        }
        let campaign = self.called_by(lock).cloned();
        if !asks && campaign.is_none() && self.invited(lock).is_none() {
            return false;
        }
        self.accept_invitation(lock);
        self.journal.locks.entry(lock.clone()).or_default();
        self.end(lock, Outcome::Passed, reason);
        true
    }

    /// Expects a campaign: all units know of this, so the leader rolls them, and none need ask.
    pub(crate) fn expect(&mut self, lock: &LockName, call: Call) {
        let before = self.journal.locks.get_mut(lock);
        let before = before.and_then(LockJournal::expect_nothing);
        let payload = self.joined(before.and_then(|call| call.payload), call.payload);
        let kept = self.journal.locks.entry(lock.clone()).or_default();
        kept.expects = Some(Call { payload, ..call });
        self.journal.incarnation = Some(self.record.incarnation.clone());
        self.answer_campaigns(false, false);
    }

    /// The campaigns that the unit expects, and that do not call it yet.
    pub(crate) fn expected(&self) -> Vec<(LockName, Call)> {
        let expected = self.journal.expected(self.line.good());
        expected
            .map(|(lock, call)| (lock.clone(), call.clone()))
            .collect()
    }

    /// Asks for itself, as no campaign has come.
    pub(crate) fn expect_no_longer(&mut self, lock: &LockName) {
        let kept = self.journal.locks.get_mut(lock);
        let Some(call) = kept.and_then(LockJournal::expect_nothing) else {
            return;
        };
        let payload = Payload {
            value: call.payload,
            lost: false,
        };
        self.request(lock, call.operation.as_deref(), &payload);
    }

    /// Answers what campaigns want of this unit. It passes where an invitation has lost its purpose. Where nobody can
    /// invite it, because the leader knows no record of it, it asks for itself. A unit that is only just born has
    /// nothing to roll.
    pub(super) fn answer_campaigns(&mut self, newborn: bool, at_home: bool) {
        let Some(line) = self.line.good() else { return };
        let unknown = self.read == Reading::Absent;
        let (mut born, mut passes, mut asks) = (Vec::new(), Vec::new(), Vec::new());
        for (lock, line) in &line.locks {
            let state = self.record.locks.get(lock);
            if let Some(kept) = self.journal.locks.get_mut(lock) {
                kept.answer_expectation(line, state);
            }
            match line.calls(state) {
                Some(campaign) if newborn && unknown && state.is_none() => {
                    born.push((lock.clone(), campaign.id.clone()));
                }
                Some(_) if unknown && at_home && self.next(lock).is_none() => {
                    asks.push(lock.clone());
                }
                None if self.waits_only_for_campaign(lock) => passes.push(lock.clone()),
                _ => {}
            }
        }
        for (lock, campaign) in born {
            let kept = self.journal.locks.entry(lock).or_default();
            kept.record.served = Some(campaign);
        }
        for lock in passes {
            self.step_aside(&lock, None);
        }
        for lock in asks {
            self.request(&lock, None, &Payload::default());
            if let Some(kept) = self.journal.locks.get_mut(&lock) {
                kept.called = true;
            }
        }
        self.journal.write_to(&mut self.record);
    }

    /// Whether the unit's next turn is of a campaign's making and has not begun.
    fn waits_only_for_campaign(&self, lock: &LockName) -> bool {
        match self.outstanding(lock) {
            Some(_) => {
                let kept = self.journal.locks.get(lock);
                kept.is_some_and(|kept| kept.called) && !self.is_under_way(lock)
            }
            None => self.invited(lock).is_some(),
        }
    }
}
