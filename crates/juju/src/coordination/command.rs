//! A command that must succeed: a blocker before an operation begins, a check after it; or that does while the unit is
//! available.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use ops_coordinator_core::LockName;
use ops_coordinator_excerpt::{LONG, excerpt};

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How much of what it says is read, in bytes.
const READ: u64 = 4096;

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
    Err(match run(command, lock, charm_dir, PATIENCE) {
        Ok((Some(status), _)) if status.success() => return Ok(()),
        Ok((Some(status), said)) => {
            said.unwrap_or_else(|| format!("its {role} ended with {status}"))
        }
        Ok((None, _)) => format!("its {role} did not end within {} s", PATIENCE.as_secs()),
        Err(error) => {
            let program = command.first().map(String::as_str).unwrap_or_default();
            format!("cannot run {}: {error}", excerpt(program).up_to(LONG))
        }
    })
}

fn run(
    command: &[String],
    lock: Option<&LockName>,
    charm_dir: &Path,
    patience: Duration,
) -> io::Result<(Option<ExitStatus>, Option<String>)> {
    let (program, args) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    // A path is one in the charm's directory; anything else is looked for on the PATH.
    let in_charm = program.contains('/').then(|| charm_dir.join(program));
    let program = in_charm.unwrap_or_else(|| program.into());
    let mut output: File = tempfile::tempfile()?;
    let mut command = Command::new(program);
    if let Some(lock) = lock {
        command.env("OPS_COORDINATOR_LOCK", lock.as_str());
    }
    let mut child = command
        .args(args)
        .current_dir(charm_dir)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output.try_clone()?)
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
    let said = String::from_utf8_lossy(&said);
    let first = said.lines().map(str::trim).find(|line| !line.is_empty());
    Ok((
        status,
        first.map(|line| excerpt(line).up_to(LONG).to_string()),
    ))
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
        let command = words(&["sleep", "60"]);
        let (status, said) = run(&command, None, charm.path(), Duration::from_millis(50)).unwrap();
        assert_eq!((status, said), (None, None));
    }
}
