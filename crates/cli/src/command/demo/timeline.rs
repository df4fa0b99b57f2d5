//! Who ran when, as a text diagram.

use ops_coordinator_lab::report::{LockReport, Turn};

use crate::command::lab::seconds;

/// The width of the diagram in characters.
const WIDTH: u64 = 48;

/// One row per turn, in the order in which the turns began.
pub(super) fn draw(lock: &LockReport) -> String {
    let spells = || lock.turns.iter().flat_map(|turn| &turn.spells);
    let from = spells().map(|spell| spell.from).min().unwrap_or(0);
    let until = spells()
        .filter_map(|spell| spell.until)
        .max()
        .unwrap_or(from);
    let span = until.saturating_sub(from).max(1);
    let mut text = format!(
        " who ran when, from {} s to {} s\n",
        seconds(from),
        seconds(until)
    );
    let name = |turn: &Turn| turn.unit.to_string();
    let longest = lock
        .turns
        .iter()
        .map(|turn| name(turn).len())
        .max()
        .unwrap_or(0);
    for turn in &lock.turns {
        let mut bar: Vec<char> = std::iter::repeat_n('·', WIDTH.try_into().unwrap_or(0)).collect();
        for spell in &turn.spells {
            let column = |at: u64| at.saturating_sub(from) * WIDTH / span;
            let first = column(spell.from).min(WIDTH - 1);
            let last = column(spell.until.unwrap_or(until))
                .max(first + 1)
                .min(WIDTH);
            for at in first..last {
                if let Some(place) = usize::try_from(at).ok().and_then(|at| bar.get_mut(at)) {
                    *place = if spell.cut_off { '░' } else { '█' };
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
        }
        if !turn.finished {
            note.push_str(", not finished");
        }
        let bar: String = bar.into_iter().collect();
        text.push_str(&format!(" {:<longest$}  {bar}  {note}\n", name(turn)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use ops_coordinator_lab::UnitName;
    use ops_coordinator_lab::report::Spell;

    #[test]
    fn each_turn_has_a_row_and_a_cut_off_spell_looks_different() {
        let spell = |from, until, cut_off| Spell {
            n: 0,
            from,
            until: Some(until),
            cut_off,
        };
        let turn = |unit, spells| Turn {
            unit: UnitName::new("app", unit),
            spells,
            finished: true,
        };
        let lock = LockReport {
            lock: "restart".to_owned(),
            limit: 1,
            turns: vec![
                turn(10, vec![spell(1_000, 1_120, false)]),
                turn(
                    2,
                    vec![spell(1_120, 1_240, true), spell(1_240, 1_480, false)],
                ),
            ],
            most_inside: 1,
            first_breach: None,
        };
        let (dots12, dots36) = ("·".repeat(12), "·".repeat(36));
        let (half, full12, full24) = ("░".repeat(12), "█".repeat(12), "█".repeat(24));
        assert_eq!(
            draw(&lock),
            format!(
                " who ran when, from 1.0 s to 1.4 s\n app/10  {full12}{dots36}  120 ms\n app/2   \
                 {dots12}{half}{full24}  360 ms, interrupted and run again\n"
            )
        );
    }
}
