//! What an operator does to a model.

use std::collections::BTreeMap;

use serde_json::Value;

use super::World;
use crate::application::Application;
use crate::error::LabError;
use crate::history::{Happening, Life};
use crate::model::deployed::Deployed;
use crate::model::member::Member;
use crate::model::timer::Timer;
use crate::name::{UnitName, is_application_name};
use crate::settings::{Departure, Millis};
use crate::uniter::unit::Unit;

impl World {
    /// Deploys an application with this many units. Their hooks begin with the next steps.
    ///
    /// # Errors
    /// When an application of that name exists, or the name cannot be one.
    pub fn deploy(
        &mut self,
        application: Application,
        units: u32,
        now: Millis,
    ) -> Result<Vec<UnitName>, LabError> {
        self.advance(now);
        let name = application.name.clone();
        if !is_application_name(&name) {
            return Err(LabError::BadApplicationName(name));
        }
        if self.deployed.contains_key(&name) {
            return Err(LabError::ApplicationExists(name));
        }
        let peers = application.peers.clone();
        let deployed = Deployed::new(application, self.deployed.len());
        self.deployed.insert(name.clone(), deployed);
        let doubled = self.settings.duplicate_relations.clone();
        let known = doubled
            .iter()
            .try_for_each(|endpoint| self.check_endpoint(&name, endpoint));
        if let Err(unknown) = known {
            self.deployed.remove(&name);
            return Err(unknown);
        }
        for endpoint in peers.iter().chain(&doubled) {
            self.make_relation(&name, endpoint);
        }
        self.add_units(&name, units, now)
    }

    /// Adds units.
    ///
    /// # Errors
    /// When there is no such application.
    pub fn add_units(
        &mut self,
        application: &str,
        units: u32,
        now: Millis,
    ) -> Result<Vec<UnitName>, LabError> {
        self.advance(now);
        let mut names = Vec::new();
        for _ in 0..units {
            let deployed = self.deployed_mut(application)?;
            let number = deployed.next_number;
            deployed.next_number += 1;
            deployed.units.insert(Member::new(number));
            let name = deployed.pattern.sibling(number);
            let host = number % 62_500;
            let address = format!(
                "10.{}.{}.{}",
                deployed.place + 1,
                host / 250,
                host % 250 + 1
            );
            let unit = Unit::new(name.clone(), address, self.now);
            self.units.insert(name.clone(), unit);
            self.record(Happening::Life {
                unit: name.clone(),
                life: Life::Alive,
            });
            self.tell(&name, |_| ());
            names.push(name);
        }
        self.deployed_mut(application)?;
        self.claim(application, None);
        Ok(names)
    }

    /// Removes a unit: it runs its last hooks and is gone. With `force`, it is gone after
    /// `Settings::force_wait` even if they have not run.
    ///
    /// # Errors
    /// When there is no such unit.
    pub fn remove_unit(
        &mut self,
        unit: &UnitName,
        force: bool,
        now: Millis,
    ) -> Result<(), LabError> {
        self.advance(now);
        self.existing(unit)?;
        self.remove(unit, force);
        Ok(())
    }

    /// Removes a unit without telling the others: no departed hook runs, and `relation-list` still lists it, as can
    /// happen after `remove-machine --force` up to Juju 3.6. `goal-state` does not list it.
    ///
    /// # Errors
    /// When there is no such unit.
    pub fn remove_unit_untold(
        &mut self,
        unit: &UnitName,
        force: bool,
        now: Millis,
    ) -> Result<(), LabError> {
        self.advance(now);
        self.existing(unit)?;
        if let Some(unit) = self.units.get_mut(unit) {
            unit.untold = true;
        }
        self.remove(unit, force);
        Ok(())
    }

    fn remove(&mut self, unit: &UnitName, force: bool) {
        if let Some(leaver) = self.units.get_mut(unit)
            && leaver.life == Life::Alive
        {
            leaver.life = Life::Dying;
            self.record(Happening::Life {
                unit: unit.clone(),
                life: Life::Dying,
            });
            let at_once = match self.settings.departure {
                Departure::AtOnce => true,
                Departure::Either => self.rng.bool(),
                Departure::AfterLeaver | Departure::Never => false,
            };
            if at_once || force {
                self.leave_scopes(unit);
            }
            self.tell(unit, |_| ());
        }
        if force {
            self.leave_scopes(unit);
            let at = self.now + self.settings.force_wait;
            self.set_timer(at, Timer::Gone(unit.clone()));
        }
    }

    /// Sets options. Options not named keep their value; `Null` resets an option to its default.
    ///
    /// # Errors
    /// When the application, an option, or a value's type does not fit; then nothing is set.
    pub fn set_config(
        &mut self,
        application: &str,
        values: BTreeMap<String, Value>,
        now: Millis,
    ) -> Result<(), LabError> {
        self.advance(now);
        let options = self.deployed_mut(application)?.set_options(values)?;
        if !options.is_empty() {
            self.record(Happening::Config {
                application: application.to_owned(),
                options,
            });
            self.tell_all(application);
        }
        Ok(())
    }

    /// An application's configuration as `config-get --all` shows it.
    ///
    /// # Errors
    /// When there is no such application.
    pub fn config(&self, application: &str) -> Result<BTreeMap<String, Value>, LabError> {
        let deployed = self.deployed.get(application);
        let deployed = deployed.ok_or_else(|| LabError::NoApplication(application.to_owned()))?;
        Ok(deployed.options())
    }

    pub(super) fn deployed_mut(&mut self, application: &str) -> Result<&mut Deployed, LabError> {
        let missing = || LabError::NoApplication(application.to_owned());
        self.deployed.get_mut(application).ok_or_else(missing)
    }
}
