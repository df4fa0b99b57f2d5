//! A client that polls every unit's server throughout the run.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use ops_coordinator_lab::process::Lab;

/// Between two rounds.
const INTERVAL: Duration = Duration::from_millis(50);

/// A server on the same machine that takes longer counts as down.
const PATIENCE: Duration = Duration::from_millis(200);

/// What the client has seen.
#[derive(Debug)]
pub(super) struct Watch {
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct Seen {
    /// Which servers answered in the last round, by unit.
    answered: BTreeMap<String, bool>,
    /// Whether all have answered in one round; nothing is counted before that.
    all_were_up: bool,
    fewest: usize,
}

impl Watch {
    /// Starts polling the units of a lab.
    pub(super) fn start(lab: &Lab, units: u32) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let names = lab.with_world(|world, _| world.units());
        let ports: Vec<(String, PathBuf)> = names
            .iter()
            .map(|unit| {
                (
                    unit.unit.to_string(),
                    lab.charm_directory(&unit.unit).join("port"),
                )
            })
            .collect();
        let watch = Self {
            seen: Arc::clone(&seen),
            stop: Arc::clone(&stop),
        };
        thread::spawn(move || {
            while !stop.load(Ordering::SeqCst) {
                let round = ports
                    .iter()
                    .map(|(unit, port)| (unit.clone(), answers(port)));
                let round: BTreeMap<_, _> = round.collect();
                // A poll during the end of the run means nothing.
                if !stop.load(Ordering::SeqCst) {
                    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    seen.note(round, usize::try_from(units).unwrap_or(usize::MAX));
                }
                thread::sleep(INTERVAL);
            }
        });
        watch
    }

    /// Stops polling.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    /// Whether a unit's server answered in the last round.
    pub(super) fn answered(&self, unit: &str) -> bool {
        self.seen().answered.get(unit).copied().unwrap_or(false)
    }

    /// How many servers answered in the worst round after the first in which all did.
    pub(super) fn fewest_answering(&self) -> Option<usize> {
        let seen = self.seen();
        seen.all_were_up.then_some(seen.fewest)
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn note(&mut self, round: BTreeMap<String, bool>, units: usize) {
        let count = round.values().filter(|answered| **answered).count();
        if !self.all_were_up && count == units {
            self.all_were_up = true;
            self.fewest = units;
        }
        self.fewest = self.fewest.min(count);
        self.answered = round;
    }
}

fn answers(port_file: &PathBuf) -> bool {
    let port = fs::read_to_string(port_file)
        .ok()
        .and_then(|text| text.trim().parse::<u16>().ok());
    let Some(port) = port else { return false };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let Ok(mut stream) = TcpStream::connect_timeout(&address, PATIENCE) else {
        return false;
    };
    let mut answer = [0; 1];
    stream.set_read_timeout(Some(PATIENCE)).is_ok() && stream.read_exact(&mut answer).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(up: [bool; 2]) -> BTreeMap<String, bool> {
        [("app/0".to_owned(), up[0]), ("app/1".to_owned(), up[1])].into()
    }

    #[test]
    fn the_worst_round_counts_from_when_all_were_up_first() {
        let mut seen = Seen::default();
        seen.note(round([false, true]), 2);
        assert!(!seen.all_were_up, "still starting");
        seen.note(round([true, true]), 2);
        seen.note(round([false, true]), 2);
        seen.note(round([true, true]), 2);
        assert_eq!((seen.all_were_up, seen.fewest), (true, 1));
    }
}
