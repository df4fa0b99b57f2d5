//! Which tools there are, and how a call reaches its tool.

use super::halt::{Halt, failure, usage};
use super::scene::{Answer, Scene};
use super::{
    action, config, goal, leader, log, mark, network, port, relation_get, relation_list,
    relation_set, state, status,
};
use crate::dispatch::{ToolCall, ToolReply};
use crate::history::{Detail, Happening};
use crate::name::UnitName;
use crate::settings::Millis;
use crate::version::JujuVersion;
use crate::world::World;

type Tool = fn(&mut Scene<'_>) -> Answer;

const TOOLS: [(&str, Tool); 27] = [
    ("action-fail", action::fail),
    ("action-get", action::get),
    ("action-log", action::log),
    ("action-set", action::set),
    ("application-version-set", config::application_version_set),
    ("close-port", port::close),
    ("config-get", config::get),
    ("goal-state", goal::run),
    ("is-leader", leader::is_leader),
    ("juju-log", log::run),
    ("lab-mark", mark::run),
    ("leader-get", leader::get),
    ("leader-set", leader::set),
    ("network-get", network::run),
    ("open-port", port::open),
    ("opened-ports", port::opened),
    ("relation-get", relation_get::run),
    ("relation-ids", relation_list::ids),
    ("relation-list", relation_list::list),
    ("relation-model-get", relation_list::model),
    ("relation-set", relation_set::run),
    ("state-delete", state::delete),
    ("state-get", state::get),
    ("state-set", state::set),
    ("status-get", status::get),
    ("status-set", status::set),
    ("unit-get", config::unit_get),
];

/// Tools that exist so that a charm finds them, and say that the lab cannot do what they do.
const UNSUPPORTED: [&str; 15] = [
    "credential-get",
    "juju-reboot",
    "resource-get",
    "secret-add",
    "secret-get",
    "secret-grant",
    "secret-ids",
    "secret-info-get",
    "secret-remove",
    "secret-revoke",
    "secret-set",
    "storage-add",
    "storage-get",
    "storage-list",
    "pod-spec-set",
];

fn exists(name: &str, version: JujuVersion) -> bool {
    match name {
        "leader-get" | "leader-set" => version.has_leader_tools(),
        "relation-model-get" => version.has_relation_model_get(),
        "juju-run" | "pod-spec-set" => version.calls_exec_run(),
        "juju-exec" => !version.calls_exec_run(),
        _ if name.starts_with("secret-") => !version.calls_exec_run(),
        _ => true,
    }
}

/// The names of all tools that a unit finds on its `PATH` with this Juju version, sorted; `juju-exec`
/// (or `juju-run`) among them.
pub fn names(version: JujuVersion) -> Vec<&'static str> {
    let tools = TOOLS.iter().map(|(name, _)| *name);
    let all = tools.chain(UNSUPPORTED).chain(["juju-exec", "juju-run"]);
    let mut names: Vec<&str> = all.filter(|name| exists(name, version)).collect();
    names.sort_unstable();
    names
}

/// The file whose contents a call needs beside its arguments (`relation-set --file PATH`), if it names
/// one other than stdin. A driver reads it, relative to the caller's directory, and puts it into `ToolCall::files`
/// under the path as it stands in the arguments.
pub fn named_file(command: &str, args: &[String]) -> Option<String> {
    let spec = match command {
        "relation-set" => &relation_set::SPEC,
        "state-set" => &state::SET,
        _ => return None,
    };
    let path = spec.parse(args).ok()?.value("file")?.to_owned();
    (path != "-").then_some(path)
}

impl World {
    /// One hook-tool call of a running hook, action or command. Of `juju-exec` only the refusal within a context is
    /// answered here; outside one, a driver queues `World::exec`.
    pub fn call(&mut self, call: &ToolCall, now: Millis) -> ToolReply {
        self.advance(now);
        let Some(name) = call.context.unit() else {
            return refused(&format!(
                "bad request: unknown context id {:?}",
                call.context.0
            ));
        };
        let answer = self.answer(&name, call);
        if answer == Err(Halt::Stdin) {
            return ToolReply {
                needs_stdin: true,
                ..ToolReply::default()
            };
        }
        let reply = to_reply(answer);
        if self.history.records(Detail::Everything) {
            let (command, args, code) = (call.command.clone(), call.args.clone(), reply.code);
            self.record(Happening::Tool {
                unit: name,
                command,
                args,
                code,
            });
        } else {
            self.history.count();
        }
        reply
    }

    fn answer(&mut self, name: &UnitName, call: &ToolCall) -> Answer {
        let version = self.settings.juju_version;
        let got = &call.context.0;
        let Some(unit) = self.units.get_mut(name) else {
            return failure(socket_gone(name));
        };
        let Some(mut context) = unit.running.take() else {
            return failure(socket_gone(name));
        };
        let answer = if context.id != call.context {
            let expected = &context.id.0;
            failure(format!(
                "bad request: expected context id {expected:?}, got {got:?}"
            ))
        } else if exists(&call.command, version) {
            let name = name.clone();
            run(Scene {
                world: self,
                name,
                context: &mut context,
                call,
            })
        } else {
            unknown(&call.command, version)
        };
        if let Some(unit) = self.units.get_mut(name) {
            unit.running = Some(context);
        }
        answer
    }
}

fn run(mut scene: Scene<'_>) -> Answer {
    let command = scene.call.command.as_str();
    if matches!(command, "juju-exec" | "juju-run") {
        let context = &scene.context.id.0;
        return usage(format!(
            "{command} cannot be called from within a hook, have context {context:?}"
        ));
    }
    if let Ok(place) = TOOLS.binary_search_by_key(&command, |(name, _)| name) {
        return TOOLS[place].1(&mut scene);
    }
    if UNSUPPORTED.contains(&command) {
        return failure(format!("{command} is not supported by the lab"));
    }
    unknown(command, scene.world.settings().juju_version)
}

fn unknown(command: &str, version: JujuVersion) -> Answer {
    let what = if version.says_hook_command() {
        "unknown hook command"
    } else {
        "unknown command"
    };
    failure(format!("bad request: {what}: {command}"))
}

/// What a client says when nothing listens because nothing runs.
fn socket_gone(name: &UnitName) -> String {
    let tag = name.dashed();
    format!("dial unix @/var/lib/juju/agents/unit-{tag}/agent.socket: connect: connection refused")
}

fn refused(message: &str) -> ToolReply {
    to_reply(failure(message))
}

fn to_reply(answer: Answer) -> ToolReply {
    let error = |code, message| ToolReply {
        code,
        stderr: format!("ERROR {message}\n").into_bytes(),
        ..ToolReply::default()
    };
    match answer {
        Ok(stdout) => ToolReply {
            stdout,
            ..ToolReply::default()
        },
        Err(Halt::Help(text)) => ToolReply {
            stdout: text.into_bytes(),
            ..ToolReply::default()
        },
        Err(Halt::Usage(message)) => error(2, message),
        Err(Halt::Failure(message)) => error(1, message),
        Err(Halt::Stdin) => ToolReply {
            needs_stdin: true,
            ..ToolReply::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_it_can_be_searched() {
        assert!(TOOLS.is_sorted_by_key(|(name, _)| *name));
    }

    #[test]
    fn tools_come_and_go_with_the_version() {
        let has = |version: &str, tool: &str| names(version.parse().unwrap()).contains(&tool);
        assert!(has("2.9.50", "juju-run") && !has("2.9.50", "juju-exec"));
        assert!(has("3.6.9", "leader-get") && has("3.6.9", "juju-exec"));
        assert!(!has("4.0.1", "leader-set"));
        assert!(has("3.6.2", "relation-model-get") && !has("3.6.1", "relation-model-get"));
    }

    #[test]
    fn a_file_is_named_only_where_there_is_one_to_read() {
        let file = |command: &str, args: &[&str]| {
            named_file(
                command,
                &args.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>(),
            )
        };
        assert_eq!(file("relation-set", &["--file", "x"]), Some("x".to_owned()));
        assert_eq!(file("relation-set", &["--file=-"]), None);
        assert_eq!(file("relation-get", &["--file", "x"]), None);
    }
}
