//! A turn: what somebody has between its start and its finish.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::line::Watched;
use crate::message::kv::{Compare, Op, PutRequest, RequestOp, TxnRequest, TxnResponse};
use crate::request::{self, Request, leave};
use crate::{Client, Error, Validity};

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
async fn guard(client: Client, key: Vec<u8>, token: i64, told: Arc<watch::Sender<Validity>>) {
    let watched = [Watched {
        key: key.clone(),
        writes: false,
    }];
    let mut from = token + 1;
    loop {
        request::watch(&client, &watched, from).await;
        match client.txn(&held(&key, token, Vec::new())).await {
            Ok(answer) if !answer.succeeded => {
                told.send_modify(Validity::end);
                return;
            }
            Ok(answer) => from = answer.header.map_or(from, |header| header.revision + 1),
            // The clock tells when it is too late.
            Err(_) => {}
        }
    }
}

/// A transaction that happens if the key is still the one that was created then.
fn held(key: &[u8], token: i64, steps: Vec<RequestOp>) -> TxnRequest {
    TxnRequest {
        compare: vec![Compare::created_at(key, token)],
        success: steps,
        failure: Vec::new(),
    }
}

impl Turn {
    pub(crate) fn new(request: Request) -> Self {
        let (client, key) = (request.client.clone(), request.key.clone());
        let guard = guard(client, key, request.token, request.lease.told());
        let guard = Guard(tokio::spawn(guard));
        Self(request, guard)
    }

    /// The fencing token: larger than that of every turn of this lock that began before. Hand it to whatever the
    /// operation changes, which should refuse a token smaller than the largest it has seen.
    pub fn token(&self) -> i64 {
        self.0.token
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
        let put = PutRequest {
            key: self.0.key.clone(),
            value: self.0.note.begun().encode(),
            lease: self.0.lease.id,
        };
        let written = self.write_if_held(vec![Op::Put(put).into()]).await?;
        Ok(written.succeeded)
    }

    /// Asks the cluster whether the turn is held, whatever this process believes.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn is_held(&self) -> Result<bool, Error> {
        Ok(self.write_if_held(Vec::new()).await?.succeeded)
    }

    /// Carries out a transaction of the caller's, in etcd, if the turn is held at that moment: the one kind of write that
    /// the lock protects without any doubt. Look at `succeeded`.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn write_if_held(&self, steps: Vec<RequestOp>) -> Result<TxnResponse, Error> {
        let request = held(&self.0.key, self.0.token, steps);
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
