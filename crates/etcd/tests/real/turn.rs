//! Who is inside, and in which order.

use ops_coordinator_trial::{Cluster, run};

use crate::{assert_clean, join, turn};

#[test]
fn one_after_the_other_in_the_order_of_arrival() {
    let cluster = Cluster::start(1);
    run(async {
        let client = cluster.client();
        let first = turn(join(&client, 1, 5).await).await;
        let mut second = join(&client, 1, 5).await;
        let mut third = join(&client, 1, 5).await;
        assert!(!second.is_up().await.unwrap());
        assert!(!third.is_up().await.unwrap());
        assert!(first.token() < second.token() && second.token() < third.token());
        assert!(first.announce().await.unwrap());
        let waiting = tokio::spawn(turn(second));
        assert!(first.release().await.unwrap());
        let second = waiting.await.unwrap();
        assert!(!third.is_up().await.unwrap());
        assert!(second.release().await.unwrap());
        let third = turn(third).await;
        assert!(third.is_held().await.unwrap());
        assert!(third.release().await.unwrap());
        assert_clean(&client).await;
    });
}

#[test]
fn a_limit_lets_so_many_in_and_each_finish_one_more() {
    let cluster = Cluster::start(1);
    run(async {
        let client = cluster.client();
        let one = turn(join(&client, 2, 5).await).await;
        let two = turn(join(&client, 2, 5).await).await;
        one.announce().await.unwrap();
        two.announce().await.unwrap();
        let mut three = join(&client, 2, 5).await;
        let mut four = join(&client, 2, 5).await;
        assert!(!three.is_up().await.unwrap());
        let three = tokio::spawn(turn(three));
        // The later of the two finishes first.
        two.release().await.unwrap();
        let three = three.await.unwrap();
        assert!(!four.is_up().await.unwrap());
        let four = tokio::spawn(turn(four));
        three.announce().await.unwrap();
        one.release().await.unwrap();
        four.await.unwrap().release().await.unwrap();
        three.release().await.unwrap();
        assert_clean(&client).await;
    });
}

#[test]
fn the_lower_limit_counts_where_two_disagree() {
    let cluster = Cluster::start(1);
    run(async {
        let client = cluster.client();
        let alone = turn(join(&client, 1, 5).await).await;
        let mut eager = join(&client, 9, 5).await;
        assert!(
            !eager.is_up().await.unwrap(),
            "the holder wants to be alone"
        );
        alone.release().await.unwrap();
        let eager = turn(eager).await;
        let mut shy = join(&client, 1, 5).await;
        assert!(!shy.is_up().await.unwrap());
        let mut behind = join(&client, 9, 5).await;
        assert!(!behind.is_up().await.unwrap(), "nobody overtakes");
        for request in [shy, behind] {
            request.withdraw().await.unwrap();
        }
        eager.release().await.unwrap();
        assert_clean(&client).await;
    });
}

#[test]
fn who_gives_up_in_the_middle_of_the_line_does_not_hold_up_those_behind() {
    let cluster = Cluster::start(1);
    run(async {
        let client = cluster.client();
        let first = turn(join(&client, 1, 5).await).await;
        let second = join(&client, 1, 5).await;
        let third = tokio::spawn(turn(join(&client, 1, 5).await));
        tokio::task::yield_now().await;
        second.withdraw().await.unwrap();
        first.release().await.unwrap();
        third.await.unwrap().release().await.unwrap();
        assert_clean(&client).await;
    });
}

/// Fifty who wait, each with a connection of its own: in order of arrival, and a finish wakes one.
#[test]
fn a_finish_wakes_one_of_many_with_limit_one_and_two_with_more() {
    let cluster = Cluster::start(1);
    for (limit, woken) in [(1, 1), (3, 2)] {
        let (mut order, looks) = run(async {
            let client = cluster.client();
            let mut all = Vec::new();
            let (told, mut turns) = tokio::sync::mpsc::unbounded_channel();
            for _ in 0..50 {
                let mut request = join(&cluster.client(), limit, 20).await;
                let told = told.clone();
                all.push(tokio::spawn(async move {
                    request
                        .wait(|error| eprintln!("trouble: {error}"))
                        .await
                        .unwrap();
                    let looks = request.looks();
                    let turn = request.begin();
                    told.send(turn.token()).unwrap();
                    assert!(turn.announce().await.unwrap());
                    assert!(turn.release().await.unwrap());
                    looks
                }));
            }
            drop(told);
            let mut looks = 0;
            for one in all {
                looks += one.await.unwrap();
            }
            let mut order = Vec::new();
            while let Some(token) = turns.recv().await {
                order.push(token);
            }
            assert_clean(&client).await;
            (order, looks)
        });
        // Each has looked once to join, and at most as often as it was woken.
        assert!(looks <= 50 + woken * 50, "{looks} looks with limit {limit}");
        let as_it_was = order.clone();
        order.sort_unstable();
        if limit == 1 {
            assert_eq!(as_it_was, order);
        }
    }
}

#[test]
fn a_write_that_is_tied_to_a_turn_happens_only_within_it() {
    use ops_coordinator_etcd::message::kv::{Op, PutRequest};
    let cluster = Cluster::start(1);
    run(async {
        let client = cluster.client();
        let write = |value: &str| {
            let put = PutRequest {
                key: b"resource".to_vec(),
                value: value.into(),
                lease: 0,
            };
            vec![Op::Put(put).into()]
        };
        let turn = turn(join(&client, 1, 5).await).await;
        assert!(turn.write_if_held(write("mine")).await.unwrap().succeeded);
        // An operator's, or any other end that the holder has not heard of.
        for lease in client.leases().await.unwrap() {
            client.revoke(lease).await.unwrap();
        }
        assert!(!turn.write_if_held(write("late")).await.unwrap().succeeded);
        assert!(!turn.announce().await.unwrap());
        assert_clean(&client).await;
    });
}
