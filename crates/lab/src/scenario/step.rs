//! One step of a scenario: a moment, and the action taken then.

use std::collections::BTreeMap;
use std::path::Path;

use super::error::ScenarioError;
use super::reader::{Source, Table};
use super::steps;
use crate::deed::{Deed, Revision};

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// When it happens.
    pub after: After,
    /// What happens.
    pub act: Act,
    /// The author's description of it, to print.
    pub note: Option<String>,
}

impl Step {
    /// Reads a step that stands alone, such as `kill = "holder"`, as in a `[[step]]` of a scenario. Without `after` it
    /// happens at once.
    ///
    /// # Errors
    /// When the text is not TOML, has an unknown key, or an invalid value.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let file = Path::new("step");
        let source = Source { file, text };
        let document = source.document()?;
        let table = Table::new("a step", document.get_ref(), document.span(), source);
        steps::read(&table, After::NOW)
    }

    /// Takes relative paths as relative to a folder.
    pub fn resolve(&mut self, folder: &Path) {
        if let Act::Do(Deed::Upgrade { to, .. }, _) = &mut self.act
            && let Revision::Directory(charm) = to
        {
            *charm = folder.join(&charm);
        }
    }
}

/// When a step happens: first `moment`, then `delay` milliseconds later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    /// What is waited for.
    pub moment: Moment,
    /// How many milliseconds after that.
    pub delay: u64,
}

impl After {
    /// As soon as nothing is left to do.
    pub const IDLE: Self = Self {
        moment: Moment::Idle,
        delay: 0,
    };

    /// At once.
    pub const NOW: Self = Self {
        moment: Moment::Now,
        delay: 0,
    };
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
pub enum Act {
    /// Nothing: the step only waits.
    Wait,
    /// Something is done to the model; what is queued by it must end like this before the next step.
    Do(Deed<Target>, Ending),
    /// The run fails unless all of this holds.
    Expect(Expectation),
}

impl From<Deed<Target>> for Act {
    /// What is queued must end well.
    fn from(deed: Deed<Target>) -> Self {
        Self::Do(deed, Ending::default())
    }
}

/// How the action or the command of a step must end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ending {
    /// Whether the action must fail.
    pub fails: bool,
    /// The exit code of the command.
    pub code: i32,
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
            if let Act::Expect(expected) = &step.act {
                last.status.extend(expected.status.clone());
                last.unserved.extend(expected.unserved.clone());
            }
        }
        last
    }
}
