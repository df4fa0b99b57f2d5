//! The commands of a charm: a blocker before an operation begins, a check after it, one that succeeds while the unit is
//! available, and one that says which units go first.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use ops_coordinator_core::{LockName, UnitName};
use ops_coordinator_excerpt::{LONG, excerpt};

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long one may take that says who goes first. The leader is at its line meanwhile, and has checked that it still may
/// write it: what is left of its lease then is short.
const CHOICE: Duration = Duration::from_secs(2);
/// How much of what it says is read, in bytes.
const READ: u64 = 64 * 1024;

/// Asks the command of a `role`: a lock's blocker or check, or what tells whether the unit is available.
///
/// # Errors
/// Why it did not succeed: the first line that it printed. One that cannot be run, or does not come to an end, has not
/// succeeded either.
pub(super) fn ask(
    role: &str,
    command: &[String],
    lock: Option<&LockName>,
    charm_dir: &Path,
) -> Result<(), String> {
    let asked = Asked {
        command,
        lock,
        charm_dir,
        units: None,
    };
    asked.answer(role, PATIENCE).map(drop)
}

/// Asks the command that says in which order units join the line. It finds those that could join in
/// `OPS_COORDINATOR_UNITS`, separated by blanks, and prints those that go first.
///
/// # Errors
/// Why it did not say so.
pub(super) fn choose(
    command: &[String],
    lock: &LockName,
    units: &[UnitName],
    charm_dir: &Path,
) -> Result<Vec<UnitName>, String> {
    let units: Vec<String> = units.iter().map(ToString::to_string).collect();
    let asked = Asked {
        command,
        lock: Some(lock),
        charm_dir,
        units: Some(units.join(" ")),
    };
    let said = asked.answer("order-command", CHOICE)?;
    let names = said.split(|c: char| c == ',' || c.is_whitespace());
    let names = names.filter(|name| !name.is_empty());
    names
        .map(|name| {
            let wrong = |_| format!("its order-command printed '{}', not a unit", excerpt(name));
            name.parse().map_err(wrong)
        })
        .collect()
}

/// What is asked of a command.
struct Asked<'a> {
    command: &'a [String],
    lock: Option<&'a LockName>,
    charm_dir: &'a Path,
    units: Option<String>,
}

impl Asked<'_> {
    /// What it printed, if it succeeded.
    fn answer(&self, role: &str, patience: Duration) -> Result<String, String> {
        Err(match self.run(patience) {
            Ok((Some(status), said)) if status.success() => return Ok(said),
            Ok((Some(status), said)) => {
                let first = said.lines().map(str::trim).find(|line| !line.is_empty());
                first.map_or_else(
                    || format!("its {role} ended with {status}"),
                    |line| excerpt(line).up_to(LONG).to_string(),
                )
            }
            Ok((None, _)) => format!("its {role} did not end within {} s", patience.as_secs()),
            Err(error) => {
                let program = self.command.first().map(String::as_str).unwrap_or_default();
                format!("cannot run {}: {error}", excerpt(program).up_to(LONG))
            }
        })
    }

    fn run(&self, patience: Duration) -> io::Result<(Option<ExitStatus>, String)> {
        let (program, args) = self
            .command
            .split_first()
            .ok_or(io::ErrorKind::InvalidInput)?;
        // A path is one in the charm's directory; anything else is looked for on the PATH.
        let in_charm = program.contains('/').then(|| self.charm_dir.join(program));
        let program = in_charm.unwrap_or_else(|| program.into());
        let mut output: File = tempfile::tempfile()?;
        let mut command = Command::new(program);
        if let Some(lock) = self.lock {
            command.env("OPS_COORDINATOR_LOCK", lock.as_str());
        }
        // Why it fails may be on either; who goes first is on one.
        let stderr = match &self.units {
            Some(units) => {
                command.env("OPS_COORDINATOR_UNITS", units);
                Stdio::inherit()
            }
            None => output.try_clone()?.into(),
        };
        let mut child = command
            .args(args)
            .current_dir(self.charm_dir)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(stderr)
            .spawn()?;
        let (began, mut pause) = (Instant::now(), Duration::from_millis(1));
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break Some(status);
            }
            if began.elapsed() >= patience {
                child.kill()?;
                child.wait()?;
                break None;
            }
            sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        };
        output.seek(SeekFrom::Start(0))?;
        let mut said = Vec::new();
        output.take(READ).read_to_end(&mut said)?;
        Ok((status, String::from_utf8_lossy(&said).into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn asked(command: &[&str], charm_dir: &Path) -> Option<String> {
        let lock = "restart".parse().unwrap();
        ask("blocker", &words(command), Some(&lock), charm_dir).err()
    }

    #[test]
    fn a_command_that_succeeds_is_not_in_the_way() {
        let charm = tempfile::tempdir().unwrap();
        assert_eq!(asked(&["sh", "-c", "echo fine"], charm.path()), None);
    }

    #[test]
    fn one_that_fails_says_why_in_its_first_line() {
        let charm = tempfile::tempdir().unwrap();
        let said = |script: &str| asked(&["sh", "-c", script], charm.path());
        let backup = "echo; echo a backup is running >&2; echo more; exit 3";
        assert_eq!(said(backup).as_deref(), Some("a backup is running"));
        let lock = "echo not $OPS_COORDINATOR_LOCK in $PWD; exit 1";
        let place = charm.path().canonicalize().unwrap();
        let expected = format!("not restart in {}", place.display());
        assert_eq!(said(lock), Some(expected));
        let silent = said("exit 3").unwrap();
        assert_eq!(silent, "its blocker ended with exit status: 3");
    }

    #[test]
    fn one_that_is_not_there_is_in_the_way() {
        let charm = tempfile::tempdir().unwrap();
        let said = asked(&["./may-restart"], charm.path()).unwrap();
        assert!(
            said.starts_with("cannot run ./may-restart: No such file"),
            "{said}"
        );
    }

    #[test]
    fn one_that_does_not_end_is_ended() {
        let charm = tempfile::tempdir().unwrap();
        let asked = Asked {
            command: &words(&["sleep", "60"]),
            lock: None,
            charm_dir: charm.path(),
            units: None,
        };
        let (status, said) = asked.run(Duration::from_millis(50)).unwrap();
        assert_eq!((status, said.as_str()), (None, ""));
    }

    #[test]
    fn a_command_says_who_goes_first() {
        let charm = tempfile::tempdir().unwrap();
        let units: Vec<UnitName> = ["app/0", "app/3"].map(|unit| unit.parse().unwrap()).into();
        let said = |script: &str| {
            let lock = "restart".parse().unwrap();
            let chosen = choose(&words(&["sh", "-c", script]), &lock, &units, charm.path());
            chosen.map(|units| units.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        let reversed =
            "echo noise >&2; for unit in $OPS_COORDINATOR_UNITS; do echo $unit; done | tac";
        assert_eq!(said(reversed).unwrap(), ["app/3", "app/0"]);
        assert_eq!(said("echo app/3, app/0").unwrap(), ["app/3", "app/0"]);
        assert!(said("true").unwrap().is_empty(), "they join as they come");
        let wrong = "its order-command printed 'nobody', not a unit";
        assert_eq!(said("echo nobody").unwrap_err(), wrong);
        let failed = "its order-command ended with exit status: 3";
        assert_eq!(said("exit 3").unwrap_err(), failed);
        let slow = "its order-command did not end within 2 s";
        assert_eq!(said("exec sleep 60").unwrap_err(), slow);
    }
}
