//! The environment that a run sees.

use std::collections::BTreeMap;

use super::Context;
use crate::dispatch::What;
use crate::model::deployed::Deployed;
use crate::settings::Settings;
use crate::uniter::unit::Unit;

/// Exported to every run, with nothing in them.
const EMPTY: [&str; 9] = [
    "JUJU_CHARM_HTTP_PROXY",
    "JUJU_CHARM_HTTPS_PROXY",
    "JUJU_CHARM_FTP_PROXY",
    "JUJU_CHARM_NO_PROXY",
    "JUJU_PRINCIPAL_UNIT",
    "JUJU_METER_INFO",
    "JUJU_SLA",
    "JUJU_METER_STATUS",
    "JUJU_HOOK_NAME",
];

/// The variables of a run, all but those that only a driver knows.
pub(crate) fn environment(
    settings: &Settings,
    uuid: &str,
    unit: &Unit,
    deployed: &Deployed,
    context: &Context,
    what: &What,
) -> BTreeMap<&'static str, String> {
    let version = settings.juju_version;
    let mut env: BTreeMap<&'static str, String> =
        EMPTY.iter().map(|&name| (name, String::new())).collect();
    if version.has_sla() {
        env.insert("JUJU_METER_STATUS", "AMBER".to_owned());
        env.insert("JUJU_SLA", "unsupported".to_owned());
    } else {
        for name in ["JUJU_METER_INFO", "JUJU_METER_STATUS", "JUJU_SLA"] {
            env.remove(name);
        }
    }
    env.insert("JUJU_CONTEXT_ID", context.id.0.clone());
    env.insert("JUJU_UNIT_NAME", unit.name.to_string());
    env.insert("JUJU_MODEL_NAME", settings.model_name.clone());
    env.insert("JUJU_MODEL_UUID", uuid.to_owned());
    env.insert("JUJU_VERSION", version.to_string());
    env.insert("JUJU_API_ADDRESSES", "10.0.0.1:17070".to_owned());
    env.insert("JUJU_MACHINE_ID", unit.name.number().to_string());
    env.insert("JUJU_AVAILABILITY_ZONE", settings.zone(&unit.name));
    env.insert("CLOUD_API_VERSION", String::new());
    match what {
        What::Hook => {
            env.insert("JUJU_HOOK_NAME", context.name.clone());
            env.insert("JUJU_DISPATCH_PATH", format!("hooks/{}", context.name));
        }
        What::Action { id, .. } => {
            env.insert("JUJU_DISPATCH_PATH", format!("actions/{}", context.name));
            env.insert("JUJU_ACTION_NAME", context.name.clone());
            env.insert("JUJU_ACTION_UUID", id.0.to_string());
            env.insert("JUJU_ACTION_TAG", format!("action-{}", id.0));
        }
        What::Exec { .. } => {}
    }
    if let Some((id, peer)) = context
        .relation
        .and_then(|id| deployed.peers.get_key_value(&id))
    {
        let remote = context
            .remote
            .map(|member| deployed.unit(member).to_string());
        env.insert("JUJU_RELATION", peer.endpoint.clone());
        env.insert("JUJU_RELATION_ID", format!("{}:{id}", peer.endpoint));
        env.insert("JUJU_REMOTE_UNIT", remote.unwrap_or_default());
        env.insert("JUJU_REMOTE_APP", unit.name.application().to_owned());
        if let Some(departing) = context.departing {
            env.insert("JUJU_DEPARTING_UNIT", deployed.unit(departing).to_string());
        }
    }
    env
}
