//! `goal-state`.

use serde_json::{Map, Value, json};

use super::flag::{FORMAT, OUTPUT, Spec};
use super::scene::{Answer, Scene};
use crate::history::Life;
use crate::settings::Millis;

const SPEC: Spec = Spec {
    name: "goal-state",
    args: "",
    purpose: "Print the status of the charm's peers and related units.",
    flags: &[FORMAT, OUTPUT],
    most: 0,
};

/// Live: it is not part of any transaction. Peer relations are left out, as in Juju.
pub(super) fn run(scene: &mut Scene<'_>) -> Answer {
    let parsed = SPEC.parse(&scene.call.args)?;
    scene.reach_controller()?;
    let deployed = scene.deployed()?;
    let units: Map<String, Value> = deployed
        .units
        .iter()
        .map(|&member| deployed.unit(member))
        .filter_map(|name| {
            let unit = scene.world.units.get(&name)?;
            let dying = unit.life != Life::Alive;
            let status = if dying {
                "dying"
            } else {
                unit.status.level.as_str()
            };
            Some((
                name.to_string(),
                json!({ "status": status, "since": since(unit.status.since) }),
            ))
        })
        .collect();
    Scene::print(&parsed, &json!({ "units": units, "relations": {} }))
}

/// A time as the controller prints it. The model begins with the year 2026, and its months never end.
fn since(at: Millis) -> String {
    let seconds = at / 1000;
    let (day, hour) = (seconds / 86_400 + 1, seconds / 3600 % 24);
    format!(
        "2026-01-{day:02} {hour:02}:{:02}:{:02}Z",
        seconds / 60 % 60,
        seconds % 60
    )
}
