//! `relation-ids`, `relation-list` and `relation-model-get`.

use serde_json::json;

use super::flag::{FORMAT, Flag, OUTPUT, RELATION, Spec};
use super::halt::usage;
use super::scene::{Answer, Scene};
use crate::model::member::Member;
use crate::uniter::view::View;

const IDS: Spec = Spec {
    name: "relation-ids",
    args: "<name>",
    purpose: "List all relation IDs for the given endpoint.",
    flags: &[FORMAT, OUTPUT],
    most: 1,
};

const LIST: Spec = Spec {
    name: "relation-list",
    args: "",
    purpose: "List relation units.",
    flags: &[
        Flag {
            names: &["app"],
            value: false,
            help: "List remote application instead of participating units",
        },
        FORMAT,
        OUTPUT,
        RELATION,
    ],
    most: 0,
};

const MODEL: Spec = Spec {
    name: "relation-model-get",
    args: "",
    purpose: "Get details about the model hosting the related application.",
    flags: &[FORMAT, OUTPUT, RELATION],
    most: 0,
};

pub(super) fn ids(scene: &mut Scene<'_>) -> Answer {
    let parsed = IDS.parse(&scene.call.args)?;
    let endpoint = match (parsed.arg(0), scene.context.relation) {
        (Some(endpoint), _) => endpoint.to_owned(),
        (None, Some(relation)) => scene.peer(relation)?.endpoint.clone(),
        (None, None) => return usage("no endpoint name specified"),
    };
    scene.reach_controller()?;
    let deployed = scene.deployed()?;
    let mut ids: Vec<String> = scene
        .unit()?
        .views
        .keys()
        .filter(|id| {
            deployed
                .peers
                .get(id)
                .is_some_and(|peer| peer.endpoint == endpoint)
        })
        .map(|id| format!("{endpoint}:{id}"))
        .collect();
    ids.sort();
    Scene::print(&parsed, &json!(ids))
}

pub(super) fn list(scene: &mut Scene<'_>) -> Answer {
    let parsed = LIST.parse(&scene.call.args)?;
    let relation = scene.relation(&parsed)?;
    scene.reach_controller()?;
    if parsed.has("app") {
        return Scene::print(&parsed, &json!(scene.name.application()));
    }
    let view = scene.unit()?.views.get(&relation);
    let mut members: Vec<Member> = view.into_iter().flat_map(View::joined).collect();
    if let Some(member) = scene
        .context
        .remote
        .filter(|_| scene.context.relation == Some(relation))
    {
        members.retain(|other| *other != member);
        if scene.is_member(relation, member)? {
            members.push(member);
            members.sort();
        }
    }
    let names: Vec<String> = members
        .iter()
        .map(|member| scene.name.sibling(member.number()).to_string())
        .collect();
    Scene::print(&parsed, &json!(names))
}

pub(super) fn model(scene: &mut Scene<'_>) -> Answer {
    let parsed = MODEL.parse(&scene.call.args)?;
    scene.relation(&parsed)?;
    Scene::print(&parsed, &json!({ "uuid": scene.world.model_uuid }))
}
