//! What a server says of itself over HTTP.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The sum of a figure that the server at this port of the machine counts for Prometheus, over all labels.
///
/// # Errors
/// When the server does not answer, or does not count this.
pub(crate) fn metric(port: u16, name: &str) -> io::Result<f64> {
    let text = get(port, "/metrics")?;
    let rows = text
        .lines()
        .filter(|row| row.split([' ', '{']).next() == Some(name));
    let values = rows.filter_map(|row| row.rsplit(' ').next()?.parse::<f64>().ok());
    let sum = values.reduce(|one, other| one + other);
    sum.ok_or_else(|| io::Error::other(format!("no {name}")))
}

/// The version of the server at this port of the machine.
///
/// # Errors
/// When the server does not answer, or does not say.
pub(crate) fn version(port: u16) -> io::Result<String> {
    let text = get(port, "/version")?;
    let named = text.split('"').skip_while(|word| *word != "etcdserver");
    let version = named.map(str::to_owned).nth(2);
    version.ok_or_else(|| io::Error::other("no version"))
}

fn get(port: u16, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    // It may be stopped.
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}
