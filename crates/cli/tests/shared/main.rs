//! Applications that share a lock in etcd: real charms on labs, a real etcd.

#![cfg(all(feature = "etcd", feature = "lab"))]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../lab/fixture.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod fixture;

#[path = "../rust_charm/built.rs"]
mod built;

mod access;
mod application;
mod gone;
mod lost;
mod provider;
mod relation;
mod rust;
mod turns;
