//! A positive control: etcd's own lock call, and what our referee says of it.

use std::time::Duration;

use ops_coordinator_etcd::Client;
use ops_coordinator_etcd::message::ResponseHeader;
use ops_coordinator_etcd::message::kv::RangeRequest;
use ops_coordinator_etcd::message::lease::LeaseGrantRequest;
use ops_coordinator_etcd::referee::{Act, Violation, judge};
use ops_coordinator_trial::{Cluster, program, run};

/// `v3lockpb.LockRequest`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct LockRequest {
    #[prost(bytes = "vec", tag = "1")]
    name: Vec<u8>,
    #[prost(int64, tag = "2")]
    lease: i64,
}

/// `v3lockpb.LockResponse`, and with a key `v3lockpb.UnlockRequest`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct LockResponse {
    #[prost(message, optional, tag = "1")]
    header: Option<ResponseHeader>,
    #[prost(bytes = "vec", tag = "2")]
    key: Vec<u8>,
}

/// `v3lockpb.UnlockRequest`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct UnlockRequest {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
}

/// `v3lockpb.UnlockResponse`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct UnlockResponse {}

async fn locked(client: &Client, lease: i64) -> Result<Vec<u8>, ops_coordinator_etcd::Error> {
    let request = LockRequest {
        name: b"control".to_vec(),
        lease,
    };
    let locked: LockResponse = client.call("/v3lockpb.Lock/Lock", &request).await?;
    Ok(locked.key)
}

async fn lease(client: &Client, ttl: i64) -> i64 {
    let request = LeaseGrantRequest { ttl, id: 0 };
    client.grant(&request).await.unwrap().id
}

/// etcd issue 11456: a lock is granted to somebody whose lease is gone. Mended in 3.5, so only 3.4 shows it.
#[test]
fn the_servers_own_lock_lets_two_in_and_the_referee_says_so() {
    let version = std::process::Command::new(program())
        .arg("--version")
        .output()
        .unwrap();
    let old = String::from_utf8_lossy(&version.stdout).contains("etcd Version: 3.4");
    let cluster = Cluster::start(1);
    run(async {
        let mut config = cluster.config();
        (config.deadline, config.patience) = (Duration::from_secs(30), Duration::from_secs(30));
        let client = Client::new(config).unwrap();
        let first = locked(&client, lease(&client, 60).await).await.unwrap();
        // It waits with a lease that it never renews.
        let (waiting, forgetful) = (client.clone(), lease(&client, 1).await);
        let second = tokio::spawn(async move { locked(&waiting, forgetful).await });
        tokio::time::sleep(Duration::from_millis(2500)).await;
        let _: UnlockResponse = client
            .call("/v3lockpb.Lock/Unlock", &UnlockRequest { key: first })
            .await
            .unwrap();
        let second = second.await.unwrap();
        assert_eq!(second.is_ok(), old, "{second:?}");
        let Ok(key) = second else {
            return;
        };
        let read = RangeRequest {
            key,
            ..RangeRequest::default()
        };
        assert_eq!(
            client.range(&read).await.unwrap().count,
            0,
            "its key is gone"
        );
        locked(&client, lease(&client, 60).await).await.unwrap();
        // Second and third both believe that they are inside.
        let acts = [Act::Enter(1), Act::Leave(1), Act::Enter(2), Act::Enter(3)];
        assert_eq!(judge(1, &acts), [Violation::Overlap(vec![2, 3])]);
    });
}
