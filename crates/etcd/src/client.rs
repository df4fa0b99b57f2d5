//! Calls to a cluster: whichever server answers, within a deadline.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prost::Message;
use rustls::ClientConfig;
use tokio::time::{Instant, sleep, timeout};

use crate::channel::{Broken, Channel};
use crate::error::Attempt;
use crate::grpc;
use crate::message::kv::{CompactionRequest, CompactionResponse, RangeRequest, RangeResponse};
use crate::message::kv::{PutRequest, PutResponse, TxnRequest, TxnResponse};
use crate::message::lease::{LeaseGrantRequest, LeaseGrantResponse};
use crate::message::lease::{LeaseLeasesRequest, LeaseLeasesResponse};
use crate::message::lease::{LeaseRevokeRequest, LeaseRevokeResponse};
use crate::request::leave;
use crate::{Endpoint, Error, Scheme, Tls};

/// The pause after every server has failed to answer, before they are tried again.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How often a lease that is not there yet is looked for, to take it back.
const LOOKS: u32 = 10;
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// How to reach a cluster.
#[derive(Debug, Clone)]
pub struct Config {
    /// Its servers. They are tried in this order, and the one that answers is kept.
    pub endpoints: Vec<Endpoint>,
    /// The files for TLS.
    pub tls: Tls,
    /// How long a call may take in all, over however many servers.
    pub deadline: Duration,
    /// How long one server may take before the next one is asked.
    pub patience: Duration,
}

impl Config {
    /// These servers, with the usual limits of time: 5 s for a call, 1.5 s for a server.
    pub fn new(endpoints: Vec<Endpoint>, tls: Tls) -> Self {
        Self {
            endpoints,
            tls,
            deadline: Duration::from_secs(5),
            patience: Duration::from_millis(1500),
        }
    }

    /// The servers in a text, separated by commas.
    ///
    /// # Errors
    /// When the text holds something that is no endpoint.
    pub fn parse(endpoints: &str, tls: Tls) -> Result<Self, Error> {
        let endpoints: Result<Vec<Endpoint>, _> = endpoints.split(',').map(str::parse).collect();
        Ok(Self::new(endpoints?, tls))
    }
}

/// A cluster. Its clones share one connection, to whichever server answers. It needs a tokio runtime; one thread is
/// enough.
#[derive(Debug, Clone)]
pub struct Client(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: Config,
    tls: Option<Arc<ClientConfig>>,
    route: Mutex<Route>,
}

/// Which server we talk to.
#[derive(Debug, Default)]
struct Route {
    channel: Option<Channel>,
    /// The place in the list of the server to try next.
    next: usize,
}

impl Client {
    /// A client; connects with its first call.
    ///
    /// # Errors
    /// When there is no endpoint, or the files for TLS cannot be used or do not go with the endpoints.
    pub fn new(config: Config) -> Result<Self, Error> {
        if config.endpoints.is_empty() {
            return Err(Error::Options("no endpoint of etcd is given".to_owned()));
        }
        let encrypted = |endpoint: &Endpoint| endpoint.scheme() == Some(Scheme::Https);
        let clear = config
            .endpoints
            .iter()
            .find(|endpoint| endpoint.scheme() == Some(Scheme::Http));
        if let Some(clear) = clear.filter(|_| config.tls.is_wanted()) {
            return Err(Error::Options(format!(
                "{clear} is not encrypted, so --cacert, --cert and --key are of no use"
            )));
        }
        let wanted = config.tls.is_wanted() || config.endpoints.iter().any(encrypted);
        let tls = wanted.then(|| config.tls.config()).transpose()?;
        Ok(Self(Arc::new(Shared {
            config,
            tls,
            route: Mutex::default(),
        })))
    }

    /// How the cluster is reached.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    fn route(&self) -> MutexGuard<'_, Route> {
        self.0.route.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection that is in use, or a new one to the next server in the list. On failure says at which server.
    pub(crate) async fn channel(&self) -> Result<Channel, (Endpoint, Broken)> {
        let endpoint = {
            let route = self.route();
            if let Some(channel) = route.channel.as_ref().filter(|open| !open.is_closed()) {
                return Ok(channel.clone());
            }
            let all = &self.0.config.endpoints;
            all[route.next % all.len()].clone()
        };
        let tls = self
            .0
            .tls
            .clone()
            .filter(|_| endpoint.scheme() != Some(Scheme::Http));
        let opened = timeout(self.0.config.patience, Channel::open(&endpoint, tls)).await;
        let opened = opened.unwrap_or_else(|_| Err(self.too_slow("to connect")));
        let mut route = self.route();
        match opened {
            Ok(channel) => {
                // Another call may have been faster. Two connections would do no harm, but one is enough.
                if let Some(other) = route.channel.as_ref().filter(|open| !open.is_closed()) {
                    return Ok(other.clone());
                }
                route.channel = Some(channel.clone());
                Ok(channel)
            }
            Err(broken) => {
                route.next = route.next.wrapping_add(1);
                Err((endpoint, broken))
            }
        }
    }

    fn too_slow(&self, what: &str) -> Broken {
        let patience = self.0.config.patience.as_secs_f64();
        Broken::Connection(format!("took longer than {patience} s {what}"))
    }

    /// Gives a connection up, for all who use it: the next one is to the next server.
    pub(crate) fn leave(&self, channel: &Channel) {
        channel.close();
        let mut route = self.route();
        if route.channel.as_ref().is_some_and(|open| open.is(channel)) {
            route.channel = None;
            route.next = route.next.wrapping_add(1);
        }
    }

    /// One attempt at whichever server is next.
    async fn attempt<A: Message + Default>(
        &self,
        path: &str,
        request: &bytes::Bytes,
        patience: Duration,
    ) -> Result<A, (Endpoint, Broken)> {
        let channel = self.channel().await?;
        let call = channel.unary(path, request.clone(), patience);
        let answer = timeout(patience, call).await;
        let answer = answer.unwrap_or_else(|_| Err(self.too_slow("to answer")));
        let broken = match answer {
            Ok(answer) => return Ok(answer),
            Err(broken) => broken,
        };
        let endpoint = channel.endpoint.clone();
        match broken {
            Broken::Status(status) if !status.may_pass() => Err((endpoint, Broken::Status(status))),
            Broken::Connection(said) => {
                let why = channel.why().await.unwrap_or(said);
                self.leave(&channel);
                Err((endpoint, Broken::Connection(why)))
            }
            other => {
                self.leave(&channel);
                Err((endpoint, other))
            }
        }
    }

    /// Calls a method. The call may happen more than once, if a server goes away before its answer has come: only
    /// make calls that can bear it.
    ///
    /// # Errors
    /// When a server refuses, or none answers within the deadline.
    pub async fn call<A: Message + Default>(
        &self,
        path: &str,
        request: &impl Message,
    ) -> Result<A, Error> {
        let request = grpc::frame(request);
        let Config {
            deadline, patience, ..
        } = self.0.config;
        let servers = self.0.config.endpoints.len();
        let began = Instant::now();
        let (mut tried, mut pause) = (Vec::new(), FIRST_PAUSE);
        loop {
            let left = deadline.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Err(Error::Unreachable {
                    tried,
                    within: deadline,
                });
            }
            let attempt = self.attempt(path, &request, patience.min(left)).await;
            let (endpoint, why) = match attempt {
                Ok(answer) => return Ok(answer),
                Err((endpoint, Broken::Status(status))) if !status.may_pass() => {
                    return Err(Error::Refused { endpoint, status });
                }
                Err((endpoint, Broken::Answer(why))) => {
                    return Err(Error::Answer { endpoint, why });
                }
                Err((endpoint, Broken::Status(status))) => (endpoint, status.to_string()),
                Err((endpoint, Broken::Connection(why))) => (endpoint, why),
            };
            note(&mut tried, endpoint, why);
            // One that refuses a connection does so at once: do not ask it a thousand times a second.
            if tried.len() >= servers {
                let left = deadline.saturating_sub(began.elapsed());
                sleep(pause.min(left)).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }

    /// Reads keys.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn range(&self, request: &RangeRequest) -> Result<RangeResponse, Error> {
        self.call("/etcdserverpb.KV/Range", request).await
    }

    /// Writes a key.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn put(&self, request: &PutRequest) -> Result<PutResponse, Error> {
        self.call("/etcdserverpb.KV/Put", request).await
    }

    /// Carries out a transaction.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn txn(&self, request: &TxnRequest) -> Result<TxnResponse, Error> {
        self.call("/etcdserverpb.KV/Txn", request).await
    }

    /// Forgets what was before a revision.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn compact(&self, request: &CompactionRequest) -> Result<CompactionResponse, Error> {
        self.call("/etcdserverpb.KV/Compact", request).await
    }

    /// Asks for a lease.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn grant(&self, request: &LeaseGrantRequest) -> Result<LeaseGrantResponse, Error> {
        self.call("/etcdserverpb.Lease/LeaseGrant", request).await
    }

    /// Ends a lease.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn revoke(&self, lease: i64) -> Result<LeaseRevokeResponse, Error> {
        let request = LeaseRevokeRequest { id: lease };
        self.call("/etcdserverpb.Lease/LeaseRevoke", &request).await
    }

    /// Ends a lease whose grant may still be on its way, because somebody has given up in the middle of it: etcd may hear of
    /// the end first, and would then keep the lease for as long as it lives.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn take_back(&self, lease: i64) -> Result<(), Error> {
        for _ in 0..LOOKS {
            if leave(self, lease).await? {
                break;
            }
            sleep(BETWEEN_LOOKS).await;
        }
        Ok(())
    }

    /// The numbers of all leases.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn leases(&self) -> Result<Vec<i64>, Error> {
        let path = "/etcdserverpb.Lease/LeaseLeases";
        let answer: LeaseLeasesResponse = self.call(path, &LeaseLeasesRequest {}).await?;
        Ok(answer.leases.into_iter().map(|lease| lease.id).collect())
    }
}

/// Keeps the last word of each server.
fn note(tried: &mut Vec<Attempt>, endpoint: Endpoint, why: String) {
    match tried
        .iter_mut()
        .find(|attempt| attempt.endpoint == endpoint)
    {
        Some(attempt) => attempt.why = why,
        None => tried.push(Attempt { endpoint, why }),
    }
}
