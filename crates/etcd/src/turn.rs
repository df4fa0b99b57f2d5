//! A turn: what somebody has between its start and its finish.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::message::kv::{RequestOp, TxnResponse};
use crate::request::{self, Request, leave};
use crate::{Client, Error, Moment, Ticket, Validity};

/// A turn. Its key in etcd lives as long as its lease, which is renewed as long as this value lives.
#[derive(Debug)]
pub struct Turn(Request, Guard);

/// Sees it at once if the key is deleted, instead of with the lease's next renewal.
#[derive(Debug)]
struct Guard(JoinHandle<()>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Watches the key of a turn until it is gone. An operator may delete it; and in older versions of etcd, 3.4.23 among them,
/// a member that was the leader and did not notice in time that it no longer is may end leases that its successor has
/// renewed (etcd issues 12528 and 15247).
async fn guard(client: Client, ticket: Ticket, told: Arc<watch::Sender<Validity>>) {
    let mut seen = ticket.token();
    loop {
        request::watch(&client, ticket.watching_itself(seen)).await;
        match client.range(&ticket.looking_at_itself()).await {
            Ok(answer) if !ticket.is_there(&answer) => {
                told.send_modify(|validity| validity.end(Moment::now()));
                return;
            }
            Ok(answer) => seen = answer.header.map_or(seen, |header| header.revision),
            // The clock tells when it is too late.
            Err(_) => {}
        }
    }
}

impl Turn {
    pub(crate) fn new(request: Request) -> Self {
        let (client, ticket) = (request.client.clone(), request.ticket.clone());
        let guard = guard(client, ticket, request.lease.told());
        let guard = Guard(tokio::spawn(guard));
        Self(request, guard)
    }

    /// The fencing token: larger than that of every turn of this lock that began before. Hand it to whatever the
    /// operation changes, which should refuse a token smaller than the largest it has seen.
    pub fn token(&self) -> i64 {
        self.0.ticket.token()
    }

    /// How long one may rely on the turn without asking.
    pub fn validity(&self) -> Validity {
        self.0.lease.validity()
    }

    /// The granted time to live of its lease.
    pub fn ttl(&self) -> Duration {
        self.0.lease.ttl
    }

    /// Waits until the lease has less than `margin` left to live, or is known to be gone. Look at [`Turn::validity`]
    /// then.
    pub async fn nearly_over(&self, margin: Duration) {
        self.0.lease.nearly_over(margin).await;
    }

    /// Waits until the lease is known to be gone.
    pub async fn gone(&self) {
        self.0.lease.gone().await;
    }

    /// Tells the others that the turn has begun: whoever is next with a limit above 1 waits for this, and `status` shows
    /// it. Returns whether the turn is still held.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn announce(&self) -> Result<bool, Error> {
        let written = self.0.client.txn(&self.0.ticket.announcing()).await?;
        Ok(written.succeeded)
    }

    /// Asks the cluster whether the turn is held, whatever this process believes.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn is_held(&self) -> Result<bool, Error> {
        let ticket = &self.0.ticket;
        let answer = self.0.client.range(&ticket.looking_at_itself()).await?;
        Ok(ticket.is_there(&answer))
    }

    /// Carries out a transaction of the caller's, in etcd, if the turn is held at that moment: the one kind of write that
    /// the lock protects without any doubt. Look at `succeeded`.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn write_if_held(&self, steps: Vec<RequestOp>) -> Result<TxnResponse, Error> {
        let request = self.0.ticket.if_there(steps);
        self.0.client.txn(&request).await
    }

    /// Ends the turn. Returns whether it was held to the end, as far as anybody can know.
    ///
    /// # Errors
    /// As [`Client::call`]; the lease then ends by itself.
    pub async fn release(self) -> Result<bool, Error> {
        let sure = self.validity().is_sure();
        // What it would see now is our own doing.
        self.1.0.abort();
        // A lease that is gone may be gone by a first attempt whose answer was lost.
        Ok(leave(&self.0.client, self.0.lease.id).await? || sure)
    }

    /// The cluster.
    pub fn client(&self) -> &Client {
        &self.0.client
    }
}
