//! Deeds: what an operator, or bad luck, does to a model at some point.
//!
//! There is one list of them for all users: a scenario file asks for a deed by its name, a simulation plans deeds at
//! virtual times, and `lab faults` draws some for real processes. A [`Driver`] carries them out. This module does not
//! decide *which* deeds happen and when; a scenario's author does, or a random recipe.

mod driver;
mod unit;
mod words;
mod world;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

pub use driver::{Driver, Effect};
pub use unit::UnitDeed;

/// One thing that is done to a model. `U` says which unit is meant: a [`UnitName`](crate::UnitName) where the deed is
/// carried out, a number in a simulation's plan, a [`Target`](crate::scenario::Target) in a scenario.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed<U> {
    /// Changes the application's config.
    Config(BTreeMap<String, Value>),
    /// Adds units.
    AddUnits(u32),
    /// Upgrades the charm.
    Upgrade {
        /// To which revision.
        to: Revision,
        /// Whether units in error take it as well.
        force: bool,
    },
    /// Creates a second relation for this peer endpoint.
    DuplicateRelation(String),
    /// The leader's lease lapses.
    ExpireLease,
    /// Sets clock offsets of units, in milliseconds.
    Clock(Vec<(U, i64)>),
    /// Queues an action.
    Action {
        /// On which unit.
        unit: U,
        /// The name of the action.
        name: String,
        /// Its parameters.
        params: BTreeMap<String, Value>,
    },
    /// Queues a command on a unit, as `juju exec` does.
    Exec {
        /// On which unit.
        unit: U,
        /// The command for `/bin/bash`.
        command: String,
    },
    /// Something is done to one unit.
    Unit(U, UnitDeed),
}

/// A new revision of a charm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revision {
    /// The same charm again.
    Same,
    /// The charm declares these peer endpoints as well. In virtual time this is all there is to a revision.
    Adds(Vec<String>),
    /// The charm in this directory.
    Directory(PathBuf),
}

impl Revision {
    /// The peer endpoints that it adds, so far as that is known without reading a charm.
    pub fn adds(&self) -> &[String] {
        match self {
            Self::Adds(endpoints) => endpoints,
            Self::Same | Self::Directory(_) => &[],
        }
    }
}

impl<U> Deed<U> {
    /// The same deed, with its units found by `find`.
    ///
    /// # Errors
    /// When `find` does not find one of them.
    pub fn aim<V, E>(&self, mut find: impl FnMut(&U) -> Result<V, E>) -> Result<Deed<V>, E> {
        Ok(match self {
            Self::Config(values) => Deed::Config(values.clone()),
            Self::AddUnits(count) => Deed::AddUnits(*count),
            Self::Upgrade { to, force } => Deed::Upgrade {
                to: to.clone(),
                force: *force,
            },
            Self::DuplicateRelation(endpoint) => Deed::DuplicateRelation(endpoint.clone()),
            Self::ExpireLease => Deed::ExpireLease,
            Self::Clock(offsets) => Deed::Clock(
                offsets
                    .iter()
                    .map(|(unit, offset)| Ok((find(unit)?, *offset)))
                    .collect::<Result<_, _>>()?,
            ),
            Self::Action { unit, name, params } => Deed::Action {
                unit: find(unit)?,
                name: name.clone(),
                params: params.clone(),
            },
            Self::Exec { unit, command } => Deed::Exec {
                unit: find(unit)?,
                command: command.clone(),
            },
            Self::Unit(unit, deed) => Deed::Unit(find(unit)?, *deed),
        })
    }
}
