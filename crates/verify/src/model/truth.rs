//! The ground truth, which no unit can see: the controller's current values.
//!
//! This is the model's oracle. From what is true rather than what a unit has read, it works out independently whose turn
//! it is and which entry is over: the code under test must not judge itself. With these answers, [`invariant`] decides
//! what a record and a line may become.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use ops_coordinator_core::journal::Journal;
use ops_coordinator_core::wire::{
    Entry, Line, LockRecord, Outcome, Reading, UnitRecord, decode_line, decode_record,
};
use ops_coordinator_core::{Incarnation, LockName, Ticket, invariant};

use ops_coordinator_juju::shared::Wishes;

use super::state::{Broken, Life, State, UNITS, bit, small};
use super::step::incarnation;
use super::text::Text;

/// An entry of the line in small numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) unit: u8,
    /// `None` where it is of no life that the model knows.
    pub(crate) generation: Option<u8>,
    pub(crate) seq: u64,
    pub(crate) wave: u32,
    pub(crate) limit: u32,
}

/// The line, as values and in small numbers: its entries for each lock.
#[derive(Debug)]
struct Known {
    line: Line,
    places: Vec<Vec<Place>>,
}

/// A lock's counters and whether its last operation was cancelled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) seq: u64,
    pub(crate) done: u64,
    pub(crate) cancelled: bool,
    /// Whether the unit has passed last.
    pub(crate) passed: bool,
    /// Whether the operation that is next has stopped, and after which attempt.
    pub(crate) stopped: Option<u16>,
}

/// What a journal says of checks, a bit for each lock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Trials {
    /// Locks whose operation has succeeded and has yet to pass its check.
    pub(crate) on_trial: u8,
    /// Locks whose last operation has succeeded.
    pub(crate) well: u8,
}

/// What a journal says of checks.
pub(crate) fn trials(journal: Text, locks: &[LockName]) -> Trials {
    let mut trials = Trials::default();
    let Some(text) = journal.get() else {
        return trials;
    };
    let Ok(journal) = serde_json::from_str::<Journal>(&text) else {
        return trials;
    };
    for (index, lock) in locks.iter().enumerate() {
        let Some(kept) = journal.locks.get(lock) else {
            continue;
        };
        trials.on_trial |= u8::from(kept.trial.is_some()) << index;
        trials.well |= u8::from(kept.record.outcome == Some(Outcome::Done)) << index;
    }
    trials
}

/// What a unit wants in etcd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wish {
    /// For which request.
    pub(crate) seq: u8,
    /// The token of the turn that a hook has taken.
    pub(crate) taken: Option<u8>,
}

/// What a unit wants in etcd for its first lock.
pub(crate) fn wish(wishes: Text, locks: &[LockName]) -> Option<Wish> {
    let wishes: Wishes = serde_json::from_str(&wishes.get()?).ok()?;
    let wish = wishes.locks.get(&locks[0])?;
    let small = |token: i64| u8::try_from(token).unwrap_or(u8::MAX);
    Some(Wish {
        seq: u8::try_from(wish.seq).unwrap_or(u8::MAX),
        taken: wish.taken.map(small),
    })
}

type Record = Option<Rc<Vec<Counters>>>;
/// Absent, or `None` where it does not decode.
type Lined = Option<Option<Rc<Known>>>;

thread_local! {
    static LINES: RefCell<HashMap<(Text, usize), Lined>> = RefCell::default();
    static RECORDS: RefCell<HashMap<(Text, usize), Record>> = RefCell::default();
}

fn generation_of(unit: u8, id: &Incarnation) -> Option<u8> {
    (0..4).find(|&generation| &incarnation(unit, generation) == id)
}

/// The line; `Some(None)` where there is none, `None` where it does not decode.
fn known(line: Text, locks: &[LockName]) -> Lined {
    LINES.with_borrow_mut(|lines| {
        lines
            .entry((line, locks.len()))
            .or_insert_with(|| match decode_line(line.get().as_deref()) {
                Reading::Absent => Some(None),
                Reading::Good(line) => Some(Some(Rc::new(Known::of(line, locks)))),
                Reading::Unreadable(_) | Reading::Foreign(_) => None,
            })
            .clone()
    })
}

impl Known {
    fn of(line: Line, locks: &[LockName]) -> Self {
        let entries = |lock: &LockName| line.locks.get(lock).map_or(&[][..], |line| &line.entries);
        let place = |entry: &Entry| Place {
            wave: entry.wave,
            limit: entry.limit,
            ..place(&entry.ticket)
        };
        let places = locks.iter().map(|lock| entries(lock).iter().map(place));
        let places = places.map(Iterator::collect).collect();
        Self { line, places }
    }
}

fn place(ticket: &Ticket) -> Place {
    let unit = u8::try_from(ticket.unit.number()).unwrap_or(u8::MAX);
    Place {
        unit,
        generation: generation_of(unit, &ticket.incarnation),
        seq: ticket.seq,
        wave: 0,
        limit: 0,
    }
}

/// A record's counters for each lock; `None` where it does not decode.
pub(crate) fn counters(bag: Text, locks: &[LockName]) -> Record {
    RECORDS.with_borrow_mut(|records| {
        records
            .entry((bag, locks.len()))
            .or_insert_with(|| read_counters(bag, locks))
            .clone()
    })
}

fn read_counters(bag: Text, locks: &[LockName]) -> Record {
    let read = decode_record(bag.get().as_deref());
    let record = match &read {
        Reading::Absent => return Some(Rc::new(vec![Counters::default(); locks.len()])),
        Reading::Good(record) => record,
        Reading::Unreadable(_) | Reading::Foreign(_) => return None,
    };
    let of = |lock: &LockName| {
        record
            .locks
            .get(lock)
            .map_or(Counters::default(), |state| Counters {
                seq: state.seq,
                done: state.done,
                cancelled: matches!(state.outcome, Some(Outcome::Cancelled | Outcome::Skipped)),
                passed: state.outcome == Some(Outcome::Passed),
                stopped: state.stopped.then_some(state.attempt),
            })
    };
    Some(Rc::new(locks.iter().map(of).collect()))
}

/// A lock's campaign as the line announces it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Announced {
    /// The version of the line that announced it first, which is its name here.
    pub(crate) version: u8,
    pub(crate) aborted: bool,
}

/// The campaign in a line of the lock with this number.
pub(crate) fn campaign(line: Text, lock: usize, locks: &[LockName]) -> Option<Announced> {
    let known = known(line, locks)??;
    let campaign = known.line.locks.get(&locks[lock])?.campaign.as_ref()?;
    Some(Announced {
        version: u8::try_from(campaign.version).unwrap_or(u8::MAX),
        aborted: campaign.aborted,
    })
}

/// The campaigns, by their versions, that a record says its unit has served last, for each lock; 0 is none.
fn said_to_be_served(record: Text, locks: &[LockName]) -> Vec<u8> {
    let read = decode_record(record.get().as_deref());
    let version = |lock: &LockName| -> Option<u8> {
        let served = read.good()?.locks.get(lock)?.served.as_ref()?.to_string();
        let (version, _) = served.split_once('-')?;
        version.parse().ok()
    };
    let versions = locks.iter().map(|lock| version(lock).unwrap_or_default());
    versions.collect()
}

/// Whether a unit may publish this record after that one.
pub(crate) fn record_step(before: Text, after: Text) -> Option<Broken> {
    let read = |text: Text| decode_record(text.get().as_deref());
    let (before, after) = (read(before), read(after));
    let Some(after) = after.good() else {
        return Some(Broken::ValuesAreSound);
    };
    let grow = |before: &UnitRecord| invariant::counters_only_grow(before, after).is_ok();
    (!before.good().is_none_or(grow)).then_some(Broken::CountersOnlyGrow)
}

impl State {
    /// Whether a unit's operation has succeeded and has yet to pass its check.
    pub(crate) fn is_on_trial(&self, unit: u8, locks: &[LockName]) -> bool {
        trials(self.units[usize::from(unit)].journal, locks).on_trial != 0
    }

    /// Whether a unit's deputy has something to do: it serves another request than the one for which its unit wants the
    /// shared lock.
    pub(crate) fn is_to_serve(&self, unit: u8, locks: &[LockName]) -> bool {
        let unit = &self.units[usize::from(unit)];
        let wanted = wish(unit.wishes, locks).map(|wish| wish.seq);
        wanted != unit.seat.map(|seat| seat.seq)
    }

    /// Whether an entry is over: published as finished, or of a life that has ended.
    pub(crate) fn is_over(&self, place: Place, lock: usize, locks: &[LockName]) -> bool {
        let Some(unit) = self.units.get(usize::from(place.unit)) else {
            return true;
        };
        if unit.life == Life::Dead || place.generation.is_some_and(|life| life != unit.generation) {
            return true;
        }
        counters(unit.bag, locks).is_some_and(|counters| counters[lock].done >= place.seq)
    }

    /// Whether it is a ticket's turn.
    pub(crate) fn is_turn(
        &self,
        unit: u8,
        lock: usize,
        seq: u64,
        limit: u32,
        locks: &[LockName],
    ) -> bool {
        let Some(Some(known)) = known(self.line, locks) else {
            return false;
        };
        let places = &known.places[lock];
        let generation = self.units[usize::from(unit)].generation;
        let own = |place: &Place| {
            let of_this_life = place.generation.is_none_or(|life| life == generation);
            place.unit == unit && place.seq == seq && of_this_life
        };
        let Some(position) = places.iter().position(own) else {
            return false;
        };
        let (ahead, own) = (&places[..position], places[position]);
        let limit = limit.min(own.limit);
        let mut ahead = ahead
            .iter()
            .filter(|&&place| !self.is_over(place, lock, locks));
        ahead.clone().count() < limit as usize && ahead.all(|place| place.wave == own.wave)
    }

    /// Whether an operator has paused a lock.
    pub(crate) fn is_paused(&self, locks: &[LockName]) -> bool {
        let Some(Some(known)) = known(self.line, locks) else {
            return false;
        };
        known.line.locks.values().any(|line| line.paused.is_some())
    }

    /// Whether a unit has published that it waits for an operator, and none has answered.
    pub(crate) fn needs_permission(&self, unit: u8, locks: &[LockName]) -> bool {
        let bag = self.units[usize::from(unit)].bag;
        let read = decode_record(bag.get().as_deref());
        let (Some(record), Some(Some(known))) = (read.good(), known(self.line, locks)) else {
            return false;
        };
        record.locks.iter().any(|(lock, state)| {
            let ticket = format!("app/{unit}").parse();
            let ticket = ticket.ok().and_then(|unit| record.outstanding(&unit, lock));
            let line = known.line.locks.get(lock);
            let permits = |ticket| line.is_some_and(|line| line.permits(&ticket, state.attempt));
            state.stopped && ticket.is_some_and(|ticket| !permits(ticket))
        })
    }

    /// What an operator had said against a start in the line that its hook has read, given the unit's journal before it.
    pub(crate) fn forbidden(
        &self,
        unit: u8,
        lock: usize,
        seq: u64,
        (read, journal): (Text, Text),
        locks: &[LockName],
    ) -> Option<Broken> {
        let (Some(Some(known)), Ok(name)) = (known(read, locks), format!("app/{unit}").parse())
        else {
            return None;
        };
        let own = &self.units[usize::from(unit)];
        let ticket = Ticket {
            unit: name,
            incarnation: incarnation(unit, own.generation),
            seq,
        };
        let kept = journal
            .get()
            .and_then(|text| serde_json::from_str(&text).ok());
        let kept =
            kept.and_then(|journal: Journal| Some(journal.locks.get(&locks[lock])?.record.attempt));
        let published = counters(own.bag, locks).and_then(|counters| counters[lock].stopped);
        let state = LockRecord {
            stopped: own.stopped & (1 << lock) != 0,
            attempt: kept.or(published).unwrap_or_default(),
            ..LockRecord::default()
        };
        let judged = invariant::may_start(known.line.locks.get(&locks[lock])?, &ticket, &state);
        Some(match judged.err()?.invariant {
            "nothing-starts-while-paused" => Broken::NothingStartsWhilePaused,
            _ => Broken::StoppedWaitsForPermission,
        })
    }

    /// Whether no unfinished entry of this line has a higher limit that would let it in.
    pub(crate) fn limit_holds(&self, line: Text, limit: u32, locks: &[LockName]) -> bool {
        let Some(Some(known)) = known(line, locks) else {
            return true;
        };
        let lock_holds = |(lock, places): (usize, &Vec<Place>)| {
            let waiting = places.iter();
            let waiting = waiting.filter(|&&place| !self.is_over(place, lock, locks));
            let mut later = waiting.skip(limit as usize);
            later.all(|place| place.limit <= limit)
        };
        known.places.iter().enumerate().all(lock_holds)
    }

    /// Whether no more available units join the line than the budget has room for. Those count as unavailable that have
    /// published it and of whom the leader's agent has nothing more to tell.
    pub(crate) fn budget_is_kept(
        &self,
        leader: u8,
        after: Text,
        most: u32,
        locks: &[LockName],
    ) -> bool {
        let (Some(before), Some(Some(after))) = (known(self.line, locks), known(after, locks))
        else {
            return true;
        };
        let own = &self.units[usize::from(leader)];
        // Whoever leaves is told nothing more.
        let told = own.members & !own.news.changed;
        let is_told = |unit: u8| unit == leader || own.life == Life::Alive && told & bit(unit) != 0;
        let ails: Vec<u8> = (0..small(UNITS))
            .filter(|unit| is_told(*unit) && self.says_it_ails(*unit))
            .collect();
        (0..locks.len()).all(|lock| {
            let old = before.as_ref().map_or(&[][..], |known| &known.places[lock]);
            let is_old = |place: &&Place| {
                old.iter()
                    .any(|old| (old.unit, old.seq) == (place.unit, place.seq))
            };
            let (stay, new): (Vec<&Place>, Vec<&Place>) =
                after.places[lock].iter().partition(is_old);
            let waits = |place: &&&Place| !self.is_over(***place, lock, locks);
            let in_line = stay.iter().filter(waits).count();
            let others = ails
                .iter()
                .filter(|unit| !stay.iter().any(|place| place.unit == **unit));
            let joining = new
                .iter()
                .filter(|place| !self.says_it_ails(place.unit))
                .count();
            invariant::budget_is_kept(most, in_line + others.count(), joining).is_ok()
        })
    }

    /// Whether a unit lives and has published that it is unavailable.
    fn says_it_ails(&self, unit: u8) -> bool {
        let unit = &self.units[usize::from(unit)];
        let read = decode_record(unit.bag.get().as_deref());
        unit.life == Life::Alive
            && read
                .good()
                .is_some_and(|record| record.unavailable.is_some())
    }

    /// Whether the campaign under way still calls this unit for a lock.
    pub(crate) fn is_called(&self, unit: u8, lock: usize, locks: &[LockName]) -> bool {
        let own = &self.units[usize::from(unit)];
        let campaign = campaign(self.line, lock, locks).filter(|campaign| !campaign.aborted);
        let part = own.part[lock];
        let done_with = part.settled.max(part.let_off);
        own.life == Life::Alive && campaign.is_some_and(|campaign| campaign.version > done_with)
    }

    /// Takes note of what a record, as it is published, says of the campaign under way.
    pub(crate) fn hear_of_campaigns(&mut self, unit: u8, record: Text, locks: &[LockName]) {
        let said = said_to_be_served(record, locks);
        for (index, said) in said.into_iter().enumerate() {
            let campaign = campaign(self.line, index, locks);
            let part = &mut self.units[usize::from(unit)].part[index];
            if said == part.let_off {
                part.settled = part.settled.max(said);
            }
            let of_now = campaign.is_some_and(|now| now.version == said && !now.aborted);
            if of_now && said > part.settled {
                self.broken = self.broken.or(Some(Broken::NobodyIsPassedOver));
            }
            part.told = part.settled;
        }
    }

    /// Notes whom the operators let off who have cancelled or skipped something in this line.
    pub(crate) fn let_off(&mut self, after: Text, locks: &[LockName]) {
        let cancelled = |line: Text, lock: &LockName| -> Vec<Ticket> {
            let line = known(line, locks).flatten();
            let line = line.and_then(|known| known.line.locks.get(lock).cloned());
            line.map(|line| line.cancelled).unwrap_or_default()
        };
        for (index, lock) in locks.iter().enumerate() {
            let Some(campaign) = campaign(after, index, locks) else {
                continue;
            };
            let before = cancelled(self.line, lock);
            let new = cancelled(after, lock);
            for ticket in new.iter().filter(|ticket| !before.contains(ticket)) {
                let unit = usize::from(place(ticket).unit);
                if let Some(unit) = self.units.get_mut(unit) {
                    unit.part[index].let_off = campaign.version;
                }
            }
        }
    }

    /// Whether this line may follow the present one. The writer's own record is published already.
    pub(crate) fn line_step(&self, after: Text, locks: &[LockName]) -> Option<Broken> {
        let (Some(before), Some(Some(after))) = (known(self.line, locks), known(after, locks))
        else {
            return Some(Broken::ValuesAreSound);
        };
        let before = before?;
        let is_over = |lock: &LockName, ticket: &Ticket| {
            let lock = locks.iter().position(|known| known == lock);
            lock.is_some_and(|lock| self.is_over(place(ticket), lock, locks))
        };
        let judged = invariant::line_may_follow(&before.line, &after.line, is_over);
        let broken = judged.err()?.invariant;
        Some(match broken {
            "version-grows" => Broken::VersionGrows,
            "line-keeps-order" => Broken::LineKeepsOrder,
            "limits-only-fall" => Broken::LimitsOnlyFall,
            "only-what-is-over-leaves" => Broken::OnlyWhatIsOverLeaves,
            _ => Broken::ValuesAreSound,
        })
    }
}
