//! How a call reaches its tool, and how the answer comes back.

use super::halt::{Halt, failure, usage};
use super::scene::{Answer, Scene};
use super::table::{Deed, find};
use super::{relation_set, state};
use crate::dispatch::{ToolCall, ToolReply};
use crate::history::Happening;
use crate::name::UnitName;
use crate::settings::{Detail, Millis};
use crate::version::JujuVersion;
use crate::world::World;

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
        } else if let Some(tool) = find(&call.command).filter(|tool| (tool.exists)(version)) {
            let name = name.clone();
            run(
                tool.deed,
                Scene {
                    world: self,
                    name,
                    context: &mut context,
                    call,
                },
            )
        } else {
            unknown(&call.command, version)
        };
        if let Some(unit) = self.units.get_mut(name) {
            unit.running = Some(context);
        }
        answer
    }
}

fn run(deed: Deed, mut scene: Scene<'_>) -> Answer {
    let command = scene.call.command.as_str();
    match deed {
        Deed::Answer(answer) => answer(&mut scene),
        Deed::Unsupported => failure(format!("{command} is not supported by the lab")),
        Deed::Exec => {
            let context = &scene.context.id.0;
            usage(format!(
                "{command} cannot be called from within a hook, have context {context:?}"
            ))
        }
    }
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
