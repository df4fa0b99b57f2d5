//! What passes over the sockets of a lab: one request and one reply per connection.
//!
//! A frame is two big-endian `u32` lengths, a JSON header and a body of raw bytes. The body carries
//! what may not be text: standard input on the way in, standard output and error on the way out.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::remote::{ActionEnd, Overview};

/// The longest header in bytes. Arguments travel in it, and Linux allows about 2 MiB of them.
const HEADER_LIMIT: usize = 4 << 20;

/// The longest body in bytes. Real databags end at 16 MiB.
const BODY_LIMIT: usize = 16 << 20;

/// The address variable of every hook; an abstract name starts with `@`.
pub(crate) const ADDRESS_VARIABLE: &str = "JUJU_AGENT_SOCKET_ADDRESS";

/// One call of a hook tool, as the tool's process sends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    /// `JUJU_CONTEXT_ID`; empty where there is none.
    pub(crate) context: String,
    /// The working directory of the caller.
    pub(crate) dir: String,
    /// The name of the tool.
    pub(crate) command: String,
    /// Its arguments.
    pub(crate) args: Vec<String>,
    /// Whether the body is standard input.
    pub(crate) has_stdin: bool,
}

/// The answer to a [`Request`]; the body is standard output followed by standard error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reply {
    /// The exit code of the tool.
    pub(crate) code: i32,
    /// How many bytes of the body are standard output.
    pub(crate) stdout_length: usize,
    /// The call must be sent again with standard input.
    pub(crate) needs_stdin: bool,
}

/// What another terminal asks of a running lab.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Order {
    /// How the units are.
    Status,
    /// Runs a command on a unit, as `juju exec` does.
    Exec {
        /// The unit, or `APPLICATION/leader`.
        unit: String,
        /// The command for `/bin/bash`.
        command: String,
    },
    /// Runs an action, as `juju run` does.
    Action {
        /// The unit, or `APPLICATION/leader`.
        unit: String,
        /// The name of the action.
        name: String,
        /// Its parameters.
        params: BTreeMap<String, Value>,
    },
    /// Takes steps, as a scenario does.
    Steps {
        /// Each of them, in TOML.
        steps: Vec<String>,
        /// What relative paths are relative to.
        folder: PathBuf,
        /// How many milliseconds they may take.
        timeout: u64,
    },
    /// Waits until nothing is left to do.
    Rest {
        /// For how many milliseconds nothing may move while requests are unserved.
        patience: u64,
        /// How many milliseconds it may take.
        timeout: u64,
    },
}

/// The answer to an [`Order`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// It was refused, or could not be carried out to its end.
    Refused(String),
    /// How the units are.
    Status(Overview),
    /// The command's exit code; the body is its standard output, so many bytes, followed by standard error.
    Exec {
        /// Its exit code.
        code: i32,
        /// How many bytes of the body are standard output.
        stdout_length: usize,
    },
    /// How the action ended.
    Action(ActionEnd),
    /// What each step did.
    Did(Vec<String>),
    /// Nothing is left to do; these requests are unserved.
    Rest(Vec<String>),
}

/// Writes one frame.
///
/// # Errors
/// When the frame is longer than its limits, or the other end is gone.
pub(crate) fn write_frame(
    to: &mut impl Write,
    header: &impl Serialize,
    body: &[u8],
) -> io::Result<()> {
    let header = serde_json::to_vec(header).map_err(io::Error::other)?;
    let mut frame = Vec::with_capacity(8 + header.len() + body.len());
    frame.extend(length(header.len(), HEADER_LIMIT, "arguments")?);
    frame.extend(length(body.len(), BODY_LIMIT, "data")?);
    frame.extend(header);
    frame.extend_from_slice(body);
    to.write_all(&frame)
}

/// Reads one frame.
///
/// # Errors
/// When it is too long, cut off, or not what was expected.
pub(crate) fn read_frame<H: DeserializeOwned>(from: &mut impl Read) -> io::Result<(H, Vec<u8>)> {
    let mut lengths = [0; 8];
    from.read_exact(&mut lengths)?;
    let [a, b, c, d, e, f, g, h] = lengths;
    let header = read_bounded(from, u32::from_be_bytes([a, b, c, d]), HEADER_LIMIT)?;
    let body = read_bounded(from, u32::from_be_bytes([e, f, g, h]), BODY_LIMIT)?;
    let header = serde_json::from_slice(&header)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    Ok((header, body))
}

fn length(actual: usize, limit: usize, what: &str) -> io::Result<[u8; 4]> {
    let too_long = || {
        let text = format!("{what} of {actual} bytes: the limit is {limit}");
        io::Error::new(io::ErrorKind::InvalidInput, text)
    };
    if actual > limit {
        return Err(too_long());
    }
    Ok(u32::try_from(actual).map_err(|_| too_long())?.to_be_bytes())
}

fn read_bounded(from: &mut impl Read, length: u32, limit: usize) -> io::Result<Vec<u8>> {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > limit {
        let text = format!("a message of {length} bytes: the limit is {limit}");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_comes_back_as_it_was_sent() {
        let sent = Reply {
            code: 2,
            stdout_length: 1,
            needs_stdin: false,
        };
        let mut bytes = Vec::new();
        write_frame(&mut bytes, &sent, b"\xffx").unwrap();
        let (reply, body): (Reply, _) = read_frame(&mut bytes.as_slice()).unwrap();
        assert_eq!((reply, body), (sent, b"\xffx".to_vec()));
    }

    #[test]
    fn a_body_beyond_the_limit_is_refused_by_the_writer_and_by_the_reader() {
        let error = write_frame(&mut Vec::new(), &(), &vec![0; BODY_LIMIT + 1]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "data of 16777217 bytes: the limit is 16777216"
        );
        let lie = [0, 0, 0, 0, 0xff, 0, 0, 0];
        let error = read_frame::<()>(&mut lie.as_slice()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_frame_cut_off_is_an_error() {
        let mut bytes = Vec::new();
        write_frame(&mut bytes, &7, b"abc").unwrap();
        bytes.pop();
        let error = read_frame::<u8>(&mut bytes.as_slice()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
