//! The line: how the units of a Juju application agree on whose turn it is.
//!
//! This crate is the protocol and nothing else. It performs no I/O, reads no clock and no
//! environment, starts no thread, and draws no random number: the same input gives the same
//! output, always. So the code that runs in a charm can also be simulated and model-checked.
//!
//! The [`Engine`] is one unit in one hook. A driver asks it questions ([`Engine::request`], [`Engine::start`], ...); it
//! says what it needs to know first ([`engine::Need`]), and what to do ([`engine::Effect`]):
//!
//! ```
//! use ops_coordinator_core::engine::{Answer, Effect, Engine, Facts, LineRead, Need};
//! use ops_coordinator_core::{Payload, RelationId, Tick};
//!
//! let mut engine = Engine::new(Facts::new("app/0".parse()?, "app/0-start-1", "peers", 7));
//! let lock = "restart".parse()?;
//! let requested = loop {
//!     engine.handle_time(Tick(1_000));
//!     match engine.request(&lock, None, &Payload::default()) {
//!         Ok(requested) => break requested,
//!         // A driver reads now. In this example nothing is stored yet, and all databags are empty.
//!         Err(need) => engine.handle_answer(match need {
//!             Need::Stored(endpoint) => Answer::Stored(endpoint, Box::default()),
//!             Need::Relations(endpoint) => Answer::Relations(endpoint, vec![RelationId::new("peers:0")]),
//!             Need::Line(relation) => {
//!                 let line = LineRead { read_at: Tick(1_000), leader: false, value: None };
//!                 Answer::Line(relation, Some(line))
//!             }
//!             Need::Own(relation) => Answer::Own(relation, None),
//!             other => unreachable!("{other:?}"),
//!         }),
//!     }
//! };
//! assert_eq!(requested.ticket.seq, 1);
//! // The journal is on the disk before the request is public.
//! assert!(matches!(engine.poll_effect(), Some(Effect::StoreJournal { .. })));
//! assert!(matches!(engine.poll_effect(), Some(Effect::StoreSession { .. })));
//! assert!(matches!(engine.poll_effect(), Some(Effect::PublishRecord { .. })));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod campaign;
mod check;
pub mod engine;
#[cfg(test)]
mod fixture;
pub mod invariant;
pub mod journal;
mod leader;
mod line;
mod metrics;
mod name;
mod news;
mod on_failure;
mod order;
mod payload;
pub mod policy;
mod reading;
mod record;
mod relation;
mod roll_plan;
mod standing;
mod status;
mod tick;
mod ticket;
mod unit;
mod view;
mod waker;
pub mod wire;

pub use campaign::{Call, Invitation};
pub use check::{Check, CheckStanding, Look, Moment, Trial};
pub use engine::{Engine, Start};
pub(crate) use journal::{Failures, Journal, LockJournal, Started};
pub use line::{Turn, Wait};
pub use metrics::Tally;
pub use name::{LockName, NameError, UnitName};
pub use news::{News, Transition};
pub use on_failure::{OnFailure, Recovery, UnknownOnFailure};
pub use order::{Instructed, Instruction, Order};
pub use payload::Payload;
pub use relation::RelationId;
pub use roll_plan::{Obstacle, ObstacleKind, Planned, RollPlan};
pub use standing::Standing;
pub(crate) use status::Observer;
pub use status::{CampaignStatus, LockStatus, Place, Status, UnitStatus};
pub use tick::{Tick, Wall};
pub use ticket::{Incarnation, Ticket};
pub use unit::{Attempt, Requested};
pub(crate) use unit::{Tried, Unit};
pub(crate) use view::View;
pub use waker::{Errand, Waker, WakerStep};
pub(crate) use wire::{
    Campaign, CampaignId, Entry, Line, LockLine, LockRecord, Outcome, Reading, Retry, UnitRecord,
    decode_line, decode_record, encode_line, encode_record,
};
