//! What a unit can run.

use super::hook::Hook;
use crate::dispatch::{ActionId, ExecId};

/// What is run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Run {
    Hook(Hook),
    Action(ActionId),
    Exec(ExecId),
}
