//! Who ran when, as a text diagram.

use ops_coordinator_lab::UnitName;
use ops_coordinator_lab::report::{LockReport, Spell, Turn};

use crate::command::lab::seconds;

/// The width of the diagram in characters.
const WIDTH: u64 = 48;

/// A time in which nobody is inside is shown no longer than this, in milliseconds.
const PAUSE: u64 = 1_000;

/// One row per turn, in the order in which the turns began; each with the unit's zone, if `zone` says one.
pub(super) fn draw(lock: &LockReport, zone: impl Fn(&UnitName) -> Option<String>) -> String {
    let spells = || lock.turns.iter().flat_map(|turn| &turn.spells);
    let from = spells().map(|spell| spell.from).min().unwrap_or(0);
    let until = spells()
        .filter_map(|spell| spell.until)
        .max()
        .unwrap_or(from);
    let pauses = pauses(spells());
    let shown = |at: u64| {
        let cut = pauses
            .iter()
            .map(|(begin, end)| at.min(*end).saturating_sub(*begin));
        at.saturating_sub(from) - cut.sum::<u64>()
    };
    let span = shown(until).max(1);
    let cut = match pauses.as_slice() {
        [] => "",
        _ => ", less long pauses",
    };
    let mut text = format!(
        " who ran when, from {} s to {} s{cut}\n",
        seconds(from),
        seconds(until)
    );
    let name = |turn: &Turn| match zone(&turn.unit) {
        Some(zone) => format!("{zone}  {}", turn.unit),
        None => turn.unit.to_string(),
    };
    let longest = lock
        .turns
        .iter()
        .map(|turn| name(turn).len())
        .max()
        .unwrap_or(0);
    for turn in &lock.turns {
        let mut bar: Vec<char> = std::iter::repeat_n('·', WIDTH.try_into().unwrap_or(0)).collect();
        for spell in &turn.spells {
            let column = |at: u64| shown(at) * WIDTH / span;
            let first = column(spell.from).min(WIDTH - 1);
            let last = column(spell.until.unwrap_or(until))
                .max(first + 1)
                .min(WIDTH);
            let cut_short = spell.cut_off || is_failed(turn, spell);
            for at in first..last {
                if let Some(place) = usize::try_from(at).ok().and_then(|at| bar.get_mut(at)) {
                    *place = if cut_short { '░' } else { '█' };
                }
            }
        }
        let inside = turn
            .spells
            .iter()
            .filter_map(|spell| Some(spell.until? - spell.from));
        let mut note = format!("{} ms", inside.sum::<u64>());
        if turn.spells.iter().any(|spell| spell.cut_off) {
            note.push_str(", interrupted and run again");
        } else if turn.spells.len() > 1 {
            note.push_str(", failed and run again");
        }
        if !turn.finished {
            note.push_str(", not finished");
        }
        let bar: String = bar.into_iter().collect();
        text.push_str(&format!(" {:<longest$}  {bar}  {note}\n", name(turn)));
    }
    text
}

/// Whether an attempt ended without success, though its hook did not.
fn is_failed(turn: &Turn, spell: &Spell) -> bool {
    let is_last = turn.spells.last() == Some(spell);
    spell.until.is_some() && !(is_last && turn.finished)
}

/// The parts of the time that are not shown, in order: the end of each long time in which nobody was inside.
fn pauses<'a>(spells: impl Iterator<Item = &'a Spell>) -> Vec<(u64, u64)> {
    let times = spells.map(|spell| (spell.from, spell.until.unwrap_or(u64::MAX)));
    let mut times: Vec<(u64, u64)> = times.collect();
    times.sort_unstable();
    let (mut pauses, mut busy) = (Vec::new(), u64::MAX);
    for (from, until) in times {
        if from > busy.saturating_add(PAUSE) {
            pauses.push((busy + PAUSE, from));
        }
        busy = if busy == u64::MAX {
            until
        } else {
            busy.max(until)
        };
    }
    pauses
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spell(from: u64, until: u64, cut_off: bool) -> Spell {
        Spell {
            n: 0,
            from,
            until: Some(until),
            cut_off,
        }
    }

    fn turn(unit: u32, spells: Vec<Spell>) -> Turn {
        Turn {
            unit: UnitName::new("app", unit),
            spells,
            finished: true,
        }
    }

    fn lock(turns: Vec<Turn>) -> LockReport {
        LockReport {
            lock: "restart".to_owned(),
            limit: 1,
            turns,
            most_inside: 1,
            first_breach: None,
        }
    }

    #[test]
    fn a_failed_attempt_looks_different_and_a_long_wait_after_it_is_cut() {
        let failed = vec![spell(2_000, 2_500, false), spell(62_500, 63_000, false)];
        let lock = lock(vec![
            turn(0, vec![spell(1_000, 2_000, false)]),
            turn(1, failed),
        ]);
        let (wait, short, long) = ("·".repeat(16), "█".repeat(8), "█".repeat(16));
        let failed = "░".repeat(8);
        assert_eq!(
            draw(&lock, |unit| Some(format!("az{}", unit.number()))),
            format!(
                " who ran when, from 1.0 s to 63.0 s, less long pauses\n az0  app/0  {long}{wait}{wait}  1000 ms\n az1  app/1  \
                 {wait}{failed}{wait}{short}  1000 ms, failed and run again\n"
            )
        );
    }

    #[test]
    fn each_turn_has_a_row_and_a_cut_off_spell_looks_different() {
        let lock = lock(vec![
            turn(10, vec![spell(1_000, 1_120, false)]),
            turn(
                2,
                vec![spell(1_120, 1_240, true), spell(1_240, 1_480, false)],
            ),
        ]);
        let (dots12, dots36) = ("·".repeat(12), "·".repeat(36));
        let (half, full12, full24) = ("░".repeat(12), "█".repeat(12), "█".repeat(24));
        assert_eq!(
            draw(&lock, |_| None),
            format!(
                " who ran when, from 1.0 s to 1.4 s\n app/10  {full12}{dots36}  120 ms\n app/2   \
                 {dots12}{half}{full24}  360 ms, interrupted and run again\n"
            )
        );
    }
}
