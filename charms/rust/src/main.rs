//! A charm in Rust. Its service reads a message when it starts; when the message changes, the units restart theirs
//! one after the other.

use std::error::Error;
use std::fs;
use std::process::ExitCode;

use ops_coordinator_juju::policy::Rotation;
use ops_coordinator_juju::service::{self, ServiceError, ServiceName};
use ops_coordinator_juju::{Coordination, Hook, LockName, Ran, run_charm_with_deputy};

#[cfg(test)]
mod tests;

fn main() -> ExitCode {
    // The file is only needed where `coordination.toml` declares a lock in etcd.
    run_charm_with_deputy("coordinator", "ops-coordinator", |hook| {
        dispatch(hook, service::restart)
    })
}

/// One hook, whatever its name.
fn dispatch(
    hook: &mut Hook,
    restart: impl FnOnce(&[ServiceName]) -> Result<(), ServiceError>,
) -> Result<(), Box<dyn Error>> {
    let lock: LockName = "restart".parse()?;
    if let Some(declared) = Coordination::of(&hook.environment().charm_dir)? {
        hook.obey(declared);
    }
    let here = hook.environment();
    let service = format!("rust-charm@{}.service", here.unit.number()).parse()?;
    let (config, served) = (here.charm_dir.join("config"), here.charm_dir.join("served"));
    let message = hook.tools().config_get("message")?;
    let message = message.as_str().unwrap_or_default();

    match hook.environment().hook.as_deref() {
        // Compared with what is really served: a hook that fails after its request must ask again.
        Some("config-changed" | "start")
            if !fs::read(&served).is_ok_and(|it| it == message.as_bytes()) =>
        {
            hook.request(&lock)?;
        }
        Some("stop") => {
            hook.withdraw(&lock)?;
        }
        _ => {}
    }

    // In every hook: any of them may be the one that brings our turn.
    let ran = hook.run(&lock, |_, _| -> Result<(), Box<dyn Error>> {
        fs::write(&config, message)?;
        restart(&[service])?;
        fs::write(&served, message)?;
        Ok(())
    })?;
    match ran {
        Ran::Done | Ran::NotRequested => {
            if let Ok(message) = fs::read_to_string(&served) {
                hook.tools()
                    .status_set("active", &format!("serves \"{message}\""))?;
            }
        }
        Ran::Waiting(wait) => hook
            .tools()
            .status_set("waiting", &format!("to restart: {wait}"))?,
        // We keep our turn, and Juju runs the hook again.
        Ran::Failed(why) => return Err(why),
        Ran::CheckFailed { why, .. } => return Err(why.into()),
    }
    hook.release(&Rotation::default())?;
    Ok(())
}
