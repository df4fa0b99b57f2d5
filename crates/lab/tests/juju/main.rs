//! The world behaves as Juju does.

mod databag;
mod event;
mod failure;
mod removal;
mod simulation;
mod support;
