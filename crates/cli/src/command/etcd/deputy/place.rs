//! One wish of the unit, from its place in line to the end of its turn.

use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use ops_coordinator_etcd::{
    Client, Error, Lease, Moment, Request, Turn, Validity, WaitError, Wish as Wanted,
};
use ops_coordinator_juju::shared::{Standing, Vigil, Wish};
use ops_coordinator_juju::{LockName, SharedLock, Tick};
use tokio::time::{sleep, timeout};

use super::board::Board;
use crate::command::etcd::{PAUSE, tell, wanted};

/// A wish that is being served.
pub(super) struct Place {
    board: Rc<Board>,
    lock: LockName,
    seq: u64,
    shared: SharedLock,
    wanted: Wanted,
    client: Result<Client, String>,
    since: Tick,
}

impl Place {
    pub(super) fn new(board: &Rc<Board>, lock: &LockName, wish: &Wish) -> Self {
        Self {
            board: Rc::clone(board),
            lock: lock.clone(),
            seq: wish.seq,
            shared: wish.lock.clone(),
            wanted: board.wanted(wish),
            client: wanted::client(&wish.lock),
            since: now(),
        }
    }

    /// Serves the wish until it is aborted.
    pub(super) async fn keep(self) {
        let client = match &self.client {
            Ok(client) => client.clone(),
            Err(why) => {
                let why = why.clone();
                self.board
                    .change(&self.lock, false, |own| own.in_trouble(self.seq, why));
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
            self.board.change(&self.lock, false, Standing::is_lost);
        }
    }

    /// Goes on with a place that is there already, or joins the line.
    async fn request(&self, client: &Client) -> Result<Request, Error> {
        let own = self.board.standing(&self.lock);
        if let Some((lease, token)) = own.and_then(|own| own.place(self.seq))
            && let Some(request) =
                Request::resume(client, self.wanted.clone(), lease, token).await?
        {
            return Ok(request);
        }
        let lease = Lease::draw();
        self.board.change(&self.lock, false, |own| {
            own.joins(self.seq, lease, self.wanted.ttl);
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
        self.board.change(&self.lock, true, |own| own.stands(token));
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
        let words = match wanted::ahead(client, &self.wanted, token).await {
            Ok(words) => words,
            Err(error) => return self.trouble(&error),
        };
        self.board.change(&self.lock, false, |own| own.waits(words));
    }

    /// Has the turn until it is gone.
    async fn hold(&self, turn: Turn) {
        let token = turn.token();
        let mut told = pin!(tell(&turn));
        let mut vigil = Vigil::new(self.since);
        let mut pause = Duration::ZERO;
        loop {
            if let Validity::Until(moment) = turn.validity() {
                let until = Tick(moment.as_millis());
                let note = vigil.note(now(), until, turn.ttl());
                self.board.change(&self.lock, note.durable, |own| {
                    own.holds(&self.shared, until, turn.ttl());
                });
                if note.wakes {
                    self.board.wake(&self.lock, token);
                }
                pause = note.pause;
            }
            tokio::select! {
                () = turn.gone() => return,
                () = &mut told => {}
                () = sleep(pause) => {}
            }
        }
    }

    fn trouble(&self, error: &Error) {
        let why = error.to_string();
        self.board
            .change(&self.lock, false, |own| own.in_trouble(self.seq, why));
    }
}

fn now() -> Tick {
    Tick(Moment::now().as_millis())
}
