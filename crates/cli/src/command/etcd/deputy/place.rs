//! One wish of the unit, from its place in line to the end of its turn.

use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use ops_coordinator_etcd::{
    Client, Error, Lease, Request, Turn, Validity, WaitError, Wish as Wanted, survey,
};
use ops_coordinator_juju::shared::{PATIENCE, Wish};
use ops_coordinator_juju::{LockName, SharedLock};
use tokio::time::{Instant, sleep, timeout};

use super::board::Board;
use crate::command::etcd::status::ordinal;

/// The pause before etcd is asked again after it has refused or has not answered.
const PAUSE: Duration = Duration::from_secs(1);
/// How often the end of a lease is written down within its life.
const NOTES: u32 = 10;

/// A wish that is being served.
pub(super) struct Place {
    board: Rc<Board>,
    lock: LockName,
    seq: u64,
    shared: SharedLock,
    wanted: Wanted,
    client: Result<Client, String>,
    since: Instant,
}

impl Place {
    pub(super) fn new(board: &Rc<Board>, lock: &LockName, wish: &Wish) -> Self {
        Self {
            board: Rc::clone(board),
            lock: lock.clone(),
            seq: wish.seq,
            shared: wish.lock.clone(),
            wanted: board.wanted(wish),
            client: Board::client(wish),
            since: Instant::now(),
        }
    }

    /// Serves the wish until it is aborted.
    pub(super) async fn keep(self) {
        let client = match &self.client {
            Ok(client) => client.clone(),
            Err(why) => {
                self.board.change(&self.lock, false, |own| {
                    own.seq = self.seq;
                    own.trouble = Some(why.clone());
                });
                return;
            }
        };
        loop {
            let request = match self.request(&client).await {
                Ok(request) => request,
                Err(error) => {
                    self.trouble(&error);
                    sleep(PAUSE).await;
                    continue;
                }
            };
            match self.wait(&client, request).await {
                Ok(request) => self.hold(request.begin()).await,
                Err(WaitError::Etcd(error)) => {
                    // The place stays; another request goes on with it.
                    self.trouble(&error);
                    sleep(PAUSE).await;
                    continue;
                }
                Err(_) => {}
            }
            // Its lease is gone, and the next request is at the end of the line.
            self.board.change(&self.lock, false, |own| {
                own.token = None;
                own.until = None;
            });
        }
    }

    /// Goes on with a place that is there already, or joins the line.
    async fn request(&self, client: &Client) -> Result<Request, Error> {
        let own = self.board.standing(&self.lock);
        if let Some(own) = own.filter(|own| own.seq == self.seq)
            && let Some(token) = own.token
            && let Some(request) =
                Request::resume(client, self.wanted.clone(), own.lease, token).await?
        {
            return Ok(request);
        }
        let lease = Lease::draw();
        // Written first, so that whoever comes after this process can give it back.
        self.board.change(&self.lock, false, |own| {
            own.seq = self.seq;
            own.lease = lease;
            own.ttl = u64::try_from(self.wanted.ttl.as_millis()).unwrap_or_default();
            (own.token, own.until, own.words) = (None, None, None);
        });
        match Request::join(client, self.wanted.clone(), lease).await {
            Ok(request) => Ok(request),
            Err(error) => {
                // It may have arrived, and would stand in the way of the next attempt.
                let _ = timeout(PAUSE, client.take_back(lease)).await;
                Err(error)
            }
        }
    }

    async fn wait(&self, client: &Client, mut request: Request) -> Result<Request, WaitError> {
        let token = request.token();
        self.board.change(&self.lock, true, |own| {
            own.token = Some(token);
            own.trouble = None;
        });
        {
            let mut turn = pin!(request.wait(|error| self.trouble(error)));
            let mut pause = Duration::ZERO;
            loop {
                tokio::select! {
                    biased;
                    done = &mut turn => break done?,
                    () = sleep(pause) => self.look(client, token).await,
                }
                pause = self.wanted.ttl;
            }
        }
        Ok(request)
    }

    /// Writes down who is ahead.
    async fn look(&self, client: &Client, token: i64) {
        let queues = match survey(client, &self.wanted.prefix, Some(&self.wanted.lock)).await {
            Ok(queues) => queues,
            Err(error) => return self.trouble(&error),
        };
        let entries = queues.into_iter().flat_map(|queue| queue.entries);
        let ahead: Vec<_> = entries.filter(|entry| entry.token < token).collect();
        let words = ahead.last().map(|next| {
            let waiting = ahead.iter().filter(|entry| !entry.holds).count();
            let place = ordinal(u32::try_from(waiting).unwrap_or(u32::MAX).saturating_add(1));
            let who = next.who.as_deref().unwrap_or("somebody");
            format!("{place} in line, behind {who}")
        });
        self.board.change(&self.lock, false, |own| {
            own.words = words;
            own.trouble = None;
        });
    }

    /// Has the turn until it is gone.
    async fn hold(&self, turn: Turn) {
        let token = turn.token();
        let mut told = pin!(self.tell(&turn));
        let mut noted = false;
        let since = Instant::now();
        let early = (self.since + PATIENCE * 3 / 2).saturating_duration_since(since);
        let (mut woken, mut unsure) = (false, false);
        loop {
            if let Validity::Until(moment) = turn.validity() {
                // A hook that came while etcd was away has found the turn of no use.
                let was_unsure = unsure;
                unsure = moment.left() <= turn.ttl() / 3;
                woken &= !was_unsure || unsure;
                let until = u64::try_from(moment.as_nanos() / 1_000_000).unwrap_or_default();
                self.board.change(&self.lock, !noted, |own| {
                    own.until = Some(until);
                    own.lock = Some(self.shared.clone());
                    own.ttl = u64::try_from(turn.ttl().as_millis()).unwrap_or_default();
                    (own.words, own.trouble) = (None, None);
                });
                noted = true;
            }
            // The hook that has asked may still be waiting for this very answer.
            if !woken && since.elapsed() >= early {
                woken = true;
                self.board.wake(&self.lock, token);
            }
            let pause = turn.ttl() / NOTES;
            let pause = if woken { pause } else { pause.min(early) };
            tokio::select! {
                () = turn.gone() => return,
                () = &mut told => {}
                () = sleep(pause) => {}
            }
        }
    }

    /// Tells the others in the line that the turn has begun. If that fails for good, the lease will tell.
    async fn tell(&self, turn: &Turn) {
        while turn.announce().await.is_err() {
            sleep(PAUSE).await;
        }
        std::future::pending::<()>().await;
    }

    fn trouble(&self, error: &Error) {
        let why = error.to_string();
        self.board.change(&self.lock, false, |own| {
            own.seq = self.seq;
            own.trouble = Some(why);
        });
    }
}
