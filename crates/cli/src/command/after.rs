//! What `run` does after its operation: the check, and what follows a failure.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use ops_coordinator_juju::{Coordination, DeclaredCheck, LockName, OnFailure, Recovery, Span};

use super::CommandError;

/// Options about what follows an operation. Each wins over what coordination.toml says.
#[derive(Debug, Args)]
pub(crate) struct AfterArgs {
    /// What happens after a failure: `retry`: the next hook tries again; `stop`: the unit keeps its place, and an operator
    /// decides; `continue`: the turn passes on. An operation that is cut off has not failed: it runs again
    /// [default: as in coordination.toml, or retry]
    #[arg(
        long,
        value_name = "MODE",
        value_parser = PossibleValuesParser::new(OnFailure::ALL.map(OnFailure::as_str))
            .try_map(|text| text.parse::<OnFailure>())
    )]
    on_failure: Option<OnFailure>,
    /// After how many further attempts `retry` becomes `stop` [default: as in coordination.toml, or never]
    #[arg(long, value_name = "N")]
    max_retry: Option<u16>,
    /// How long to wait before the second attempt, such as 10s or 5m; each further wait is twice as long, up to 10 minutes.
    /// The exit code is then 75 [default: as in coordination.toml, or not at all]
    #[arg(long, value_name = "TIME")]
    back_off: Option<Span>,
    /// The command that succeeds while all is well, with its arguments in one text; no shell is involved
    /// [default: as in coordination.toml, or none]
    #[arg(long, value_name = "COMMAND")]
    check: Option<String>,
    /// For how long the check must hold without interruption before the turn is over [default: as in coordination.toml, or
    /// not at all]
    #[arg(long, value_name = "TIME")]
    soak: Option<Span>,
    /// How long the check may fail after the operation; later it has failed [default: as in coordination.toml, or 5m]
    #[arg(long, value_name = "TIME")]
    check_within: Option<Span>,
}

impl AfterArgs {
    /// What follows a failure.
    ///
    /// # Errors
    /// Options that do not fit each other.
    pub(crate) fn recovery(
        &self,
        declared: Option<&Coordination>,
        lock: &LockName,
    ) -> Result<Recovery, CommandError> {
        let declared = declared.map(|coordination| coordination.recovery(lock));
        let mut recovery = declared.unwrap_or_default();
        if let Some(mode) = self.on_failure {
            recovery.on_failure = mode;
        }
        recovery.max_retry = self.max_retry.or(recovery.max_retry);
        recovery.back_off = self.back_off.map_or(recovery.back_off, |wait| wait.0);
        let asks = self.max_retry.is_some() || self.back_off.is_some();
        if asks && recovery.on_failure != OnFailure::Retry {
            let wrong = "--max-retry and --back-off are for --on-failure retry".to_owned();
            return Err(CommandError::usage(wrong));
        }
        Ok(recovery)
    }

    /// What must hold after the operation.
    ///
    /// # Errors
    /// Options that do not fit each other.
    pub(crate) fn check(
        &self,
        declared: Option<&Coordination>,
        lock: &LockName,
    ) -> Result<Option<DeclaredCheck>, CommandError> {
        let declared = declared.and_then(|coordination| coordination.locks().get(lock));
        let declared = declared.and_then(|declared| declared.check.clone());
        let mut check = declared.clone().unwrap_or_default();
        if declared.is_none() {
            check.demands.within = DeclaredCheck::WITHIN;
        }
        if let Some(text) = &self.check {
            let words = DeclaredCheck::words(text);
            if words.is_empty() {
                return Err(CommandError::usage("--check needs a command".to_owned()));
            }
            check.command = Some(words);
        }
        if let Some(soak) = self.soak {
            check.demands.soak = soak.0;
        }
        if let Some(within) = self.check_within {
            check.demands.within = within.0;
            if check.command.is_none() {
                return Err(CommandError::usage(
                    "--check-within is for a check; add --check".to_owned(),
                ));
            }
        }
        let asks = declared.is_some() || self.check.is_some() || self.soak.is_some();
        Ok(asks.then_some(check))
    }
}
