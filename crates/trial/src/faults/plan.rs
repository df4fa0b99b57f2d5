//! What goes wrong in a run, and when. A seed determines all of it.

use std::fmt;
use std::time::Duration;

use fastrand::Rng;

/// The shortest lease that the runs use, which is what a freeze is measured against.
pub const TTL: Duration = Duration::from_secs(2);

/// Something that goes wrong, or that is put right again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strike {
    /// A member is killed, or comes back.
    Kill(usize, bool),
    /// A member is stopped, or goes on.
    Freeze(usize, bool),
    /// A member is killed and loses its files, for good.
    Lose(usize),
    /// A holder is stopped, with its command or without, for so long that its lease ends, or not.
    FreezeHolder {
        /// The command as well.
        whole: bool,
        /// For longer than its lease.
        long: bool,
    },
    /// The holders that were stopped go on.
    ThawHolders,
    /// A holder and its command are killed, as when a machine dies.
    KillHolder,
    /// The connections to a member are cut once.
    Cut(usize),
    /// The connections to a member are refused, or that ends.
    Refuse(usize, bool),
    /// The connections to a member fall silent, or that ends.
    Silence(usize, bool),
    /// Each piece to and from a member is late by so many milliseconds; 0 ends that.
    Delay(usize, u64),
}

/// A run's plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// How many may be inside.
    pub limit: u32,
    /// How many want the lock at the same time.
    pub workers: usize,
    /// How often each of them.
    pub turns: u32,
    /// How long each turn lasts, in milliseconds.
    pub hold: u64,
    /// What goes wrong, in order.
    pub strikes: Vec<(Duration, Strike)>,
}

impl Plan {
    /// The plan of this seed, for a cluster with three members.
    pub fn draw(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let mut strikes = Vec::new();
        let mut lost = false;
        for _ in 0..random.usize(2..=5) {
            fault(&mut random, &mut strikes, &mut lost);
        }
        strikes.sort_by_key(|(at, _)| *at);
        Self {
            seed,
            limit: [1, 1, 2, 3][random.usize(..4)],
            workers: random.usize(4..=7),
            turns: random.u32(2..=4),
            hold: random.u64(20..=250),
            strikes,
        }
    }
}

fn fault(random: &mut Rng, strikes: &mut Vec<(Duration, Strike)>, lost: &mut bool) {
    let member = random.usize(..3);
    let at = random.u64(100..2500);
    let length = random.u64(100..3000);
    let mut strike = |after: u64, strike: Strike| {
        strikes.push((Duration::from_millis(at + after), strike));
    };
    match random.u32(..20) {
        0..=2 => {
            strike(0, Strike::Kill(member, true));
            strike(length, Strike::Kill(member, false));
        }
        3..=4 => {
            strike(0, Strike::Freeze(member, true));
            strike(length, Strike::Freeze(member, false));
        }
        5 if !*lost => {
            *lost = true;
            strike(0, Strike::Lose(member));
        }
        // The majority is gone for a while.
        6 => {
            for other in [member, (member + 1) % 3] {
                strike(0, Strike::Kill(other, true));
                strike(length, Strike::Kill(other, false));
            }
        }
        5 | 7 => {
            for other in [member, (member + 1) % 3] {
                strike(0, Strike::Freeze(other, true));
                strike(length, Strike::Freeze(other, false));
            }
        }
        8..=10 => {
            let whole = random.bool();
            strike(0, Strike::FreezeHolder { whole, long: true });
            strike(2800 + length / 2, Strike::ThawHolders);
        }
        11 => {
            let whole = random.bool();
            strike(0, Strike::FreezeHolder { whole, long: false });
            strike(200 + length / 4, Strike::ThawHolders);
        }
        12..=13 => strike(0, Strike::KillHolder),
        14..=15 => strike(0, Strike::Cut(member)),
        16 => {
            strike(0, Strike::Refuse(member, true));
            strike(length, Strike::Refuse(member, false));
        }
        17..=18 => {
            strike(0, Strike::Silence(member, true));
            strike(length, Strike::Silence(member, false));
        }
        // All of them: whoever holds has to stop in time.
        _ => {
            for other in 0..3 {
                strike(0, Strike::Delay(other, length / 10));
                strike(length, Strike::Delay(other, 0));
            }
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "seed {}: limit {}, {} workers with {} turns of {} ms",
            self.seed, self.limit, self.workers, self.turns, self.hold
        )?;
        for (at, strike) in &self.strikes {
            writeln!(f, "  {:5} ms  {strike:?}", at.as_millis())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_determines_the_plan() {
        for seed in 0..100 {
            assert_eq!(Plan::draw(seed), Plan::draw(seed));
        }
    }

    #[test]
    fn every_kind_of_fault_is_drawn_and_ends() {
        let mut said = String::new();
        for seed in 0..200 {
            let plan = Plan::draw(seed);
            let on = |wanted: bool| {
                plan.strikes
                    .iter()
                    .filter(|(_, strike)| match strike {
                        Strike::Kill(_, on)
                        | Strike::Freeze(_, on)
                        | Strike::Refuse(_, on)
                        | Strike::Silence(_, on) => *on == wanted,
                        Strike::Delay(_, time) => (*time > 0) == wanted,
                        _ => false,
                    })
                    .count()
            };
            assert_eq!(on(true), on(false), "{plan}");
            said += &plan.to_string();
        }
        for kind in [
            "Kill(",
            "Freeze(",
            "Lose",
            "long: true",
            "long: false",
            "ThawHolders",
            "KillHolder",
            "Cut",
            "Refuse",
            "Silence",
            "Delay",
        ] {
            assert!(said.contains(kind), "{kind}");
        }
    }
}
