//! Keeps a command that runs a lab from leaving anything behind, however it ends.
//!
//! The command starts itself once more: the first process is the keeper, the second does the
//! work. The keeper is the *subreaper* of all that descends from it, so that what a hook detaches
//! becomes the keeper's child rather than init's. When the worker has ended (by itself, by a
//! panic, by `kill -9`) the keeper ends all of these and passes on the worker's exit code.
//! If the keeper is killed, the kernel tells the worker, which then ends its lab itself.

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::process::{
    Pid, Signal, WaitOptions, geteuid, getpid, getppid, kill_process, set_child_subreaper,
    set_parent_process_death_signal,
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use super::sweep;

/// Tells the worker which process keeps it.
const KEEPER_VARIABLE: &str = "OPS_COORDINATOR_LAB_KEEPER";

/// Whether the user, or the system, wants the command to end.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Makes it time to end.
    pub fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether it is time to end.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Runs `work` under a keeper; returns its exit code.
///
/// # Errors
/// When the system refuses what a keeper needs.
pub fn run(work: impl FnOnce(&Interrupt) -> ExitCode) -> io::Result<ExitCode> {
    if is_kept() {
        set_parent_process_death_signal(Some(Signal::TERM))?;
        let interrupt = Interrupt::default();
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            flag::register(signal, Arc::clone(&interrupt.0))?;
        }
        // The keeper may have been killed before the kernel knew whom to tell.
        if !is_kept() {
            interrupt.set();
        }
        return Ok(work(&interrupt));
    }
    keep()
}

/// The link in a keeper's scratch directory that leads to the directory of the lab that runs there.
const LINK: &str = "lab";

/// How the name of a keeper's scratch directory begins.
const SCRATCH: &str = "ops-coordinator-";

/// Lets [`announced`] find the lab in this directory, if this process is kept.
pub(super) fn announce(directory: &Path) {
    if is_kept() {
        let link = env::temp_dir().join(LINK);
        // Of several labs, one after the other, the last one counts. A lab that is not found can still be named.
        let _ = fs::remove_file(&link);
        let _ = symlink(directory, link);
    }
}

/// The directories of all labs that this user runs under a keeper, sorted. Some may have ended.
pub(super) fn announced() -> Vec<PathBuf> {
    let entries = fs::read_dir(env::temp_dir())
        .into_iter()
        .flatten()
        .flatten();
    let scratch = entries.filter(|entry| {
        let is_own = entry
            .metadata()
            .is_ok_and(|data| data.uid() == geteuid().as_raw());
        is_own && entry.file_name().to_string_lossy().starts_with(SCRATCH)
    });
    let mut found: Vec<PathBuf> = scratch
        .filter_map(|entry| fs::read_link(entry.path().join(LINK)).ok())
        .collect();
    found.sort();
    found
}

fn is_kept() -> bool {
    let keeper = env::var(KEEPER_VARIABLE)
        .ok()
        .and_then(|text| text.parse::<i32>().ok());
    keeper.is_some() && keeper == getppid().map(Pid::as_raw_pid)
}

fn keep() -> io::Result<ExitCode> {
    set_child_subreaper(Some(getpid()))?;
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    // Temporary directories of the worker's lie in here, so that they go even when it is killed.
    let scratch = tempfile::Builder::new().prefix(SCRATCH).tempdir()?;
    let worker = Command::new(env::current_exe()?)
        .args(env::args_os().skip(1))
        .env("TMPDIR", scratch.path())
        .env(KEEPER_VARIABLE, getpid().as_raw_pid().to_string())
        .spawn()?;
    let worker = Pid::from_child(&worker);
    thread::spawn(move || {
        for signal in signals.forever() {
            if let Some(signal) = Signal::from_named_raw(signal) {
                // It may have ended already; then this process is about to end as well.
                let _ = kill_process(worker, signal);
            }
        }
    });
    let status = wait_for(worker)?;
    sweep::end_descendants();
    Ok(match status.code() {
        Some(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        None => ExitCode::from(u8::try_from(128 + status.signal().unwrap_or(1)).unwrap_or(1)),
    })
}

/// Waits for the worker, and meanwhile for every orphan that ends.
fn wait_for(worker: Pid) -> io::Result<ExitStatus> {
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == worker => {
                return Ok(ExitStatus::from_raw(status.as_raw()));
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
