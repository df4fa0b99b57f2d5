//! `state-get`, `state-set` and `state-delete`: the unit's own store at the controller.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::flag::{FORMAT, Flag, OUTPUT, Spec};
use super::halt::{Halt, failure, usage};
use super::scene::{Answer, Scene};
use super::setting;
use crate::context::buffer::Buffer;

const GET: Spec = Spec {
    name: "state-get",
    args: "[<key>]",
    purpose: "Print server-side-state value.",
    flags: &[
        FORMAT,
        OUTPUT,
        Flag {
            names: &["strict"],
            value: false,
            help: "Return an error if the requested key does not exist",
        },
    ],
    most: 1,
};

pub(super) const SET: Spec = Spec {
    name: "state-set",
    args: "key=value [key=value ...]",
    purpose: "Set server-side-state values.",
    flags: &[Flag {
        names: &["file"],
        value: true,
        help: "file containing key-value pairs",
    }],
    most: usize::MAX,
};

const DELETE: Spec = Spec {
    name: "state-delete",
    args: "<key>",
    purpose: "Delete server-side-state key value pairs.",
    flags: &[],
    most: 1,
};

pub(super) fn get(scene: &mut Scene<'_>) -> Answer {
    let parsed = GET.parse(&scene.call.args)?;
    scene.reach_controller()?;
    let buffer = buffer(scene)?;
    let Some(key) = parsed.arg(0).filter(|key| *key != "-") else {
        let all = buffer.all();
        let value = if all.is_empty() {
            Value::Null
        } else {
            json!(all)
        };
        return Scene::print(&parsed, &value);
    };
    match buffer.get(key) {
        None if parsed.has("strict") => failure(format!("{key:?} not found")),
        value => Scene::print(&parsed, &json!(value.unwrap_or_default())),
    }
}

pub(super) fn set(scene: &mut Scene<'_>) -> Answer {
    let parsed = SET.parse(&scene.call.args)?;
    let pairs = parsed.pairs(0)?;
    let mut values = match parsed.value("file") {
        Some(path) => setting::parse(scene.file(path)?)?,
        None => BTreeMap::new(),
    };
    values.extend(
        pairs
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned())),
    );
    scene.reach_controller()?;
    let buffer = buffer(scene)?;
    for (key, value) in &values {
        buffer.set(key, value);
    }
    Ok(Vec::new())
}

pub(super) fn delete(scene: &mut Scene<'_>) -> Answer {
    let parsed = DELETE.parse(&scene.call.args)?;
    let Some(key) = parsed.arg(0).filter(|key| !key.is_empty()) else {
        return usage("no key specified");
    };
    scene.reach_controller()?;
    buffer(scene)?.set(key, "");
    Ok(Vec::new())
}

fn buffer<'a>(scene: &'a mut Scene<'_>) -> Result<&'a mut Buffer, Halt> {
    if scene.context.state.is_none() {
        let values = Arc::new(scene.unit()?.state.clone());
        scene.context.state = Some(Buffer::new(values));
    }
    scene
        .context
        .state
        .as_mut()
        .ok_or(Halt::Failure("no state".into()))
}
