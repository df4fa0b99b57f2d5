//! Members that go away.

use ops_coordinator_etcd::message::lease::LeaseGrantRequest;
use ops_coordinator_etcd::{Client, Error};
use ops_coordinator_trial::{Cluster, run};

use crate::{assert_clean, join, turn};

#[test]
fn whoever_holds_and_whoever_waits_goes_on_when_a_member_is_killed_or_stops() {
    let mut cluster = Cluster::start(3);
    run(async {
        let client = cluster.client();
        let first = turn(join(&client, 1, 10).await).await;
        let second = tokio::spawn(turn(join(&cluster.client(), 1, 10).await));
        // The first endpoint is the one that both talk to.
        cluster.kill_member(0);
        assert!(first.is_held().await.unwrap());
        assert!(first.release().await.unwrap());
        let second = second.await.unwrap();
        let third = tokio::spawn(turn(join(&client, 1, 10).await));
        cluster.start_member(0);
        // With the first one back, the second may stop.
        std::thread::scope(|scope| scope.spawn(|| cluster.settle()).join().unwrap());
        cluster.freeze_member(1, true);
        assert!(second.release().await.unwrap());
        assert!(third.await.unwrap().release().await.unwrap());
        cluster.freeze_member(1, false);
        assert_clean(&client).await;
    });
}

#[test]
fn without_a_majority_a_call_ends_at_its_deadline_and_names_each_server() {
    let mut cluster = Cluster::start(3);
    cluster.kill_member(1);
    cluster.kill_member(2);
    let wanted = LeaseGrantRequest { ttl: 5, id: 0 };
    let error = run(async { cluster.client().grant(&wanted).await }).unwrap_err();
    let Error::Unreachable { tried, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(tried.len(), 3, "{error}");
    for port in cluster.ports() {
        assert!(
            error.to_string().contains(&format!("127.0.0.1:{port}")),
            "{error}"
        );
    }
}

#[test]
fn an_outage_of_the_whole_cluster_loses_nobodys_place() {
    let mut cluster = Cluster::start(1);
    run(async {
        let client = cluster.client();
        let first = turn(join(&client, 1, 30).await).await;
        let mut config = cluster.config();
        config.deadline = std::time::Duration::from_millis(200);
        let mut second = join(&Client::new(config).unwrap(), 1, 30).await;
        let (told, trouble) = tokio::sync::oneshot::channel();
        let mut told = Some(told);
        let second = tokio::spawn(async move {
            let waited = second.wait(|error| {
                if let Some(told) = told.take() {
                    told.send(error.to_string()).unwrap();
                }
            });
            waited.await.unwrap();
            second.begin()
        });
        tokio::task::yield_now().await;
        cluster.kill_member(0);
        let said = trouble.await.unwrap();
        assert!(said.contains("no answer from etcd"), "{said}");
        cluster.start_member(0);
        assert!(first.release().await.unwrap());
        assert!(second.await.unwrap().release().await.unwrap());
        assert_clean(&client).await;
    });
}
