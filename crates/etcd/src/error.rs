//! What can go wrong between us and etcd.
//!
//! `Display` says in one line what is wrong and at which server; [`Error::hint`] says what to do about it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use ops_coordinator_excerpt::{LONG, excerpt, path as shown};

use crate::grpc::{Code, Status};
use crate::{Endpoint, EndpointError};

/// An error of a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text that is no endpoint.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// A certificate or key that cannot be used.
    #[error("cannot use {}: {}", shown(file), excerpt(why).up_to(LONG))]
    Certificate {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Options that do not go together.
    #[error("{0}")]
    Options(String),
    /// No server answered in time.
    #[error("no answer from etcd within {}: {}", seconds(*within), list(tried))]
    Unreachable {
        /// What became of the last attempt at each server, in the order in which they were tried.
        tried: Vec<Attempt>,
        /// How long it was tried.
        within: Duration,
    },
    /// A server answered that it will not.
    #[error("{endpoint} refused: {status}")]
    Refused {
        /// The server.
        endpoint: Endpoint,
        /// Its words.
        status: Status,
    },
    /// A server said something that is not in the protocol.
    #[error("{endpoint} gave an answer that makes no sense: {}", excerpt(why).up_to(LONG))]
    Answer {
        /// The server.
        endpoint: Endpoint,
        /// What is wrong with it.
        why: String,
    },
}

/// An attempt at one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The server.
    pub endpoint: Endpoint,
    /// What became of it.
    pub why: String,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.endpoint, excerpt(&self.why).up_to(LONG))
    }
}

fn list(tried: &[Attempt]) -> String {
    let tried: Vec<String> = tried.iter().map(ToString::to_string).collect();
    tried.join("; ")
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

impl Error {
    /// What to do about it, if anything can be said.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Endpoint(error) => Some(error.hint()),
            Self::Certificate { .. } => Some(
                "certificates and keys are PEM files: --cacert the authority that signed the servers' certificates, \
                 --cert and --key your own"
                    .to_owned(),
            ),
            Self::Options(_) | Self::Answer { .. } => None,
            Self::Unreachable { tried, .. } => Some(unreachable_hint(tried).to_owned()),
            Self::Refused { status, .. } => refused_hint(status).map(str::to_owned),
        }
    }
}

fn unreachable_hint(tried: &[Attempt]) -> &'static str {
    let any = |word: &str| tried.iter().any(|attempt| attempt.why.contains(word));
    if any("certificate") || any("TLS") {
        "TLS failed: check --cacert, --cert and --key, and that the server's certificate names the host in --etcd"
    } else if any("HTTP/2") {
        "is it etcd's client port, and does it want https://?"
    } else if any("no leader") || any("timed out") {
        "most members of the cluster must be up: `etcdctl endpoint status --cluster` shows which are"
    } else {
        "is etcd running there, and does a firewall let you through? `etcdctl endpoint health` asks the same"
    }
}

fn refused_hint(status: &Status) -> Option<&'static str> {
    match status.code {
        Code::PERMISSION_DENIED => Some(
            "the user needs a role that may read and write the keys under the prefix: \
             `etcdctl role grant-permission ROLE readwrite --prefix=true PREFIX`",
        ),
        Code::UNAUTHENTICATED | Code::INVALID_ARGUMENT
            if status.message.contains("auth") || status.message.contains("user") =>
        {
            Some("etcd wants to know who you are: give --cert and --key of a user that it knows")
        }
        Code::RESOURCE_EXHAUSTED => Some(
            "etcd's disk quota is used up: compact and defragment it, then `etcdctl alarm disarm`",
        ),
        _ => None,
    }
}
