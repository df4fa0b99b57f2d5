//! Restarting systemd services, through `systemctl` and without a shell.

use std::fmt;
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::thread;
use std::time::Duration;

use ops_coordinator_excerpt::{LONG, excerpt};
use serde::{Deserialize, Serialize};

/// The longest name that systemd accepts for a unit, in bytes.
const NAME_MAX: usize = 255;

/// How many lines of a service's log an error includes.
const LOG_LINES: &str = "10";

/// A service that dies at once is "active" for a moment; it must still be active after this long.
const SETTLE: Duration = Duration::from_millis(250);

/// The name of a systemd unit, safe to hand to `systemctl`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceName(String);

impl ServiceName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ServiceName {
    type Err = ServiceNameError;

    fn from_str(text: &str) -> Result<Self, ServiceNameError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b":_.@-\\".contains(&b);
        let fits = (1..=NAME_MAX).contains(&text.len()) && text.bytes().all(plain);
        if fits && !text.starts_with('-') {
            Ok(Self(text.to_owned()))
        } else {
            Err(ServiceNameError(text.to_owned()))
        }
    }
}

impl TryFrom<String> for ServiceName {
    type Error = ServiceNameError;

    fn try_from(text: String) -> Result<Self, ServiceNameError> {
        text.parse()
    }
}

impl From<ServiceName> for String {
    fn from(name: ServiceName) -> Self {
        name.0
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is no service name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceNameError(String);

impl ServiceNameError {
    /// What a valid name looks like.
    pub fn hint(&self) -> String {
        r"a service name is letters, digits and any of ':_.@-\', not starting with '-'".to_owned()
    }
}

impl fmt::Display for ServiceNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid service name '{}'", excerpt(&self.0))
    }
}

impl std::error::Error for ServiceNameError {}

/// A service that did not restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceError {
    /// The service.
    pub service: ServiceName,
    /// What happened, in a few words.
    pub found: String,
    /// The service's last log lines, oldest first.
    pub log: Vec<String>,
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the service {} did not restart: {}",
            excerpt(self.service.as_str()),
            excerpt(&self.found).up_to(LONG)
        )?;
        self.log
            .iter()
            .try_for_each(|line| write!(f, "\n  | {}", excerpt(line).up_to(LONG)))
    }
}

impl std::error::Error for ServiceError {}

/// Restarts services in the given order and checks each before continuing with the next; stops at the
/// first failure.
///
/// # Errors
/// The service that failed, with the last lines of its log.
pub fn restart(services: &[ServiceName]) -> Result<(), ServiceError> {
    services.iter().try_for_each(restart_one)
}

fn restart_one(service: &ServiceName) -> Result<(), ServiceError> {
    let failed = |found: String| ServiceError {
        service: service.clone(),
        found,
        log: last_lines(service),
    };
    let output = systemctl(&["restart", "--", service.as_str()])
        .map_err(|error| failed(format!("systemctl could not be run: {error}")))?;
    if !output.success {
        let said = output.stderr.lines().next().unwrap_or_default().to_owned();
        return Err(failed(if said.is_empty() {
            "systemctl failed".to_owned()
        } else {
            said
        }));
    }
    thread::sleep(SETTLE);
    let state = systemctl(&["is-active", "--", service.as_str()])
        .map_err(|error| failed(format!("systemctl could not be run: {error}")))?
        .stdout;
    match state.trim() {
        "active" => Ok(()),
        "inactive" if has_done_its_work(service) => Ok(()),
        other => Err(failed(format!("it is {other} after the restart"))),
    }
}

/// Whether the service is a oneshot that succeeded. `systemctl restart` has waited for it.
fn has_done_its_work(service: &ServiceName) -> bool {
    let show = systemctl(&["show", "-p", "Type,Result", "--", service.as_str()]);
    let told = show.map(|output| output.stdout).unwrap_or_default();
    let says = |line| told.lines().any(|told| told == line);
    says("Type=oneshot") && says("Result=success")
}

struct Output {
    success: bool,
    stdout: String,
    stderr: String,
}

fn systemctl(args: &[&str]) -> std::io::Result<Output> {
    run("systemctl", args)
}

fn run(program: &str, args: &[&str]) -> std::io::Result<Output> {
    let output = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output()?;
    Ok(Output {
        success: output.status.success(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// The end of the service's journal; empty if there is none to read.
fn last_lines(service: &ServiceName) -> Vec<String> {
    let args = [
        "--no-pager",
        "--output=cat",
        "--lines",
        LOG_LINES,
        "--unit",
        service.as_str(),
    ];
    // The last words may still be on their way to the journal. Where it cannot be asked to take them in
    // first, what is there already must do.
    let _ = run("journalctl", &["--sync"]);
    let lines = run("journalctl", &args)
        .map(|output| output.stdout)
        .unwrap_or_default();
    lines
        .lines()
        .filter(|line| !line.starts_with("-- No entries"))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_systemctl_would_take_for_options_or_patterns_are_refused() {
        for good in ["nginx", "nginx.service", "db@1.service", "a\\x2db"] {
            assert!(good.parse::<ServiceName>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "--now",
            "-H",
            "a b",
            "a;b",
            "a/b",
            "*",
            "a\n",
            &"x".repeat(256),
        ] {
            assert!(bad.parse::<ServiceName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_error_shows_the_services_last_words() {
        let error = ServiceError {
            service: "db".parse().unwrap(),
            found: "it is failed after the restart".to_owned(),
            log: vec!["reading config".to_owned(), "no such port".to_owned()],
        };
        assert_eq!(
            error.to_string(),
            "the service db did not restart: it is failed after the restart\n  | reading config\n  | no such port"
        );
    }
}
