//! A request: a ticket in the line, until its turn comes.

use std::time::Duration;

use ops_coordinator_core::LockName;
use tokio::time::sleep;

use crate::channel::Broken;
use crate::grpc::Code;
use crate::ticket::{Lookout, Sight, Sighted};
use crate::watch::Watches;
use crate::{Client, Error, Lease, Ticket, Turn};

/// What somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// All keys begin with this, see [`crate::PREFIX`].
    pub prefix: String,
    /// The lock.
    pub lock: LockName,
    /// How many may be inside at once, including this one.
    pub limit: u32,
    /// How long the lease lives without being renewed. It is rounded to whole seconds; etcd may grant more.
    pub ttl: Duration,
    /// Who it is, for people.
    pub who: String,
}

/// Why a request did not come to its turn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// Its lease has ended, and its place with it: it was not renewed in time, or somebody revoked it.
    #[error("the place in line was lost: its lease ended before it was renewed")]
    Lost,
    /// etcd did not answer as it should.
    #[error(transparent)]
    Etcd(#[from] Error),
}

/// A ticket in the line, whose lease is kept alive.
#[derive(Debug)]
pub struct Request {
    pub(crate) client: Client,
    pub(crate) ticket: Ticket,
    pub(crate) lease: Lease,
    /// What the last look at the line saw.
    seen: Option<Sight>,
    looks: u32,
}

impl Request {
    /// Joins the line at its end.
    ///
    /// Lease and key have a number that `lease` gives (see [`Lease::draw`]), so that a caller who gives up in the middle
    /// can still take everything back, with [`Client::revoke`].
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn join(client: &Client, wish: Wish, lease: i64) -> Result<Self, Error> {
        let lease = Lease::grant(client, lease, wish.ttl).await?;
        let mut ticket = Ticket::new(wish, lease.id);
        let answer = client.txn(&ticket.joining()).await?;
        Ok(Self {
            client: client.clone(),
            seen: ticket.joined(answer),
            ticket,
            lease,
            looks: 1,
        })
    }

    /// Goes on with the ticket of another process, which is gone: its lease, and the place that [`Request::token`] named
    /// there. `None` if the lease is gone; that the place is, the next look finds out.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn resume(
        client: &Client,
        wish: Wish,
        lease: i64,
        token: i64,
    ) -> Result<Option<Self>, Error> {
        let Some(lease) = Lease::resume(client, lease).await? else {
            return Ok(None);
        };
        Ok(Some(Self {
            client: client.clone(),
            ticket: Ticket::new(wish, lease.id).at(token),
            lease,
            seen: None,
            looks: 0,
        }))
    }

    /// The place in the line, as the revision of the ticket's creation. If its turn comes, this is the token.
    pub fn token(&self) -> i64 {
        self.ticket.token()
    }

    /// How often it has looked at the line: once when it joined, and once for each event that woke it.
    pub fn looks(&self) -> u32 {
        self.looks
    }

    /// Looks at the line, unless joining it has shown it already.
    async fn look(&mut self) -> Result<Sight, WaitError> {
        if let Some(seen) = self.seen.take() {
            return Ok(seen);
        }
        self.looks += 1;
        let answer = self.client.range(&self.ticket.looking()).await?;
        self.ticket.looked(answer).ok_or(WaitError::Lost)
    }

    /// Looks once: whether its turn has come.
    ///
    /// # Errors
    /// [`WaitError::Lost`] if the lease is gone; else as [`Client::call`].
    pub async fn is_up(&mut self) -> Result<bool, WaitError> {
        self.step().await.map(|step| step.is_none())
    }

    /// `None` if the turn has come, else what to watch.
    async fn step(&mut self) -> Result<Option<Lookout>, WaitError> {
        loop {
            let sight = self.look().await?;
            match self.ticket.sighted(&sight) {
                Sighted::Behind(lookout) => return Ok(Some(lookout)),
                // The answer may be old: this process may have been stopped since. Then ask again.
                Sighted::Up if self.lease.validity().is_sure() => return Ok(None),
                Sighted::Up => self.unsure().await?,
            }
        }
    }

    /// Gives the lease a moment to be renewed, or found gone, before the line is read again.
    async fn unsure(&self) -> Result<(), WaitError> {
        tokio::select! {
            () = self.lease.gone() => Err(WaitError::Lost),
            () = sleep(Duration::from_millis(20)) => Ok(()),
        }
    }

    /// Waits until its turn has come. Safe to drop while waiting; the place in line stays.
    ///
    /// While etcd does not answer it keeps trying, and `trouble` is told each time.
    ///
    /// # Errors
    /// [`WaitError::Lost`] if the lease is gone; an error of etcd's other than silence.
    pub async fn wait(&mut self, mut trouble: impl FnMut(&Error)) -> Result<(), WaitError> {
        loop {
            let lookout = match self.step().await {
                Ok(None) => return Ok(()),
                Ok(Some(lookout)) => lookout,
                Err(WaitError::Etcd(error @ Error::Unreachable { .. })) => {
                    trouble(&error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let event = watch(&self.client, lookout);
            tokio::select! {
                () = self.lease.gone() => return Err(WaitError::Lost),
                // Whatever ended the watch, an event, a cut, a compaction: the next look finds out what it means.
                () = event => {}
            }
        }
    }

    /// Takes the turn that has come. Call this right after [`Request::wait`] has returned.
    pub fn begin(self) -> Turn {
        Turn::new(self)
    }

    /// Leaves the line.
    ///
    /// # Errors
    /// As [`Client::call`]; the lease then ends by itself.
    pub async fn withdraw(self) -> Result<(), Error> {
        leave(&self.client, self.lease.id).await.map(|_| ())
    }
}

/// Ends a lease. Returns whether it was there.
pub(crate) async fn leave(client: &Client, lease: i64) -> Result<bool, Error> {
    match client.revoke(lease).await {
        Ok(_) => Ok(true),
        Err(Error::Refused { status, .. }) if status.code == Code::NOT_FOUND => Ok(false),
        Err(error) => Err(error),
    }
}

/// Waits for news of one of the keys, or for the watch to end.
pub(crate) async fn watch(client: &Client, lookout: Lookout) {
    let Ok(channel) = client.channel().await else {
        // The look that follows takes its time with an unreachable cluster.
        return;
    };
    let mut creates = lookout.watches.iter().cloned();
    let Some(first) = creates.next() else {
        return;
    };
    let told: Result<(), Broken> = async {
        let mut watches = Watches::open(client, &channel, first, creates).await?;
        loop {
            let answer = watches.heard().await?;
            let news = answer.events.iter().any(|event| lookout.is_news(event));
            if news || answer.compact_revision != 0 {
                return Ok(());
            }
            if answer.canceled {
                return Err(Broken::Answer(answer.cancel_reason));
            }
        }
    }
    .await;
    match told {
        Ok(()) => {}
        Err(Broken::Answer(_)) => sleep(Duration::from_millis(100)).await,
        Err(_) => client.leave(&channel),
    }
}
