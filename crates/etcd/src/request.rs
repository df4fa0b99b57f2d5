//! A request: a ticket in the line, until its turn comes.

use std::time::Duration;

use ops_coordinator_core::LockName;
use tokio::time::sleep;

use crate::channel::Broken;
use crate::entry::{Entry, Note, key, lock_prefix};
use crate::grpc::{self, Code};
use crate::line::{Decision, Watched, decide, sight};
use crate::message::kv::{
    Compare, Op, PutRequest, RangeRequest, SortOrder, SortTarget, TxnRequest,
};
use crate::message::prefix_end;
use crate::message::watch::{Ask, Filter, WatchCreateRequest, WatchRequest, WatchResponse};
use crate::{Client, Error, Lease, Turn};

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

/// A ticket in the line.
#[derive(Debug)]
pub struct Request {
    pub(crate) client: Client,
    pub(crate) wish: Wish,
    pub(crate) lease: Lease,
    pub(crate) note: Note,
    pub(crate) key: Vec<u8>,
    pub(crate) token: i64,
    /// What the last look at the line saw, and its revision.
    seen: Option<(Vec<Entry>, i64)>,
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
        let key = key(&wish.prefix, &wish.lock, lease.id);
        let note = Note::new(wish.limit, &wish.who);
        let put = PutRequest {
            key: key.clone(),
            value: note.encode(),
            lease: lease.id,
        };
        let whole = RangeRequest {
            // Our own key is the newest.
            limit: sight(wish.limit) + 1,
            ..ahead(&wish, 0)
        };
        let own = RangeRequest {
            key: key.clone(),
            ..RangeRequest::default()
        };
        let answer = client
            .txn(&TxnRequest {
                compare: vec![Compare::created_at(&key, 0)],
                success: vec![Op::Put(put).into(), Op::Range(whole).into()],
                // A first attempt has arrived after all, and only its answer was lost.
                failure: vec![Op::Range(own).into()],
            })
            .await?;
        let revision = answer.header.as_ref().map_or(0, |header| header.revision);
        let first = answer.succeeded;
        let mut entries: Vec<Entry> = answer.into_range().into_iter().map(Entry::from).collect();
        let own = entries.iter().position(|entry| entry.key == key);
        // Without it, the lease has ended in between, as the first look will find.
        let token = own.map_or(revision, |place| entries.remove(place).token);
        Ok(Self {
            client: client.clone(),
            wish,
            lease,
            note,
            key,
            token,
            seen: first.then_some((entries, revision)),
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
            key: key(&wish.prefix, &wish.lock, lease.id),
            note: Note::new(wish.limit, &wish.who),
            wish,
            lease,
            token,
            seen: None,
            looks: 0,
        }))
    }

    /// The place in the line, as the revision of the ticket's creation. If its turn comes, this is the token.
    pub fn token(&self) -> i64 {
        self.token
    }

    /// How often it has looked at the line: once when it joined, and once for each event that woke it.
    pub fn looks(&self) -> u32 {
        self.looks
    }

    /// Looks at the line, unless joining it has shown it already.
    async fn look(&mut self) -> Result<(Vec<Entry>, i64), WaitError> {
        if let Some(seen) = self.seen.take() {
            return Ok(seen);
        }
        self.looks += 1;
        let read = RangeRequest {
            limit: sight(self.wish.limit),
            ..ahead(&self.wish, self.token - 1)
        };
        let answer = self
            .client
            .txn(&TxnRequest {
                compare: vec![Compare::created_at(&self.key, self.token)],
                success: vec![Op::Range(read).into()],
                failure: Vec::new(),
            })
            .await?;
        if !answer.succeeded {
            return Err(WaitError::Lost);
        }
        let revision = answer.header.as_ref().map_or(0, |header| header.revision);
        Ok((
            answer.into_range().into_iter().map(Entry::from).collect(),
            revision,
        ))
    }

    /// Looks once: whether its turn has come.
    ///
    /// # Errors
    /// [`WaitError::Lost`] if the lease is gone; else as [`Client::call`].
    pub async fn is_up(&mut self) -> Result<bool, WaitError> {
        self.step().await.map(|step| step.is_none())
    }

    /// `None` if the turn has come, else what to watch from which revision on.
    async fn step(&mut self) -> Result<Option<(Vec<Watched>, i64)>, WaitError> {
        loop {
            let (ahead, revision) = self.look().await?;
            match decide(self.wish.limit, &ahead) {
                Decision::Wait(watched) => return Ok(Some((watched, revision + 1))),
                // The answer may be old: this process may have been stopped since. Then ask again.
                Decision::Start if self.lease.validity().is_sure() => return Ok(None),
                Decision::Start => self.unsure().await?,
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
            let (watched, from) = match self.step().await {
                Ok(None) => return Ok(()),
                Ok(Some(wait)) => wait,
                Err(WaitError::Etcd(error @ Error::Unreachable { .. })) => {
                    trouble(&error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let event = watch(&self.client, &watched, from);
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

/// The entries of a line, the last one first, that were created no later than this revision (0: all).
fn ahead(wish: &Wish, latest: i64) -> RangeRequest {
    let prefix = lock_prefix(&wish.prefix, &wish.lock).into_bytes();
    RangeRequest {
        range_end: prefix_end(&prefix),
        key: prefix,
        sort_order: SortOrder::Descending.into(),
        sort_target: SortTarget::CreateRevision.into(),
        max_create_revision: latest,
        ..RangeRequest::default()
    }
}

/// Waits for something to happen to one of the keys, or for the watch to end.
pub(crate) async fn watch(client: &Client, watched: &[Watched], from: i64) {
    let Ok(channel) = client.channel().await else {
        // The look that follows takes its time with an unreachable cluster.
        return;
    };
    let mut creates = (1_i64..).zip(watched).map(|(id, one)| {
        let create = WatchCreateRequest {
            key: one.key.clone(),
            start_revision: from,
            filters: match one.writes {
                true => Vec::new(),
                false => vec![Filter::NoPut.into()],
            },
            watch_id: id,
            ..WatchCreateRequest::default()
        };
        WatchRequest {
            ask: Some(Ask::Create(create)),
        }
    });
    let Some(first) = creates.next() else {
        return;
    };
    let told: Result<(), Broken> = async {
        let (mut ask, mut answers) = channel.stream("/etcdserverpb.Watch/Watch", &first).await?;
        for create in creates {
            ask.send_data(grpc::frame(&create), false)?;
        }
        loop {
            let Some(answer) = answers.next::<WatchResponse>().await? else {
                return Err(Broken::Connection("the watch ended".to_owned()));
            };
            if !answer.events.is_empty() || answer.compact_revision != 0 {
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
