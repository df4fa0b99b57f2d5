//! Where the failure model ends: no protocol can account for a relation that the leader has never known, or for an
//! operation of which nothing is left that the unit can see.

use std::collections::{BTreeMap, BTreeSet};

use ops_coordinator_lab::UnitName;
use ops_coordinator_lab::history::{Event, Happening, Life};

use crate::history::ours;

/// The number of a relation.
type Number = u32;
/// Where each unit that lives has last said something, for each endpoint.
type Follows = BTreeMap<(UnitName, String), Number>;

/// Watches which units know of which relations of an endpoint. A leader opens a line on one of them; where others
/// still follow a lower one of which it has never known, or not since its disk was lost, no means that Juju offers
/// would tell it so.
#[derive(Debug, Default)]
pub(super) struct Sight {
    seen: BTreeSet<(UnitName, Number)>,
    follows: Follows,
    /// The same at the beginning of each unit's hook, and of the one before it.
    read: BTreeMap<UnitName, [Follows; 2]>,
    /// Units that are inside a lock, and since when they are without a disk, with the relations that they saw then.
    inside: BTreeMap<(UnitName, String), Option<BTreeSet<Number>>>,
    sees: BTreeMap<UnitName, BTreeSet<Number>>,
    /// Where units that are inside a lock had last said something when they went in. They may tell on another relation since
    /// that they are inside; but a leader reads that only once it has met them there.
    began: BTreeMap<(UnitName, String), Follows>,
}

impl Sight {
    /// Takes note of the relations that a unit sees in its hook; true where the failure model ends with it: the unit was
    /// inside, has lost its disk since, and now the relation by whose line it had begun.
    pub(super) fn sees(
        &mut self,
        unit: &UnitName,
        relations: impl Iterator<Item = Number>,
    ) -> bool {
        let relations: BTreeSet<Number> = relations.collect();
        let seen = relations.iter().map(|relation| (unit.clone(), *relation));
        self.seen.extend(seen);
        let inside = self.inside.iter().filter(|((inside, _), _)| inside == unit);
        let mut without_disk = inside.filter_map(|(_, seen)| seen.as_ref());
        let blind = without_disk.any(|seen| !seen.is_subset(&relations));
        self.sees.insert(unit.clone(), relations);
        blind
    }

    /// Takes note of the next event; true where the failure model ends with it.
    pub(super) fn see(&mut self, event: &Event) -> bool {
        match &event.happening {
            Happening::HookBegin { unit, .. } => {
                let [last, _] = self.read.remove(unit).unwrap_or_default();
                self.read.insert(unit.clone(), [self.follows.clone(), last]);
                false
            }
            Happening::Commit {
                unit,
                hook,
                unit_writes,
                app_writes,
                ..
            } => {
                for (endpoint, relation) in places(unit_writes) {
                    let place = (unit.clone(), endpoint.to_owned());
                    self.follows.insert(place, relation);
                }
                // A line may be written that the hook before has left behind.
                let earlier = usize::from(hook == "juju-exec");
                let read = self.read.get(unit).map(|read| &read[earlier]);
                let known = || read.into_iter().chain([&self.follows]);
                let mut lines = places(app_writes);
                lines.any(|(endpoint, relation)| {
                    known()
                        .chain(self.began.values())
                        .any(|follows| self.is_blind(unit, endpoint, relation, follows))
                })
            }
            Happening::DiskLost { unit } => {
                self.seen.retain(|(other, _)| other != unit);
                let seen = self.sees.get(unit).cloned().unwrap_or_default();
                let inside = self
                    .inside
                    .iter_mut()
                    .filter(|((inside, _), _)| inside == unit);
                for (_, without_disk) in inside {
                    without_disk.get_or_insert_with(|| seen.clone());
                }
                false
            }
            Happening::Enter { unit, lock } => {
                let own = self.follows.iter().filter(|((other, _), _)| other == unit);
                let own = own.map(|(place, relation)| (place.clone(), *relation));
                let began = own.collect();
                self.began.insert((unit.clone(), lock.clone()), began);
                self.inside.insert((unit.clone(), lock.clone()), None);
                false
            }
            Happening::Leave { unit, lock } => {
                self.inside.remove(&(unit.clone(), lock.clone()));
                self.began.remove(&(unit.clone(), lock.clone()));
                false
            }
            Happening::Life {
                unit,
                life: Life::Dead,
            } => {
                self.follows.retain(|(other, _), _| other != unit);
                self.inside.retain(|(other, _), _| other != unit);
                self.began.retain(|(other, _), _| other != unit);
                false
            }
            _ => false,
        }
    }

    /// Whether somebody else follows a lower relation that the unit does not know.
    fn is_blind(
        &self,
        leader: &UnitName,
        endpoint: &str,
        relation: Number,
        follows: &Follows,
    ) -> bool {
        let others = follows.iter().filter(|((unit, other), lower)| {
            unit != leader && other == endpoint && **lower < relation
        });
        let mut lower = others.map(|(_, lower)| *lower);
        lower.any(|lower| !self.seen.contains(&(leader.clone(), lower)))
    }
}

/// The endpoints and numbers of the relations where our key was written.
fn places(writes: &BTreeMap<String, String>) -> impl Iterator<Item = (&str, Number)> {
    ours(writes).filter_map(|(relation, _)| {
        let (endpoint, number) = relation.split_once(':')?;
        Some((endpoint, number.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use ops_coordinator_core::wire::KEY;

    use super::*;

    fn unit(number: u32) -> UnitName {
        UnitName::new("app", number)
    }

    fn commits(number: u32, bag: &str, relation: u32) -> Event {
        let place = format!("peers:{relation} {KEY}");
        let happening = serde_json::from_value(serde_json::json!({
            "event": "commit",
            "unit": unit(number),
            "hook": "start",
            bag: { place: "{}" },
        }));
        Event {
            n: 0,
            at: 0,
            happening: happening.unwrap(),
        }
    }

    #[test]
    fn a_leader_that_knows_of_the_lower_relation_is_held_to_its_promise() {
        let mut sight = Sight::default();
        assert!(!sight.sees(&unit(0), [3, 4].into_iter()));
        assert!(!sight.see(&commits(1, "unit_writes", 3)));
        assert!(!sight.see(&commits(0, "app_writes", 4)));
        assert!(sight.see(&commits(2, "app_writes", 4)));
        assert!(!sight.see(&commits(1, "unit_writes", 4)));
        assert!(!sight.see(&commits(2, "app_writes", 4)));
    }

    #[test]
    fn a_leader_knows_no_more_than_its_hook_could_read() {
        let begins = |hook: &str| Event {
            n: 0,
            at: 0,
            happening: Happening::HookBegin {
                unit: unit(2),
                context: ops_coordinator_lab::ContextId("c".to_owned()),
                hook: hook.to_owned(),
            },
        };
        let mut sight = Sight::default();
        assert!(!sight.see(&commits(1, "unit_writes", 3)));
        assert!(!sight.see(&begins("start")));
        assert!(!sight.see(&commits(1, "unit_writes", 4)));
        assert!(sight.see(&commits(2, "app_writes", 4)));
        assert!(!sight.see(&begins("start")));
        assert!(!sight.see(&commits(2, "app_writes", 4)));
    }

    #[test]
    fn a_leader_knows_of_nobody_whom_it_has_not_met() {
        let happens = |happening| Event {
            n: 0,
            at: 0,
            happening,
        };
        let (unit, lock) = (unit(1), "restart".to_owned());
        let mut sight = Sight::default();
        assert!(!sight.see(&commits(1, "unit_writes", 3)));
        let (went, left) = (unit.clone(), lock.clone());
        sight.see(&happens(Happening::Enter {
            unit: went,
            lock: left,
        }));
        assert!(!sight.see(&commits(1, "unit_writes", 4)));
        assert!(sight.see(&commits(2, "app_writes", 4)), "it is inside by 3");
        sight.see(&happens(Happening::Leave { unit, lock }));
        assert!(!sight.see(&commits(2, "app_writes", 4)));
    }

    #[test]
    fn a_disk_that_is_lost_takes_the_knowledge_along() {
        let mut sight = Sight::default();
        assert!(!sight.sees(&unit(0), [3, 4].into_iter()));
        assert!(!sight.see(&commits(1, "unit_writes", 3)));
        let lost = Happening::DiskLost { unit: unit(0) };
        assert!(!sight.see(&Event {
            n: 0,
            at: 0,
            happening: lost
        }));
        assert!(sight.see(&commits(0, "app_writes", 4)));
    }

    #[test]
    fn a_disk_and_a_relation_that_are_lost_take_an_operation_along() {
        let happens = |happening| Event {
            n: 0,
            at: 0,
            happening,
        };
        for (again, beyond) in [(false, true), (true, false)] {
            let mut sight = Sight::default();
            let enter = || Happening::Enter {
                unit: unit(0),
                lock: "restart".to_owned(),
            };
            assert!(!sight.sees(&unit(0), [3, 4].into_iter()));
            sight.see(&happens(enter()));
            sight.see(&happens(Happening::DiskLost { unit: unit(0) }));
            assert!(!sight.sees(&unit(0), [3, 4].into_iter()));
            if again {
                sight.see(&happens(enter()));
            }
            assert_eq!(sight.sees(&unit(0), [4].into_iter()), beyond);
        }
    }
}
