//! A peer relation as one agent sees it: reported changes versus those delivered to its charm.

use std::collections::{BTreeMap, BTreeSet};

use super::hook::{RelationHook, RelationKind};
use crate::model::member::Member;
use crate::name::RelationId;

/// One agent's view of one peer relation. Differences are kept up to date one by one, so that choosing
/// the next hook costs the same however many members there are.
#[derive(Debug, Default)]
pub(crate) struct View {
    /// Whether relation-created has run.
    pub(crate) created: bool,
    /// Version of the application's bag that was delivered.
    pub(crate) app_delivered: u64,
    /// Version of the application's bag that the watchers told.
    pub(crate) app_told: u64,
    /// The unit that has just joined: its changed hook is this relation's next.
    pub(crate) pending: Option<Member>,
    members: BTreeMap<Member, Versions>,
    absent: BTreeSet<Member>,
    fresh: BTreeSet<Member>,
    newer: BTreeSet<Member>,
}

/// The versions of a member's bag.
#[derive(Clone, Copy, Debug, Default)]
struct Versions {
    /// As delivered; `None` for a unit that has not joined.
    delivered: Option<u64>,
    /// As the watchers told; `None` for a unit that is out of scope.
    told: Option<u64>,
}

impl View {
    /// The watchers tell of a member.
    pub(crate) fn told(&mut self, member: Member, version: Option<u64>) {
        let versions = self.members.entry(member).or_default();
        versions.told = version;
        let versions = *versions;
        self.compare(member, versions);
    }

    /// A hook about a member was delivered.
    fn delivered(&mut self, member: Member, version: Option<u64>) {
        let versions = self.members.entry(member).or_default();
        versions.delivered = version;
        let versions = *versions;
        self.compare(member, versions);
    }

    fn compare(&mut self, member: Member, versions: Versions) {
        let put = |set: &mut BTreeSet<Member>, yes: bool| {
            if yes {
                set.insert(member)
            } else {
                set.remove(&member)
            }
        };
        let Versions { delivered, told } = versions;
        put(&mut self.absent, delivered.is_some() && told.is_none());
        put(&mut self.fresh, delivered.is_none() && told.is_some());
        put(
            &mut self.newer,
            delivered.is_some() && told.is_some() && delivered != told,
        );
        if delivered.is_none() && told.is_none() {
            self.members.remove(&member);
        }
    }

    /// Whether the unit has joined as far as the charm knows.
    pub(crate) fn has(&self, member: Member) -> bool {
        self.members
            .get(&member)
            .is_some_and(|versions| versions.delivered.is_some())
    }

    /// The units that have joined as far as the charm knows, in order.
    pub(crate) fn joined(&self) -> impl Iterator<Item = Member> + '_ {
        self.members
            .iter()
            .filter(|(_, versions)| versions.delivered.is_some())
            .map(|(&member, _)| member)
    }

    /// The next hook of this relation, if there is anything to tell the charm.
    pub(crate) fn next(&self, relation: RelationId, dying: bool) -> Option<RelationHook> {
        let told = |member: &Member| self.members.get(member).and_then(|versions| versions.told);
        let hook = |kind, member, version| RelationHook {
            kind,
            relation,
            member,
            version,
        };
        if let Some(member) = self.pending {
            let version = told(&member).unwrap_or(0);
            return Some(hook(RelationKind::Changed, Some(member), version));
        }
        // To a leaver, every member is as good as gone.
        let gone = if dying {
            self.joined().next()
        } else {
            self.absent.first().copied()
        };
        if let Some(member) = gone {
            return Some(hook(RelationKind::Departed, Some(member), 0));
        }
        if dying {
            return None;
        }
        if self.app_told != self.app_delivered {
            return Some(hook(RelationKind::Changed, None, self.app_told));
        }
        let (kind, member) = match (self.fresh.first(), self.newer.first()) {
            (Some(member), _) => (RelationKind::Joined, member),
            (None, Some(member)) => (RelationKind::Changed, member),
            (None, None) => return None,
        };
        Some(hook(kind, Some(*member), told(member).unwrap_or(0)))
    }

    /// Notes a hook as delivered.
    pub(crate) fn commit(&mut self, hook: &RelationHook) {
        match (hook.kind, hook.member) {
            (RelationKind::Created, _) => self.created = true,
            (RelationKind::Joined, Some(member)) => {
                self.delivered(member, Some(hook.version));
                self.pending = Some(member);
            }
            (RelationKind::Changed, Some(member)) => {
                self.delivered(member, Some(hook.version));
                if self.pending == Some(member) {
                    self.pending = None;
                }
            }
            (RelationKind::Departed, Some(member)) => {
                self.delivered(member, None);
                if self.pending == Some(member) {
                    self.pending = None;
                }
            }
            (_, None) => self.app_delivered = hook.version,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELATION: RelationId = RelationId(0);

    fn run(view: &mut View) -> Option<(RelationKind, Option<u32>)> {
        let hook = view.next(RELATION, false)?;
        view.commit(&hook);
        Some((hook.kind, hook.member.map(Member::number)))
    }

    #[test]
    fn a_unit_that_joins_is_heard_of_twice_and_many_commits_once() {
        let mut view = View::default();
        view.told(Member::new(1), Some(0));
        assert_eq!(run(&mut view), Some((RelationKind::Joined, Some(1))));
        assert_eq!(run(&mut view), Some((RelationKind::Changed, Some(1))));
        assert_eq!(run(&mut view), None);
        for version in 1..9 {
            view.told(Member::new(1), Some(version));
        }
        assert_eq!(run(&mut view), Some((RelationKind::Changed, Some(1))));
        assert_eq!(run(&mut view), None);
    }

    #[test]
    fn the_applications_bag_goes_before_joins_and_departures_before_both() {
        let mut view = View::default();
        view.told(Member::new(2), Some(0));
        run(&mut view);
        run(&mut view);
        view.told(Member::new(1), Some(0));
        view.app_told = 3;
        view.told(Member::new(2), None);
        assert_eq!(run(&mut view), Some((RelationKind::Departed, Some(2))));
        assert_eq!(run(&mut view), Some((RelationKind::Changed, None)));
        assert_eq!(run(&mut view), Some((RelationKind::Joined, Some(1))));
    }

    #[test]
    fn a_unit_that_came_and_went_unseen_is_never_mentioned() {
        let mut view = View::default();
        view.told(Member::new(1), Some(0));
        view.told(Member::new(1), None);
        assert_eq!(run(&mut view), None);
    }
}
