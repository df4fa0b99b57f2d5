//! `is-leader`, `leader-get` and `leader-set`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::flag::{FORMAT, OUTPUT, Spec};
use super::halt::failure;
use super::scene::{Answer, Scene};
use crate::model::bag::Values;

const IS: Spec = Spec {
    name: "is-leader",
    args: "",
    purpose: "Print application leadership status.",
    flags: &[FORMAT, OUTPUT],
    most: 0,
};

const GET: Spec = Spec {
    name: "leader-get",
    args: "[<key>]",
    purpose: "Print application leadership settings.",
    flags: &[FORMAT, OUTPUT],
    most: 1,
};

const SET: Spec = Spec {
    name: "leader-set",
    args: "<key>=<value> [...]",
    purpose: "Write application leadership settings.",
    flags: &[],
    most: usize::MAX,
};

pub(super) fn is_leader(scene: &mut Scene<'_>) -> Answer {
    let parsed = IS.parse(&scene.call.args)?;
    let leads = scene.is_leader();
    Scene::print(&parsed, &json!(leads))
}

pub(super) fn get(scene: &mut Scene<'_>) -> Answer {
    let parsed = GET.parse(&scene.call.args)?;
    scene.reach_controller()?;
    if scene.context.leader_settings.is_none() {
        let values = Arc::clone(scene.deployed()?.leader_settings.values());
        scene.context.leader_settings = Some(values);
    }
    let settings = scene.context.leader_settings.clone().unwrap_or_default();
    let value = match parsed.arg(0).filter(|key| *key != "-") {
        Some(key) => settings.get(key).map_or(Value::Null, |value| json!(value)),
        None => json!(*settings),
    };
    Scene::print(&parsed, &value)
}

/// Written at once: what a hook has set stays set even if it fails.
pub(super) fn set(scene: &mut Scene<'_>) -> Answer {
    let parsed = SET.parse(&scene.call.args)?;
    let pairs = parsed.pairs(0)?;
    let wanted: Values = pairs
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    scene.reach_controller()?;
    if !scene.holds_lease() {
        return failure("cannot write leadership settings: cannot write settings: not the leader");
    }
    scene.context.leader_settings = None;
    let changed = scene.deployed_mut()?.leader_settings.apply(&wanted, false);
    if !changed.is_empty() {
        let application = scene.name.application().to_owned();
        scene.world.tell_all(&application);
    }
    Ok(Vec::new())
}
