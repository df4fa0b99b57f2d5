//! `ops-coordinator campaign`: an operator rolls all units.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use ops_coordinator_juju::{Hook, Instruction, LockName, Operation};

use super::coordination::{CoordinationArgs, declared};
use super::policy::PolicyArgs;
use super::request::OperationArgs;
use super::{CommandError, instruct};
use crate::output::say;

/// The reason if an operator gives none.
pub(crate) const NO_REASON: &str = "by an operator";

/// Roll all units: nobody has to ask, the leader invites one after the other.
#[derive(Debug, Args)]
pub(crate) struct CampaignArgs {
    #[command(subcommand)]
    command: CampaignCommand,
}

#[derive(Debug, Subcommand)]
enum CampaignCommand {
    Start(StartArgs),
    Abort(AbortArgs),
    Status(StatusArgs),
}

/// Begin a campaign; on the leader only.
///
/// Each unit that calls `run` in its hooks finds its turn there, in the order and with the limit that the policy says, and
/// runs the operation once. A unit that has requested a turn of its own is served by the same turn if its operation begins
/// after both. Units that join the application later have nothing to roll.
///
/// A campaign for the same reason joins one that is under way. One for another reason takes its place: units that have not
/// begun go only for the new one.
///
/// With a coordination.toml, or with options that say how many may run at once and in which order (the same as for
/// `release`), the first units are invited at once; else in the leader's next hook.
#[derive(Debug, Args)]
#[command(after_help = format!("{}

Examples:
  juju exec --unit app/leader -- ./ops-coordinator campaign start restart
  juju exec --unit app/leader -- ./ops-coordinator campaign start restart --reason 'new certificates' --limit 25%",
    instruct::EXIT_CODES))]
struct StartArgs {
    /// The lock
    #[arg(value_name = "LOCK")]
    lock: LockName,
    /// Why, for everybody who looks
    #[arg(long, value_name = "TEXT", default_value = NO_REASON)]
    reason: String,
    #[command(flatten)]
    operation: OperationArgs,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    coordination: CoordinationArgs,
}

/// End a campaign early; on the leader only.
///
/// Units that have begun go on. Those that were invited and have not begun pass, each in its next hook.
#[derive(Debug, Args)]
#[command(after_help = format!("{}

Example:
  juju exec --unit app/leader -- ./ops-coordinator campaign abort restart",
    instruct::EXIT_CODES))]
struct AbortArgs {
    /// The lock
    #[arg(value_name = "LOCK")]
    lock: LockName,
    #[command(flatten)]
    coordination: CoordinationArgs,
}

/// Show how far the last campaign has come, on any unit.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  juju exec --unit app/0 -- ./ops-coordinator campaign status restart")]
struct StatusArgs {
    /// The lock
    #[arg(value_name = "LOCK")]
    lock: LockName,
    #[command(flatten)]
    coordination: CoordinationArgs,
}

pub(crate) fn run(args: CampaignArgs) -> Result<ExitCode, CommandError> {
    match args.command {
        CampaignCommand::Start(args) => {
            let operation = args.operation.operation()?;
            args.coordination.in_hook(|hook| {
                say(start(
                    hook,
                    &args.lock,
                    &args.reason,
                    &operation,
                    &args.policy,
                )?);
                Ok(ExitCode::SUCCESS)
            })
        }
        CampaignCommand::Abort(args) => {
            instruct::run(&args.coordination, &args.lock, &Instruction::Abort)
        }
        CampaignCommand::Status(args) => args.coordination.in_hook(|hook| {
            say(progress(hook, &args.lock)?);
            Ok(ExitCode::SUCCESS)
        }),
    }
}

/// Begins a campaign and says what came of that, in a line.
pub(crate) fn start(
    hook: &mut Hook,
    lock: &LockName,
    reason: &str,
    operation: &Operation,
    policy: &PolicyArgs,
) -> Result<String, CommandError> {
    declared(hook, lock)?;
    // Only the leader's is read.
    let policy = match hook.is_leader() {
        true => policy.declared(hook)?,
        false => None,
    };
    let policy = policy.as_ref().map(|policy| policy as _);
    let begun = hook.roll(lock, reason, operation, policy)?;
    let how = if begun {
        "campaign begun"
    } else {
        "a campaign for this reason is under way"
    };
    Ok(format!("{lock}: {how}"))
}

/// How far a lock's last campaign has come, in words.
fn progress(hook: &mut Hook, lock: &LockName) -> Result<String, CommandError> {
    let status = hook.status()?;
    let campaign = status
        .locks
        .get(lock)
        .and_then(|lock| lock.campaign.as_ref());
    let Some(campaign) = campaign else {
        return Ok(format!("{lock}: there has been no campaign"));
    };
    let mut text = format!("{lock}: {}", campaign.summary());
    if !campaign.left.is_empty() {
        let left: Vec<String> = campaign.left.iter().map(ToString::to_string).collect();
        text.push_str(&format!("\nstill to go: {}", left.join(", ")));
    }
    Ok(text)
}
