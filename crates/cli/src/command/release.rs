//! `ops-coordinator release`: the end of a hook.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use ops_coordinator_juju::Coordination;
use ops_coordinator_juju::policy::PerLock;

use super::CommandError;
use super::coordination::CoordinationArgs;
use super::policy::PolicyArgs;

/// End a hook: publish this unit's changes. Call it last in every hook.
///
/// On the leader, this also maintains the line. If the hook took longer than 25 s, a short visit of its own writes
/// the line right afterwards. Changes take effect when the hook succeeds.
///
/// If the charm has a file coordination.toml, the policy of each lock comes from there; options given here win. A lower
/// limit holds at once, also for units that are in the line already.
#[derive(Debug, Args)]
#[command(after_help = "Examples, the last line of a hook:
  ops-coordinator release
  ops-coordinator release --limit 25%
  ops-coordinator release --waves zone --order leader-last --canary
  ops-coordinator release --limit-option restarts-at-once --limit backup=3
  ops-coordinator release --unit-status
  ops-coordinator release --metrics /var/lib/node-exporter/ops-coordinator-$UNIT.prom")]
pub(crate) struct ReleaseArgs {
    #[command(flatten)]
    policy: PolicyArgs,
    /// Show in this unit's status what it waits for, as long as the charm has not set a more important one (blocked,
    /// maintenance). What the charm had set before is restored afterwards
    #[arg(long)]
    unit_status: bool,
    /// Write this unit's metrics to a file for the textfile collector of Prometheus' node exporter; its name must end
    /// with .prom and differ from unit to unit
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
    #[command(flatten)]
    coordination: CoordinationArgs,
}

pub(crate) fn run(args: ReleaseArgs) -> Result<ExitCode, CommandError> {
    args.coordination.in_hook(|hook| {
        if let Some(declared) = Coordination::of(&hook.environment().charm_dir)? {
            hook.tell_availability(&declared);
            for (lock, declared) in declared.locks() {
                if let Some(shared) = &declared.shared {
                    hook.set_shared(lock, shared.clone());
                }
            }
        }
        // Only the leader fills the line, so only it reads what that takes.
        let policy = if hook.is_leader() {
            args.policy.policy(hook)?
        } else {
            PerLock::new()
        };
        hook.release(&policy)?;
        if args.unit_status {
            hook.show_unit_status()?;
        }
        if let Some(file) = &args.metrics {
            hook.write_metrics(file)?;
        }
        Ok(ExitCode::SUCCESS)
    })
}
