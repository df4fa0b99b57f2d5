//! `ops-coordinator action`: an operator's command, given as a Juju action.

use std::process::ExitCode;

use clap::Args;
use ops_coordinator_excerpt::excerpt;
use ops_coordinator_juju::{Hook, Instruction, LockName, Operation, UnitName};
use serde_json::{Map, Value};

use super::coordination::CoordinationArgs;
use super::format::Format;
use super::policy::PolicyArgs;
use super::{CommandError, campaign, instruct, pause, plan, status};
use crate::output::complain;

/// Do what the running Juju action says.
///
/// The action's name says what to do (`roll`, `abort`, `pause`, `resume`, `retry`, `skip`, `cancel`, `plan` or `status`; the
/// first two begin and end a campaign), and its parameters `lock`, `unit`, `reason`, `force` and `format` are the arguments. The answer is the action's result `result`; a refusal fails the action with its reason. In the charm's
/// `dispatch`, or as the script `actions/pause` and so on of a charm without one. The declarations for charmcraft.yaml
/// are in docs/operating.md.
#[derive(Debug, Args)]
#[command(after_help = "Example, in dispatch:
  case $JUJU_DISPATCH_PATH in
      actions/*) exec ops-coordinator action ;;
  esac")]
pub(crate) struct ActionArgs {
    #[command(flatten)]
    coordination: CoordinationArgs,
}

pub(crate) fn run(args: &ActionArgs) -> Result<ExitCode, CommandError> {
    args.coordination.in_hook(|hook| {
        let name = std::env::var("JUJU_ACTION_NAME").unwrap_or_default();
        if name.is_empty() {
            let error = CommandError::failed("this is not an action: JUJU_ACTION_NAME is not set");
            return Err(error.hint(Some(
                "run it from the charm's dispatch, or from the script of an action",
            )));
        }
        let params = hook.tools().action_get()?;
        match answer(hook, &name, &params) {
            Ok(result) => hook.tools().action_set("result", result.trim_end())?,
            Err(refused) => {
                complain(&refused);
                hook.tools().action_fail(&refused.to_string())?;
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn answer(
    hook: &mut Hook,
    action: &str,
    params: &Map<String, Value>,
) -> Result<String, CommandError> {
    if action == "status" {
        return status::text(hook, format(params)?);
    }
    let instruction = match action {
        "plan" | "roll" => None,
        "abort" => Some(Instruction::Abort),
        "pause" => {
            let reason = text(params, "reason")?.unwrap_or(pause::NO_REASON);
            Some(Instruction::Pause {
                reason: reason.to_owned(),
            })
        }
        "resume" => Some(Instruction::Resume),
        "retry" => Some(Instruction::Retry(unit(params)?)),
        "skip" => Some(Instruction::Skip(unit(params)?)),
        "cancel" if params.get("force") == Some(&Value::Bool(true)) => {
            Some(Instruction::Force(unit(params)?))
        }
        "cancel" => Some(Instruction::Cancel(unit(params)?)),
        other => {
            let other = excerpt(other);
            let error = CommandError::failed(format!("there is no operator's action '{other}'"));
            return Err(error.hint(Some(
                "the actions are roll, abort, pause, resume, retry, skip, cancel, plan and status",
            )));
        }
    };
    let lock: LockName = required(params, "lock")?
        .parse()
        .map_err(ops_coordinator_juju::Error::from)?;
    match instruction {
        Some(instruction) => instruct::tell(hook, &lock, &instruction),
        None if action == "roll" => {
            let reason = text(params, "reason")?.unwrap_or(campaign::NO_REASON);
            let (operation, policy) = (Operation::default(), PolicyArgs::default());
            campaign::start(hook, &lock, reason, &operation, &policy)
        }
        None => plan::text(hook, &lock, &PolicyArgs::default(), format(params)?),
    }
}

fn unit(params: &Map<String, Value>) -> Result<UnitName, CommandError> {
    let unit = required(params, "unit")?.parse();
    Ok(unit.map_err(ops_coordinator_juju::Error::from)?)
}

fn format(params: &Map<String, Value>) -> Result<Format, CommandError> {
    let named = text(params, "format")?.map(str::parse).transpose()?;
    Ok(named.unwrap_or_default())
}

fn required<'a>(params: &'a Map<String, Value>, name: &str) -> Result<&'a str, CommandError> {
    text(params, name)?.ok_or_else(|| {
        let error = CommandError::usage(format!("the parameter '{name}' is missing"));
        error.hint(Some(format!("add {name}=... to `juju run`")))
    })
}

/// A parameter; an empty one counts as absent.
fn text<'a>(params: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, CommandError> {
    match params.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(other) => {
            let other = other.to_string();
            let error = format!("the parameter '{name}' is not a text: {}", excerpt(&other));
            Err(CommandError::usage(error))
        }
    }
}
