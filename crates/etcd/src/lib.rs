//! The same line on etcd, for those who have no peer relation in common: several applications, models, clouds, or no
//! Juju at all.
//!
//! A [`Request`] is a key with a lease; create revisions give the order of the line; the entry rule is that of
//! `ops-coordinator-core`. Waiting means watching, never polling. A [`Turn`] has a fencing token, which grows with each
//! turn of a lock. etcd's own lock and election calls are not used: version 3.4 answers success for a lock whose lease
//! is gone.
//!
//! ```no_run
//! use ops_coordinator_etcd::{Client, Config, Lease, PREFIX, Request, Tls, Wish};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new(Config::parse("10.0.0.1,10.0.0.2,10.0.0.3", Tls::default())?)?;
//! let wish = Wish {
//!     prefix: PREFIX.to_owned(),
//!     lock: "restart".parse()?,
//!     limit: 1,
//!     ttl: std::time::Duration::from_secs(15),
//!     who: "db-3".to_owned(),
//! };
//! let mut request = Request::join(&client, wish, Lease::draw()).await?;
//! request.wait(|trouble| eprintln!("{trouble}")).await?;
//! let turn = request.begin();
//! println!("my turn, with token {}", turn.token());
//! turn.release().await?;
//! # Ok(())
//! # }
//! ```

mod channel;
mod client;
mod clock;
mod endpoint;
mod entry;
mod error;
mod event;
pub mod grpc;
mod lease;
mod line;
pub mod message;
pub mod referee;
mod request;
mod survey;
mod ticket;
mod tls;
mod turn;
mod watch;

pub use client::{Client, Config};
pub use clock::Moment;
pub use endpoint::{Endpoint, EndpointError, Scheme};
pub use entry::PREFIX;
pub use error::{Attempt, Error};
pub use lease::{Lease, Validity};
pub use request::{Request, WaitError, Wish};
pub use survey::{Place, Queue, survey};
pub use ticket::{Lookout, Sight, Sighted, Ticket};
pub use tls::Tls;
pub use turn::Turn;
pub use watch::Watches;
