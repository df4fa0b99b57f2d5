//! The table of a shared lock.

use std::path::PathBuf;

use ops_coordinator_core::LockName;
use serde::de::{Deserialize, Deserializer, Error};

use super::Span;
use super::file::{Several, Text};
use crate::SharedLock;

/// The shortest lease, in seconds: with less, every hiccup of etcd loses it.
const TTL_MIN: u64 = 2;

/// `[locks.NAME.shared]`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Table {
    name: LockName,
    #[serde(default = "one", deserialize_with = "limit")]
    limit: u32,
    #[serde(default, deserialize_with = "ttl")]
    ttl: Option<u64>,
    prefix: Option<String>,
    endpoints: Option<Several<String>>,
    endpoints_file: Option<PathBuf>,
    relation: Option<String>,
    #[serde(default)]
    optional: bool,
    cacert: Option<PathBuf>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
}

impl Table {
    /// What it declares.
    pub(crate) fn checked(self) -> Result<SharedLock, &'static str> {
        self.contradiction()
            .map_or_else(|| Ok(self.declared()), Err)
    }

    /// Which keys do not fit each other.
    pub(super) fn contradiction(&self) -> Option<&'static str> {
        let listed = self.endpoints.as_ref();
        let places = [
            listed.is_some(),
            self.endpoints_file.is_some(),
            self.relation.is_some(),
        ];
        match places.iter().filter(|given| **given).count() {
            0 => {
                return Some("shared needs endpoints, endpoints-file or relation: where etcd is");
            }
            1 => {}
            _ => {
                return Some(
                    "shared has several of endpoints, endpoints-file and relation; keep one",
                );
            }
        }
        if self.relation.is_some() && self.cacert.is_some() {
            return Some(
                "shared has relation and cacert; the relation says who signs, so leave cacert out",
            );
        }
        if self
            .relation
            .as_deref()
            .is_some_and(|name| !is_endpoint(name))
        {
            return Some("invalid relation in shared: name an endpoint of the charm, such as etcd");
        }
        if self.optional && self.relation.is_none() {
            return Some(
                "shared has optional without relation; a lock is optional only where a relation leads to etcd",
            );
        }
        if listed.is_some_and(|all| SharedLock::endpoints_in(&all.0.join(",")).is_empty()) {
            return Some("shared names no endpoint; one is HOST:PORT or https://HOST:PORT");
        }
        if self.cert.is_some() != self.key.is_some() {
            return Some("shared needs both cert and key, or neither");
        }
        None
    }

    pub(super) fn declared(self) -> SharedLock {
        let listed = self.endpoints.map(|all| all.0.join(","));
        let endpoints = SharedLock::endpoints_in(&listed.unwrap_or_default());
        SharedLock {
            limit: self.limit,
            ttl: self.ttl.unwrap_or(SharedLock::TTL),
            prefix: self.prefix,
            endpoints_file: self.endpoints_file,
            relation: self.relation,
            optional: self.optional,
            cacert: self.cacert,
            cert: self.cert,
            key: self.key,
            ..SharedLock::new(self.name, endpoints)
        }
    }
}

fn is_endpoint(name: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !name.is_empty() && name.chars().all(known)
}

fn one() -> u32 {
    1
}

fn limit<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let number = u32::deserialize(from)?;
    if (1..=1000).contains(&number) {
        return Ok(number);
    }
    Err(D::Error::custom("the limit of a shared lock is 1 to 1000"))
}

fn ttl<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let seconds = Text::<Span>::deserialize(from)?.0.0 / 1000;
    if seconds < TTL_MIN {
        let wrong = format!("the ttl of a shared lock is {TTL_MIN}s or more");
        return Err(D::Error::custom(wrong));
    }
    Ok(Some(seconds))
}
