//! One connection to one server.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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
use tokio::time::timeout;
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

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(why) | Self::Answer(why) => f.write_str(why),
            Self::Status(status) => status.fmt(f),
        }
    }
}

impl From<h2::Error> for Broken {
    fn from(error: h2::Error) -> Self {
        let said = error.to_string();
        Self::Connection(
            why(error).unwrap_or_else(|| format!("the HTTP/2 connection broke: {said}")),
        )
    }
}

/// A connection. Its clones are the same connection; it closes when the last one is gone.
#[derive(Debug, Clone)]
pub(crate) struct Channel {
    sender: SendRequest<Bytes>,
    pub(crate) endpoint: Endpoint,
    scheme: &'static str,
    /// Set by whoever finds that the connection is of no use, so that the others need not wait to find out; with the
    /// reason, if it broke by itself.
    closed: Arc<watch::Sender<Option<String>>>,
    /// Whether the server has answered a call.
    answered: Arc<AtomicBool>,
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
        let closed = Arc::new(watch::Sender::new(None));
        let told = closed.clone();
        let mut until = closed.subscribe();
        tokio::spawn(async move {
            let why = tokio::select! {
                ended = connection => ended.err().and_then(why),
                _ = until.wait_for(Option::is_some) => None,
            };
            told.send_replace(Some(why.unwrap_or_default()));
        });
        Ok(Self {
            sender,
            endpoint: endpoint.clone(),
            scheme,
            closed,
            answered: Arc::default(),
        })
    }

    /// Whether the connection is known to be of no use.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.borrow().is_some()
    }

    /// Ends the connection for all who use it.
    pub(crate) fn close(&self) {
        self.closed.send_if_modified(|closed| {
            let open = closed.is_none();
            closed.get_or_insert_default();
            open
        });
    }

    /// Why it broke, if that is known better than from a call that failed because of it.
    pub(crate) async fn why(&self) -> Option<String> {
        let mut closed = self.closed.subscribe();
        let known = timeout(Duration::from_millis(50), closed.wait_for(Option::is_some)).await;
        let why = known.ok()?.ok()?.clone().filter(|why| !why.is_empty());
        let strangers = self.scheme == "https" && !self.answered.load(Ordering::Relaxed);
        // Its reason is lost if it closes the connection while we still write.
        match strangers && !why.as_ref().is_some_and(|why| why.contains("TLS")) {
            true => {
                Some("TLS failed: the server ended the connection after the handshake".to_owned())
            }
            false => why,
        }
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
        let mut answers = self.answers(response).await?;
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
        Ok((body, self.answers(response).await?))
    }

    async fn answers(&self, response: h2::client::ResponseFuture) -> Result<Answers, Broken> {
        let (head, stream) = response.await?.into_parts();
        self.answered.store(true, Ordering::Relaxed);
        if let Some(status) = Status::of(&head.headers) {
            return Err(Broken::Status(status));
        }
        if !head.status.is_success() {
            return Err(Broken::Answer(format!("HTTP status {}", head.status)));
        }
        Ok(Answers {
            stream,
            frames: Frames::default(),
        })
    }
}

/// What a broken connection says of itself. A server that wants no part of our certificate says so only after the
/// handshake.
fn why(error: h2::Error) -> Option<String> {
    let error = error.into_io()?;
    let tls = error.get_ref().is_some_and(
        <dyn std::error::Error + std::marker::Send + std::marker::Sync + 'static>::is::<
            rustls::Error,
        >,
    );
    // h2 passes a copy of the text on, without what it was.
    Some(match tls || error.to_string().contains("fatal alert") {
        true => format!("TLS failed: {}", tls_words(&error)),
        false => error.to_string(),
    })
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
