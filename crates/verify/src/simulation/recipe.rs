//! What a seed stands for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use fastrand::Rng;
use ops_coordinator_lab::history::Detail;
use ops_coordinator_lab::simulation::Deed;
use ops_coordinator_lab::{CrashPoint, Departure, JujuVersion, Settings, UnitName};
use serde_json::json;

use crate::charm::{ENDPOINT, OTHER, THIRD};

/// Between two changes of leadership by an operator's hand. Juju promises a leader 30 s; what moves the
/// lease there and back sooner breaks Juju's promise, not ours.
const BETWEEN_LEADERS: u64 = 31_000;

/// Juju's own interval between two `update-status`.
const STATUS: u64 = 300_000;

macro_rules! faults {
    ($($variant:ident $name:literal $story:literal;)*) => {
        /// A kind of fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Fault {
            $(#[doc = $story] $variant,)*
        }

        impl Fault {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

faults! {
    Operation "operation" "An operation fails, and its hook with it.";
    Fail "fail" "A hook fails at its very end.";
    Kill "kill" "A hook's process is killed.";
    Crash "crash" "An agent dies, at any point of a hook.";
    Reply "reply" "Juju commits a hook, but its agent does not learn of it.";
    Leader "leader" "Leadership moves, or lapses.";
    Agent "agent" "An agent stops for a while.";
    Reach "reach" "The controller is unreachable for a while.";
    Pause "pause" "A machine freezes for a while.";
    Lose "lose" "A machine is lost, and eventually removed.";
    Remove "remove" "A unit is removed.";
    Force "force" "A unit is removed by force.";
    Add "add" "Units are added.";
    Refresh "refresh" "The charm is refreshed.";
    Skip "skip" "An operator resolves a failed hook without running it again.";
    Slow "slow" "Operations and hooks take a long time, some longer than a lease.";
    Long "long" "Every hook of a leader takes longer than the lease allows it to write the line.";
    Tools "tools" "Hook tools take seconds.";
    Orphan "orphan" "A hook's process is killed, and its children continue.";
    Disk "disk" "A unit's disk is lost, and its databags stay.";
    Waker "waker" "Wakers die with their agent or at any time; update-status does their work.";
    Untold "untold" "A unit is removed, but Juju still lists it.";
    Duplicate "duplicate" "An endpoint has two relations.";
    Vanish "vanish" "Units lose sight of the lower of two relations, at different times.";
    Endpoint "endpoint" "A refresh in the middle of a roll names another endpoint.";
    TwoEndpoints "two-endpoints" "The charm uses two endpoints side by side.";
    Ignore "ignore" "Some hooks do not take their turn, although it has come.";
    Forget "forget" "A charm forgets its requests, and withdraws those without a claimant.";
    Cancel "cancel" "An operator cancels a request.";
}

impl Fault {
    /// All of them.
    pub fn all() -> BTreeSet<Self> {
        Self::ALL.iter().copied().collect()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|fault| fault.name() == text);
        found.copied().ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|fault| fault.name()).collect();
            format!("expected one of {}", names.join(", "))
        })
    }
}

/// A run, before it runs.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about one run"
)]
pub struct Recipe {
    /// Where it comes from.
    pub seed: u64,
    /// How many units there are at first.
    pub units: u32,
    /// How many locks, one or two.
    pub locks: usize,
    /// How many units may be inside.
    pub limit: u32,
    /// How many entries the line has behind them.
    pub lookahead: u32,
    /// How Juju behaves.
    pub settings: Settings,
    /// The longest time between two things that an agent does.
    pub latency: u64,
    /// What happens when.
    pub deeds: Vec<(u64, Deed)>,
    /// When everything is repaired.
    pub repaired_at: u64,
    /// Whether operations fail now and then until then.
    pub operations_fail: bool,
    /// Whether some steps take very long.
    pub slow: bool,
    /// Whether every hook of a leader takes longer than the lease allows.
    pub long: bool,
    /// Whether some hooks take no turn.
    pub ignores: bool,
    /// Whether charms forget what they have asked for, and withdraw what nobody wants.
    pub forgets: bool,
    /// Whether each lock has an endpoint of its own.
    pub two_endpoints: bool,
    /// Whether the machines can tell which processes live.
    pub tells_processes: bool,
}

impl Recipe {
    /// The recipe of a seed, with these kinds of faults.
    pub fn new(seed: u64, faults: &BTreeSet<Fault>) -> Self {
        let mut rng = Rng::with_seed(seed);
        // Few units make as much trouble as many, in less time.
        let units = rng.u32(1..=9).min(rng.u32(1..=9));
        let length = rng.u64(20_000..=600_000);
        let mut recipe = Self {
            seed,
            units,
            locks: if rng.u32(0..4) == 0 { 2 } else { 1 },
            limit: *rng.choice(&[1, 1, 1, 2, 3]).unwrap_or(&1),
            lookahead: rng.u32(0..=4),
            settings: settings(seed, &mut rng),
            latency: *rng.choice(&[0, 20, 500, 5_000]).unwrap_or(&0),
            deeds: Vec::new(),
            repaired_at: length,
            operations_fail: faults.contains(&Fault::Operation) && rng.bool(),
            slow: faults.contains(&Fault::Slow) && rng.u32(0..3) == 0,
            long: faults.contains(&Fault::Long) && rng.u32(0..8) == 0,
            ignores: faults.contains(&Fault::Ignore) && rng.u32(0..6) == 0,
            forgets: faults.contains(&Fault::Forget) && rng.u32(0..6) == 0,
            two_endpoints: faults.contains(&Fault::TwoEndpoints) && rng.u32(0..6) == 0,
            tells_processes: rng.u32(0..6) != 0,
        };
        if recipe.two_endpoints {
            recipe.locks = 2;
        }
        recipe.surround(faults, &mut rng);
        recipe.ask(&mut rng);
        let kinds: Vec<Fault> = faults.iter().copied().collect();
        for _ in 0..rng.u32(0..=14) {
            if let Some(&kind) = rng.choice(&kinds) {
                recipe.strike(kind, &mut rng);
            }
        }
        recipe.deeds.sort_by_key(|(at, _)| *at);
        recipe.keep_leaders_apart();
        recipe.keep_revisions_apart();
        recipe
    }

    /// What lasts for the whole run.
    fn surround(&mut self, faults: &BTreeSet<Fault>, rng: &mut Rng) {
        let settings = &mut self.settings;
        if faults.contains(&Fault::Tools) && rng.u32(0..6) == 0 {
            settings.tool_delays.others = rng.u64(1..1_500);
            let slow = UnitName::new("app", rng.u32(0..self.units));
            settings.tool_delays.units.insert(slow, rng.u64(1..6_000));
        }
        if faults.contains(&Fault::Waker) && rng.u32(0..6) == 0 {
            settings.leftovers_die_with_agent = true;
            settings.update_status_interval = STATUS;
        }
        if faults.contains(&Fault::Duplicate) && rng.u32(0..6) == 0 {
            settings.duplicate_relations.push(ENDPOINT.to_owned());
        }
        if self.ignores {
            settings.update_status_interval = STATUS;
        }
    }

    /// How many peer endpoints the charm has at most.
    pub(super) fn endpoints(&self) -> u64 {
        let brought = self.deeds.iter().filter_map(|(_, deed)| match deed {
            Deed::Upgrade { adds, .. } => Some(adds),
            _ => None,
        });
        let brought: BTreeSet<&String> = brought.flatten().collect();
        1 + u64::from(self.two_endpoints) + brought.len() as u64
    }

    /// A run without faults, with this many units.
    pub fn calm(seed: u64, units: u32) -> Self {
        let mut rng = Rng::with_seed(seed);
        Self {
            seed,
            units,
            locks: 1,
            limit: 1,
            lookahead: 4,
            settings: settings(seed, &mut rng),
            latency: 20,
            deeds: Vec::new(),
            repaired_at: 1_000,
            operations_fail: false,
            slow: false,
            long: false,
            ignores: false,
            forgets: false,
            two_endpoints: false,
            tells_processes: true,
        }
    }

    fn ask(&mut self, rng: &mut Rng) {
        for generation in 0..rng.u32(0..=2) {
            let at = rng.u64(0..self.repaired_at);
            let options = BTreeMap::from([("generation".to_owned(), json!(generation + 1))]);
            self.deeds.push((at, Deed::Config(options)));
        }
        for _ in 0..rng.u32(0..=4) {
            let at = rng.u64(0..self.repaired_at);
            let unit = rng.u32(0..self.units);
            let action = Deed::Action {
                unit,
                name: "ask".to_owned(),
                params: BTreeMap::new(),
            };
            self.deeds.push((at, action));
        }
    }

    #[expect(clippy::too_many_lines, reason = "a table: an arm for each fault")]
    fn strike(&mut self, kind: Fault, rng: &mut Rng) {
        let at = rng.u64(0..self.repaired_at);
        let unit = rng.u32(0..self.units);
        let later = at + rng.u64(100..150_000);
        let point = rng
            .choice(CrashPoint::ALL)
            .unwrap_or(CrashPoint::MidProcess);
        let two_endpoints = self.two_endpoints;
        let mut deed = |at: u64, deed: Deed| self.deeds.push((at.min(self.repaired_at), deed));
        match kind {
            Fault::Operation
            | Fault::Slow
            | Fault::Long
            | Fault::Tools
            | Fault::TwoEndpoints
            | Fault::Ignore
            | Fault::Forget => {}
            Fault::Fail => deed(at, Deed::Fail { unit, code: 1 }),
            Fault::Kill if rng.bool() => deed(at, Deed::Kill(unit)),
            Fault::Kill => deed(
                at,
                Deed::KillAfter {
                    unit,
                    phases: rng.u32(0..4),
                },
            ),
            Fault::Crash => deed(at, Deed::Crash { unit, point }),
            Fault::Reply => deed(at, Deed::LoseReply(unit)),
            Fault::Leader => {
                if rng.bool() {
                    deed(at, Deed::SetLeader(unit));
                } else {
                    deed(at, Deed::ExpireLease);
                }
                // Perhaps it goes back to where it was, within one long hook of the old leader.
                if rng.bool() {
                    let back = at + rng.u64(BETWEEN_LEADERS..BETWEEN_LEADERS + 10_000);
                    deed(back, Deed::SetLeader(rng.u32(0..self.units)));
                }
            }
            Fault::Agent => {
                deed(at, Deed::AgentUp(unit, false));
                deed(later, Deed::AgentUp(unit, true));
            }
            Fault::Reach => {
                deed(at, Deed::Reachable(unit, false));
                deed(later, Deed::Reachable(unit, true));
            }
            Fault::Pause => {
                deed(at, Deed::Suspended(unit, true));
                deed(later, Deed::Suspended(unit, false));
            }
            Fault::Lose => deed(at, Deed::Lose(unit)),
            Fault::Remove => deed(
                at,
                Deed::RemoveUnit {
                    unit,
                    force: false,
                    untold: false,
                },
            ),
            Fault::Force => deed(
                at,
                Deed::RemoveUnit {
                    unit,
                    force: true,
                    untold: false,
                },
            ),
            Fault::Add => deed(at, Deed::AddUnits(rng.u32(1..=2))),
            Fault::Refresh => deed(
                at,
                Deed::Upgrade {
                    force: rng.bool(),
                    adds: Vec::new(),
                },
            ),
            Fault::Orphan => deed(at, Deed::KillDispatch(unit)),
            Fault::Disk => deed(at, Deed::LoseDisk(unit)),
            Fault::Waker => {
                deed(at, Deed::EndLeftovers(unit));
                self.settings.update_status_interval = STATUS;
            }
            Fault::Untold => {
                deed(
                    at,
                    Deed::RemoveUnit {
                        unit,
                        force: rng.bool(),
                        untold: true,
                    },
                );
                self.settings.update_status_interval = STATUS;
            }
            Fault::Duplicate => {
                let endpoint = if rng.u32(0..4) == 0 { OTHER } else { ENDPOINT };
                deed(at, Deed::DuplicateRelation(endpoint.to_owned()));
            }
            Fault::Vanish => {
                if self.settings.duplicate_relations.is_empty() {
                    let endpoint = ENDPOINT.to_owned();
                    self.settings.duplicate_relations.push(endpoint);
                }
                // No event tells that a relation is gone.
                self.settings.update_status_interval = STATUS;
                // With the repair, all units come to lose what one has lost.
                let latest = self.repaired_at.saturating_sub(1);
                for unit in 0..self.units {
                    let spread = *rng.choice(&[1_000, 20_000, 200_000]).unwrap_or(&1_000);
                    let at = (at + rng.u64(0..spread)).min(latest);
                    self.deeds.push((at, Deed::ForgetRelation(unit)));
                }
            }
            Fault::Endpoint => {
                let force = rng.bool();
                let to = |endpoint: &str| Deed::Upgrade {
                    force,
                    adds: vec![endpoint.to_owned()],
                };
                // A lock moves only to an endpoint that the charm does not use at that time.
                deed(at, to(if two_endpoints { THIRD } else { OTHER }));
                if rng.u32(0..4) == 0 {
                    deed(later, to(ENDPOINT));
                }
            }
            Fault::Cancel => {
                // Whichever of them leads, carries it out.
                for leader in 0..self.units {
                    let action = Deed::Action {
                        unit: leader,
                        name: "cancel".to_owned(),
                        params: BTreeMap::from([("unit".to_owned(), json!(unit))]),
                    };
                    self.deeds.push((at, action));
                }
            }
            Fault::Skip => {
                deed(at, Deed::Fail { unit, code: 1 });
                deed(
                    at + rng.u64(1_000..20_000),
                    Deed::Resolve { unit, retry: false },
                );
                // A hook that is skipped may be the one that tells. Then update-status does.
                self.settings.update_status_interval = STATUS;
            }
        }
    }

    /// Whoever looks at a charm's revision must find it by its number.
    fn keep_revisions_apart(&mut self) {
        let mut last = 0;
        for (at, deed) in &mut self.deeds {
            if matches!(deed, Deed::Upgrade { .. }) {
                *at = (*at).max(last + 1);
                last = *at;
            }
        }
        self.deeds.sort_by_key(|(at, _)| *at);
    }

    fn keep_leaders_apart(&mut self) {
        let mut last = None;
        self.deeds.retain(|(at, deed)| {
            if !matches!(deed, Deed::SetLeader(_) | Deed::ExpireLease) {
                return true;
            }
            let apart = last.is_none_or(|last| *at >= last + BETWEEN_LEADERS);
            if apart {
                last = Some(*at);
            }
            apart
        });
    }
}

fn settings(seed: u64, rng: &mut Rng) -> Settings {
    let versions = ["2.9.50", "3.6.8", "4.0.0"];
    let version = rng
        .choice(versions)
        .and_then(|version| version.parse().ok());
    let version: JujuVersion = version.unwrap_or_default();
    // Where nothing tells that a unit has departed, update-status does.
    let untold = version.to_string().starts_with('4') && rng.bool();
    let (departure, update_status_interval) = if untold {
        (Departure::Never, STATUS)
    } else {
        (Departure::Either, 0)
    };
    Settings {
        juju_version: version,
        seed,
        update_status_interval,
        leader_hears_own_write: rng.u32(0..4) != 0,
        watcher_delay: *rng.choice(&[0, 100, 3_000, 20_000]).unwrap_or(&0),
        departure,
        detail: Detail::Hooks,
        model_name: "simulation".to_owned(),
        ..Settings::default()
    }
}
