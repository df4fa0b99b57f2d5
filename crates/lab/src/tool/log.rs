//! `juju-log`.

use super::flag::{Flag, Spec};
use super::halt::usage;
use super::scene::{Answer, Scene};
use crate::history::Happening;
use crate::settings::Detail;

const SPEC: Spec = Spec {
    name: "juju-log",
    args: "<message>",
    purpose: "Write a message to the juju log.",
    flags: &[
        Flag {
            names: &["debug"],
            value: false,
            help: "log at debug level",
        },
        Flag {
            names: &["log-level", "l"],
            value: true,
            help: "Send log message at the given level",
        },
        Flag {
            names: &["format"],
            value: true,
            help: "deprecated format flag",
        },
    ],
    most: usize::MAX,
};

pub(super) fn run(scene: &mut Scene<'_>) -> Answer {
    let parsed = SPEC.parse(&scene.call.args)?;
    if parsed.args.is_empty() {
        return usage("no message specified");
    }
    let asked = parsed
        .value("log-level")
        .unwrap_or("INFO")
        .to_ascii_uppercase();
    let level = if parsed.has("debug") {
        "DEBUG".to_owned()
    } else {
        asked
    };
    let mut message = parsed.args.join(" ");
    if let Some(relation) = scene.context.relation {
        let endpoint = scene.world.endpoint(&scene.name, relation);
        message = format!("{endpoint}:{relation}: {message}");
    }
    if scene.world.history().records(Detail::Everything) {
        let unit = scene.name.clone();
        scene.world.record(Happening::Log {
            unit,
            level,
            message,
        });
    }
    Ok(Vec::new())
}
