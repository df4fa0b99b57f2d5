//! Where a server listens.

use std::fmt;
use std::str::FromStr;

use ops_coordinator_excerpt::excerpt;

/// The port of etcd's clients.
const PORT: u16 = 2379;

/// One server of a cluster: `host`, `host:port`, `http://host:port` or `https://host:port`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    scheme: Option<Scheme>,
    host: String,
    port: u16,
}

/// Whether the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// With TLS.
    Https,
}

/// A text that is no endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid endpoint '{}'", excerpt(.0))]
pub struct EndpointError(String);

impl EndpointError {
    /// What a valid one looks like.
    pub fn hint(&self) -> String {
        "an endpoint is HOST:PORT, http://HOST:PORT or https://HOST:PORT; several are separated by commas"
            .to_owned()
    }
}

impl Endpoint {
    /// The scheme, if the text named one.
    pub fn scheme(&self) -> Option<Scheme> {
        self.scheme
    }

    /// The host's name or address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `host:port`, as it stands in a URL.
    pub fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let wrong = || EndpointError(text.to_owned());
        let (scheme, rest) = match text.trim().split_once("://") {
            Some(("http", rest)) => (Some(Scheme::Http), rest),
            Some(("https", rest)) => (Some(Scheme::Https), rest),
            Some(_) => return Err(wrong()),
            None => (None, text.trim()),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.strip_prefix('[') {
            Some(rest) => rest.split_once(']').ok_or_else(wrong)?,
            None => rest.split_at(rest.find(':').unwrap_or(rest.len())),
        };
        let port = match port.strip_prefix(':') {
            Some(port) => port.parse().map_err(|_| wrong())?,
            None if port.is_empty() => PORT,
            None => return Err(wrong()),
        };
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':');
        if host.is_empty() || port == 0 || !host.bytes().all(plain) {
            return Err(wrong());
        }
        Ok(Self {
            scheme,
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scheme {
            Some(Scheme::Https) => write!(f, "https://{}", self.authority()),
            Some(Scheme::Http) => write!(f, "http://{}", self.authority()),
            None => f.write_str(&self.authority()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_may_leave_out_scheme_and_port() {
        for (text, shown) in [
            ("10.0.0.1", "10.0.0.1:2379"),
            (" db.example:1234 ", "db.example:1234"),
            ("http://127.0.0.1:2379/", "http://127.0.0.1:2379"),
            ("https://[::1]:2379", "https://[::1]:2379"),
            ("[fd00::1]", "[fd00::1]:2379"),
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            ":2379",
            "host:",
            "host:0",
            "host:70000",
            "ftp://host",
            "a/b",
            "[::1",
            "[::1]x",
            "::1",
            "user@host",
        ] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
