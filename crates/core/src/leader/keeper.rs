//! How the line of one lock is kept: requests are appended, and entries that are over are removed.

use std::collections::BTreeMap;

use super::Lead;
use crate::policy::{Policy, Request, Situation, Tail};
use crate::record::{short, short_reason};
use crate::{
    Call, Campaign, CampaignId, Entry, LockLine, LockName, Order, Reading, Retry, Ticket, UnitName,
    UnitRecord, invariant,
};

/// How many entries behind those that may run keep the leader from writing the line, in a hook that sees one finished.
/// Each line that is written wakes every unit, so the leader waits until nobody is queued, and then appends all that it
/// knows. In any other hook it appends only if somebody may run at once: more requests may follow, and their hooks or
/// the next finish come anyway.
const RESERVE: u32 = 1;

/// Maintains the line of one lock.
pub(super) struct Keeper<'a> {
    pub(super) input: &'a Lead<'a>,
    pub(super) lock: &'a LockName,
}

/// The result of maintaining a lock's line.
pub(super) struct Kept {
    appended: bool,
    /// Something other than an append: an entry that is gone, a cancellation, a lowered limit.
    pub(super) removed: bool,
    /// Units in the line, unfinished, and not in the relation.
    pub(super) missing: Vec<UnitName>,
}

impl Kept {
    pub(super) fn changed(&self) -> bool {
        self.appended || self.removed
    }
}

impl Keeper<'_> {
    pub(super) fn keep(&self, line: &mut LockLine, policy: &dyn Policy) -> Kept {
        // What this hook cancels may be about the campaign that it announces.
        let ordered = self.keep_campaign(line)
            | self.keep_cancellations(line)
            | self.keep_pause(line)
            | self.keep_retries(line);
        let removed = ordered | self.keep_place(line);
        let mut kept = Kept {
            missing: Vec::new(),
            removed,
            appended: false,
        };
        let mut remaining: Vec<Entry> = line
            .entries
            .iter()
            .filter(|entry| !self.is_over(&entry.ticket) && !self.is_forced(&entry.ticket))
            .cloned()
            .collect();
        // No event tells other units what a departed unit finishes, so the line has to tell them.
        let untold = |ticket: &Ticket| {
            self.is_forced(ticket) || !self.is_here(&ticket.unit) && self.is_over(ticket)
        };
        let gone = line.entries.iter().any(|entry| untold(&entry.ticket));
        let requests = self.requests(line, &remaining);
        let situation = self.situation(line, &remaining, &requests);
        let limit = policy.limit(self.lock, &situation);
        let lowered = lower(&mut remaining, limit);
        kept.removed |= gone | lowered;
        let joining = self.joining(line, &remaining, policy, requests, limit, kept.removed);
        kept.appended = !joining.is_empty();
        // Any other finished entry does no harm; it goes when there is another reason to write.
        if gone || lowered || kept.appended {
            line.retries.retain(|retry| !self.is_over(&retry.ticket));
            line.entries = remaining;
            line.entries.extend(joining);
        }
        kept.missing = self.missing(line);
        kept
    }

    /// The entries to append: none unless the line has run short, or is written anyway.
    fn joining(
        &self,
        line: &LockLine,
        remaining: &[Entry],
        policy: &dyn Policy,
        mut requests: Vec<Request>,
        limit: u32,
        is_written: bool,
    ) -> Vec<Entry> {
        if self.input.held.contains_key(self.lock) {
            return Vec::new();
        }
        if line.moved.is_some() {
            // A unit that is inside already must be seen here, wherever the others go.
            requests.retain(|request| self.has_begun(request));
        }
        let inside = requests.iter().filter(|request| self.has_begun(request));
        let inside = inside.count();
        let situation = self.situation(line, remaining, &requests);
        let budget = policy.max_unavailable(self.lock, &situation);
        let budget = budget.map(|most| (most, self.occupied(remaining)));
        // Whoever is in the line may begin, whatever becomes of the others meanwhile.
        let lookahead = budget.map_or_else(|| policy.lookahead(self.lock), |_| 0);
        let moves = self.input.saw_finish || self.input.finished_operation;
        let reserve = if moves { lookahead.min(RESERVE) } else { 0 };
        if inside == 0 && !is_written && remaining.len() >= limit.saturating_add(reserve) as usize {
            return Vec::new();
        }
        policy.order(self.lock, &mut requests, &situation);
        // Whose unit is inside already goes first, and waits for no other wave.
        for request in &mut requests {
            if self.has_begun(request) {
                request.wave = 0;
            }
        }
        requests.sort_by_key(|request| !self.has_begun(request));
        if let Some((most, occupied)) = budget {
            let mut spare = (most as usize).saturating_sub(occupied);
            requests.retain(|request| {
                self.is_free(request) || spare.checked_sub(1).map(|left| spare = left).is_some()
            });
            invariant::hold(|| {
                let joining = requests.iter().filter(|request| !self.is_free(request));
                invariant::budget_is_kept(most, occupied, joining.count())
            });
        }
        let room = (limit.saturating_add(lookahead) as usize).saturating_sub(remaining.len());
        let room = room.max(inside);
        // Waves only ever rise along a line, whatever the policy says.
        let mut wave = remaining.last().map_or(0, |entry| entry.wave);
        let enter = |request: Request| {
            wave = wave.max(request.wave);
            Entry {
                ticket: request.ticket,
                limit: limit.max(1),
                wave,
                at: self.input.wall,
                unknown: BTreeMap::new(),
            }
        };
        requests.into_iter().take(room).map(enter).collect()
    }

    fn situation<'a>(
        &'a self,
        line: &'a LockLine,
        remaining: &[Entry],
        requests: &[Request],
    ) -> Situation<'a> {
        let tail = remaining.last().map(|last| {
            let record = self.record(&last.ticket.unit);
            Tail::new(last.wave, record.and_then(|record| record.zone.as_deref()))
        });
        let mut situation = Situation::new(self.input.unit.name());
        situation.units = self.input.members.len() + 1;
        situation.requests = remaining.len() + requests.len();
        situation.last = line.entries.last().map(|entry| &entry.ticket.unit);
        situation.tail = tail;
        situation
    }

    fn record(&self, unit: &UnitName) -> Option<&UnitRecord> {
        let own = Some(self.input.unit.record()).filter(|_| unit == self.input.unit.name());
        let other = || self.input.view.records().get(unit).and_then(Reading::good);
        own.or_else(other)
    }

    /// How many units are in the line, or unavailable.
    fn occupied(&self, in_line: &[Entry]) -> usize {
        let is_in_line = |unit: &UnitName| in_line.iter().any(|entry| entry.ticket.unit == *unit);
        let units = self.input.members.iter().chain([self.input.unit.name()]);
        let stay = units.filter(|unit| Some(*unit) != self.input.departing);
        let others = stay.filter(|unit| !is_in_line(unit) && self.is_unavailable(unit));
        in_line.len() + others.count()
    }

    /// Whether a request joins the line whatever the budget: its unit is inside already, or waits to be repaired.
    fn is_free(&self, request: &Request) -> bool {
        self.has_begun(request) || self.is_unavailable(&request.ticket.unit)
    }

    fn is_unavailable(&self, unit: &UnitName) -> bool {
        let record = self.record(unit);
        record.is_some_and(|record| record.unavailable.is_some())
    }

    /// Whether the request's operation began by a line of another relation. Then its unit is inside already.
    fn has_begun(&self, request: &Request) -> bool {
        let record = self.record(&request.ticket.unit);
        let state = record.and_then(|record| record.locks.get(self.lock));
        state.is_some_and(|state| state.begun)
    }

    fn requests(&self, line: &LockLine, remaining: &[Entry]) -> Vec<Request> {
        let Lead {
            unit,
            view,
            members,
            departing,
            ..
        } = self.input;
        let others = view
            .records()
            .iter()
            .filter_map(|(name, record)| Some((name, record.good()?)));
        let takes_part = |name: &UnitName| members.contains(name) && Some(name) != *departing;
        let others =
            others.filter(|(name, record)| takes_part(name) || self.leaves_inside(name, record));
        // A leader that cannot speak for itself would stand in the way of all others.
        let own = (!unit.is_foreign()).then(|| (unit.name(), unit.record()));
        // A line that was removed by hand begins anew; what was asked before that is old, not young.
        let newest = self.input.unit.line().good().map_or(0, |line| line.version);
        let asked = move |version: u64| if version > newest { 0 } else { version };
        others
            .chain(own.filter(|(name, _)| Some(*name) != *departing))
            .filter_map(|(name, record)| {
                let asked = Request::of(name, self.lock, record);
                asked.or_else(|| Request::invite(name, self.lock, record, line))
            })
            .map(|request| Request {
                asked: asked(request.asked),
                ..request
            })
            .filter(|request| !line.cancelled.contains(&request.ticket))
            .filter(|request| {
                remaining
                    .iter()
                    .all(|entry| entry.ticket.unit != request.ticket.unit)
            })
            .collect()
    }

    /// Whether the unit is leaving and still inside, by a line of another relation: the others have to wait for it until
    /// the controller has forgotten it.
    fn leaves_inside(&self, unit: &UnitName, record: &UnitRecord) -> bool {
        let begun = record.locks.get(self.lock).is_some_and(|lock| lock.begun);
        begun && self.input.alive.is_some_and(|alive| alive.contains(unit))
    }

    fn keep_cancellations(&self, line: &mut LockLine) -> bool {
        let marks = |line: &LockLine| {
            let LockLine {
                cancelled,
                skipped,
                forced,
                ..
            } = line;
            (cancelled.clone(), skipped.clone(), forced.clone())
        };
        let before = marks(line);
        let note = |tickets: &mut Vec<Ticket>, ticket: &Ticket| {
            if !tickets.contains(ticket) {
                tickets.push(ticket.clone());
            }
        };
        for order in self.input.orders {
            match order {
                Order::Cancel(lock, ticket) if lock == self.lock => {
                    note(&mut line.cancelled, ticket);
                }
                Order::Skip(lock, ticket) if lock == self.lock => {
                    // What is cancelled already stays so.
                    if !line.cancelled.contains(ticket) {
                        note(&mut line.skipped, ticket);
                    }
                    note(&mut line.cancelled, ticket);
                }
                Order::Force(lock, ticket) if lock == self.lock => {
                    note(&mut line.cancelled, ticket);
                    note(&mut line.forced, ticket);
                }
                _ => {}
            }
        }
        for tickets in [&mut line.cancelled, &mut line.skipped, &mut line.forced] {
            tickets.retain(|ticket| !self.is_over(ticket));
        }
        marks(line) != before
    }

    fn keep_pause(&self, line: &mut LockLine) -> bool {
        let before = line.paused.clone();
        for order in self.input.orders {
            match order {
                Order::Pause(lock, why) if lock == self.lock => line.paused = Some(why.clone()),
                Order::Resume(lock) if lock == self.lock => line.paused = None,
                _ => {}
            }
        }
        line.paused != before
    }

    fn keep_retries(&self, line: &mut LockLine) -> bool {
        let before = line.retries.clone();
        for order in self.input.orders {
            if let Order::Retry(lock, ticket, attempt) = order
                && lock == self.lock
            {
                let given = line.retries.iter_mut();
                match { given }.find(|retry| retry.ticket == *ticket) {
                    Some(retry) => retry.attempt = retry.attempt.max(*attempt),
                    None => line.retries.push(Retry {
                        ticket: ticket.clone(),
                        attempt: *attempt,
                        unknown: BTreeMap::new(),
                    }),
                }
            }
        }
        line.retries != before
    }

    /// Announces a campaign, or ends it.
    fn keep_campaign(&self, line: &mut LockLine) -> bool {
        let before = line.campaign.clone();
        for order in self.input.orders {
            match order {
                Order::Roll(lock, call) if lock == self.lock => {
                    let reason = short_reason(&call.reason);
                    let joins = line
                        .campaign
                        .as_ref()
                        .is_some_and(|old| old.reason == reason);
                    if !joins || !self.calls_somebody(line) {
                        line.campaign = Some(self.campaign(call, line));
                    }
                }
                Order::Abort(lock) if lock == self.lock && self.calls_somebody(line) => {
                    if let Some(campaign) = &mut line.campaign {
                        campaign.aborted = true;
                    }
                }
                _ => {}
            }
        }
        line.campaign != before
    }

    /// Whether somebody still has to go in the campaign, as far as the leader knows, once the lock is open here.
    fn calls_somebody(&self, line: &LockLine) -> bool {
        let line = LockLine {
            moved: None,
            ..line.clone()
        };
        let calls = |record: &UnitRecord| line.calls(record.locks.get(self.lock)).is_some();
        let others = self.input.view.records().iter();
        let others = others.filter(|(unit, _)| self.input.members.contains(unit));
        let mut records = others.map(|(_, record)| record);
        let other_is_called = records.any(|record| match record {
            Reading::Good(record) => calls(record),
            Reading::Absent => line.calls(None).is_some(),
            Reading::Unreadable(_) | Reading::Foreign(_) => false,
        });
        other_is_called || calls(self.input.unit.record())
    }

    fn campaign(&self, call: &Call, line: &LockLine) -> Campaign {
        let cancelled = line.cancelled.iter();
        let cancelled = cancelled.filter(|ticket| !self.is_over(ticket));
        let read = self.input.unit.line().good();
        let version = read.map_or(1, |line| line.version + 1);
        Campaign {
            id: CampaignId::new(version, self.input.random),
            version,
            reason: short_reason(&call.reason),
            operation: call.operation.as_deref().map(short),
            payload: call.payload.clone(),
            aborted: false,
            cancelled_before: cancelled.cloned().collect(),
            at: self.input.wall,
            unknown: BTreeMap::new(),
        }
    }

    /// Ensures that the lock is where it belongs: here, or at another endpoint.
    fn keep_place(&self, line: &mut LockLine) -> bool {
        let before = line.moved.clone();
        for order in self.input.orders {
            match order {
                Order::Move(lock, endpoint) if lock == self.lock => {
                    line.moved = Some(endpoint.clone());
                }
                Order::TakeUp(lock) if lock == self.lock => line.moved = None,
                _ => {}
            }
        }
        // What must be said of a lock that is elsewhere does not open it here.
        if let Some(endpoint) = self.input.held.get(self.lock)
            && line.moved.is_none()
            && *line != LockLine::default()
        {
            line.moved = Some(endpoint.clone());
        }
        line.moved != before
    }

    fn is_forced(&self, ticket: &Ticket) -> bool {
        let named = |order: &Order| matches!(order, Order::Force(lock, forced) if lock == self.lock && forced == ticket);
        self.input.orders.iter().any(named)
    }

    fn missing(&self, line: &LockLine) -> Vec<UnitName> {
        let entries = line.entries.iter().map(|entry| &entry.ticket);
        entries
            .chain(&line.cancelled)
            .filter(|ticket| !self.is_here(&ticket.unit) && !self.is_over(ticket))
            .map(|ticket| ticket.unit.clone())
            .collect()
    }

    fn is_here(&self, unit: &UnitName) -> bool {
        unit == self.input.unit.name() || self.input.members.contains(unit)
    }

    fn is_over(&self, ticket: &Ticket) -> bool {
        self.input.unit.finished(self.lock, ticket, self.input.view) || self.is_gone(ticket)
    }

    /// Gone by positive evidence. Absence from the relation's list is not evidence: the unit may not have been
    /// met yet, or may be leaving with its operation still running.
    fn is_gone(&self, ticket: &Ticket) -> bool {
        let forgotten = self
            .input
            .alive
            .is_some_and(|alive| !alive.contains(&ticket.unit));
        forgotten && !self.is_here(&ticket.unit)
    }
}

/// Lowers the limits of entries to the present one, which then holds for all who read this line. Limits are never
/// raised: whoever has read the line before counts on them. Returns whether that changes anything. An entry with fewer
/// than `limit` before it may start either way, so its limit can stay as it is.
fn lower(entries: &mut [Entry], limit: u32) -> bool {
    let mut lowered = false;
    if limit > 0 {
        for entry in entries.iter_mut().skip(limit as usize) {
            lowered |= entry.limit > limit;
            entry.limit = entry.limit.min(limit);
        }
    }
    lowered
}
