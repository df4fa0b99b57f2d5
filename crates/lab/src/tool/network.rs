//! `network-get`.

use serde_json::{Map, Value, json};

use super::flag::{FORMAT, Flag, OUTPUT, RELATION, Spec};
use super::halt::{failure, usage};
use super::scene::{Answer, Scene};

const SPEC: Spec = Spec {
    name: "network-get",
    args: "<binding-name> [--ingress-address] [--bind-address] [--egress-subnets]",
    purpose: "Get network config.",
    flags: &[
        Flag {
            names: &["bind-address"],
            value: false,
            help: "get the address for the binding on which the unit should listen",
        },
        Flag {
            names: &["egress-subnets"],
            value: false,
            help: "get the egress subnets for the binding",
        },
        FORMAT,
        Flag {
            names: &["ingress-address"],
            value: false,
            help: "get the ingress address for the binding",
        },
        OUTPUT,
        Flag {
            names: &["primary-address"],
            value: false,
            help: "(deprecated) get the primary address for the binding",
        },
        RELATION,
    ],
    most: 1,
};

pub(super) fn run(scene: &mut Scene<'_>) -> Answer {
    let parsed = SPEC.parse(&scene.call.args)?;
    let Some(binding) = parsed.arg(0) else {
        return usage("no arguments specified");
    };
    if parsed.has("relation") {
        scene.relation(&parsed)?;
    }
    scene.reach_controller()?;
    let known = binding == "juju-info"
        || scene
            .deployed()?
            .declared
            .peers
            .iter()
            .any(|endpoint| endpoint == binding);
    if !known {
        return failure(format!("no network config found for binding {binding:?}"));
    }
    let address = scene.unit()?.address.clone();
    let subnets = json!([format!("{address}/32")]);
    if parsed.has("primary-address") {
        return Scene::print(&parsed, &json!(address));
    }
    let asked: Map<String, Value> = [
        ("bind-address", json!(address)),
        ("egress-subnets", subnets.clone()),
        ("ingress-address", json!(address)),
    ]
    .into_iter()
    .filter(|(flag, _)| parsed.has(flag))
    .map(|(flag, value)| (flag.to_owned(), value))
    .collect();
    let value = match asked.len() {
        0 => json!({
            "bind-addresses": [{
                "mac-address": "02:00:00:00:00:01",
                "interface-name": "eth0",
                "addresses": [{ "hostname": "", "value": address, "cidr": "10.0.0.0/8" }],
            }],
            "egress-subnets": subnets,
            "ingress-addresses": [address],
        }),
        1 => asked
            .into_iter()
            .next()
            .map_or(Value::Null, |(_, value)| value),
        _ => Value::Object(asked),
    };
    Scene::print(&parsed, &value)
}
