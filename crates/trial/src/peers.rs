//! What is between the members of a cluster: a proxy before each, which knows the others apart.

use crate::callers::Callers;
use crate::proxy::{Proxy, Way};

/// The proxies before the members.
#[derive(Debug)]
pub(crate) struct Peers {
    proxies: Vec<Proxy>,
    /// The members' processes.
    pub(crate) callers: Callers,
}

impl Peers {
    /// Before members that listen at these ports.
    pub(crate) fn before(ports: impl ExactSizeIterator<Item = u16>) -> Self {
        let count = ports.len();
        let callers = Callers::new(count);
        let proxy = |target| {
            let callers = callers.clone();
            Proxy::between(target, count, move |from, to| callers.find(from, to))
        };
        Self {
            proxies: ports.map(proxy).collect(),
            callers,
        }
    }

    /// Where the others find a member.
    pub(crate) fn port(&self, member: usize) -> u16 {
        self.proxies[member].port()
    }

    /// Lets nothing through that one member says to another, whoever of them has connected; or ends that.
    pub(crate) fn silence(&self, from: usize, to: usize, silent: bool) {
        self.proxies[to].silence_one(from, Way::Out, silent);
        self.proxies[from].silence_one(to, Way::Back, silent);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use crate::Cluster;
    use crate::metrics::metric;

    /// How many bytes a member has received from the others.
    fn received(cluster: &Cluster, member: usize) -> f64 {
        let name = "etcd_network_peer_received_bytes_total";
        metric(cluster.ports()[member], name).unwrap()
    }

    /// Cuts what the members `from` say to the members `to`. Returns how much each of them has received since.
    fn cut(cluster: &Cluster, from: &[usize], to: &[usize]) -> Vec<f64> {
        let peers = cluster.peers().unwrap();
        let silence = |on| {
            for (from, to) in from
                .iter()
                .flat_map(|from| to.iter().map(move |to| (from, to)))
            {
                peers.silence(*from, *to, on);
            }
        };
        silence(true);
        // What was on its way arrives, and those who miss somebody begin to say so.
        thread::sleep(Duration::from_secs(1));
        let before: Vec<f64> = (0..3).map(|member| received(cluster, member)).collect();
        thread::sleep(Duration::from_secs(1));
        let grown = (0..3).map(|member| received(cluster, member) - before[member]);
        let grown = grown.collect();
        silence(false);
        cluster.settle();
        grown
    }

    #[test]
    fn what_a_member_says_arrives_while_it_hears_nothing_and_the_other_way_round() {
        let cluster = Cluster::fragile(3, 16 << 20, false);
        let only_says = cut(&cluster, &[1, 2], &[0, 1, 2]);
        assert!(
            only_says[0] == 0.0 && only_says[1] > 0.0 && only_says[2] > 0.0,
            "{only_says:?}"
        );
        let only_hears = cut(&cluster, &[0, 1, 2], &[1, 2]);
        assert!(
            only_hears[0] > 0.0 && only_hears[1] == 0.0 && only_hears[2] == 0.0,
            "{only_hears:?}"
        );
    }
}
