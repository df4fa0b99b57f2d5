//! The line: how the units of a Juju application agree on whose turn it is.
//!
//! This crate is the protocol and nothing else. It performs no I/O, reads no clock and no
//! environment, starts no thread, and draws no random number: the same input gives the same
//! output, always. So the same code is simulated, model-checked and run in a charm.
//!
//! A hook drives it in four steps:
//!
//! 1. read: the unit's own databag, the application's databag and the local [`Journal`] go into
//!    [`Unit::handle_hook`]; other units' records go into a [`View`], as far as they are needed;
//! 2. decide: [`Unit::turn`] says whether an operation may start now ([`Turn`]);
//! 3. act: [`Unit::handle_start`] and [`Unit::handle_finish`] bracket the operation; after each the
//!    journal must be made durable before anything else happens;
//! 4. write: [`Unit::poll_record`] gives the unit's new record; if the unit leads,
//!    [`leader::lead`] gives the new line.
//!
//! ```
//! use ops_coordinator_core::{Incarnation, Journal, Reading, Unit, UnitName, View, Turn, Wait};
//!
//! let me: UnitName = "app/0".parse()?;
//! let mut unit = Unit::handle_hook(
//!     me, Reading::Absent, Reading::Absent, Journal::default(), Incarnation::from_random(7),
//! );
//! let lock = "restart".parse()?;
//! unit.handle_request(&lock, None);
//! // The leader has not added us to the line yet, so nothing may start.
//! assert_eq!(unit.turn(&lock, &View::default()), Turn::Wait(Wait::NotInLine));
//! assert!(unit.poll_record().is_some(), "the request must be published");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
pub mod invariant;
mod journal;
pub mod leader;
mod line;
mod name;
mod opening;
pub mod policy;
mod record;
mod status;
mod ticket;
mod unit;
mod waker;
mod wire;

pub use error::NameError;
pub use journal::{Journal, LockJournal, Started};
pub use leader::{Lead, Order, Plan, Postponed, Tick};
pub use line::{Entry, Line, LockLine, Turn, Wait};
pub use name::{LockName, UnitName};
pub use record::{LockRecord, Outcome, UnitRecord, View};
pub use status::{LockStatus, Place, Status, UnitStatus};
pub use ticket::{Incarnation, Ticket};
pub use unit::{Attempt, Requested, Unit};
pub use waker::{Errand, Waker, WakerStep};
pub use wire::{MAJOR, Reading, decode_line, decode_record, encode_line, encode_record};

/// The one key that the protocol uses in each databag.
pub const KEY: &str = "ops-coordinator";
