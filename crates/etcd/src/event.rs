//! What has happened in the store, for those who look back.

use tokio::time::timeout;

use crate::channel::{Broken, Channel};
use crate::error::Attempt;
use crate::message::prefix_end;
use crate::message::watch::{Event, WatchCreateRequest};
use crate::watch::Watches;
use crate::{Client, Error};

impl Client {
    /// Everything that happened to the keys with this prefix, from one revision to another, both included, in order. The
    /// last revision must be one that has a change under the prefix, or this waits for the first later one.
    ///
    /// # Errors
    /// When the server does not answer in time, or has forgotten the first revision.
    pub async fn events(&self, prefix: &str, from: i64, to: i64) -> Result<Vec<Event>, Error> {
        let within = self.config().deadline;
        let mut tried = Vec::new();
        // Each server once, and the one in use may have gone since.
        for _ in 0..=self.config().endpoints.len() {
            let (endpoint, why) = match self.channel().await {
                Ok(channel) => {
                    let read = read(self, &channel, prefix, from, to);
                    match timeout(within, read).await {
                        Ok(Ok(events)) => return Ok(events),
                        Ok(Err(Broken::Answer(why))) => {
                            let endpoint = channel.endpoint.clone();
                            return Err(Error::Answer { endpoint, why });
                        }
                        Ok(Err(broken)) => {
                            self.leave(&channel);
                            (channel.endpoint.clone(), broken.to_string())
                        }
                        Err(_) => {
                            self.leave(&channel);
                            (channel.endpoint.clone(), "no answer".to_owned())
                        }
                    }
                }
                Err((endpoint, broken)) => (endpoint, broken.to_string()),
            };
            tried.push(Attempt { endpoint, why });
        }
        Err(Error::Unreachable { tried, within })
    }
}

async fn read(
    client: &Client,
    channel: &Channel,
    prefix: &str,
    from: i64,
    to: i64,
) -> Result<Vec<Event>, Broken> {
    let create = WatchCreateRequest {
        key: prefix.as_bytes().to_vec(),
        range_end: prefix_end(prefix.as_bytes()),
        start_revision: from,
        ..WatchCreateRequest::default()
    };
    let mut events: Vec<Event> = Vec::new();
    let mut watches = Watches::open(client, channel, create, []).await?;
    loop {
        let answer = watches.heard().await?;
        if answer.canceled {
            return Err(Broken::Answer(match answer.compact_revision {
                0 => answer.cancel_reason,
                first => format!("what was before revision {first} is forgotten"),
            }));
        }
        events.extend(answer.events);
        let revision = |event: &Event| event.kv.as_ref().map_or(0, |kv| kv.mod_revision);
        if events.last().is_some_and(|last| revision(last) >= to) {
            events.retain(|event| revision(event) <= to);
            return Ok(events);
        }
    }
}
