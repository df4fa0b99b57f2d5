//! A ticket in the line: what is said to etcd about it, and what the answers mean. No I/O: [`crate::Request`] and
//! [`crate::Turn`] carry it over a connection, and simulations hand it to an etcd in memory.

use crate::Wish;
use crate::entry::{Entry, Note, key, lock_prefix};
use crate::line::{Decision, Watched, decide, sight};
use crate::message::kv::{
    Compare, Op, PutRequest, RangeRequest, RangeResponse, RequestOp, SortOrder, SortTarget,
    TxnRequest, TxnResponse,
};
use crate::message::prefix_end;
use crate::message::watch::{Event, Filter, WatchCreateRequest};

/// A place in the line, or one that is being asked for.
#[derive(Debug, Clone)]
pub struct Ticket {
    wish: Wish,
    lease: i64,
    note: Note,
    key: Vec<u8>,
    token: i64,
}

/// What a look at the line has seen, and at which revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    ahead: Vec<Entry>,
    revision: i64,
}

/// What follows from a look at the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sighted {
    /// The turn has come.
    Up,
    /// Nothing can change before there is news of one of these.
    Behind(Lookout),
}

/// What to watch from a look on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookout {
    /// The watches. They begin with the revision of the look, not with the one after it: if that is forgotten before they
    /// begin, older servers, 3.4.23 among them, do not say so, and a deletion goes untold (etcd issue 19179).
    pub watches: Vec<WatchCreateRequest>,
    /// The revision of the look.
    seen: i64,
}

impl Lookout {
    fn new(watched: &[Watched], seen: i64) -> Self {
        let numbered = (1_i64..).zip(watched);
        let watches = numbered.map(|(id, one)| WatchCreateRequest {
            key: one.key.clone(),
            start_revision: seen,
            filters: match one.writes {
                true => Vec::new(),
                false => vec![Filter::NoPut.into()],
            },
            watch_id: id,
            ..WatchCreateRequest::default()
        });
        Self {
            watches: watches.collect(),
            seen,
        }
    }

    /// Whether the look has not seen this.
    pub fn is_news(&self, event: &Event) -> bool {
        event
            .kv
            .as_ref()
            .is_some_and(|kv| kv.mod_revision > self.seen)
    }
}

impl Ticket {
    /// A ticket that goes with this lease. It has no place yet, see [`Ticket::joining`].
    pub fn new(wish: Wish, lease: i64) -> Self {
        Self {
            key: key(&wish.prefix, &wish.lock, lease),
            note: Note::new(wish.limit, &wish.who),
            wish,
            lease,
            token: 0,
        }
    }

    /// The same, of somebody who has had this place before.
    #[must_use]
    pub fn at(self, token: i64) -> Self {
        Self { token, ..self }
    }

    /// What it is for.
    pub fn wish(&self) -> &Wish {
        &self.wish
    }

    /// The lease with which it ends.
    pub fn lease(&self) -> i64 {
        self.lease
    }

    /// The place in the line, as the revision of the ticket's creation; 0 before it has one.
    pub fn token(&self) -> i64 {
        self.token
    }

    /// Its key.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// Joins the line at its end, and looks at it.
    pub fn joining(&self) -> TxnRequest {
        let put = PutRequest {
            key: self.key.clone(),
            value: self.note.encode(),
            lease: self.lease,
        };
        let whole = RangeRequest {
            // Our own key is the newest.
            limit: sight(self.wish.limit) + 1,
            ..ahead(&self.wish, 0)
        };
        let own = RangeRequest {
            key: self.key.clone(),
            ..RangeRequest::default()
        };
        TxnRequest {
            compare: vec![Compare::created_at(&self.key, 0)],
            success: vec![Op::Put(put).into(), Op::Range(whole).into()],
            // A first attempt has arrived after all, and only its answer was lost.
            failure: vec![Op::Range(own).into()],
        }
    }

    /// Takes the place that the answer to [`Ticket::joining`] names, and returns what that has seen of the line.
    pub fn joined(&mut self, answer: TxnResponse) -> Option<Sight> {
        let revision = answer.header.as_ref().map_or(0, |header| header.revision);
        let first = answer.succeeded;
        let mut entries: Vec<Entry> = answer.into_range().into_iter().map(Entry::from).collect();
        let own = entries.iter().position(|entry| entry.key == self.key);
        // Without it, the lease has ended in between, as the first look will find.
        self.token = own.map_or(revision, |place| entries.remove(place).token);
        first.then_some(Sight {
            ahead: entries,
            revision,
        })
    }

    /// Looks at the line, up to the ticket itself. A read and no transaction: those are refused where a database is full, even
    /// if they write nothing.
    pub fn looking(&self) -> RangeRequest {
        RangeRequest {
            limit: sight(self.wish.limit) + 1,
            ..ahead(&self.wish, self.token)
        }
    }

    /// What the answer to [`Ticket::looking`] has seen; `None` if the place is gone.
    pub fn looked(&self, answer: RangeResponse) -> Option<Sight> {
        let revision = answer.header.as_ref().map_or(0, |header| header.revision);
        let mut entries = answer.kvs.into_iter().map(Entry::from);
        // The last one created, or there would be one created after it.
        let own = entries.next()?;
        (own.key == self.key && own.token == self.token).then(|| Sight {
            ahead: entries.collect(),
            revision,
        })
    }

    /// Looks at the ticket alone.
    pub fn looking_at_itself(&self) -> RangeRequest {
        RangeRequest {
            key: self.key.clone(),
            ..RangeRequest::default()
        }
    }

    /// Whether the place is there, by the answer to [`Ticket::looking_at_itself`].
    pub fn is_there(&self, answer: &RangeResponse) -> bool {
        let mut found = answer.kvs.iter();
        found.any(|kv| kv.create_revision == self.token)
    }

    /// What follows from a look. That the turn has come counts only while the lease surely lives: the answer may be old.
    pub fn sighted(&self, sight: &Sight) -> Sighted {
        match decide(self.wish.limit, &sight.ahead) {
            Decision::Start => Sighted::Up,
            Decision::Wait(watched) => Sighted::Behind(Lookout::new(&watched, sight.revision)),
        }
    }

    /// Watches for the end of the ticket itself, which was there at a revision.
    pub fn watching_itself(&self, seen: i64) -> Lookout {
        let own = Watched {
            key: self.key.clone(),
            writes: false,
        };
        Lookout::new(&[own], seen)
    }

    /// Tells the others in the line that the turn has begun, if it is still there.
    pub fn announcing(&self) -> TxnRequest {
        let put = PutRequest {
            key: self.key.clone(),
            value: self.note.begun().encode(),
            lease: self.lease,
        };
        self.if_there(vec![Op::Put(put).into()])
    }

    /// A transaction that happens if the place is still there.
    pub fn if_there(&self, steps: Vec<RequestOp>) -> TxnRequest {
        TxnRequest {
            compare: vec![Compare::created_at(&self.key, self.token)],
            success: steps,
            failure: Vec::new(),
        }
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
