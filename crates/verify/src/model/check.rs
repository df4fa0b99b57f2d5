//! The checker's run over a case.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use ops_coordinator_core::LockName;
use stateright::{Checker, Expectation, HasDiscoveries, Model, Property};

use super::action::Action;
use super::case::Case;
use super::property;
use super::state::State;
use super::step::Steps;
use crate::Bug;

/// The application as the checker sees it.
pub(crate) struct Application {
    pub(crate) case: Case,
    pub(crate) bug: Option<Bug>,
    pub(crate) steps: Arc<Steps>,
    locks: Vec<LockName>,
    seen: Arc<AtomicU32>,
}

/// Situations that a case must cover; a case that never reaches them proves little.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seen {
    /// A unit took its turn after another unit's change, without a new line.
    HandOff,
    /// An operation ran again after it was interrupted or failed.
    SecondAttempt,
    /// A unit asked while its operation ran.
    AskedWhileRunning,
    /// Juju refused a commit because the unit no longer led.
    Refused,
    /// A hook that had lost leadership in the meantime left the line alone.
    EndedLate,
    /// A unit finished a request that an operator had cancelled or skipped.
    Cancelled,
    /// An operation ran again that had stopped, because an operator had permitted it.
    Permitted,
    /// A unit's hook found its lock paused.
    Paused,
    /// An operation began because a campaign called its unit, which had not asked.
    Called,
    /// A turn was for a request and for a campaign.
    Shared,
    /// A charm passed.
    Passed,
    /// A unit kept its turn because its check did not hold.
    Checked,
    /// A deputy had the charm run, because its turn of the shared lock had come.
    Granted,
}

impl Seen {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::HandOff,
        Self::SecondAttempt,
        Self::AskedWhileRunning,
        Self::Refused,
        Self::EndedLate,
        Self::Cancelled,
        Self::Permitted,
        Self::Paused,
        Self::Called,
        Self::Shared,
        Self::Passed,
        Self::Checked,
        Self::Granted,
    ];
}

impl Application {
    pub(crate) fn new(case: Case, bug: Option<Bug>) -> Self {
        let charm = case.charm(bug);
        Self {
            bug,
            locks: charm.locks.clone(),
            steps: Arc::new(Steps::new(charm, &case)),
            case,
            seen: Arc::default(),
        }
    }

    pub(crate) fn locks(&self) -> &[LockName] {
        &self.locks
    }

    pub(crate) fn saw(&self, what: Seen) {
        let bit = 1 << (what as u32);
        if self.seen.load(Ordering::Relaxed) & bit == 0 {
            self.seen.fetch_or(bit, Ordering::Relaxed);
        }
    }
}

impl Model for Application {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.case.start()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        // What follows a broken property is of no interest.
        if state.broken.is_none() {
            state.choices(&self.case, &self.locks, actions);
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        self.apply(state, action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        property::all()
    }
}

/// What a run of the checker found.
#[derive(Debug, Clone)]
pub struct Report {
    /// How many different states there are.
    pub states: usize,
    /// How many steps of hooks the production code has computed.
    pub steps: usize,
    /// The situations that were reached.
    pub seen: BTreeSet<Seen>,
    /// A property that does not hold, and the events that lead there.
    pub finding: Option<Finding>,
    /// A situation that every case must reach but this one did not.
    pub unreached: Option<&'static str>,
    /// How long it took.
    pub took: Duration,
}

/// A property that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its name.
    pub property: &'static str,
    /// What happened, a line for each action.
    pub story: Vec<String>,
}

/// Explores every sequence of events of a case.
pub fn check(case: &Case, bug: Option<Bug>, threads: usize) -> Report {
    let began = Instant::now();
    let application = Application::new(case.clone(), bug);
    let (seen, steps) = (
        Arc::clone(&application.seen),
        Arc::clone(&application.steps),
    );
    let checker = application.checker().threads(threads);
    let checker = checker
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    let found = checker.discoveries();
    let mut finding = None;
    let mut unreached = None;
    for property in checker.model().properties() {
        match (property.expectation, found.get(property.name)) {
            (Expectation::Sometimes, None) => unreached = Some(property.name),
            (Expectation::Always, Some(path)) if finding.is_none() => {
                let last = path.last_state().clone();
                let mut story = checker.model().story(&path.clone().into_actions());
                if property.name == "all-ends-well" {
                    story.extend(checker.model().epilogue(&last));
                }
                finding = Some(Finding {
                    property: property.name,
                    story,
                });
            }
            _ => {}
        }
    }
    let bits = seen.load(Ordering::Relaxed);
    Report {
        states: checker.unique_state_count(),
        steps: steps.computed(),
        seen: Seen::ALL
            .into_iter()
            .filter(|seen| bits & (1 << (*seen as u32)) != 0)
            .collect(),
        unreached: unreached.filter(|_| finding.is_none()),
        finding,
        took: began.elapsed(),
    }
}
