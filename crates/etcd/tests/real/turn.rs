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
