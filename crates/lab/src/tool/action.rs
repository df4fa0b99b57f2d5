//! `action-get`, `action-set`, `action-fail` and `action-log`.

use serde_json::{Value, json};

use super::flag::{FORMAT, OUTPUT, Spec};
use super::halt::{Halt, failure, usage};
use super::scene::{Answer, Scene};
use crate::dispatch::ActionId;
use crate::uniter::run::Run;

const GET: Spec = Spec {
    name: "action-get",
    args: "[<key>[.<key>.<key>...]]",
    purpose: "Get action parameters.",
    flags: &[FORMAT, OUTPUT],
    most: 1,
};

const SET: Spec = Spec {
    name: "action-set",
    args: "<key>=<value> [<key>=<value> ...]",
    purpose: "Set action results.",
    flags: &[],
    most: usize::MAX,
};

const FAIL: Spec = Spec {
    name: "action-fail",
    args: "[\"<failure message>\"]",
    purpose: "Set action fail status with message.",
    flags: &[],
    most: 1,
};

const LOG: Spec = Spec {
    name: "action-log",
    args: "<message>",
    purpose: "Record a progress message for the current action.",
    flags: &[],
    most: usize::MAX,
};

const RESERVED: [&str; 4] = ["stdout", "stdout-encoding", "stderr", "stderr-encoding"];

fn action(scene: &Scene<'_>) -> Result<ActionId, Halt> {
    match scene.context.run {
        Run::Action(id) => Ok(id),
        _ => failure("not running an action"),
    }
}

pub(super) fn get(scene: &mut Scene<'_>) -> Answer {
    let parsed = GET.parse(&scene.call.args)?;
    let id = action(scene)?;
    let params = scene
        .world
        .requests
        .actions
        .get(&id)
        .map(|action| json!(action.params));
    let mut value = params.unwrap_or(Value::Null);
    for key in parsed.arg(0).into_iter().flat_map(|path| path.split('.')) {
        value = value.get(key).cloned().unwrap_or(Value::Null);
    }
    Scene::print(&parsed, &value)
}

pub(super) fn set(scene: &mut Scene<'_>) -> Answer {
    let parsed = SET.parse(&scene.call.args)?;
    let pairs = parsed.pairs(0)?;
    action(scene)?;
    for (key, _) in &pairs {
        if RESERVED.contains(key) {
            return usage(format!("cannot set reserved action key {key:?}"));
        }
        if !key.split('.').all(is_result_key) {
            return usage(format!(
                "key {key:?} must start and end with lowercase alphanumeric, and contain only lowercase alphanumeric, hyphens and periods"
            ));
        }
    }
    for (key, value) in pairs {
        scene
            .context
            .results
            .insert(key.to_owned(), value.to_owned());
    }
    Ok(Vec::new())
}

fn is_result_key(key: &str) -> bool {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    key.starts_with(edge) && key.ends_with(edge) && key.chars().all(|c| edge(c) || c == '-')
}

pub(super) fn fail(scene: &mut Scene<'_>) -> Answer {
    let parsed = FAIL.parse(&scene.call.args)?;
    action(scene)?;
    let message = parsed.arg(0).filter(|message| !message.is_empty());
    let default = "action failed without reason given, check action for errors";
    scene.context.failure = Some(message.unwrap_or(default).to_owned());
    Ok(Vec::new())
}

/// Logged at once.
pub(super) fn log(scene: &mut Scene<'_>) -> Answer {
    let parsed = LOG.parse(&scene.call.args)?;
    if parsed.args.is_empty() {
        return usage("no message specified");
    }
    let id = action(scene)?;
    scene.reach_controller()?;
    if let Some(action) = scene.world.requests.actions.get_mut(&id) {
        action.record.log.push(parsed.args.join(" "));
    }
    Ok(Vec::new())
}
