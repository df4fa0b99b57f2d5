//! Plans by seed. The same seed is the same plan everywhere, whether the machine can carry it out or not.

use std::time::Duration;

use fastrand::Rng;

use super::plan::{Kind, Plan, Side, Strike, TTL};

/// How fast the clock of a worker runs, in percent. The slowest that is promised is two thirds, and then a command has no
/// time left to end in.
const RATES: [u32; 6] = [75, 80, 90, 100, 115, 130];
/// With such clocks leases live longer, so that a command has as much time to end in as ever.
const CLOCK_TTL: Duration = Duration::from_secs(5);

impl Plan {
    /// The plan of this seed, for a cluster with three members.
    pub fn draw(seed: u64) -> Self {
        let kind = match Rng::with_seed(!seed).u32(..10) {
            0 => Kind::Disk,
            1 => Kind::Upgrade,
            2 => Kind::Clock,
            _ => Kind::Usual,
        };
        Self::of(kind, seed)
    }

    /// The plan of this kind and this seed.
    pub fn of(kind: Kind, seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let ttl = match kind {
            Kind::Clock => CLOCK_TTL,
            _ => TTL,
        };
        let mut drawing = Drawing {
            ttl: u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX),
            strikes: Vec::new(),
            lost: false,
        };
        match kind {
            Kind::Usual | Kind::Clock => {}
            Kind::Disk => drawing.disks(&mut random),
            Kind::Upgrade => drawing.upgrade(&mut random),
        }
        let others = match kind {
            Kind::Usual | Kind::Clock => random.usize(2..=5),
            Kind::Disk | Kind::Upgrade => random.usize(..=2),
        };
        for _ in 0..others {
            drawing.fault(&mut random);
        }
        let mut strikes = drawing.strikes;
        strikes.sort_by_key(|(at, _)| *at);
        let (turns, count) = match kind {
            // Their turns are long.
            Kind::Upgrade => (random.u32(1..=2), random.usize(4..=5)),
            _ => (random.u32(2..=4), random.usize(4..=7)),
        };
        let workers = (0..count).map(|_| match kind {
            Kind::Clock => (turns, RATES[random.usize(..RATES.len())]),
            _ => (turns, 100),
        });
        let workers = workers.collect();
        Self {
            seed,
            kind,
            limit: [1, 1, 2, 3][random.usize(..4)],
            workers,
            hold: match kind {
                // So that some hold the lock while one member after the other goes.
                Kind::Upgrade => random.u64(20..=2000),
                _ => random.u64(20..=250),
            },
            ttl,
            strikes,
        }
    }
}

/// A plan in the making.
struct Drawing {
    ttl: u64,
    strikes: Vec<(Duration, Strike)>,
    lost: bool,
}

impl Drawing {
    fn strike(&mut self, at: u64, strike: Strike) {
        self.strikes.push((Duration::from_millis(at), strike));
    }

    /// Something that begins, and ends after so long.
    fn spell(&mut self, at: u64, length: u64, strike: impl Fn(bool) -> Strike) {
        self.strike(at, strike(true));
        self.strike(at + length, strike(false));
    }

    /// Disks that are full: of one member, of two, or of all, not all at the same moment.
    fn disks(&mut self, random: &mut Rng) {
        let first = random.usize(..3);
        for other in 0..random.usize(1..=3) {
            let member = (first + other) % 3;
            let (at, length) = (random.u64(100..1500), random.u64(500..3500));
            self.spell(at, length, |on| Strike::FillDisk(member, on));
        }
    }

    /// One member after the other is replaced, as soon as the one before answers, or at once.
    fn upgrade(&mut self, random: &mut Rng) {
        let mut members = [0, 1, 2];
        random.shuffle(&mut members);
        let patient = random.u32(..4) > 0;
        let mut at = 0;
        for member in members {
            at += random.u64(100..1500);
            self.strike(at, Strike::Upgrade { member, patient });
        }
    }

    fn fault(&mut self, random: &mut Rng) {
        let member = random.usize(..3);
        // What is to outlast a lease is as long as leases are.
        let scaled = |milliseconds: u64| milliseconds * self.ttl / 2000;
        let at = scaled(random.u64(100..2500));
        let length = scaled(random.u64(100..3000));
        let past_lease = scaled(2800) + length / 2;
        let pair = [member, (member + 1) % 3];
        match random.u32(..27) {
            0..=2 => self.spell(at, length, |on| Strike::Kill(member, on)),
            3..=4 => self.spell(at, length, |on| Strike::Freeze(member, on)),
            5 if !self.lost => {
                self.lost = true;
                self.strike(at, Strike::Lose(member));
            }
            // The majority is gone for a while.
            6 => {
                for other in pair {
                    self.spell(at, length, |on| Strike::Kill(other, on));
                }
            }
            5 | 7 => {
                for other in pair {
                    self.spell(at, length, |on| Strike::Freeze(other, on));
                }
            }
            8..=10 => {
                let whole = random.bool();
                self.strike(at, Strike::FreezeHolder { whole, long: true });
                self.strike(at + past_lease, Strike::ThawHolders);
            }
            11 => {
                let whole = random.bool();
                self.strike(at, Strike::FreezeHolder { whole, long: false });
                self.strike(at + 200 + length / 4, Strike::ThawHolders);
            }
            12..=13 => self.strike(at, Strike::KillHolder),
            14..=15 => self.strike(at, Strike::Cut(member)),
            16 => self.spell(at, length, |on| Strike::Refuse(member, on)),
            17..=18 => self.spell(at, length, |on| Strike::Silence(member, on)),
            // All of them: whoever holds has to stop in time.
            19 => {
                for other in 0..3 {
                    self.strike(at, Strike::Delay(other, length / 10));
                    self.strike(at + length, Strike::Delay(other, 0));
                }
            }
            20..=24 => {
                for side in sides(random) {
                    self.spell(at, length, |on| Strike::OneWay(member, *side, on));
                }
            }
            _ => {
                self.strike(at, Strike::Flood);
                self.strike(at + length, Strike::Drain);
            }
        }
    }
}

/// One side of a member, or all that it says, or all that it hears.
fn sides(random: &mut Rng) -> &'static [Side] {
    use Side::{FromClients, FromMembers, ToClients, ToMembers};
    let all: [&[Side]; 6] = [
        &[ToMembers],
        &[FromMembers],
        &[ToClients],
        &[FromClients],
        &[ToMembers, ToClients],
        &[FromMembers, FromClients],
    ];
    all[random.usize(..all.len())]
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
        for seed in 0..300 {
            let plan = Plan::draw(seed);
            let on = |wanted: bool| {
                plan.strikes
                    .iter()
                    .filter(|(_, strike)| match strike {
                        Strike::Kill(_, on)
                        | Strike::Freeze(_, on)
                        | Strike::Refuse(_, on)
                        | Strike::Silence(_, on)
                        | Strike::OneWay(_, _, on)
                        | Strike::FillDisk(_, on) => *on == wanted,
                        Strike::Delay(_, time) => (*time > 0) == wanted,
                        Strike::Flood => wanted,
                        Strike::Drain => !wanted,
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
            "ToMembers",
            "FromMembers",
            "ToClients",
            "FromClients",
            "Delay",
            "Flood",
            "FillDisk",
            "Upgrade",
            "patient: true",
            "patient: false",
            "75 %",
            "130 %",
        ] {
            assert!(said.contains(kind), "{kind}");
        }
    }
}
