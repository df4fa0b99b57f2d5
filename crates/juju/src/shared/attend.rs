//! A hook's end of the two files, and the deputies that it starts.

use std::io;

use ops_coordinator_core::Tick;
use serde::de::DeserializeOwned;

use super::{STANDINGS, Standings, WISHES, Wishes};
use crate::{Error, Hook};

/// How many milliseconds a deputy has to say that it is there, before another one is started.
const BEGINNING: u64 = 2_000;

/// How a process has found the deputy of an endpoint.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// When the process has last started one, if none has said since that it is there.
    since: Option<Tick>,
    /// Why the last one could not be started.
    fault: Option<String>,
}

impl Hook {
    /// Sees to it that there is a deputy. Returns whether one was started. One that does not start is no reason for a hook to
    /// fail: nothing begins without it, and the next hook tries again.
    pub(super) fn attend(&mut self, endpoint: &str, standings: &Standings) -> Result<bool, Error> {
        let alive = standings.process;
        let is_there = alive.is_some_and(|process| self.machine.is_alive(process));
        let now = self.machine.now();
        let found = self.deputies.entry(endpoint.to_owned()).or_default();
        if is_there {
            *found = Found::default();
            return Ok(false);
        }
        if found.since.is_some_and(|since| now.0 < since.0 + BEGINNING) {
            return Ok(false);
        }
        found.since = Some(now);
        let fault = match self.machine.start_deputy(endpoint) {
            Ok(()) => None,
            // A build without one will not have one in the next hook either.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                return Err(Error::NoDeputy(error));
            }
            Err(error) => Some(Error::NoDeputy(error).to_string()),
        };
        let before = std::mem::replace(&mut found.fault, fault.clone());
        if let Some(fault) = fault.clone().filter(|_| before != fault) {
            self.warn(fault);
        }
        Ok(fault.is_none())
    }

    /// Why the deputy of an endpoint could not be started.
    pub(super) fn deputy_fault(&self, endpoint: &str) -> Option<&str> {
        self.deputies.get(endpoint)?.fault.as_deref()
    }

    /// What this unit wants, by endpoint: here, and where a refresh has left something.
    pub(super) fn all_wishes(&mut self) -> Result<Vec<(String, Wishes)>, Error> {
        let here = self.endpoint().to_owned();
        let mut endpoints = self.environment().peers.clone();
        endpoints.insert(here.clone());
        let mut all = Vec::new();
        for endpoint in endpoints {
            if let Some(wishes) = self.wishes(&endpoint)?
                && (endpoint == here || self.ask(|engine| engine.succeeds(&endpoint))?)
            {
                all.push((endpoint, wishes));
            }
        }
        Ok(all)
    }

    pub(super) fn wishes(&mut self, endpoint: &str) -> Result<Option<Wishes>, Error> {
        self.read_file(endpoint, WISHES)
    }

    pub(super) fn standings(&mut self, endpoint: &str) -> Result<Standings, Error> {
        Ok(self.read_file(endpoint, STANDINGS)?.unwrap_or_default())
    }

    fn read_file<V: DeserializeOwned>(
        &mut self,
        endpoint: &str,
        file: &'static str,
    ) -> Result<Option<V>, Error> {
        let mut warnings = Vec::new();
        let read = self.state(endpoint).load(file, &mut warnings)?;
        for warning in warnings {
            self.warn(warning);
        }
        Ok(read)
    }

    pub(super) fn change_wishes(
        &mut self,
        endpoint: &str,
        change: impl FnOnce(&mut Wishes),
    ) -> Result<(), Error> {
        let _guard = self.machine.lock()?;
        let mut wishes = self.wishes(endpoint)?.unwrap_or_default();
        change(&mut wishes);
        self.store_wishes(endpoint, &wishes)
    }

    pub(super) fn store_wishes(&mut self, endpoint: &str, wishes: &Wishes) -> Result<(), Error> {
        let state = self.state(endpoint);
        if wishes.locks.is_empty() {
            return state.remove(WISHES);
        }
        state.save(WISHES, wishes, true)
    }
}
