//! One connection to one server.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use h2::{RecvStream, SendStream};
use prost::Message;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::Endpoint;
use crate::grpc::{self, Code, Frames, Status};

/// How much a server may send before we have read it.
const WINDOW: u32 = 4 << 20;

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The connection is of no use any more; the text says why.
    Connection(String),
    /// The server ended the call.
    Status(Status),
    /// The server said something that is not in the protocol.
    Answer(String),
}

impl From<h2::Error> for Broken {
    fn from(error: h2::Error) -> Self {
        Self::Connection(format!("the HTTP/2 connection broke: {error}"))
    }
}

/// A connection. Its clones are the same connection; it closes when the last one is gone.
#[derive(Debug, Clone)]
pub(crate) struct Channel {
    sender: SendRequest<Bytes>,
    pub(crate) endpoint: Endpoint,
    scheme: &'static str,
    /// Set by whoever finds that the connection is of no use, so that the others need not wait to find out.
    closed: Arc<watch::Sender<bool>>,
}

impl Channel {
    /// Connects, with TLS if `tls` is given.
    pub(crate) async fn open(
        endpoint: &Endpoint,
        tls: Option<Arc<ClientConfig>>,
    ) -> Result<Self, Broken> {
        let broken = |error: io::Error| Broken::Connection(error.to_string());
        let address = (endpoint.host(), endpoint.port());
        let tcp = TcpStream::connect(address).await.map_err(broken)?;
        tcp.set_nodelay(true).map_err(broken)?;
        let (scheme, socket) = match tls {
            None => ("http", Socket::Plain(tcp)),
            Some(config) => {
                let name = ServerName::try_from(endpoint.host().to_owned());
                let name = name.map_err(|error| Broken::Connection(error.to_string()))?;
                let made = TlsConnector::from(config).connect(name, tcp).await;
                let made = made.map_err(|error| {
                    Broken::Connection(format!("TLS failed: {}", tls_words(&error)))
                })?;
                ("https", Socket::Tls(Box::new(made)))
            }
        };
        let mut builder = Builder::new();
        builder
            .initial_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .enable_push(false);
        let (sender, connection) = builder.handshake(socket).await?;
        let closed = Arc::new(watch::Sender::new(false));
        let told = closed.clone();
        let mut until = closed.subscribe();
        tokio::spawn(async move {
            tokio::select! {
                _ = connection => {}
                _ = until.wait_for(|closed| *closed) => {}
            }
            told.send_replace(true);
        });
        Ok(Self {
            sender,
            endpoint: endpoint.clone(),
            scheme,
            closed,
        })
    }

    /// Whether the connection is known to be of no use.
    pub(crate) fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    /// Ends the connection for all who use it.
    pub(crate) fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Whether both are the same connection.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.closed, &other.closed)
    }

    async fn begin(
        &self,
        path: &str,
        timeout: Option<Duration>,
    ) -> Result<(h2::client::ResponseFuture, SendStream<Bytes>), Broken> {
        let head = grpc::request(self.scheme, &self.endpoint.authority(), path, timeout)
            .map_err(|error| Broken::Connection(error.to_string()))?;
        let mut ready = self.sender.clone().ready().await?;
        Ok(ready.send_request(head, false)?)
    }

    /// A call with one request and one answer.
    pub(crate) async fn unary<A: Message + Default>(
        &self,
        path: &str,
        request: Bytes,
        timeout: Duration,
    ) -> Result<A, Broken> {
        let (response, mut body) = self.begin(path, Some(timeout)).await?;
        body.send_data(request, true)?;
        let mut answers = Answers::new(response).await?;
        let first = answers.next().await?;
        // What comes after the only answer is its status.
        match (first, answers.next::<A>().await?) {
            (Some(answer), None) => Ok(answer),
            (None, _) => Err(Broken::Answer("no message".to_owned())),
            (Some(_), Some(_)) => Err(Broken::Answer("more than one message".to_owned())),
        }
    }

    /// A call in which both sides keep talking. etcd's servers answer with the headers only once something was said,
    /// hence the first request.
    pub(crate) async fn stream(
        &self,
        path: &str,
        first: &impl Message,
    ) -> Result<(SendStream<Bytes>, Answers), Broken> {
        let (response, mut body) = self.begin(path, None).await?;
        body.send_data(grpc::frame(first), false)?;
        Ok((body, Answers::new(response).await?))
    }
}

/// rustls' words are good, but tokio wraps them.
fn tls_words(error: &io::Error) -> String {
    let inner = error.get_ref().map(ToString::to_string);
    inner.unwrap_or_else(|| error.to_string())
}

/// The answers of a call, one after the other.
#[derive(Debug)]
pub(crate) struct Answers {
    stream: RecvStream,
    frames: Frames,
}

impl Answers {
    async fn new(response: h2::client::ResponseFuture) -> Result<Self, Broken> {
        let (head, stream) = response.await?.into_parts();
        if let Some(status) = Status::of(&head.headers) {
            return Err(Broken::Status(status));
        }
        if !head.status.is_success() {
            return Err(Broken::Answer(format!("HTTP status {}", head.status)));
        }
        Ok(Self {
            stream,
            frames: Frames::default(),
        })
    }

    /// The next answer; `None` after the last one of a call that succeeded.
    ///
    /// Safe to drop while waiting: nothing is lost.
    pub(crate) async fn next<A: Message + Default>(&mut self) -> Result<Option<A>, Broken> {
        loop {
            if let Some(message) = self.frames.next().map_err(Broken::Answer)? {
                return Ok(Some(message));
            }
            let Some(piece) = self.stream.data().await else {
                break;
            };
            let piece = piece?;
            self.frames.push(&piece);
            self.stream.flow_control().release_capacity(piece.len())?;
        }
        let trailers = self.stream.trailers().await?;
        match trailers.as_ref().and_then(Status::of) {
            Some(status) if status.code == Code::OK => Ok(None),
            Some(status) => Err(Broken::Status(status)),
            None => Err(Broken::Connection("the call was cut off".to_owned())),
        }
    }
}

/// A connection's bytes, encrypted or not.
#[derive(Debug)]
enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buffer),
            Self::Tls(socket) => Pin::new(socket).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, bytes),
            Self::Tls(socket) => Pin::new(socket).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Self::Tls(socket) => Pin::new(socket).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Tls(socket) => Pin::new(socket).poll_shutdown(cx),
        }
    }
}
