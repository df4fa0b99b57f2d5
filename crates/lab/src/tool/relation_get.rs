//! `relation-get`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::flag::{FORMAT, Flag, OUTPUT, RELATION, Spec};
use super::halt::{Halt, failure, usage};
use super::scene::{Answer, Scene};
use crate::context::buffer::Buffer;
use crate::model::bag::Values;
use crate::model::member::Member;
use crate::name::{RelationId, UnitName, is_application_name};

const SPEC: Spec = Spec {
    name: "relation-get",
    args: "<key> <unit id>",
    purpose: "Get relation settings.",
    flags: &[
        Flag {
            names: &["app"],
            value: false,
            help: "Get the relation data for the overall application, not just a unit",
        },
        FORMAT,
        OUTPUT,
        RELATION,
    ],
    most: 2,
};

/// Whose bag is read.
enum Whose {
    Unit(UnitName),
    Application(String),
}

pub(super) fn run(scene: &mut Scene<'_>) -> Answer {
    let parsed = SPEC.parse(&scene.call.args)?;
    let relation = scene.relation(&parsed)?;
    let whose = whose(scene, parsed.arg(1), parsed.has("app"))?;
    let key = parsed.arg(0).filter(|key| *key != "-");
    scene.reach_controller()?;
    let value = match whose {
        Whose::Application(name) => of_application(scene, relation, &name, key)?,
        Whose::Unit(name) => of_unit(scene, relation, &name, key)?,
    };
    Scene::print(&parsed, &value)
}

fn whose(scene: &Scene<'_>, named: Option<&str>, app: bool) -> Result<Whose, Halt> {
    let own = || scene.name.application().to_owned();
    let Some(text) = named else {
        return match (scene.context.remote, scene.context.relation) {
            // The remote application of a peer relation is the unit's own.
            (_, Some(_)) if app => Ok(Whose::Application(own())),
            (Some(member), _) => Ok(Whose::Unit(scene.name.sibling(member.number()))),
            (None, Some(_)) => Ok(Whose::Application(own())),
            (None, None) => usage("no unit or application specified"),
        };
    };
    match text.parse::<UnitName>() {
        Ok(unit) if app => Ok(Whose::Application(unit.application().to_owned())),
        Ok(unit) => Ok(Whose::Unit(unit)),
        Err(_) if is_application_name(text) && app => Ok(Whose::Application(text.to_owned())),
        Err(_) if is_application_name(text) => {
            usage(format!("expected unit name, got application name {text:?}"))
        }
        Err(_) => usage(format!("invalid unit name {text:?}")),
    }
}

fn of_application(
    scene: &mut Scene<'_>,
    relation: RelationId,
    name: &str,
    key: Option<&str>,
) -> Result<Value, Halt> {
    if name != scene.name.application() {
        return failure("permission denied");
    }
    if scene.is_leader() {
        return Ok(of_buffer(own_app_bag(scene, relation)?, key));
    }
    if !scene.context.app_reads.contains_key(&relation) {
        let values = Arc::clone(scene.peer(relation)?.bag.values());
        scene.context.app_reads.insert(relation, values);
    }
    Ok(of_values(&scene.context.app_reads[&relation], key))
}

fn of_unit(
    scene: &mut Scene<'_>,
    relation: RelationId,
    name: &UnitName,
    key: Option<&str>,
) -> Result<Value, Halt> {
    if *name == scene.name {
        return Ok(of_buffer(own_unit_bag(scene, relation)?, key));
    }
    let member = Member::new(name.number());
    let foreign = name.application() != scene.name.application();
    let cached = !foreign && scene.is_member(relation, member)?;
    let place = (relation, member);
    let known = if cached {
        scene.unit()?.agent.memory.cache.get(&place)
    } else {
        scene.context.stranger_reads.get(&place)
    };
    if let Some(values) = known {
        return Ok(of_values(values, key));
    }
    let bag = if foreign {
        None
    } else {
        scene.peer(relation)?.bags.get(&member)
    };
    let Some(values) = bag.map(|bag| Arc::clone(bag.values())) else {
        let (name, relation) = (name.to_string(), scene.relation_name(relation));
        return failure(format!(
            "cannot read settings for unit {name:?} in relation {relation:?}: unit {name:?}: settings not found"
        ));
    };
    let value = of_values(&values, key);
    if cached {
        scene.unit_mut()?.agent.memory.cache.insert(place, values);
    } else {
        scene.context.stranger_reads.insert(place, values);
    }
    Ok(value)
}

fn of_values(values: &Values, key: Option<&str>) -> Value {
    match key {
        Some(key) => values.get(key).map_or(Value::Null, |value| json!(value)),
        None => json!(values),
    }
}

fn of_buffer(buffer: &Buffer, key: Option<&str>) -> Value {
    match key {
        Some(key) => buffer.get(key).map_or(Value::Null, |value| json!(value)),
        None => json!(buffer.all()),
    }
}

/// The unit's own bag as this run sees it, read at first use.
pub(super) fn own_unit_bag<'a>(
    scene: &'a mut Scene<'_>,
    relation: RelationId,
) -> Result<&'a mut Buffer, Halt> {
    if !scene.context.unit_bags.contains_key(&relation) {
        let member = scene.unit()?.member;
        let bag = scene.peer(relation)?.bags.get(&member);
        let values = bag.map(|bag| Arc::clone(bag.values())).unwrap_or_default();
        scene
            .context
            .unit_bags
            .insert(relation, Buffer::new(values));
    }
    scene
        .context
        .unit_bags
        .get_mut(&relation)
        .ok_or(Halt::Failure("relation not found".into()))
}

/// The application's own bag as this run sees it, read at first use.
pub(super) fn own_app_bag<'a>(
    scene: &'a mut Scene<'_>,
    relation: RelationId,
) -> Result<&'a mut Buffer, Halt> {
    if !scene.context.app_bags.contains_key(&relation) {
        let values = Arc::clone(scene.peer(relation)?.bag.values());
        scene.context.app_bags.insert(relation, Buffer::new(values));
    }
    scene
        .context
        .app_bags
        .get_mut(&relation)
        .ok_or(Halt::Failure("relation not found".into()))
}
