//! Watches that are cut, fall silent, or look at what is forgotten.

use std::time::Duration;

use ops_coordinator_etcd::message::kv::{CompactionRequest, PutRequest};
use ops_coordinator_etcd::{Client, Config, Tls};
use ops_coordinator_trial::{Cluster, Proxy, run};
use tokio::time::timeout;

use crate::{assert_clean, join, turn};

fn through(proxy: &Proxy) -> Client {
    let endpoint = format!("127.0.0.1:{}", proxy.port());
    Client::new(Config::parse(&endpoint, Tls::default()).unwrap()).unwrap()
}

/// Long enough for a watch to have begun; nothing depends on whether it has.
async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(100)).await;
}

#[test]
fn a_watch_that_is_cut_resumes_and_misses_nothing() {
    let cluster = Cluster::start(1);
    let proxy = Proxy::to(cluster.ports()[0]);
    run(async {
        let client = cluster.client();
        let first = turn(join(&client, 1, 10).await).await;
        let second = tokio::spawn(turn(join(&through(&proxy), 1, 10).await));
        a_moment().await;
        proxy.refuse(true);
        // The finish happens while nobody watches.
        first.release().await.unwrap();
        a_moment().await;
        proxy.refuse(false);
        assert!(second.await.unwrap().release().await.unwrap());
        assert_clean(&client).await;
    });
}

#[test]
fn a_connection_that_falls_silent_is_given_up() {
    let cluster = Cluster::start(1);
    let (silent, good) = (Proxy::to(cluster.ports()[0]), Proxy::to(cluster.ports()[0]));
    run(async {
        let client = cluster.client();
        let first = turn(join(&client, 1, 10).await).await;
        let both = format!("127.0.0.1:{},127.0.0.1:{}", silent.port(), good.port());
        let waiter = Client::new(Config::parse(&both, Tls::default()).unwrap()).unwrap();
        let second = tokio::spawn(turn(join(&waiter, 1, 5).await));
        a_moment().await;
        silent.hold(true);
        first.release().await.unwrap();
        assert!(second.await.unwrap().release().await.unwrap());
        assert!(good.bytes() > 0, "the other way was taken");
        assert_clean(&client).await;
    });
}

#[test]
fn a_watcher_whose_past_is_compacted_looks_again() {
    let cluster = Cluster::start(1);
    let proxy = Proxy::to(cluster.ports()[0]);
    run(async {
        let client = cluster.client();
        let first = turn(join(&client, 1, 10).await).await;
        let second = join(&through(&proxy), 1, 10).await;
        // What it has seen is forgotten before it can watch from there on.
        let put = PutRequest {
            key: b"unrelated".to_vec(),
            ..PutRequest::default()
        };
        client.put(&put).await.unwrap();
        let latest = client.put(&put).await.unwrap().header.unwrap().revision;
        let compaction = CompactionRequest {
            revision: latest,
            physical: true,
        };
        client.compact(&compaction).await.unwrap();
        let second = tokio::spawn(turn(second));
        a_moment().await;
        // And again, under a watch that has begun and is then cut.
        proxy.refuse(true);
        let latest = client.put(&put).await.unwrap().header.unwrap().revision;
        let compaction = CompactionRequest {
            revision: latest,
            physical: true,
        };
        client.compact(&compaction).await.unwrap();
        first.release().await.unwrap();
        proxy.refuse(false);
        assert!(second.await.unwrap().release().await.unwrap());
        assert_clean(&client).await;
    });
}

/// Some servers, 3.4.23 among them, forget what was deleted at the very revision up to which they are to forget.
#[test]
fn an_end_that_is_forgotten_at_once_is_not_missed() {
    let cluster = Cluster::start(1);
    run(async {
        let client = cluster.client();
        let first = turn(join(&client, 1, 10).await).await;
        // It has seen the first, and watches it a moment later.
        let second = join(&client, 1, 10).await;
        first.release().await.unwrap();
        let all = CompactionRequest {
            revision: second.token() + 1,
            physical: true,
        };
        client.compact(&all).await.unwrap();
        let second = timeout(Duration::from_secs(10), turn(second));
        assert!(second.await.unwrap().release().await.unwrap());
        assert_clean(&client).await;
    });
}
