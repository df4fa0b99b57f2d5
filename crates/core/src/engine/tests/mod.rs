//! The engine, driven without Juju: what it needs, and what it tells its driver to do.

mod availability;
mod campaign;
mod check;
mod effect;
mod fixture;
mod gate;
mod inquiry;
mod instruction;
mod need;
mod news;
mod roster;
mod shared;
mod standstill;
