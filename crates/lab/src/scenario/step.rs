//! One step of a scenario: a moment, and what is done then.

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
    /// What to tell of it, in the author's words.
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

/// What a step waits for, counted from the step before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moment {
    /// Nothing more than the step before.
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
    /// Sets clocks of units: by how many milliseconds they are wrong from now on.
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
        /// Whether the others are never told.
        untold: bool,
    },
    /// Runs an action and waits for its end.
    Action {
        /// On which unit.
        unit: Target,
        /// The name of the action.
        name: String,
        /// Its parameters.
        params: BTreeMap<String, Value>,
        /// Whether it is meant to fail.
        fails: bool,
    },
    /// Runs a command on a unit, as `juju exec` does, and waits for its end.
    Exec {
        /// On which unit.
        unit: Target,
        /// What `/bin/bash` is given.
        command: String,
        /// The exit code that it must have.
        code: i32,
    },
    /// Upgrades the charm, from another directory if one is given.
    Upgrade {
        /// The directory of the new charm.
        charm: Option<PathBuf>,
    },
    /// Makes a second relation of this peer endpoint.
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
    /// Lets a unit's agent die at a point of its hook; it comes back by itself.
    Crash {
        /// Which unit.
        unit: Target,
        /// Where in the course of the hook.
        at: CrashPoint,
    },
    /// Lets a hook of a unit fail after all that it does.
    Fail(Target),
    /// Stops a unit's agent, with the hook that it runs, as `kill -9` of it does.
    AgentDown(Target),
    /// Starts a unit's agent again.
    AgentUp(Target),
    /// The unit's agent no longer reaches the controller.
    CutOff(Target),
    /// The unit's agent reaches the controller again.
    Reconnect(Target),
    /// A unit's machine stands still, its clock and all its processes.
    Suspend(Target),
    /// The machine goes on.
    Wake(Target),
    /// A unit's machine is gone for good. Nobody is told.
    LoseMachine(Target),
    /// A unit's charm directory is made anew, and nothing of what was written there is left.
    LoseDisk(Target),
    /// The run fails unless all of this holds.
    Expect(Expectation),
}

/// What must hold at a step; what is not named may be anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expectation {
    /// How many turns (enter to leave) of each lock have ended.
    pub turns: BTreeMap<String, u32>,
    /// How many turns of each lock every living unit has at least ended.
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
    /// The locks that units have asked for in vain. Whoever plays the scenario knows how to tell, see
    /// [`Player::with_judge`](crate::process::play::Player::with_judge).
    pub unserved: BTreeMap<String, Vec<String>>,
}

impl Expectation {
    /// The last word of a scenario on what would else count as wrong at its end: the status of each unit, and what is
    /// unserved.
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
