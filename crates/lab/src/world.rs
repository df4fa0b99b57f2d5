//! The whole model and all its agents, as one deterministic state machine.

mod condition;
mod disk;
mod leadership;
mod life;
mod news;
mod operator;
mod refresh;
mod relation;
mod request;
mod scope;
mod timer;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;

use crate::history::{Happening, History};
use crate::model::deployed::Deployed;
use crate::model::peer::Peer;
use crate::model::queue::Requests;
use crate::model::timer::Timer;
use crate::name::{RelationId, UnitName};
use crate::settings::{Millis, Settings};
use crate::uniter::unit::Unit;
pub use view::{AgentStatus, UnitStatus};

/// The model, its controller and every unit's agent.
///
/// A driver steps the units ([`World::step`]), runs what it is told to, forwards tool calls ([`World::call`]) and
/// reports exits ([`World::exited`]). Time never goes backwards: `now` is the driver's clock in milliseconds, and a
/// value below an earlier one counts as the earlier one. The same calls with the same settings have the same effects.
#[derive(Debug)]
pub struct World {
    pub(crate) settings: Settings,
    pub(crate) history: History,
    pub(crate) rng: Rng,
    pub(crate) now: Millis,
    pub(crate) model_uuid: String,
    pub(crate) deployed: BTreeMap<String, Deployed>,
    pub(crate) units: BTreeMap<UnitName, Unit>,
    pub(crate) requests: Requests,
    pub(crate) timers: BTreeSet<(Millis, Timer)>,
    /// Units to step, and from when.
    woken: BTreeMap<UnitName, Millis>,
    /// How many units are not quiet.
    pub(crate) busy: usize,
    next_relation: u32,
}

impl World {
    /// An empty model.
    pub fn new(settings: Settings) -> Self {
        let mut rng = Rng::with_seed(settings.seed);
        let random = format!("{:032x}", rng.u128(..));
        let (a, b, c, d) = (
            &random[..8],
            &random[8..12],
            &random[13..16],
            &random[17..20],
        );
        let model_uuid = format!("{a}-{b}-4{c}-8{d}-{}", &random[20..]);
        Self {
            history: History::new(settings.detail),
            settings,
            rng,
            now: 0,
            model_uuid,
            deployed: BTreeMap::new(),
            units: BTreeMap::new(),
            requests: Requests::default(),
            timers: BTreeSet::new(),
            woken: BTreeMap::new(),
            busy: 0,
            next_relation: 0,
        }
    }

    /// The history so far.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// What happened so far, to take events out.
    pub fn history_mut(&mut self) -> &mut History {
        &mut self.history
    }

    /// The settings with which the world was created.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn record(&mut self, happening: Happening) {
        self.history.record(self.now, happening);
    }

    pub(crate) fn peer_mut(&mut self, unit: &UnitName, relation: RelationId) -> Option<&mut Peer> {
        self.deployed
            .get_mut(unit.application())?
            .peers
            .get_mut(&relation)
    }

    pub(crate) fn peer(&self, unit: &UnitName, relation: RelationId) -> Option<&Peer> {
        self.deployed.get(unit.application())?.peers.get(&relation)
    }
}
