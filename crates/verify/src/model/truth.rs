//! The ground truth, which no unit can see: the controller's current values.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use ops_coordinator_core::{LockName, Reading, UnitRecord, decode_line, decode_record, invariant};

use super::state::{Broken, Life, State};
use super::step::incarnation;
use super::text::Text;

/// An entry of the line in small numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) unit: u8,
    /// `None` where it is of no life that the model knows.
    pub(crate) generation: Option<u8>,
    pub(crate) seq: u64,
}

/// A lock's counters and whether its last operation was cancelled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) seq: u64,
    pub(crate) done: u64,
    pub(crate) cancelled: bool,
}

type Known = Option<Rc<Vec<Counters>>>;
type Places = Option<Rc<Vec<Vec<Place>>>>;

thread_local! {
    static LINES: RefCell<HashMap<(Text, usize), Places>> = RefCell::default();
    static RECORDS: RefCell<HashMap<(Text, usize), Known>> = RefCell::default();
}

fn generation_of(unit: u8, id: &ops_coordinator_core::Incarnation) -> Option<u8> {
    (0..4).find(|&generation| &incarnation(unit, generation) == id)
}

/// The line's entries for each lock; `None` where it does not decode.
pub(crate) fn places(line: Text, locks: &[LockName]) -> Places {
    LINES.with_borrow_mut(|lines| {
        lines
            .entry((line, locks.len()))
            .or_insert_with(|| read_places(line, locks))
            .clone()
    })
}

fn read_places(line: Text, locks: &[LockName]) -> Places {
    let read = decode_line(line.get().as_deref());
    let line = match &read {
        Reading::Absent => return Some(Rc::new(vec![Vec::new(); locks.len()])),
        Reading::Good(line) => line,
        Reading::Unreadable(_) | Reading::Foreign(_) => return None,
    };
    let entries = |lock: &LockName| line.locks.get(lock).map_or(&[][..], |line| &line.entries);
    let place = |entry: &ops_coordinator_core::Entry| {
        let unit = u8::try_from(entry.ticket.unit.number()).unwrap_or(u8::MAX);
        Place {
            unit,
            generation: generation_of(unit, &entry.ticket.incarnation),
            seq: entry.ticket.seq,
        }
    };
    Some(Rc::new(
        locks
            .iter()
            .map(|lock| entries(lock).iter().map(place).collect())
            .collect(),
    ))
}

/// A record's counters for each lock; `None` where it does not decode.
pub(crate) fn counters(bag: Text, locks: &[LockName]) -> Known {
    RECORDS.with_borrow_mut(|records| {
        records
            .entry((bag, locks.len()))
            .or_insert_with(|| read_counters(bag, locks))
            .clone()
    })
}

fn read_counters(bag: Text, locks: &[LockName]) -> Known {
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
                cancelled: state.outcome == Some(ops_coordinator_core::Outcome::Cancelled),
            })
    };
    Some(Rc::new(locks.iter().map(of).collect()))
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
        let Some(places) = places(self.line, locks) else {
            return false;
        };
        let generation = self.units[usize::from(unit)].generation;
        let own = |place: &Place| {
            let of_this_life = place.generation.is_none_or(|life| life == generation);
            place.unit == unit && place.seq == seq && of_this_life
        };
        let Some(position) = places[lock].iter().position(own) else {
            return false;
        };
        let ahead = places[lock][..position].iter();
        let ahead = ahead
            .filter(|&&place| !self.is_over(place, lock, locks))
            .count();
        ahead < limit as usize
    }

    /// Whether this line may follow the present one. The writer's own record is published already.
    pub(crate) fn line_step(&self, after: Text, locks: &[LockName]) -> Option<Broken> {
        let (Some(before), Some(after)) = (places(self.line, locks), places(after, locks)) else {
            return Some(Broken::ValuesAreSound);
        };
        for lock in 0..locks.len() {
            let (before, after) = (&before[lock], &after[lock]);
            let stayed: Vec<&Place> = before
                .iter()
                .filter(|place| after.contains(place))
                .collect();
            if !after.iter().take(stayed.len()).eq(stayed.iter().copied()) {
                return Some(Broken::LineKeepsOrder);
            }
            let mut left = before.iter().filter(|place| !after.contains(place));
            if left.any(|&place| !self.is_over(place, lock, locks)) {
                return Some(Broken::OnlyWhatIsOverLeaves);
            }
        }
        None
    }
}
