//! What has happened in the store, for those who look back.

use tokio::time::timeout;

use crate::channel::Broken;
use crate::error::Attempt;
use crate::message::prefix_end;
use crate::message::watch::{Ask, Event, WatchCreateRequest, WatchRequest, WatchResponse};
use crate::{Client, Error};

impl Client {
    /// Everything that happened to the keys with this prefix, from one revision to another, both included, in order. The
    /// last revision must be one that has a change under the prefix, or this waits for the first later one.
    ///
    /// # Errors
    /// When the server does not answer in time, or has forgotten the first revision.
    pub async fn events(&self, prefix: &str, from: i64, to: i64) -> Result<Vec<Event>, Error> {
        let within = self.config().deadline;
        let unreachable = |(endpoint, broken): (_, Broken)| Error::Unreachable {
            tried: vec![Attempt {
                endpoint,
                why: format!("{broken:?}"),
            }],
            within,
        };
        let channel = self.channel().await.map_err(unreachable)?;
        let endpoint = channel.endpoint.clone();
        let create = WatchCreateRequest {
            key: prefix.as_bytes().to_vec(),
            range_end: prefix_end(prefix.as_bytes()),
            start_revision: from,
            ..WatchCreateRequest::default()
        };
        let ask = WatchRequest {
            ask: Some(Ask::Create(create)),
        };
        let read = async {
            let mut events: Vec<Event> = Vec::new();
            // The asking half ends the watch when it goes.
            let (_asking, mut answers) = channel.stream("/etcdserverpb.Watch/Watch", &ask).await?;
            while let Some(answer) = answers.next::<WatchResponse>().await? {
                if answer.canceled {
                    return Err(Broken::Answer(answer.cancel_reason));
                }
                events.extend(answer.events);
                let revision = |event: &Event| event.kv.as_ref().map_or(0, |kv| kv.mod_revision);
                if events.last().is_some_and(|last| revision(last) >= to) {
                    events.retain(|event| revision(event) <= to);
                    return Ok(events);
                }
            }
            Err(Broken::Connection("the watch ended".to_owned()))
        };
        let read = timeout(within, read).await;
        let read = read.unwrap_or(Err(Broken::Connection("no answer".to_owned())));
        read.map_err(|broken| unreachable((endpoint, broken)))
    }
}
