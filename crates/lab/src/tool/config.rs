//! `config-get`, `unit-get` and `application-version-set`.

use serde_json::{Value, json};

use super::flag::{FORMAT, Flag, OUTPUT, Spec};
use super::halt::usage;
use super::scene::{Answer, Scene};

const GET: Spec = Spec {
    name: "config-get",
    args: "[<key>]",
    purpose: "Print application configuration.",
    flags: &[
        Flag {
            names: &["all", "a"],
            value: false,
            help: "Print all keys",
        },
        FORMAT,
        OUTPUT,
    ],
    most: 1,
};

const UNIT: Spec = Spec {
    name: "unit-get",
    args: "<setting>",
    purpose: "Print public-address or private-address.",
    flags: &[FORMAT, OUTPUT],
    most: 1,
};

const VERSION: Spec = Spec {
    name: "application-version-set",
    args: "<new-version>",
    purpose: "Specify which version of the application is deployed.",
    flags: &[],
    most: 1,
};

/// The configuration as it was when the run first asked.
pub(super) fn get(scene: &mut Scene<'_>) -> Answer {
    let parsed = GET.parse(&scene.call.args)?;
    if parsed.has("all") && parsed.arg(0).is_some() {
        return usage("cannot use argument --all together with key");
    }
    scene.reach_controller()?;
    if scene.context.config.is_none() {
        scene.context.config = Some(scene.deployed()?.options());
    }
    let options = scene.context.config.clone().unwrap_or_default();
    let value = match parsed.arg(0).filter(|key| *key != "-") {
        Some(key) => options.get(key).cloned().unwrap_or(Value::Null),
        None if parsed.has("all") => json!(options),
        None => {
            json!(
                options
                    .into_iter()
                    .filter(|(_, v)| !v.is_null())
                    .collect::<serde_json::Map<_, _>>()
            )
        }
    };
    Scene::print(&parsed, &value)
}

pub(super) fn unit_get(scene: &mut Scene<'_>) -> Answer {
    let parsed = UNIT.parse(&scene.call.args)?;
    match parsed.arg(0) {
        None => usage("no setting specified"),
        Some("private-address" | "public-address") => {
            Scene::print(&parsed, &json!(scene.unit()?.address))
        }
        Some(other) => usage(format!("unknown setting {other:?}")),
    }
}

pub(super) fn application_version_set(scene: &mut Scene<'_>) -> Answer {
    let parsed = VERSION.parse(&scene.call.args)?;
    let Some(version) = parsed.arg(0) else {
        return usage("no version specified");
    };
    scene.reach_controller()?;
    version.clone_into(&mut scene.unit_mut()?.workload_version);
    Ok(Vec::new())
}
