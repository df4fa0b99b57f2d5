//! Real etcd servers on this machine, and a proxy that breaks connections.
//!
//! Never published. The tests of `ops-coordinator-etcd` and of the command use it, and so do `./dev faults etcd` and
//! `./dev bench etcd`.

#![expect(clippy::expect_used, reason = "a trial that cannot go on has failed")]

pub mod bench;
mod callers;
mod certificate;
mod clock;
mod disk;
pub mod faults;
mod member;
mod metrics;
mod peers;
mod proxy;
mod server;

pub use certificate::Certificates;
pub use proxy::{Proxy, Way};
pub use server::{Cluster, program, signal};

/// Runs a future on this thread.
///
/// # Panics
/// When the system gives no runtime.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(future)
}
