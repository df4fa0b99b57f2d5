//! What the commands on etcd have in common.

pub(super) mod certificate;
pub(super) mod deputy;
pub(super) mod guard;
pub(super) mod hold;
pub(super) mod lock;
mod operation;
pub(super) mod shared;
pub(super) mod status;
mod wanted;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ops_coordinator_etcd::{Client, Config, Endpoint, Error, PREFIX, Tls, Turn};

use super::CommandError;

/// "Service unavailable" in sysexits.h: no etcd answers.
const UNREACHABLE: u8 = 69;
/// "Permission denied" in sysexits.h: etcd answers that it will not.
const REFUSED: u8 = 77;

/// The pause before etcd is asked again after it has refused or has not answered.
const PAUSE: Duration = Duration::from_secs(1);

/// How to reach a cluster, apart from where it is.
#[derive(Debug, Args)]
#[command(next_help_heading = "etcd")]
pub(super) struct ReachArgs {
    /// The authority that signed the servers' certificates (PEM) [default: those that the machine trusts]
    #[arg(long, value_name = "FILE", requires = "etcd")]
    cacert: Option<PathBuf>,
    /// Your certificate (PEM); etcd may take your name from it
    #[arg(long, value_name = "FILE", requires = "etcd")]
    cert: Option<PathBuf>,
    /// The key of your certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "etcd")]
    key: Option<PathBuf>,
    /// What all keys in etcd begin with [default: ops-coordinator/]
    #[arg(long, value_name = "PREFIX", requires = "etcd")]
    prefix: Option<String>,
}

impl ReachArgs {
    fn client(&self, endpoints: &[Endpoint]) -> Result<Client, CommandError> {
        let tls = Tls {
            cacert: self.cacert.clone(),
            cert: self.cert.clone(),
            key: self.key.clone(),
        };
        Client::new(Config::new(endpoints.to_vec(), tls)).map_err(told)
    }

    fn prefix(&self) -> String {
        self.prefix.clone().unwrap_or_else(|| PREFIX.to_owned())
    }
}

/// An error of etcd's, and the exit code that goes with it.
fn told(error: Error) -> CommandError {
    let hint = error.hint();
    let told = match error {
        Error::Unreachable { .. } => CommandError::with_code(UNREACHABLE, error),
        Error::Refused { .. } => CommandError::with_code(REFUSED, error),
        Error::Certificate { .. } | Error::Options(_) => CommandError::usage(error),
        _ => CommandError::failed(error),
    };
    told.hint(hint)
}

/// Tells the others in the line that the turn has begun, however long it takes: with a limit above 1, whoever is next waits for
/// this. Never ends, so that it can be one branch of a `select!`.
async fn tell(turn: &Turn) {
    while turn.announce().await.is_err() {
        tokio::time::sleep(PAUSE).await;
    }
    std::future::pending::<()>().await;
}

/// Runs a future on this thread.
fn run<T>(future: impl Future<Output = Result<T, CommandError>>) -> Result<T, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(CommandError::failed)?;
    let result = runtime.block_on(future);
    // A name that the resolver is still looking up must not keep us.
    runtime.shutdown_background();
    result
}

/// A time as people write it: `30`, `30s`, `500ms`, `5m`, `1h`. A plain number means seconds.
fn time(text: &str) -> Result<Duration, &'static str> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => 0,
    };
    let number = number.parse::<u64>().ok().filter(|_| factor > 0);
    number
        .and_then(|number| number.checked_mul(factor))
        .filter(|&time| time <= 365 * 24 * 3_600_000)
        .map(Duration::from_millis)
        .ok_or("expected a time such as 30, 30s, 500ms, 5m or 1h")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_without_a_unit_is_in_seconds() {
        let read = |text| time(text).map(|time| time.as_millis());
        assert_eq!(
            ["0", "7", "2s", "5ms", "1m"].map(read),
            [0, 7000, 2000, 5, 60_000].map(Ok)
        );
        for text in ["", "s", "1.5", "-1", "2 s", "1d", "99999999999h"] {
            assert!(time(text).is_err(), "{text}");
        }
    }
}
