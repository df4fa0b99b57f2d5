//! The control socket of a run: through it, another terminal acts on the lab. [`remote`](super::remote) is the other end.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::command;
use super::ordered;
use super::remote::{ActionEnd, Overview, UnitOverview};
use super::shared::Shared;
use super::socket::{accept, is_trusted};
use super::wire::{Answer, Order, read_frame, write_frame};
use super::{Lab, ProcessError};
use crate::dispatch::Progress;
use crate::error::LabError;
use crate::name::UnitName;
use crate::report::describe;
use crate::scenario::Step;
use crate::world::World;

/// The name of the socket in the run's directory.
const NAME: &str = "control.socket";

/// Opens the socket and serves it until the lab ends. The directory was empty when the run began, so nothing stale is
/// in the way.
pub(super) fn listen(shared: &Arc<Shared>, application: &str) -> Result<(), ProcessError> {
    let directory = shared.folders.directory.path();
    let path = path(directory);
    let listener = with_address(directory, UnixListener::bind_addr)
        .map_err(ProcessError::system("listen on", &path))?;
    // Until then, and for root, the check of each caller must do.
    fs::set_permissions(&path, Permissions::from_mode(0o600))
        .map_err(ProcessError::system("protect", &path))?;
    let application = application.to_owned();
    accept(shared, listener, move |shared, stream| {
        serve(shared, &application, stream);
    });
    Ok(())
}

/// Connects to the lab that runs in a directory.
pub(super) fn connect(directory: &Path) -> io::Result<UnixStream> {
    with_address(directory, UnixStream::connect_addr)
}

/// Makes the listener look up, so that it sees that the lab ends.
pub(super) fn wake(directory: &Path) {
    // It may have gone by itself.
    let _ = connect(directory);
}

/// Removes the socket of a lab that has ended.
pub(super) fn remove(directory: &Path) {
    // The lab may have failed before it had one.
    let _ = fs::remove_file(path(directory));
}

fn path(directory: &Path) -> PathBuf {
    directory.join(NAME)
}

/// Does something with the address of a directory's socket. An address holds about 100 bytes, and a directory may be
/// deeper than that: then the address goes by way of the open directory.
fn with_address<T>(
    directory: &Path,
    act: impl FnOnce(&SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    if let Ok(address) = SocketAddr::from_pathname(path(directory)) {
        return act(&address);
    }
    let open = File::open(directory)?;
    let short = format!("/proc/self/fd/{}/{NAME}", open.as_raw_fd());
    act(&SocketAddr::from_pathname(short)?)
}

fn serve(shared: &Arc<Shared>, application: &str, mut stream: UnixStream) {
    let Ok((order, _)) = read_frame::<Order>(&mut stream) else {
        return;
    };
    let (answer, body) = if is_trusted(&stream) {
        let lab = Lab {
            shared: Arc::clone(shared),
            application: application.to_owned(),
            ends: false,
        };
        answer(&lab, order).unwrap_or_else(|problem| (Answer::Refused(problem), Vec::new()))
    } else {
        let problem = "only the user who runs the lab may act on it".to_owned();
        (Answer::Refused(problem), Vec::new())
    };
    // The caller may have been killed meanwhile.
    let _ = write_frame(&mut stream, &answer, &body);
}

fn answer(lab: &Lab, order: Order) -> Result<(Answer, Vec<u8>), String> {
    let shared = &lab.shared;
    match order {
        Order::Status => Ok((
            Answer::Status(shared.with_world(|world, now| overview(world, now))),
            Vec::new(),
        )),
        Order::Exec { unit, command } => {
            let unit = shared.with_world(|world, _| find(world, &unit))?;
            let record = command::exec(shared, &unit, command)?;
            let answer = Answer::Exec {
                code: record.code,
                stdout_length: record.stdout.len(),
            };
            Ok((answer, [record.stdout, record.stderr].concat()))
        }
        Order::Action { unit, name, params } => {
            let id = shared.with_world(|world, now| {
                let unit = find(world, &unit)?;
                let queued = world.run_action(&unit, &name, params, now);
                queued.map_err(|problem| problem.to_string())
            })?;
            let end = shared.wait_until(|world| {
                let record = world.action(id)?;
                record.progress.has_ended().then(|| ActionEnd {
                    completed: record.progress == Progress::Completed,
                    results: record.results.clone(),
                    message: record.message.clone(),
                    log: record.log.clone(),
                })
            })?;
            Ok((Answer::Action(end), Vec::new()))
        }
        Order::Steps {
            steps,
            folder,
            timeout,
        } => {
            let read = |text: &String| {
                let mut step = Step::parse(text).map_err(|error| error.to_string())?;
                step.resolve(&folder);
                Ok(step)
            };
            let steps = steps.iter().map(read).collect::<Result<_, String>>()?;
            let said = ordered::take(lab, steps, timeout)?;
            Ok((Answer::Did(said), Vec::new()))
        }
        Order::Rest { patience, timeout } => {
            let unserved = ordered::rest(lab, patience, timeout)?;
            Ok((Answer::Rest(unserved), Vec::new()))
        }
    }
}

/// The unit that a text names, as Juju's operators name units.
fn find(world: &World, text: &str) -> Result<UnitName, String> {
    let named = || match text.strip_suffix("/leader") {
        Some(application) => {
            world.declared(application)?;
            Ok(world.leader(application))
        }
        None => text.parse().map(Some).map_err(LabError::from),
    };
    let found = named().map_err(|problem| problem.to_string())?;
    found.ok_or_else(|| "there is no leader now".to_owned())
}

fn overview(world: &World, now: u64) -> Overview {
    let unit = |unit: crate::world::UnitStatus| UnitOverview {
        agent: describe(&unit.agent),
        unit: unit.unit.to_string(),
        leader: unit.leader,
        zone: world.settings().zone(&unit.unit),
        workload: unit.workload,
        message: unit.message,
    };
    Overview {
        juju: world.settings().juju_version.to_string(),
        now,
        units: world.units().into_iter().map(unit).collect(),
    }
}
