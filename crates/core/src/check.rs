//! The check after an operation that has succeeded: until it has held for long enough, the turn goes on.

use serde::{Deserialize, Serialize};

use crate::{Recovery, Tick, Wall};

/// The shortest pause between two looks at a check, in milliseconds.
const PAUSE_MIN: u64 = 5_000;
/// The longest pause, in milliseconds: `update-status` looks by then anyway.
const PAUSE_MAX: u64 = 300_000;

/// What a charm demands of the check after an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Check {
    /// For how long it must hold without interruption, in milliseconds.
    pub soak: u64,
    /// How long it may fail, counted from the end of the operation, in milliseconds. One that fails later has failed.
    pub within: u64,
}

/// One look at a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// What is demanded of it.
    pub check: Check,
    /// What follows if it has failed.
    pub recovery: Recovery,
    /// Whether it holds now, and if not, why.
    pub result: Result<(), String>,
}

/// A point in time on the unit's monotonic clock, for what outlives a process: that clock begins anew when the machine
/// is booted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Since the boot of this id; `None` if the machine does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<String>,
    /// What the clock said.
    pub at: Tick,
}

impl Moment {
    /// The milliseconds from this to `now`; `None` if nobody can tell, because the machine was booted in between.
    pub(crate) fn until(&self, now: &Self) -> Option<u64> {
        let passed = now.at.0.checked_sub(self.at.0);
        passed.filter(|_| self.boot == now.boot)
    }
}

/// An operation that has succeeded and keeps its turn until its check has held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// The number of its request.
    pub seq: u64,
    /// The highest number of the requests that end with it.
    pub through: u64,
    /// When the operation ended, or when its machine was booted since.
    pub since: Moment,
    /// Since when every look at the check has found that it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Moment>,
}

/// What a look at a check shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It has held for long enough.
    Held,
    /// It holds, and must go on to hold for so many milliseconds.
    Soaking(u64),
    /// It does not hold, and may still come good.
    Failing(String),
    /// It has not come good in time.
    Failed(String),
}

impl Trial {
    /// Takes one look at the check. A reboot begins both times anew: what ran before it, does not run any more.
    pub(crate) fn handle_look(&mut self, look: &Look, now: &Moment) -> Verdict {
        let Some(age) = self.since.until(now) else {
            self.since = now.clone();
            self.held = None;
            return self.handle_look(look, now);
        };
        match &look.result {
            Ok(()) => {
                let held = self.held.as_ref().and_then(|held| held.until(now));
                if held.is_none() {
                    self.held = Some(now.clone());
                }
                match look.check.soak.saturating_sub(held.unwrap_or(0)) {
                    0 => Verdict::Held,
                    left => Verdict::Soaking(left),
                }
            }
            Err(why) => {
                self.held = None;
                if age >= look.check.within {
                    Verdict::Failed(why.clone())
                } else {
                    Verdict::Failing(why.clone())
                }
            }
        }
    }

    /// In how many milliseconds to look again after a verdict that leaves it open: a few times in a soak, and ever more
    /// rarely at a check that fails.
    pub(crate) fn pause(&self, look: &Look, verdict: &Verdict, now: &Moment) -> u64 {
        let pause = |part: u64| part.clamp(PAUSE_MIN, PAUSE_MAX);
        if let Verdict::Soaking(left) = verdict {
            return (*left).min(pause(look.check.soak / 6));
        }
        let age = self.since.until(now).unwrap_or(0);
        let left = look.check.within.saturating_sub(age);
        left.min(pause(age / 4)).max(1)
    }
}

/// How the check after an operation stands, for readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckStanding {
    /// Whether it holds.
    pub ok: bool,
    /// Since when it holds, or does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Wall>,
    /// When it will have held for long enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Wall>,
}

impl CheckStanding {
    /// In words, with the reason why it does not hold: "soaking until 02:05:00 UTC; its check has held since 02:04:00".
    pub(crate) fn words(&self, reason: Option<&str>) -> String {
        let since = |words: &str, zone: &str| {
            let since = self
                .since
                .map(|since| format!(" since {}{zone}", since.time()));
            format!("{words}{}", since.unwrap_or_default())
        };
        if self.ok {
            let until = self
                .until
                .map(|until| format!(" until {} UTC", until.time()));
            let held = since("its check has held", "");
            return format!("soaking{}; {held}", until.unwrap_or_default());
        }
        match reason {
            Some(why) => format!("{}: {why}", since("its check has failed", " UTC")),
            None => "its check has not been run yet".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(boot: &str, at: u64) -> Moment {
        Moment {
            boot: Some(boot.to_owned()),
            at: Tick(at),
        }
    }

    fn trial(at: u64) -> Trial {
        Trial {
            seq: 1,
            through: 1,
            since: moment("a", at),
            held: None,
        }
    }

    fn look(holds: bool) -> Look {
        Look {
            check: Check {
                soak: 60_000,
                within: 100_000,
            },
            recovery: Recovery::default(),
            result: holds.then_some(()).ok_or_else(|| "no answer".to_owned()),
        }
    }

    fn no_answer(verdict: fn(String) -> Verdict) -> Verdict {
        verdict("no answer".to_owned())
    }

    #[test]
    fn a_check_that_has_held_for_its_soak_has_passed() {
        let mut trial = trial(1_000);
        let mut at = |at, holds| trial.handle_look(&look(holds), &moment("a", at));
        assert_eq!(at(1_000, true), Verdict::Soaking(60_000));
        assert_eq!(at(60_999, true), Verdict::Soaking(1));
        assert_eq!(at(61_000, true), Verdict::Held);
    }

    #[test]
    fn an_interruption_begins_the_soak_anew() {
        let mut trial = trial(0);
        let mut at = |at, holds| trial.handle_look(&look(holds), &moment("a", at));
        assert_eq!(at(0, true), Verdict::Soaking(60_000));
        assert_eq!(at(50_000, false), no_answer(Verdict::Failing));
        assert_eq!(at(70_000, true), Verdict::Soaking(60_000));
        assert_eq!(at(130_000, true), Verdict::Held);
    }

    #[test]
    fn a_check_that_does_not_come_good_in_time_has_failed() {
        let mut trial = trial(0);
        let mut at = |at, holds| trial.handle_look(&look(holds), &moment("a", at));
        assert_eq!(at(99_999, false), no_answer(Verdict::Failing));
        // While it holds, it may go on to soak after the time in which it had to come good.
        assert_eq!(at(99_999, true), Verdict::Soaking(60_000));
        assert_eq!(at(120_000, true), Verdict::Soaking(39_999));
        assert_eq!(at(130_000, false), no_answer(Verdict::Failed));
    }

    #[test]
    fn a_reboot_begins_both_times_anew() {
        let mut trial = trial(0);
        assert_eq!(
            trial.handle_look(&look(true), &moment("a", 100)),
            Verdict::Soaking(60_000)
        );
        // Its clock has gone on as if nothing had happened, or back, or there is no id.
        for (boot, at) in [("b", 90_000), ("b", 5)] {
            let mut trial = trial.clone();
            let verdict = trial.handle_look(&look(true), &moment(boot, at));
            assert_eq!(verdict, Verdict::Soaking(60_000), "{boot} {at}");
            let late = moment(boot, at + 99_999);
            assert_eq!(
                trial.handle_look(&look(false), &late),
                no_answer(Verdict::Failing)
            );
        }
        trial.since.boot = None;
        let verdict = trial.handle_look(
            &look(true),
            &Moment {
                boot: None,
                at: Tick(0),
            },
        );
        assert_eq!(
            verdict,
            Verdict::Soaking(60_000),
            "the time since is not known"
        );
    }

    #[test]
    fn it_is_looked_at_now_and_then_and_never_later_than_needed() {
        let now = |at| moment("a", at);
        let trial = trial(0);
        let pause = |verdict: &Verdict, at| trial.pause(&look(true), verdict, &now(at));
        assert_eq!(pause(&Verdict::Soaking(60_000), 0), 10_000);
        assert_eq!(pause(&Verdict::Soaking(3_000), 0), 3_000);
        let failing = no_answer(Verdict::Failing);
        assert_eq!(pause(&failing, 0), 5_000);
        assert_eq!(pause(&failing, 40_000), 10_000);
        assert_eq!(pause(&failing, 98_000), 2_000);
        let mut long = look(true);
        long.check.soak = 86_400_000;
        let soaking = Verdict::Soaking(86_000_000);
        assert_eq!(trial.pause(&long, &soaking, &now(0)), PAUSE_MAX);
    }

    #[test]
    fn how_it_stands_is_said_in_words() {
        let standing = |ok, since, until| CheckStanding { ok, since, until };
        let wall = |time: u64| Some(Wall(1_790_000_000 / 86_400 * 86_400 + time));
        assert_eq!(
            standing(true, wall(7_440), wall(7_500)).words(None),
            "soaking until 02:05:00 UTC; its check has held since 02:04:00"
        );
        assert_eq!(
            standing(false, wall(7_440), None).words(Some("no answer")),
            "its check has failed since 02:04:00 UTC: no answer"
        );
        let (soaking, fails) = (standing(true, None, None), standing(false, None, None));
        assert_eq!(soaking.words(None), "soaking; its check has held");
        assert_eq!(
            fails.words(Some("no answer")),
            "its check has failed: no answer"
        );
        assert_eq!(fails.words(None), "its check has not been run yet");
    }
}
