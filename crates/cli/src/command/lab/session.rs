//! One run of a lab from its first hook to its summary.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ops_coordinator_lab::charm::Charm;
use ops_coordinator_lab::process::keeper::Interrupt;
use ops_coordinator_lab::process::play::{Advance, Player};
use ops_coordinator_lab::process::{Lab, Options};
use ops_coordinator_lab::scenario::{Expectation, Step};

use super::ending::Ending;
use super::view::View;
use super::{seconds, unserved};
use crate::command::CommandError;

/// How often the view is refreshed when nothing happens.
const TICK: Duration = Duration::from_millis(20);

/// What is said when a run that is to stay has nothing left to do.
const STAYS: &str = "nothing is left to do; the lab stays until Ctrl-C";

/// Everything that makes up a run.
pub(crate) struct Session {
    /// The command, for the heading.
    pub(crate) title: String,
    /// How the lab is set up.
    pub(crate) options: Options,
    /// The charm.
    pub(crate) charm: Charm,
    /// How many units are deployed.
    pub(crate) units: u32,
    /// Config that differs from the charm's defaults.
    pub(crate) config: BTreeMap<String, serde_json::Value>,
    /// What happens.
    pub(crate) steps: Vec<Step>,
    /// How many may be inside each lock.
    pub(crate) limits: BTreeMap<String, u32>,
    /// When the run has failed, in milliseconds.
    pub(crate) timeout: u64,
    /// How long a hook may run until it is reported, in milliseconds.
    pub(crate) hook_limit: u64,
    /// How long the model may be idle while a request is unserved, in milliseconds; this does not count for the timeout.
    pub(crate) patience: u64,
    /// Whether the run goes on when nothing is left to do, until it is interrupted.
    pub(crate) stay: bool,
    /// Whether only problems and the summary are printed.
    pub(crate) quiet: bool,
}

impl Session {
    /// One line that says what runs.
    pub(crate) fn heading(&self) -> String {
        let plural = if self.units == 1 { "unit" } else { "units" };
        format!(
            "{} {plural} of {} on Juju {}, seed {}",
            self.units,
            self.charm.name,
            self.options.settings.juju_version,
            self.options.settings.seed
        )
    }

    /// Starts the lab.
    pub(crate) fn start(&self) -> Result<Lab, CommandError> {
        let options = self.options.clone();
        Lab::start(options, &self.charm, self.units, self.config.clone())
            .map_err(|error| CommandError::failed(&error).hint(error.hint()))
    }

    /// Plays the steps until the model is idle after the last, or something ends the run before.
    pub(crate) fn play(&self, lab: &Lab, view: &mut dyn View, interrupt: &Interrupt) -> Ending {
        let mut player = Player::new(self.steps.clone()).with_judge(unserved::unmet);
        let mut reported = BTreeSet::new();
        // Since when nothing has moved, and for how long nothing had moved before.
        let mut still_since: Option<u64> = None;
        let mut stood_still = 0;
        let mut told_to_stay = false;
        let ending = loop {
            let now = lab.now();
            let standing = still_since.map_or(0, |since| now.saturating_sub(since));
            if interrupt.is_set() {
                let is_idle = lab.with_world(|world, _| world.is_idle());
                let is_over = self.stay && player.remaining() == 0 && is_idle;
                break if is_over {
                    Ending::Idle
                } else {
                    Ending::Interrupted
                };
            }
            match player.advance(lab) {
                Advance::Did { at, text } => view.say(at, &text),
                Advance::Finished => {
                    if still_since.is_none() {
                        still_since = Some(now);
                        if self.is_stuck(lab) {
                            view.stop(lab);
                        }
                        if self.stay && !std::mem::replace(&mut told_to_stay, true) {
                            view.say(now, STAYS);
                        }
                    }
                    let is_over = standing >= self.patience || !self.is_stuck(lab);
                    if is_over && !self.stay {
                        break Ending::Idle;
                    }
                }
                Advance::Failed(problem) => break Ending::Failed(problem),
                Advance::Waiting => {
                    stood_still += standing;
                    if still_since.take().is_some() {
                        view.go_on();
                    }
                }
            }
            let is_late = now >= self.timeout.saturating_add(stood_still);
            if is_late && still_since.is_none() && !told_to_stay {
                break Ending::Timeout;
            }
            self.report_slow_hooks(lab, view, &mut reported);
            view.refresh(lab);
            lab.wait_for_news(TICK);
        };
        view.refresh(lab);
        view.close(lab);
        ending
    }

    /// Whether somebody is unserved who is not expected to be.
    fn is_stuck(&self, lab: &Lab) -> bool {
        let expected = Expectation::at_the_end(&self.steps);
        let unserved = lab.with_world(|world, _| unserved::unserved(world));
        !unserved::problems(&unserved, &expected).is_empty()
    }

    fn report_slow_hooks(
        &self,
        lab: &Lab,
        view: &mut dyn View,
        reported: &mut BTreeSet<(String, u64)>,
    ) {
        let now = lab.now();
        for job in lab.running() {
            let runs = now.saturating_sub(job.since);
            if runs > self.hook_limit && reported.insert((job.unit.to_string(), job.since)) {
                let text = format!(
                    "{} {} has been running for {} s",
                    job.unit,
                    job.name,
                    seconds(runs)
                );
                view.say(now, &text);
            }
        }
    }
}
