//! What a seed stands for.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use ops_coordinator_core::policy::Sequence;
use ops_coordinator_core::{Check, OnFailure, Recovery};
use ops_coordinator_lab::deed::{Deed, UnitDeed};
use ops_coordinator_lab::settings::Detail;
use ops_coordinator_lab::{Departure, JujuVersion, Settings, ToolDelays, UnitName};
use serde_json::json;

use super::fault::Fault;
use super::outer::SharedPlan;
use crate::charm::ENDPOINT;

/// Between two changes of leadership by an operator's hand. Juju promises a leader 30 s; what moves the
/// lease there and back sooner breaks Juju's promise, not ours.
pub(super) const BETWEEN_LEADERS: u64 = 31_000;

/// Juju's own interval between two `update-status`.
pub(super) const STATUS: u64 = 300_000;

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
    /// From when until when an operator sets the limit to one, if at all.
    pub lowered: Option<(u64, u64)>,
    /// The order in which units join the line.
    pub sequence: Sequence,
    /// Whether units are in zones, which are waves.
    pub zones: bool,
    /// From when until when all units are outside their window, if they have one.
    pub shut: Option<(u64, u64)>,
    /// Whether the first unit goes alone.
    pub canary: bool,
    /// What must hold after an operation, if anything.
    pub check: Option<Check>,
    /// In how many of eight times that check fails, until everything is repaired.
    pub check_fails: u64,
    /// What follows a check that has failed, and how often and how soon a failed operation is tried again.
    pub recovery: Recovery,
    /// How many units may be unavailable, where they are now and then.
    pub max_unavailable: Option<u32>,
    /// How long a policy may take to put the units in order, in milliseconds.
    pub thinks: u64,
    /// How many entries the line has behind them.
    pub lookahead: u32,
    /// How Juju behaves.
    pub settings: Settings,
    /// The longest time between two things that an agent does.
    pub latency: u64,
    /// What happens when, to which units by number.
    pub deeds: Vec<(u64, Deed<u32>)>,
    /// When everything is repaired.
    pub repaired_at: u64,
    /// Whether operations fail now and then until then.
    pub operations_fail: bool,
    /// Whether some of them wait for an operator then, or let the turn pass on, and their hooks go on.
    pub operations_stop: bool,
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
    /// Whether some units pass in campaigns.
    pub passes: bool,
    /// Whether all units expect a campaign when the configuration changes, and none asks.
    pub announces: bool,
    /// Whether the machines can tell which processes live.
    pub tells_processes: bool,
    /// The lock in etcd that each lock needs as well, if any.
    pub shared: Option<SharedPlan>,
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
            lowered: None,
            sequence: Sequence::FirstCome,
            zones: false,
            shut: None,
            canary: false,
            check: None,
            check_fails: 0,
            recovery: Recovery::default(),
            max_unavailable: None,
            thinks: 0,
            lookahead: rng.u32(0..=4),
            settings: settings(seed, &mut rng),
            latency: *rng.choice(&[0, 20, 500, 5_000]).unwrap_or(&0),
            deeds: Vec::new(),
            repaired_at: length,
            operations_fail: faults.contains(&Fault::Operation) && rng.bool(),
            operations_stop: faults.contains(&Fault::Stop) && rng.u32(0..3) == 0,
            slow: faults.contains(&Fault::Slow) && rng.u32(0..3) == 0,
            long: faults.contains(&Fault::Long) && rng.u32(0..8) == 0,
            ignores: faults.contains(&Fault::Ignore) && rng.u32(0..6) == 0,
            forgets: faults.contains(&Fault::Forget) && rng.u32(0..6) == 0,
            two_endpoints: faults.contains(&Fault::TwoEndpoints) && rng.u32(0..6) == 0,
            passes: false,
            announces: false,
            tells_processes: rng.u32(0..6) != 0,
            shared: None,
        };
        if recipe.two_endpoints {
            recipe.locks = 2;
        }
        recipe.declare(faults);
        recipe.surround(faults, &mut rng);
        recipe.ask(&mut rng);
        let kinds = faults.iter().copied();
        let kinds: Vec<Fault> = kinds.filter(|kind| !kind.has_own_dice()).collect();
        for _ in 0..rng.u32(0..=14) {
            if let Some(&kind) = rng.choice(&kinds) {
                recipe.strike(kind, &mut rng);
            }
        }
        recipe.roll(faults);
        recipe.announce(faults);
        recipe.ail(faults);
        recipe.think(faults);
        if faults.contains(&Fault::Shared) {
            recipe.shared = Some(SharedPlan::new(&recipe));
            // The next hook starts another deputy, if one has died.
            recipe.settings.update_status_interval = STATUS;
            // Deputies work between the steps of a hook, so a step must not take as long as a lease.
            recipe.settings.tool_delays = ToolDelays::default();
            recipe.thinks = 0;
        }
        recipe.deeds.sort_by_key(|(at, _)| *at);
        recipe.keep_leaders_apart();
        recipe.keep_revisions_apart();
        recipe
    }

    /// The policy of the charm. It has dice of its own: with or without it, a seed means the same faults.
    fn declare(&mut self, faults: &BTreeSet<Fault>) {
        let mut rng = Rng::with_seed(self.seed ^ 0x005e_ed0f_9011_c700);
        if rng.bool() {
            let from = rng.u64(0..self.repaired_at);
            self.lowered = Some((from, from + rng.u64(1_000..300_000)));
        }
        let named = ["app/2", "app/0"].iter();
        let named = named.filter_map(|unit| unit.parse().ok()).collect();
        self.sequence = match rng.u32(0..6) {
            0 => Sequence::UnitNumber,
            1 => Sequence::LeaderLast,
            2 => Sequence::First(named),
            _ => Sequence::FirstCome,
        };
        self.zones = rng.u32(0..4) == 0;
        self.canary = rng.u32(0..4) == 0;
        if rng.u32(0..3) == 0 {
            // It opens before everything is repaired: then time is not needed any more, and may stand still.
            let to = rng.u64(1_000..=self.repaired_at);
            self.shut = Some((to.saturating_sub(rng.u64(1_000..290_000)), to));
        }
        if rng.u32(0..3) == 0 {
            self.check = Some(Check {
                soak: *rng.choice(&[0, 5_000, 60_000, 200_000]).unwrap_or(&0),
                within: *rng.choice(&[0, 10_000, 120_000]).unwrap_or(&0),
            });
            let fails = rng.u64(0..8);
            self.check_fails = fails * u64::from(faults.contains(&Fault::Operation));
        }
        if rng.u32(0..3) == 0 {
            let mode = rng.choice(OnFailure::ALL).unwrap_or_default();
            self.recovery = Recovery {
                on_failure: mode,
                max_retry: rng.bool().then(|| rng.u16(0..3)),
                back_off: *rng.choice(&[0, 2_000, 30_000]).unwrap_or(&0),
            };
        }
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
            Deed::Upgrade { to, .. } => Some(to.adds()),
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
            lowered: None,
            sequence: Sequence::FirstCome,
            zones: false,
            shut: None,
            canary: false,
            check: None,
            check_fails: 0,
            recovery: Recovery::default(),
            max_unavailable: None,
            thinks: 0,
            lookahead: 4,
            settings: settings(seed, &mut rng),
            latency: 20,
            deeds: Vec::new(),
            repaired_at: 1_000,
            operations_fail: false,
            operations_stop: false,
            slow: false,
            long: false,
            ignores: false,
            forgets: false,
            two_endpoints: false,
            passes: false,
            announces: false,
            tells_processes: true,
            shared: None,
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
            if !matches!(deed, Deed::Unit(_, UnitDeed::Leader) | Deed::ExpireLease) {
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
