//! Who leads: the lease at the controller, and what each unit believes.

use super::World;
use crate::error::LabError;
use crate::history::{Happening, Life};
use crate::model::timer::Timer;
use crate::name::UnitName;
use crate::settings::Millis;

impl World {
    /// Moves the lease to this unit at once, as an administrator can. The old leader may believe in its
    /// own for up to `Leases::revocation_lag`.
    ///
    /// # Errors
    /// When the unit does not exist.
    pub fn set_leader(&mut self, unit: &UnitName, now: Millis) -> Result<(), LabError> {
        self.advance(now);
        self.existing(unit)?;
        let old = self.leader(unit.application());
        if old.as_ref() == Some(unit) {
            return Ok(());
        }
        let lag = self.settings.leases.revocation_lag;
        if let Some(old) = old.and_then(|old| self.units.get_mut(&old))
            && lag > 0
        {
            old.agent.belief_until = Some(self.now + self.rng.u64(0..=lag));
        }
        self.grant(unit.application(), Some(unit.number()));
        self.renewal_changes(unit);
        Ok(())
    }

    /// Lets the lease of an application lapse now; the others race for it.
    ///
    /// # Errors
    /// When the application does not exist.
    pub fn expire_lease(&mut self, application: &str, now: Millis) -> Result<(), LabError> {
        self.advance(now);
        if !self.deployed.contains_key(application) {
            return Err(LabError::NoApplication(application.to_owned()));
        }
        self.lapse(application);
        Ok(())
    }

    /// The holder of an application's lease.
    pub fn leader(&self, application: &str) -> Option<UnitName> {
        let deployed = self.deployed.get(application)?;
        deployed
            .lease
            .holder
            .map(|number| deployed.pattern.sibling(number))
    }

    /// What `is-leader` would say on this unit, run-long stickiness apart.
    pub(crate) fn leads(&self, name: &UnitName) -> bool {
        let Some(unit) = self.units.get(name) else {
            return false;
        };
        let holder = self
            .deployed
            .get(name.application())
            .and_then(|d| d.lease.holder);
        unit.agent.reachable
            && (holder == Some(name.number())
                || unit
                    .agent
                    .belief_until
                    .is_some_and(|until| self.now < until))
    }

    /// The lease has lapsed: any waiting unit may get it, its old holder last.
    pub(super) fn lapse(&mut self, application: &str) {
        let Some(deployed) = self.deployed.get_mut(application) else {
            return;
        };
        let Some(old) = deployed.lease.holder else {
            return;
        };
        self.grant(application, None);
        self.claim(application, Some(old));
    }

    /// A vacant lease is claimed by one of those who can, at random.
    pub(super) fn claim(&mut self, application: &str, last: Option<u32>) {
        let Some(deployed) = self.deployed.get(application) else {
            return;
        };
        if deployed.lease.holder.is_some() {
            return;
        }
        let candidates: Vec<u32> = deployed
            .units
            .iter()
            .filter(|&&member| {
                let unit = self.units.get(&deployed.unit(member));
                unit.is_some_and(|unit| unit.agent.works() && unit.life == Life::Alive)
            })
            .map(|member| member.number())
            .collect();
        let others: Vec<u32> = candidates
            .iter()
            .copied()
            .filter(|n| Some(*n) != last)
            .collect();
        let race = if others.is_empty() {
            candidates
        } else {
            others
        };
        if !race.is_empty() {
            let winner = race[self.rng.usize(..race.len())];
            self.grant(application, Some(winner));
        }
    }

    fn grant(&mut self, application: &str, holder: Option<u32>) {
        let Some(deployed) = self.deployed.get_mut(application) else {
            return;
        };
        let old = std::mem::replace(&mut deployed.lease.holder, holder);
        if old == holder {
            return;
        }
        let lapses = deployed.lease.lapses.take();
        let name = |number: u32| deployed.pattern.sibling(number);
        let (old, new) = (old.map(name), holder.map(name));
        if let Some(at) = lapses {
            self.timers
                .remove(&(at, Timer::Lapse(application.to_owned())));
        }
        if let Some(unit) = new.as_ref().and_then(|new| self.units.get_mut(new)) {
            unit.agent.belief_until = None;
        }
        for unit in [&old, &new].into_iter().flatten() {
            self.tell(unit, |_| ());
        }
        self.record(Happening::Leader {
            application: application.to_owned(),
            unit: new,
        });
    }

    /// A unit's agent can, or can no longer, renew its lease. The lease of a silent holder lapses: it was last
    /// renewed at some time within the last half of its duration.
    pub(super) fn renewal_changes(&mut self, name: &UnitName) {
        let works = self.units.get(name).is_some_and(|unit| unit.agent.works());
        let Some(deployed) = self.deployed.get_mut(name.application()) else {
            return;
        };
        if deployed.lease.holder.is_none() && works {
            return self.claim(name.application(), None);
        }
        if deployed.lease.holder != Some(name.number()) {
            return;
        }
        let application = name.application().to_owned();
        match (works, deployed.lease.lapses) {
            (true, Some(at)) => {
                deployed.lease.lapses = None;
                self.timers.remove(&(at, Timer::Lapse(application)));
            }
            (false, None) => {
                let leases = self.settings.leases;
                let left = leases.duration - self.rng.u64(0..=leases.duration / 2);
                let at = self.now + left + self.rng.u64(0..=leases.expiry_worker);
                deployed.lease.lapses = Some(at);
                self.set_timer(at, Timer::Lapse(application));
            }
            _ => {}
        }
    }

    /// After standing still, a unit's clock says that its lease is good for as long as it was before.
    pub(super) fn believe_after_thaw(&mut self, name: &UnitName) {
        let longest = self.settings.leases.duration - self.settings.leases.guarantee();
        let until = self.now + self.rng.u64(0..=longest);
        if let Some(unit) = self.units.get_mut(name) {
            unit.agent.belief_until = Some(until);
        }
    }

    /// The unit, if it exists.
    pub(crate) fn existing(&self, name: &UnitName) -> Result<(), LabError> {
        if self.units.contains_key(name) {
            return Ok(());
        }
        Err(LabError::NoUnit(name.clone()))
    }

    /// When the lease of an application will be seen to have lapsed, if its holder is silent.
    pub fn lease_lapses_at(&self, application: &str) -> Option<Millis> {
        self.deployed.get(application)?.lease.lapses
    }
}
