//! `open-port`, `close-port` and `opened-ports`.

use serde_json::json;

use super::flag::{FORMAT, Flag, OUTPUT, Spec};
use super::halt::{Halt, usage};
use super::scene::{Answer, Scene};

const ENDPOINTS: Flag = Flag {
    names: &["endpoints"],
    value: true,
    help: "a comma-delimited list of application endpoints",
};

const OPEN: Spec = Spec {
    name: "open-port",
    args: "<port>[/<protocol>] or <from>-<to>[/<protocol>] or icmp",
    purpose: "Register a request to open a port or port range.",
    flags: &[ENDPOINTS, FORMAT],
    most: 1,
};

const CLOSE: Spec = Spec {
    name: "close-port",
    args: "<port>[/<protocol>] or <from>-<to>[/<protocol>] or icmp",
    purpose: "Register a request to close a port or port range.",
    flags: &[ENDPOINTS, FORMAT],
    most: 1,
};

const OPENED: Spec = Spec {
    name: "opened-ports",
    args: "",
    purpose: "List all ports or port ranges opened by the unit.",
    flags: &[
        Flag {
            names: &["endpoints"],
            value: false,
            help: "display the list of target application endpoints for each port range",
        },
        FORMAT,
        OUTPUT,
    ],
    most: 0,
};

pub(super) fn open(scene: &mut Scene<'_>) -> Answer {
    buffer(scene, &OPEN, true)
}

pub(super) fn close(scene: &mut Scene<'_>) -> Answer {
    buffer(scene, &CLOSE, false)
}

fn buffer(scene: &mut Scene<'_>, spec: &Spec, open: bool) -> Answer {
    let parsed = spec.parse(&scene.call.args)?;
    let Some(text) = parsed.arg(0) else {
        return usage("no port or range specified");
    };
    let port = normal(text)?;
    scene.context.ports.push((open, port));
    Ok(Vec::new())
}

/// `80` is `80/tcp`, and so is `80/TCP`.
fn normal(typed: &str) -> Result<String, Halt> {
    let text = typed.to_lowercase();
    let text = text.as_str();
    if text == "icmp" {
        return Ok(text.to_owned());
    }
    let (range, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let (from, to) = range.split_once('-').unwrap_or((range, range));
    let number = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
    match (number(from), number(to)) {
        (Some(from), Some(to)) if from <= to && matches!(protocol, "tcp" | "udp") => {
            Ok(format!("{range}/{protocol}"))
        }
        _ => usage(format!(
            "expected <port>[/<protocol>] or <from>-<to>[/<protocol>]; got {typed:?}"
        )),
    }
}

/// What is committed, without the run's own requests.
pub(super) fn opened(scene: &mut Scene<'_>) -> Answer {
    let parsed = OPENED.parse(&scene.call.args)?;
    Scene::print(&parsed, &json!(scene.unit()?.ports))
}
