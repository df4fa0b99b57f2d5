//! The line on a real etcd.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod control;
mod failover;
mod lease;
mod tls;
mod turn;
mod watch;

use std::time::Duration;

use ops_coordinator_etcd::{Client, Error, Lease, PREFIX, Request, Turn, Wish};

/// A wish for the lock `restart`.
fn wish(limit: u32, seconds: u64) -> Wish {
    Wish {
        prefix: PREFIX.to_owned(),
        lock: "restart".parse().unwrap(),
        limit,
        ttl: Duration::from_secs(seconds),
        who: "a test".to_owned(),
    }
}

async fn join(client: &Client, limit: u32, seconds: u64) -> Request {
    Request::join(client, wish(limit, seconds), Lease::draw())
        .await
        .unwrap()
}

/// Waits for the turn; trouble on the way is shown, in case the test fails.
async fn turn(mut request: Request) -> Turn {
    let said = |error: &Error| eprintln!("trouble: {error}");
    request.wait(said).await.unwrap();
    request.begin()
}

/// Nothing is left behind.
async fn assert_clean(client: &Client) {
    assert_eq!(
        ops_coordinator_etcd::survey(client, PREFIX, None)
            .await
            .unwrap(),
        []
    );
    assert_eq!(client.leases().await.unwrap(), [] as [i64; 0]);
}
