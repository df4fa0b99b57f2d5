//! What goes wrong in a run, and when.

use std::fmt;
use std::time::Duration;

use clap::ValueEnum;

/// The shortest lease that the runs use, which is what a freeze is measured against.
pub const TTL: Duration = Duration::from_secs(2);

/// What a run is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Kind {
    /// Members, connections and holders, and a database that is full.
    Usual,
    /// Disks that are full. Takes root, for disks of our own.
    Disk,
    /// Members that are replaced by the next version of etcd, one by one. Takes such a version.
    Upgrade,
    /// Workers whose clocks run faster or slower than etcd's. Takes libfaketime.
    Clock,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Usual, Self::Disk, Self::Upgrade, Self::Clock];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Usual => "usual",
            Self::Disk => "disk",
            Self::Upgrade => "upgrade",
            Self::Clock => "clock",
        })
    }
}

/// Traffic of a member that can be cut alone, while what goes the other way arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// What it says to the other members.
    ToMembers,
    /// What the other members say to it.
    FromMembers,
    /// What it says to clients.
    ToClients,
    /// What clients say to it.
    FromClients,
}

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
    /// A member's traffic falls silent on one side, or that ends.
    OneWay(usize, Side, bool),
    /// Each piece to and from a member is late by so many milliseconds; 0 ends that.
    Delay(usize, u64),
    /// Somebody fills the database up to its quota.
    Flood,
    /// What filled it is deleted, and the cluster is told so.
    Drain,
    /// A member's disk is full, or has room again, and the member is started if it has ended.
    FillDisk(usize, bool),
    /// A member is replaced by the next version of etcd.
    Upgrade {
        /// Which one.
        member: usize,
        /// Whether everything waits until it answers.
        patient: bool,
    },
}

/// A run's plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// What it is about.
    pub kind: Kind,
    /// How many may be inside.
    pub limit: u32,
    /// How many turns each of those wants who want the lock at the same time, and how fast its clock runs, in percent.
    pub workers: Vec<(u32, u32)>,
    /// How long each turn lasts, in milliseconds.
    pub hold: u64,
    /// How long a lease lives.
    pub ttl: Duration,
    /// What goes wrong, in order.
    pub strikes: Vec<(Duration, Strike)>,
}

impl Plan {
    /// How many turns all of them want.
    pub fn turns(&self) -> usize {
        self.workers.iter().map(|(turns, _)| *turns as usize).sum()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "seed {}, {}: limit {}, {} workers, {} turns of {} ms, leases of {} s",
            self.seed,
            self.kind,
            self.limit,
            self.workers.len(),
            self.turns(),
            self.hold,
            self.ttl.as_secs()
        )?;
        for (worker, (_, rate)) in self.workers.iter().enumerate() {
            if *rate != 100 {
                writeln!(f, "  the clock of worker {worker} runs at {rate} %")?;
            }
        }
        for (at, strike) in &self.strikes {
            writeln!(f, "  {:5} ms  {strike:?}", at.as_millis())?;
        }
        Ok(())
    }
}
