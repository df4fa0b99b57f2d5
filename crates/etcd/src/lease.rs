//! A lease that is kept alive, and how long one may rely on it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::channel::{Answers, Broken, Channel};
use crate::grpc::{self, Code};
use crate::message::lease::{LeaseGrantRequest, LeaseKeepAliveRequest, LeaseKeepAliveResponse};
use crate::{Client, Error, Moment};

/// How often a lease is renewed within its time to live.
const RENEWALS: u32 = 5;

/// What is known of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// No server ends it before this moment: counted from when the last renewal that was answered was *sent*.
    Until(Moment),
    /// It is gone.
    Gone {
        /// Whether that came before the moment up to which we relied on it: an operator has ended it, or etcd has made a
        /// mistake. Then somebody else may have begun before we knew.
        early: bool,
    },
}

impl Validity {
    /// What is known of a lease that a server has granted or renewed, as it was asked at this moment.
    pub fn sent(at: Moment, ttl: Duration) -> Self {
        Self::Until(at.after(ttl))
    }

    /// The same, once it was renewed. Gone is for ever, whoever has found it out. Returns whether it is not.
    pub fn renew(&mut self, sent: Moment, ttl: Duration) -> bool {
        let alive = !self.is_gone();
        if alive {
            *self = Self::sent(sent, ttl);
        }
        alive
    }

    /// The same, once it is known to be gone.
    pub fn end(&mut self, now: Moment) {
        if let Self::Until(moment) = self {
            *self = Self::Gone {
                early: *moment > now,
            };
        }
    }

    /// Whether it is known to be gone.
    pub fn is_gone(self) -> bool {
        matches!(self, Self::Gone { .. })
    }

    /// Whether the lease surely lives. After a pause of this process, only the clock can tell, not what was last heard.
    pub fn is_sure(self) -> bool {
        self.is_sure_at(Moment::now())
    }

    /// Whether the lease surely lives at this moment.
    pub fn is_sure_at(self, now: Moment) -> bool {
        matches!(self, Self::Until(moment) if moment > now)
    }
}

/// A lease, renewed in the background for as long as this value lives.
#[derive(Debug)]
pub struct Lease {
    /// Its number.
    pub id: i64,
    /// How long it lives without being renewed.
    pub ttl: Duration,
    validity: Arc<watch::Sender<Validity>>,
    keeper: JoinHandle<()>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Lease {
    /// A number for a new lease. Chosen by us, so that a request that got lost can be repeated, and taken back.
    pub fn draw() -> i64 {
        // The first 2^32 and negative numbers look odd in `etcdctl`.
        fastrand::i64((1 << 32)..i64::MAX)
    }

    /// The time between two renewals.
    pub fn pause(ttl: Duration) -> Duration {
        ttl / RENEWALS
    }

    /// Asks for a lease with this number and keeps it alive.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn grant(client: &Client, id: i64, ttl: Duration) -> Result<Self, Error> {
        let seconds = i64::try_from(ttl.as_secs().max(1)).unwrap_or(i64::MAX);
        let request = LeaseGrantRequest { ttl: seconds, id };
        let sent = Moment::now();
        let granted = match client.grant(&request).await {
            Ok(answer) => u64::try_from(answer.ttl).unwrap_or_default(),
            // Our first request has arrived after all, and only its answer was lost.
            Err(Error::Refused { status, .. }) if status.code == Code::FAILED_PRECONDITION => {
                seconds.unsigned_abs()
            }
            Err(error) => return Err(error),
        };
        Ok(Self::keep(client, id, sent, granted))
    }

    /// Goes on with a lease that another process has asked for, and keeps it alive; `None` if it is gone.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn resume(client: &Client, id: i64) -> Result<Option<Self>, Error> {
        let path = "/etcdserverpb.Lease/LeaseKeepAlive";
        let sent = Moment::now();
        let answer: LeaseKeepAliveResponse =
            client.call(path, &LeaseKeepAliveRequest { id }).await?;
        let granted = u64::try_from(answer.ttl).ok().filter(|ttl| *ttl > 0);
        Ok(granted.map(|granted| Self::keep(client, id, sent, granted)))
    }

    fn keep(client: &Client, id: i64, sent: Moment, granted: u64) -> Self {
        let ttl = Duration::from_secs(granted);
        let validity = Arc::new(watch::Sender::new(Validity::sent(sent, ttl)));
        let keeper = tokio::spawn(keep(client.clone(), id, ttl, validity.clone()));
        Self {
            id,
            ttl,
            validity,
            keeper,
        }
    }

    /// What is known of it now.
    pub fn validity(&self) -> Validity {
        *self.validity.borrow()
    }

    /// Waits until a server says that it is gone.
    pub async fn gone(&self) {
        let mut validity = self.validity.subscribe();
        // It cannot end otherwise: we have the sender.
        let _ = validity.wait_for(|now| now.is_gone()).await;
    }

    /// Where to say that it is gone.
    pub(crate) fn told(&self) -> Arc<watch::Sender<Validity>> {
        self.validity.clone()
    }

    /// Waits until the lease has less than `margin` left to live, or is gone.
    pub async fn nearly_over(&self, margin: Duration) {
        loop {
            let Validity::Until(moment) = self.validity() else {
                return;
            };
            let left = moment.before(margin).left();
            if left.is_zero() {
                return;
            }
            // No timer of this process runs while the machine sleeps, so look at the clock in between.
            let nap = left.min(Duration::from_millis(500));
            let _ = timeout(nap, self.gone()).await;
        }
    }
}

/// Renews the lease until it is gone, at whichever server answers.
async fn keep(client: Client, id: i64, ttl: Duration, told: Arc<watch::Sender<Validity>>) {
    let pause = Lease::pause(ttl);
    sleep(pause).await;
    loop {
        // A lease has no use for the patience of a call: what matters is to be heard in time.
        let patience = client
            .config()
            .patience
            .min(pause.max(Duration::from_millis(200)));
        let Ok(channel) = client.channel().await else {
            sleep(Duration::from_millis(100).min(pause)).await;
            continue;
        };
        let ended = renew(&channel, id, ttl, patience, &told).await;
        if told.borrow().is_gone() {
            return;
        }
        // A server that refuses for good would be asked in a tight circle.
        if matches!(ended, Err(Broken::Status(_))) {
            sleep(Duration::from_millis(100).min(pause)).await;
        }
        client.leave(&channel);
    }
}

/// Renews the lease over one connection, until that fails or the lease is gone.
async fn renew(
    channel: &Channel,
    id: i64,
    ttl: Duration,
    patience: Duration,
    told: &watch::Sender<Validity>,
) -> Result<(), Broken> {
    let slow = |_| Broken::Connection("a lease's renewal was not answered".to_owned());
    let path = "/etcdserverpb.Lease/LeaseKeepAlive";
    let request = LeaseKeepAliveRequest { id };
    let mut sent = Moment::now();
    let stream = channel.stream(path, &request);
    let (mut ask, mut answers) = timeout(patience, stream).await.map_err(slow)??;
    loop {
        let answer = timeout(patience, next(&mut answers))
            .await
            .map_err(slow)??;
        if answer.ttl <= 0 {
            told.send_modify(|validity| validity.end(Moment::now()));
            return Ok(());
        }
        told.send_if_modified(|now| now.renew(sent, ttl));
        sleep(Lease::pause(ttl)).await;
        sent = Moment::now();
        ask.send_data(grpc::frame(&request), false)?;
    }
}

async fn next(answers: &mut Answers) -> Result<LeaseKeepAliveResponse, Broken> {
    let ended = || Broken::Connection("the server ended the stream of renewals".to_owned());
    answers.next().await?.ok_or_else(ended)
}
