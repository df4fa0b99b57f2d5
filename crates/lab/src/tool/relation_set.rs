//! `relation-set`.

use std::collections::BTreeMap;

use super::flag::{Flag, RELATION, Spec};
use super::halt::failure;
use super::relation_get::{own_app_bag, own_unit_bag};
use super::scene::{Answer, Scene};
use super::setting;

pub(super) const SPEC: Spec = Spec {
    name: "relation-set",
    args: "key=value [key=value ...]",
    purpose: "Set relation settings. The settings become visible when the hook succeeds.",
    flags: &[
        Flag {
            names: &["app"],
            value: false,
            help: "pick whether you are setting \"application\" settings or \"unit\" settings",
        },
        Flag {
            names: &["file"],
            value: true,
            help: "file containing key-value pairs",
        },
        Flag {
            names: &["format"],
            value: true,
            help: "deprecated format flag",
        },
        RELATION,
    ],
    most: usize::MAX,
};

pub(super) fn run(scene: &mut Scene<'_>) -> Answer {
    let parsed = SPEC.parse(&scene.call.args)?;
    let relation = scene.relation(&parsed)?;
    let pairs = parsed.pairs(0)?;
    let mut settings = match parsed.value("file") {
        Some(path) => setting::parse(scene.file(path)?)?,
        None => BTreeMap::new(),
    };
    settings.extend(
        pairs
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned())),
    );
    scene.reach_controller()?;
    let buffer = if !parsed.has("app") {
        own_unit_bag(scene, relation)?
    } else if scene.is_leader() {
        own_app_bag(scene, relation)?
    } else {
        return failure("cannot write relation settings");
    };
    for (key, value) in &settings {
        buffer.set(key, value);
    }
    Ok(Vec::new())
}
