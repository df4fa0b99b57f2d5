//! What carries out deeds.

use super::{Deed, Revision, UnitDeed};
use crate::dispatch::{ActionId, ExecId};
use crate::error::LabError;
use crate::name::{RelationId, UnitName};
use crate::settings::Millis;
use crate::world::World;

/// A world with machines around it, to which deeds are done. Juju's part in a deed is the same everywhere; a driver
/// adds what becomes of machines and processes.
pub trait Driver {
    /// Why a deed was refused.
    type Error: From<LabError>;

    /// The application to which deeds are done.
    fn application(&self) -> &str;

    /// Reads or changes the model, at the driver's time.
    fn with_world<T>(&mut self, look: impl FnOnce(&mut World, Millis) -> T) -> T;

    /// Starts the machines of units that the model has just got.
    ///
    /// # Errors
    /// When they cannot be started.
    fn start(&mut self, units: &[UnitName]) -> Result<(), Self::Error>;

    /// Upgrades the charm, in the model and on the machines.
    ///
    /// # Errors
    /// When the model refuses it, or the driver cannot run such a revision.
    fn upgrade(&mut self, to: &Revision, force: bool) -> Result<(), Self::Error>;

    /// Sets a unit's clock: from now on its time of day is off by this many milliseconds.
    ///
    /// # Errors
    /// When the driver has no means to do it.
    fn set_clock(&mut self, unit: &UnitName, offset: i64) -> Result<(), Self::Error>;

    /// Does to a unit's machine and processes what the deed means for them, once the model has accepted it.
    ///
    /// # Errors
    /// When nothing is there to which it could be done.
    fn do_to_machine(&mut self, unit: &UnitName, deed: UnitDeed) -> Result<(), Self::Error>;

    /// Carries a deed out.
    ///
    /// # Errors
    /// When the model or the machines refuse it.
    fn carry_out(&mut self, deed: &Deed<UnitName>) -> Result<Effect, Self::Error> {
        let application = self.application().to_owned();
        match deed {
            Deed::Config(values) => {
                self.with_world(|world, now| world.set_config(&application, values.clone(), now))?;
            }
            Deed::AddUnits(count) => {
                let units =
                    self.with_world(|world, now| world.add_units(&application, *count, now))?;
                self.start(&units)?;
                return Ok(Effect::Units(units));
            }
            Deed::Upgrade { to, force } => self.upgrade(to, *force)?,
            Deed::DuplicateRelation(endpoint) => {
                let relation = self.with_world(|world, now| {
                    world.duplicate_relation(&application, endpoint, now)
                })?;
                return Ok(Effect::Relation(relation));
            }
            Deed::ExpireLease => {
                self.with_world(|world, now| world.expire_lease(&application, now))?;
            }
            Deed::Clock(offsets) => {
                for (unit, offset) in offsets {
                    self.with_world(|world, _| world.existing(unit))?;
                    self.set_clock(unit, *offset)?;
                }
            }
            Deed::Action { unit, name, params } => {
                let id = self
                    .with_world(|world, now| world.run_action(unit, name, params.clone(), now))?;
                return Ok(Effect::Action(id));
            }
            Deed::Exec { unit, command } => {
                let id = self.with_world(|world, now| world.exec(unit, command.clone(), now))?;
                return Ok(Effect::Exec(id));
            }
            Deed::Unit(unit, deed) => {
                self.with_world(|world, now| world.do_to_unit(unit, *deed, now))?;
                self.do_to_machine(unit, *deed)?;
            }
        }
        Ok(Effect::None)
    }
}

/// What a deed has brought into being.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing that has a name.
    None,
    /// Units.
    Units(Vec<UnitName>),
    /// A relation.
    Relation(RelationId),
    /// An action that has still to run.
    Action(ActionId),
    /// A command that has still to run.
    Exec(ExecId),
}
