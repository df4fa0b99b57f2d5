//! The world behaves as Juju does.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod databag;
mod disk;
mod event;
mod failure;
mod orphan;
mod relation;
mod removal;
mod simulation;
mod support;
