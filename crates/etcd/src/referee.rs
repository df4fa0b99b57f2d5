//! Judges who was inside, from what those inside say of themselves.

use std::collections::{BTreeMap, BTreeSet};

/// Something that happened, in the order in which it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Somebody with this token has begun.
    Enter(i64),
    /// It has ended.
    Leave(i64),
    /// It was stopped from outside, and does not know how long: what it does from now on, only its token can tell from
    /// what its successor does.
    Freeze(i64),
}

/// What must not happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// More than the limit were inside: these.
    Overlap(Vec<i64>),
    /// A token was inside twice.
    Twice(i64),
    /// This one has begun although so many who asked before it had not, and began later.
    Overtaking(i64, Vec<i64>),
}

/// Judges a lock with this limit.
pub fn judge(limit: usize, acts: &[Act]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let (mut inside, mut seen, mut frozen) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for act in acts {
        match act {
            Act::Enter(token) => {
                if !seen.insert(*token) {
                    violations.push(Violation::Twice(*token));
                }
                inside.insert(*token);
                let acting: Vec<i64> = inside.difference(&frozen).copied().collect();
                if acting.len() > limit {
                    violations.push(Violation::Overlap(acting));
                }
            }
            Act::Leave(token) => {
                inside.remove(token);
            }
            Act::Freeze(token) => {
                frozen.insert(*token);
            }
        }
    }
    violations.extend(overtaking(limit, acts));
    violations
}

/// Those who start together may do so in any order, but there are never more than the limit of them.
fn overtaking(limit: usize, acts: &[Act]) -> Vec<Violation> {
    let entered = acts
        .iter()
        .enumerate()
        .filter_map(|(place, act)| match act {
            Act::Enter(token) => Some((*token, place)),
            _ => None,
        });
    let entered: BTreeMap<i64, usize> = entered.collect();
    let late = entered.iter().filter_map(|(token, place)| {
        let earlier = entered.range(..token).filter(|(_, other)| *other > place);
        let overtaken: Vec<i64> = earlier.map(|(token, _)| *token).collect();
        (overtaken.len() >= limit).then_some(Violation::Overtaking(*token, overtaken))
    });
    late.collect()
}

#[cfg(test)]
mod tests {
    use super::Act::{Enter, Freeze, Leave};
    use super::*;

    #[test]
    fn taking_turns_is_no_violation() {
        assert_eq!(judge(1, &[Enter(3), Leave(3), Enter(5), Leave(5)]), []);
        assert_eq!(judge(2, &[Enter(5), Enter(3), Leave(5), Enter(7)]), []);
    }

    #[test]
    fn one_too_many_is_found() {
        let acts = [Enter(3), Enter(5)];
        assert_eq!(judge(1, &acts), [Violation::Overlap(vec![3, 5])]);
        let acts = [Enter(3), Enter(5), Enter(7)];
        assert_eq!(judge(2, &acts), [Violation::Overlap(vec![3, 5, 7])]);
    }

    #[test]
    fn one_that_was_frozen_is_not_counted_from_then_on() {
        assert_eq!(
            judge(1, &[Enter(3), Freeze(3), Enter(5), Leave(3), Leave(5)]),
            []
        );
        let acts = [Enter(3), Enter(5), Freeze(3)];
        assert_eq!(judge(1, &acts), [Violation::Overlap(vec![3, 5])]);
    }

    #[test]
    fn a_turn_out_of_order_is_found() {
        let acts = [Enter(5), Leave(5), Enter(3), Leave(3)];
        assert_eq!(judge(1, &acts), [Violation::Overtaking(5, vec![3])]);
        assert_eq!(judge(2, &acts), []);
    }

    #[test]
    fn the_same_turn_twice_is_found() {
        let acts = [Enter(3), Leave(3), Enter(3)];
        assert_eq!(judge(1, &acts), [Violation::Twice(3)]);
    }
}
