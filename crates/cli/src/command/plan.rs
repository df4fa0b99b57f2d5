//! `ops-coordinator plan`: who would go when, and what stands in the way.

use std::process::ExitCode;

use clap::Args;
use ops_coordinator_excerpt::table::{Align, Table};
use ops_coordinator_excerpt::{LONG, excerpt};
use ops_coordinator_juju::{Hook, LockName, Obstacle, RollPlan};

use super::CommandError;
use super::coordination::CoordinationArgs;
use super::format::Format;
use super::policy::PolicyArgs;
use crate::output::say;

/// Show who would go when, and what stands in the way; changes nothing.
///
/// Units of one step run together; the next step comes when all of them have finished. A unit that is not in the line
/// yet is placed where the policy would put it: that of coordination.toml, or of the options, which are the same as those
/// of `release`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  juju exec --unit app/0 -- ./ops-coordinator plan restart
  juju exec --unit app/0 -- ./ops-coordinator plan restart --limit 3 --order leader-last
  juju exec --unit app/0 -- ./ops-coordinator plan restart --format json")]
pub(crate) struct PlanArgs {
    /// The lock
    #[arg(value_name = "LOCK")]
    lock: LockName,
    #[command(flatten)]
    policy: PolicyArgs,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    coordination: CoordinationArgs,
}

pub(crate) fn run(args: &PlanArgs) -> Result<ExitCode, CommandError> {
    let plan = |hook: &mut Hook| text(hook, &args.lock, &args.policy, args.format);
    say(args.coordination.in_hook(plan)?.trim_end());
    Ok(ExitCode::SUCCESS)
}

/// Who would go when, by the policy of `coordination.toml` and these options.
pub(crate) fn text(
    hook: &mut Hook,
    lock: &LockName,
    policy: &PolicyArgs,
    format: Format,
) -> Result<String, CommandError> {
    let policy = policy.policy(hook)?;
    format.show(&hook.plan(lock, &policy)?, table)
}

fn table(plan: &RollPlan) -> String {
    let mut text = format!("lock {}\n", plan.lock);
    if plan.steps.is_empty() {
        text.push_str("No unit waits for a turn.\n");
    } else {
        let columns = [("STEP", Align::Right), ("WAVE", Align::Right)];
        let words = ["UNIT", "PLACE"].map(|title| (title, Align::Left));
        let mut table = Table::new(&[&columns[..], &words[..]].concat());
        for (index, step) in plan.steps.iter().enumerate() {
            for planned in step {
                let place = if planned.in_line {
                    "in line"
                } else {
                    "requested"
                };
                table.row([
                    (index + 1).to_string(),
                    (planned.wave + 1).to_string(),
                    excerpt(&planned.unit.to_string()).to_string(),
                    place.to_owned(),
                ]);
            }
        }
        text.push_str(&table.to_string());
    }
    for obstacle in &plan.obstacles {
        text.push_str(&format!("in the way: {}\n", told(obstacle)));
    }
    text
}

fn told(obstacle: &Obstacle) -> String {
    let unit = obstacle.unit.as_ref().map(ToString::to_string);
    let unit = unit.map_or_else(String::new, |unit| format!("{} ", excerpt(&unit)));
    let kind = obstacle.kind.as_str();
    let why = excerpt(&obstacle.why).up_to(LONG).to_string();
    if obstacle.why.is_empty() {
        format!("{unit}{kind}")
    } else {
        format!("{unit}{kind}: {why}")
    }
}
