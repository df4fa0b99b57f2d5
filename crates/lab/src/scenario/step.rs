//! One step of a scenario: a moment, and the action taken then.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use crate::dispatch::CrashPoint;

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// When it happens.
    pub after: After,
    /// What happens.
    pub deed: Deed,
    /// The author's description of it, to print.
    pub note: Option<String>,
}

/// When a step happens: first `moment`, then `delay` milliseconds later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    /// What is waited for.
    pub moment: Moment,
    /// How many milliseconds after that.
    pub delay: u64,
}

/// What a step waits for, counted from the previous step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moment {
    /// Only the previous step.
    Now,
    /// Nothing is left to do in the model.
    Idle,
    /// A mark was made `count` times.
    Mark {
        /// `true` for `enter`, `false` for `leave`.
        enter: bool,
        /// The lock that was marked; any if `None`.
        lock: Option<String>,
        /// The unit that marked it; any if `None`.
        unit: Option<String>,
        /// How often.
        count: u32,
    },
    /// A hook of this name began.
    Hook {
        /// The name of the hook, such as `config-changed`.
        name: String,
        /// The unit that runs it; any if `None`.
        unit: Option<String>,
        /// How often.
        count: u32,
    },
}

/// Which unit a step is about; decided when the step happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The unit of this name.
    Unit(String),
    /// The unit inside a lock.
    Holder,
    /// The leader.
    Leader,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum Deed {
    /// Nothing: the step only waits.
    Wait,
    /// Changes the application's config.
    Config(BTreeMap<String, Value>),
    /// Sets clock offsets of units, in milliseconds.
    Clock(Vec<(Target, i64)>),
    /// Kills the running hook of a unit with SIGKILL.
    Kill {
        /// Which unit.
        unit: Target,
        /// Whether only the process that the agent started is killed, rather than its whole group.
        spare_children: bool,
    },
    /// Makes a unit the leader at once.
    Leader(Target),
    /// Adds units.
    AddUnits(u32),
    /// Removes a unit.
    RemoveUnit {
        /// Which.
        unit: Target,
        /// Whether it goes without running its last hooks.
        force: bool,
        /// Whether the other units are never told.
        untold: bool,
    },
    /// Runs an action and waits for it to end.
    Action {
        /// On which unit.
        unit: Target,
        /// The name of the action.
        name: String,
        /// Its parameters.
        params: BTreeMap<String, Value>,
        /// Whether it is expected to fail.
        fails: bool,
    },
    /// Runs a command on a unit, as `juju exec` does, and waits for it to end.
    Exec {
        /// On which unit.
        unit: Target,
        /// The command for `/bin/bash`.
        command: String,
        /// The expected exit code.
        code: i32,
    },
    /// Upgrades the charm, from another directory if one is given.
    Upgrade {
        /// The directory of the new charm.
        charm: Option<PathBuf>,
    },
    /// Creates a second relation for this peer endpoint.
    DuplicateRelation(String),
    /// A unit stops seeing the lowest of two relations of one endpoint.
    ForgetRelation(Target),
    /// Runs the failed hook of a unit again, or marks it as done.
    Resolve {
        /// Which unit.
        unit: Target,
        /// Whether the hook runs again.
        retry: bool,
    },
    /// Makes a unit's agent die at a point of its hook; it restarts by itself.
    Crash {
        /// Which unit.
        unit: Target,
        /// The point within the hook.
        at: CrashPoint,
    },
    /// Makes a hook of a unit fail after everything that it does.
    Fail(Target),
    /// Stops a unit's agent with its running hook, like `kill -9`.
    AgentDown(Target),
    /// Starts a unit's agent again.
    AgentUp(Target),
    /// Disconnects the unit's agent from the controller.
    CutOff(Target),
    /// Reconnects the unit's agent to the controller.
    Reconnect(Target),
    /// Freezes a unit's machine, including its clock and all its processes.
    Suspend(Target),
    /// Thaws the machine.
    Wake(Target),
    /// Destroys a unit's machine. Nobody is told.
    LoseMachine(Target),
    /// Recreates a unit's charm directory, without anything that was written there.
    LoseDisk(Target),
    /// The run fails unless all of this holds.
    Expect(Expectation),
}

/// What must hold at a step; anything not named is not checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expectation {
    /// How many turns (enter to leave) of each lock have ended.
    pub turns: BTreeMap<String, u32>,
    /// The minimum number of turns of each lock that every living unit has ended.
    pub each_unit: BTreeMap<String, u32>,
    /// The largest number of units that was ever inside each lock.
    pub largest_inside: BTreeMap<String, u32>,
    /// How many units live.
    pub units: Option<u32>,
    /// How many hooks have failed.
    pub failed_hooks: Option<u32>,
    /// The leader.
    pub leader: Option<String>,
    /// The workload status of units, such as `active`; `error` for a unit whose hook has failed.
    pub status: BTreeMap<String, String>,
    /// The locks that units have requested without being served. The scenario's player decides this, see
    /// [`Player::with_judge`](crate::process::play::Player::with_judge).
    pub unserved: BTreeMap<String, Vec<String>>,
}

impl Expectation {
    /// The final expectations of a scenario about things that would otherwise count as problems at its end: the status
    /// of each unit, and unserved requests.
    pub fn at_the_end(steps: &[Step]) -> Self {
        let mut last = Self::default();
        for step in steps {
            if let Deed::Expect(expected) = &step.deed {
                last.status.extend(expected.status.clone());
                last.unserved.extend(expected.unserved.clone());
            }
        }
        last
    }
}
