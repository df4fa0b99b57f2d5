//! `status-set` and `status-get`.

use serde_json::{Map, Value, json};

use super::flag::{FORMAT, Flag, OUTPUT, Spec};
use super::halt::{failure, usage};
use super::output::Format;
use super::scene::{Answer, Scene};
use crate::history::Happening;
use crate::model::deployed::Status;
use crate::settings::Detail;

const APPLICATION: Flag = Flag {
    names: &["application"],
    value: false,
    help: "the status of the application rather than the unit's",
};

const SET: Spec = Spec {
    name: "status-set",
    args: "<maintenance | blocked | waiting | active> [message]",
    purpose: "Set status information.",
    flags: &[APPLICATION],
    most: usize::MAX,
};

const GET: Spec = Spec {
    name: "status-get",
    args: "[--include-data] [--application]",
    purpose: "Print status information.",
    flags: &[
        APPLICATION,
        Flag {
            names: &["include-data"],
            value: false,
            help: "print all status data",
        },
        FORMAT,
        OUTPUT,
    ],
    most: 0,
};

const LEVELS: [&str; 4] = ["maintenance", "blocked", "waiting", "active"];

/// Set at once: it stays set even if the hook fails.
pub(super) fn set(scene: &mut Scene<'_>) -> Answer {
    let parsed = SET.parse(&scene.call.args)?;
    let Some(level) = parsed.arg(0) else {
        return usage("invalid args, require <status> [message]");
    };
    if !LEVELS.contains(&level) {
        let levels = LEVELS.join(" ");
        return usage(format!(
            "invalid status {level:?}, expected one of [{levels}]"
        ));
    }
    let of_application = parsed.has("application");
    let message = parsed.args[1..].join(" ");
    let status = Status {
        level: level.to_owned(),
        message: message.clone(),
        since: scene.world.now,
    };
    scene.reach_controller()?;
    if of_application {
        if !scene.holds_lease() {
            return failure("this unit is not the leader");
        }
        scene.deployed_mut()?.status = status;
    } else {
        scene.unit_mut()?.status = status;
    }
    if scene.world.history().records(Detail::Everything) {
        let (unit, status) = (scene.name.clone(), level.to_owned());
        scene.world.record(Happening::Status {
            unit,
            of_application,
            status,
            message,
        });
    }
    Ok(Vec::new())
}

pub(super) fn get(scene: &mut Scene<'_>) -> Answer {
    let parsed = GET.parse(&scene.call.args)?;
    scene.reach_controller()?;
    let with_data = parsed.has("include-data");
    // The bare word is only for people: other formats print a map with or without the data.
    let word_only = !with_data && parsed.format()? == Format::Smart;
    if !parsed.has("application") {
        let status = &scene.unit()?.status;
        let value = if word_only {
            json!(status.level)
        } else {
            shown(status, with_data)
        };
        return Scene::print(&parsed, &value);
    }
    if !scene.is_leader() {
        return failure("finding application status: this unit is not the leader");
    }
    let deployed = scene.deployed()?;
    if word_only {
        return Scene::print(&parsed, &json!(deployed.status.level));
    }
    let mut value = shown(&deployed.status, with_data);
    let units: Map<String, Value> = deployed
        .units
        .iter()
        .map(|&member| deployed.unit(member))
        .filter_map(|name| {
            let status = &scene.world.units.get(&name)?.status;
            Some((name.to_string(), shown(status, with_data)))
        })
        .collect();
    value["units"] = Value::Object(units);
    Scene::print(&parsed, &json!({ "application-status": value }))
}

fn shown(status: &Status, with_data: bool) -> Value {
    if with_data {
        json!({ "status": status.level, "message": status.message, "status-data": {} })
    } else {
        json!({ "status": status.level })
    }
}
