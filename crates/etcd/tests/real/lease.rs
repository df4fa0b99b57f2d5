//! Leases that end while their owner does not look.

use std::thread;
use std::time::Duration;

use ops_coordinator_etcd::{Request, Validity, WaitError};
use ops_coordinator_trial::{Cluster, run};

use crate::{assert_clean, join, turn};

/// Longer than a lease of one second lives, however slow etcd is to notice.
const FROZEN: Duration = Duration::from_millis(2500);

/// The runtime has one thread. While that sleeps, the process is as good as stopped.
fn freeze() {
    thread::sleep(FROZEN);
}

#[test]
fn a_holder_that_was_frozen_knows_at_once_that_it_is_no_longer_sure() {
    let cluster = Cluster::start(1);
    run(async {
        let client = cluster.client();
        let held = turn(join(&client, 1, 1).await).await;
        assert!(held.validity().is_sure());
        // What renews the lease has not run yet, nor will it until we wait for something.
        let other = cluster.client();
        let successor =
            thread::spawn(move || run(async move { turn(join(&other, 1, 5).await).await.token() }));
        freeze();
        assert!(
            !held.validity().is_sure(),
            "the clock tells, before etcd does"
        );
        assert!(successor.join().unwrap() > held.token());
        held.gone().await;
        assert_eq!(held.validity(), Validity::Gone { early: false });
        assert!(!held.release().await.unwrap());
    });
}

#[test]
fn a_waiter_that_was_frozen_past_its_lease_does_not_enter() {
    let cluster = Cluster::start(1);
    run(async {
        let client = cluster.client();
        let first = turn(join(&client, 1, 30).await).await;
        let mut second = join(&client, 1, 1).await;
        let waiting = tokio::spawn(async move { second.wait(|_| ()).await });
        // It gets as far as its watch.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let release = thread::spawn(|| thread::sleep(FROZEN / 2));
        freeze();
        release.join().unwrap();
        first.release().await.unwrap();
        assert_eq!(waiting.await.unwrap(), Err(WaitError::Lost));
        assert_clean(&client).await;
    });
}

#[test]
fn a_lease_is_kept_for_as_long_as_the_turn_lasts() {
    let cluster = Cluster::start(1);
    run(async {
        let client = cluster.client();
        let held = turn(join(&client, 1, 1).await).await;
        tokio::time::sleep(2 * FROZEN).await;
        assert!(held.validity().is_sure());
        assert!(held.is_held().await.unwrap());
        assert!(held.release().await.unwrap());
        assert_clean(&client).await;
    });
}

#[test]
fn a_holder_hears_of_the_end_of_its_lease_without_waiting_for_the_next_renewal() {
    let cluster = Cluster::start(1);
    run(async {
        let client = cluster.client();
        // The first renewal would be in twelve minutes.
        let held = turn(join(&client, 1, 3600).await).await;
        for lease in client.leases().await.unwrap() {
            client.revoke(lease).await.unwrap();
        }
        held.gone().await;
        assert_eq!(held.validity(), Validity::Gone { early: true });
        assert!(!held.release().await.unwrap());
    });
}

#[test]
fn a_ticket_outlives_its_process_for_as_long_as_its_lease() {
    let cluster = Cluster::start(1);
    run(async {
        let client = cluster.client();
        let held = turn(join(&client, 1, 2).await).await;
        let (token, lease) = (held.token(), client.leases().await.unwrap()[0]);
        let wish = crate::wish(1, 2);
        // The process that kept it is gone; the one that goes on with it renews it from now on.
        drop(held);
        let resumed = Request::resume(&client, wish.clone(), lease, token).await;
        let resumed = turn(resumed.unwrap().unwrap()).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert!(resumed.is_held().await.unwrap());
        assert_eq!(resumed.token(), token);
        assert!(resumed.release().await.unwrap());
        let gone = Request::resume(&client, wish, lease, token).await;
        assert!(gone.unwrap().is_none());
        assert_clean(&client).await;
    });
}
