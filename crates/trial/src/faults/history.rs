//! What etcd remembers of a run: all that happened under its prefix.

use ops_coordinator_etcd::Error;
use ops_coordinator_etcd::message::kv::{DeleteRangeRequest, DeleteRangeResponse, PutRequest};
use ops_coordinator_etcd::message::watch::Event;

use super::space::DELETE;
use crate::{Cluster, run};

/// How often the past can be read before there is room to write again.
const MARKS: u32 = 8;

/// The events of a run. A reader must be told where to end, and a database that is full takes no new key; so it ends where a
/// key of ours is deleted, beside those of the lock.
#[derive(Debug)]
pub(super) struct History {
    prefix: String,
    /// The first revision that was not read yet.
    from: i64,
    events: Vec<Event>,
    /// Our keys, of which each serves once: nobody knows whether a call that failed has arrived.
    marks: Vec<u32>,
    /// Whether everything was read since we last went on.
    saved: bool,
}

impl History {
    /// Begins.
    ///
    /// # Panics
    /// When etcd does not do its part.
    pub(super) fn begin(cluster: &Cluster, prefix: &str) -> Self {
        let mut begun = Self {
            prefix: prefix.to_owned(),
            from: 0,
            events: Vec::new(),
            marks: Vec::new(),
            saved: false,
        };
        for mark in (0..MARKS).rev() {
            begun.from = begun.write(cluster, mark).expect("all is well");
            begun.marks.push(mark);
        }
        begun
    }

    fn key(&self, mark: u32) -> Vec<u8> {
        format!("{}mark-{mark}", self.prefix).into_bytes()
    }

    /// Writes a key of ours; the revision of that.
    fn write(&self, cluster: &Cluster, mark: u32) -> Result<i64, Error> {
        let put = PutRequest {
            key: self.key(mark),
            ..PutRequest::default()
        };
        let put = run(async { cluster.client().put(&put).await })?;
        Ok(put.header.map_or(0, |header| header.revision))
    }

    /// Goes on after [`History::save`]. Needs room in the database.
    ///
    /// # Errors
    /// As any call.
    pub(super) fn go_on(&mut self, cluster: &Cluster) -> Result<(), Error> {
        let mark = self.marks.last().map_or(0, |mark| mark + 1) + MARKS;
        self.write(cluster, mark)?;
        self.marks.push(mark);
        self.saved = false;
        Ok(())
    }

    /// Reads everything up to now, so that it may be forgotten; the last revision that was read.
    ///
    /// # Errors
    /// As any call.
    ///
    /// # Panics
    /// When it was called too often before there was room again.
    pub(super) fn save(&mut self, cluster: &Cluster) -> Result<i64, Error> {
        if !self.saved {
            let mark = self.marks.pop().expect("there is room again soon");
            let delete = DeleteRangeRequest {
                key: self.key(mark),
                ..DeleteRangeRequest::default()
            };
            run(async {
                let client = cluster.client();
                let deleted: DeleteRangeResponse = client.call(DELETE, &delete).await?;
                let to = deleted.header.map_or(0, |header| header.revision);
                let events = client.events(&self.prefix, self.from, to).await?;
                self.events.extend(events);
                self.from = to + 1;
                Ok::<(), Error>(())
            })?;
            self.saved = true;
        }
        Ok(self.from - 1)
    }

    /// Everything, from the beginning to now.
    ///
    /// # Panics
    /// When etcd does not do its part.
    pub(super) fn end(mut self, cluster: &Cluster) -> Vec<Event> {
        self.go_on(cluster).expect("all is well");
        self.save(cluster)
            .expect("all is well, and nothing is forgotten");
        self.events
    }
}
