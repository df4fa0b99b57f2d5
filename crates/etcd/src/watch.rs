//! Watches, as a server answers them.

use bytes::Bytes;
use h2::SendStream;

use crate::channel::{Answers, Broken, Channel};
use crate::error::Attempt;
use crate::grpc;
use crate::message::watch::{Ask, WatchCreateRequest, WatchRequest, WatchResponse};
use crate::{Client, Error};

/// Watches over one stream. They end when this value is dropped.
#[derive(Debug)]
pub struct Watches {
    client: Client,
    channel: Channel,
    /// The stream ends when this half of it goes.
    _asking: SendStream<Bytes>,
    answers: Answers,
}

impl Watches {
    /// Begins these watches.
    pub(crate) async fn open(
        client: &Client,
        channel: &Channel,
        first: WatchCreateRequest,
        others: impl IntoIterator<Item = WatchCreateRequest>,
    ) -> Result<Self, Broken> {
        let asked = |create| WatchRequest {
            ask: Some(Ask::Create(create)),
        };
        let path = "/etcdserverpb.Watch/Watch";
        let (mut asking, answers) = channel.stream(path, &asked(first)).await?;
        for create in others {
            asking.send_data(grpc::frame(&asked(create)), false)?;
        }
        Ok(Self {
            client: client.clone(),
            channel: channel.clone(),
            _asking: asking,
            answers,
        })
    }

    /// The next answer. Safe to drop while waiting.
    pub(crate) async fn heard(&mut self) -> Result<WatchResponse, Broken> {
        let ended = || Broken::Connection("the watch ended".to_owned());
        self.answers.next().await?.ok_or_else(ended)
    }

    /// The next answer, whatever it says: that a watch has begun or ended, or what it tells. Safe to drop while waiting;
    /// nothing is lost.
    ///
    /// # Errors
    /// The stream has ended. The next call of the client goes to another server.
    pub async fn next(&mut self) -> Result<WatchResponse, Error> {
        let heard = self.heard().await;
        heard.map_err(|broken| gave_up(&self.client, &self.channel, broken))
    }
}

impl Client {
    /// Begins to watch a key or a range, and returns the raw answers: what [`crate::Request`] does with them is not done.
    ///
    /// # Errors
    /// When the server in use cannot be reached, or refuses. No other one is tried.
    pub async fn watch(&self, create: WatchCreateRequest) -> Result<Watches, Error> {
        let channel = self.channel().await.map_err(|(endpoint, broken)| {
            let why = broken.to_string();
            unreachable(self, Attempt { endpoint, why })
        })?;
        let opened = Watches::open(self, &channel, create, []).await;
        opened.map_err(|broken| gave_up(self, &channel, broken))
    }
}

fn gave_up(client: &Client, channel: &Channel, broken: Broken) -> Error {
    client.leave(channel);
    let endpoint = channel.endpoint.clone();
    match broken {
        Broken::Status(status) => Error::Refused { endpoint, status },
        Broken::Answer(why) => Error::Answer { endpoint, why },
        Broken::Connection(why) => unreachable(client, Attempt { endpoint, why }),
    }
}

fn unreachable(client: &Client, attempt: Attempt) -> Error {
    Error::Unreachable {
        tried: vec![attempt],
        within: client.config().patience,
    }
}
