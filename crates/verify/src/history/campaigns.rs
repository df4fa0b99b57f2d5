//! Who still has to go in the campaigns of a history.
//!
//! Only the lines say that there is a campaign. Whether a unit has gone in it, the marks around its operations say, and
//! not the unit: it says so itself, and this is what is checked. Which of several lines a hook has read, a history does
//! not tell. So an operation counts for every campaign that its hook may have read of.

use std::collections::{BTreeMap, BTreeSet};

use ops_coordinator_core::invariant::Violation;
use ops_coordinator_core::wire::{CampaignId, Line, LockLine, LockRecord, Outcome};
use ops_coordinator_core::{LockName, Ticket};

/// A lock in one relation.
type Place = (String, LockName);

/// The campaigns of a history so far.
#[derive(Debug, Default)]
pub(super) struct Campaigns {
    /// Units that were removed, or are gone.
    left: BTreeSet<String>,
    /// The campaign that a lock's line announces.
    now: BTreeMap<Place, Roll>,
    /// For which campaigns a unit's operation may be that has begun and not ended.
    serving: BTreeMap<(String, LockName), BTreeSet<CampaignId>>,
    /// Those of them that were in every line that its hook may have read.
    surely: BTreeMap<(String, LockName), CampaignId>,
    /// Campaigns in which a unit has certainly gone.
    certain: BTreeSet<(String, LockName, CampaignId)>,
}

/// A campaign that is under way, or the last.
#[derive(Debug)]
struct Roll {
    id: CampaignId,
    /// Nobody has to go any more: it was aborted, its lock has moved elsewhere, or its relation is lost.
    over: bool,
    /// Who has to go: all that were there when it was announced.
    called: BTreeSet<String>,
    /// Who has gone, and who of them has said so in public.
    gone: BTreeMap<String, bool>,
    /// Whom an operator has let off.
    let_off: BTreeSet<String>,
    /// Who has passed, as far as is known.
    passed: BTreeSet<String>,
}

impl Campaigns {
    /// A new line of a relation. `known` are the units that have published something there.
    pub(super) fn see_line(
        &mut self,
        relation: &str,
        before: Option<&Line>,
        after: &Line,
        known: &BTreeSet<String>,
    ) {
        for (lock, line) in &after.locks {
            let before = before.and_then(|before| before.locks.get(lock));
            self.see_lock((relation.to_owned(), lock.clone()), before, line, known);
        }
    }

    fn see_lock(
        &mut self,
        place: Place,
        before: Option<&LockLine>,
        line: &LockLine,
        known: &BTreeSet<String>,
    ) {
        let Some(campaign) = &line.campaign else {
            return;
        };
        if self.now.get(&place).is_none_or(|now| now.id != campaign.id) {
            let roll = Roll {
                id: campaign.id.clone(),
                over: false,
                called: known.difference(&self.left).cloned().collect(),
                gone: BTreeMap::new(),
                let_off: BTreeSet::new(),
                passed: BTreeSet::new(),
            };
            self.now.insert(place.clone(), roll);
        }
        let Some(now) = self.now.get_mut(&place) else {
            return;
        };
        now.over |= campaign.aborted || line.moved.is_some();
        let known: &[Ticket] = before.map_or(&[], |before| &before.cancelled);
        let new = line
            .cancelled
            .iter()
            .filter(|ticket| !known.contains(ticket));
        now.let_off
            .extend(new.map(|ticket| ticket.unit.to_string()));
    }

    /// An operation begins, in a hook that may have read these lines. `again`: it was cut off before.
    pub(super) fn enter<'a>(
        &mut self,
        unit: &str,
        lock: &LockName,
        read: impl Iterator<Item = &'a LockLine>,
        again: bool,
    ) {
        let place = (unit.to_owned(), lock.clone());
        let live = |line: &'a LockLine| line.campaign.as_ref().filter(|now| !now.aborted);
        let read: BTreeSet<Option<&CampaignId>> = read
            .map(|line| live(line).map(|campaign| &campaign.id))
            .collect();
        let ids: BTreeSet<CampaignId> = read.iter().copied().flatten().cloned().collect();
        match ids.first().filter(|_| read.len() == 1) {
            Some(id) => drop(self.surely.insert(place.clone(), id.clone())),
            None => drop(self.surely.remove(&place)),
        }
        let certain = &self.certain;
        let fresh = ids.into_iter().filter(|id| {
            let gone = (unit.to_owned(), lock.clone(), id.clone());
            !certain.contains(&gone)
        });
        let fresh: BTreeSet<CampaignId> = fresh.collect();
        let serving = self.serving.entry(place).or_default();
        if again {
            serving.extend(fresh);
        } else {
            *serving = fresh;
        }
    }

    /// Whether a campaign may have called for the operation that a unit has just begun.
    pub(super) fn may_call(&self, unit: &str, lock: &LockName) -> bool {
        let serving = self.serving.get(&(unit.to_owned(), lock.clone()));
        serving.is_some_and(|campaigns| !campaigns.is_empty())
    }

    /// An operation has passed the turn on.
    pub(super) fn leave(&mut self, unit: &str, lock: &LockName) {
        let place = (unit.to_owned(), lock.clone());
        let serving = self.serving.remove(&place).unwrap_or_default();
        let of_lock = self.now.iter_mut().filter(|((_, other), _)| other == lock);
        for (_, now) in of_lock.filter(|(_, now)| serving.contains(&now.id)) {
            now.gone.entry(unit.to_owned()).or_insert(false);
        }
        if let Some(id) = self.surely.remove(&place) {
            self.certain.insert((unit.to_owned(), lock.clone(), id));
        }
    }

    /// What a unit says of itself.
    ///
    /// # Errors
    /// `nobody-is-passed-over`: it says that it has served a campaign, and it has not.
    pub(super) fn see_record(
        &mut self,
        unit: &str,
        relation: &str,
        lock: &LockName,
        state: &LockRecord,
    ) -> Result<(), Violation> {
        let Some(now) = self.now.get_mut(&(relation.to_owned(), lock.clone())) else {
            return Ok(());
        };
        if state.served.as_ref() != Some(&now.id) {
            return Ok(());
        }
        // A pass may have been told in a hook that failed. Then the next hook tells of it together with what it did
        // itself: it has withdrawn a request that was made meanwhile.
        let passed = matches!(state.outcome, Some(Outcome::Passed | Outcome::Withdrawn));
        if passed && now.owes(unit) {
            now.passed.insert(unit.to_owned());
        }
        if let Some(told) = now.gone.get_mut(unit) {
            *told = true;
        }
        if !now.over && now.owes(unit) {
            return Err(Violation {
                invariant: "nobody-is-passed-over",
                found: format!(
                    "{unit} says that it has gone in campaign {} of {lock}",
                    now.id
                ),
            });
        }
        Ok(())
    }

    /// What the unit has not said in public, it does not know any more.
    pub(super) fn lose_disk(&mut self, unit: &str) {
        for now in self.now.values_mut() {
            now.gone.retain(|gone, told| gone != unit || *told);
        }
        self.certain.retain(|(gone, ..)| gone != unit);
        self.serving.retain(|(serving, _), _| serving != unit);
    }

    /// A unit is removed, or gone.
    pub(super) fn leave_service(&mut self, unit: &str) {
        self.left.insert(unit.to_owned());
        self.serving.retain(|(dead, _), _| dead != unit);
        for now in self.now.values_mut() {
            now.called.remove(unit);
        }
    }

    /// A unit sees a relation no more. All units come to lose it, and the campaigns that it announced.
    pub(super) fn forget(&mut self, relation: &str) {
        let lost = self
            .now
            .iter_mut()
            .filter(|((other, _), _)| other == relation);
        lost.for_each(|(_, now)| now.over = true);
    }

    /// The locks for whose campaign, which is under way, a unit says that it has passed.
    pub(super) fn passed_by(&self, unit: &str) -> impl Iterator<Item = &LockName> {
        let now = self.now.iter().filter(|(_, now)| !now.over);
        let passed = now.filter(move |(_, now)| now.passed.contains(unit));
        passed.map(|((_, lock), _)| lock)
    }

    /// Who still has to go, and for which lock.
    pub(super) fn called(&self) -> impl Iterator<Item = (&str, &LockName)> {
        let now = self.now.iter().filter(|(_, now)| !now.over);
        now.flat_map(|((_, lock), now)| {
            let owing = now.called.iter().filter(|unit| now.owes(unit));
            owing.map(move |unit| (unit.as_str(), lock))
        })
    }
}

impl Roll {
    fn owes(&self, unit: &str) -> bool {
        let done = self.gone.contains_key(unit);
        self.called.contains(unit)
            && !(done || self.let_off.contains(unit) || self.passed.contains(unit))
    }
}
