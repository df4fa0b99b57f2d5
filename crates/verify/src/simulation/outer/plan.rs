//! What a seed means for the shared lock. It has dice of its own: with or without it, a seed means the same in all else.

use fastrand::Rng;

use super::super::recipe::Recipe;

/// What goes wrong around etcd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It does not answer for so long.
    Away(u64),
    /// All watches are cut.
    Cut,
    /// It forgets what was.
    Compact,
    /// It ends a lease, whoever has it.
    EndLease(usize),
    /// A unit's deputy is killed.
    Kill(String),
    /// A unit's deputy stands still for so long.
    Stop(String, u64),
}

/// Somebody without Juju who wants the lock once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RivalPlan {
    pub(super) joins: u64,
    /// How long its operation takes.
    pub(super) holds: u64,
    /// Whether its process dies in the middle of it.
    pub(super) vanishes: bool,
}

/// The shared lock of a run, and what happens to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedPlan {
    /// How many may be inside, over all who want it.
    pub(super) limit: u32,
    /// How long a lease lives, in seconds.
    pub(super) ttl: u64,
    /// Whether etcd ends leases before their time: then two may be inside for as long as the first does not know.
    pub(super) ends_leases: bool,
    /// If a relation leads to etcd and operations may go without it: when there is none.
    pub(super) unrelated: Option<Vec<(u64, u64)>>,
    pub(super) rivals: Vec<RivalPlan>,
    pub(super) troubles: Vec<(u64, Trouble)>,
}

impl SharedPlan {
    pub(in super::super) fn new(recipe: &Recipe) -> Self {
        let mut rng = Rng::with_seed(recipe.seed ^ 0x005e_ed0f_e7cd_1234);
        let end = recipe.repaired_at;
        let ttl = *rng.choice(&[5, 15, 30]).unwrap_or(&30);
        let rivals = (0..rng.u32(0..=5)).map(|_| RivalPlan {
            joins: rng.u64(0..end),
            holds: rng.u64(100..60_000),
            vanishes: rng.u32(0..5) == 0,
        });
        let rivals = rivals.collect();
        let ends_leases = rng.u32(0..6) == 0;
        let kinds = if ends_leases { 6 } else { 5 };
        let troubles = (0..rng.u32(0..=16)).map(|_| {
            let unit = format!("app/{}", rng.u32(0..recipe.units));
            let time = rng.u64(500..3_000 * ttl);
            let trouble = match rng.u32(0..kinds) {
                0 => Trouble::Away(time),
                1 => Trouble::Cut,
                2 => Trouble::Compact,
                3 => Trouble::Kill(unit),
                4 => Trouble::Stop(unit, time),
                _ => Trouble::EndLease(rng.usize(..)),
            };
            (rng.u64(0..end), trouble)
        });
        let troubles = troubles.collect();
        let limit = *rng.choice(&[1, 1, 2]).unwrap_or(&1);
        let unrelated = (rng.u32(0..4) == 0).then(|| {
            let gaps = (0..rng.u32(1..=3)).map(|_| {
                let from = rng.u64(0..end);
                (from, from + rng.u64(500..120_000))
            });
            gaps.collect()
        });
        Self {
            limit,
            ttl,
            ends_leases,
            unrelated,
            rivals,
            troubles,
        }
    }

    /// Whether a unit sees a relation with etcd at this time, if one is declared. Juju tells one unit after the other.
    pub(in super::super) fn relates(&self, unit: u32, now: u64) -> Option<bool> {
        let gaps = self.unrelated.as_ref()?;
        let told = now.saturating_sub(u64::from(unit) * 3_000);
        Some(!gaps.iter().any(|(from, to)| (*from..*to).contains(&told)))
    }

    /// What happens around etcd, a line for each thing.
    pub(in super::super) fn in_words(&self) -> Vec<String> {
        let first = format!(
            "a shared lock with limit {} and leases of {} s",
            self.limit, self.ttl
        );
        let rivals = self.rivals.iter().map(|rival| {
            let end = if rival.vanishes { " and vanishes" } else { "" };
            (
                rival.joins,
                format!("a rival asks, holds for {} ms{end}", rival.holds),
            )
        });
        let troubles = self.troubles.iter();
        let troubles = troubles.map(|(at, trouble)| (*at, trouble.in_words()));
        let gaps = self.unrelated.iter().flatten();
        let gaps = gaps.map(|(from, to)| {
            (
                *from,
                format!("there is no relation with etcd for {} ms", to - from),
            )
        });
        let mut later: Vec<(u64, String)> = rivals.chain(troubles).chain(gaps).collect();
        later.sort();
        let later = later.into_iter().map(|(at, words)| {
            let (seconds, millis) = (at / 1_000, at % 1_000);
            format!("{seconds:>5}.{millis:03} s  {words}")
        });
        std::iter::once(first).chain(later).collect()
    }
}

impl Trouble {
    fn in_words(&self) -> String {
        match self {
            Self::Away(time) => format!("etcd is away for {time} ms"),
            Self::Cut => "all watches are cut".to_owned(),
            Self::Compact => "etcd forgets what was".to_owned(),
            Self::EndLease(_) => "etcd ends a lease".to_owned(),
            Self::Kill(unit) => format!("the deputy of {unit} is killed"),
            Self::Stop(unit, time) => format!("the deputy of {unit} stands still for {time} ms"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::Fault;

    #[test]
    fn in_some_runs_a_relation_with_etcd_comes_and_goes() {
        let shared = [Fault::Shared].into();
        let plans = (0..40).filter_map(|seed| Recipe::new(seed, &shared).shared);
        let plans: Vec<SharedPlan> = plans.collect();
        let related = plans.iter().filter(|plan| plan.unrelated.is_some());
        assert!((1..40).contains(&related.clone().count()));
        for plan in related {
            let (from, to) = plan.unrelated.as_ref().unwrap()[0];
            assert_eq!(plan.relates(0, from), Some(false));
            assert_ne!(plan.relates(2, to), Some(true), "told later");
            assert_eq!(plan.relates(2, u64::MAX), Some(true));
        }
    }
}
