//! The waker: runs a hook when no Juju event triggers one. This module decides what the waker does next; its driver
//! sleeps, looks and runs.

use std::fmt;
use std::str::FromStr;

/// How long it waits for another hook, in milliseconds.
const PATIENCE: u64 = 5_000;
/// How often it tries: it doubles the wait each time, until `update-status` is due anyway.
const TRIES: u32 = 6;

/// What a waker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Errand {
    /// Runs another hook some seconds after the one that asks, unless one runs first.
    Hook,
    /// Runs another hook after so many milliseconds, whatever else runs meanwhile.
    Later(u64),
    /// Runs a visit at once, without the charm's code, to write the line that a long hook left pending.
    Line,
}

impl fmt::Display for Errand {
    /// As on a waker's command line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hook => f.write_str("hook"),
            Self::Later(time) => write!(f, "later-{time}"),
            Self::Line => f.write_str("line"),
        }
    }
}

impl FromStr for Errand {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let later = text.strip_prefix("later-");
        match (text, later.and_then(|time| time.parse().ok())) {
            ("hook", _) => Ok(Self::Hook),
            ("line", _) => Ok(Self::Line),
            (_, Some(time)) => Ok(Self::Later(time)),
            _ => Err("expected hook, line or later-MILLISECONDS".to_owned()),
        }
    }
}

/// What a waker does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WakerStep {
    /// Wait until the hook that asked has ended, or Juju does not answer; then [`Waker::handle_wait`]. Juju runs commands
    /// before hooks: a command queued while a hook still runs would repeatedly run before the event for which the unit
    /// waits.
    AwaitHookEnd,
    /// Sleep this many milliseconds; then [`Waker::handle_wait`].
    Sleep(u64),
    /// Look at the state that the unit's last hook left; then [`Waker::handle_look`].
    Look,
    /// Run the hook, or the visit that writes the line; then [`Waker::handle_run`].
    Run,
    /// Nothing more.
    End,
}

/// One waker, from the hook that asked for it to its end.
///
/// Juju does not retry a failing command as it retries its own hooks, and an operation may have failed in it, or its commit
/// been refused. So the waker retries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waker {
    errand: Errand,
    /// The last hook that it knows.
    context: Option<String>,
    tried: u32,
    step: WakerStep,
}

impl Waker {
    /// A waker started by the hook of this context.
    pub fn new(errand: Errand, context: &str) -> Self {
        Self {
            errand,
            context: Some(context.to_owned()),
            tried: 0,
            step: match errand {
                Errand::Hook => WakerStep::AwaitHookEnd,
                Errand::Later(time) => WakerStep::Sleep(time),
                Errand::Line => WakerStep::Look,
            },
        }
    }

    /// What to do next.
    pub fn poll(&self) -> WakerStep {
        self.step
    }

    /// The hook has ended, or the time is up.
    pub fn handle_wait(&mut self) {
        self.step = match self.step {
            WakerStep::AwaitHookEnd => WakerStep::Sleep(PATIENCE),
            WakerStep::Sleep(_) => WakerStep::Look,
            other => other,
        };
    }

    /// The observed state: the context of the unit's last hook, and whether a line is pending.
    pub fn handle_look(&mut self, last: Option<&str>, line_waits: bool) {
        let needed = match self.errand {
            Errand::Hook => last.is_none_or(|last| self.context.as_deref() == Some(last)),
            Errand::Later(_) => true,
            Errand::Line => line_waits,
        };
        self.step = if needed {
            WakerStep::Run
        } else {
            WakerStep::End
        };
    }

    /// The hook or visit has ended; `last` is the context of the unit's last hook, which may be that one.
    pub fn handle_run(&mut self, success: bool, last: Option<&str>) {
        self.tried += 1;
        self.context = last.map(str::to_owned);
        // Before the first try for a line there is no sleep.
        let doubled = match self.errand {
            Errand::Hook | Errand::Later(_) => self.tried,
            Errand::Line => self.tried - 1,
        };
        self.step = if success || self.tried >= TRIES {
            WakerStep::End
        } else {
            WakerStep::Sleep(PATIENCE << doubled)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often a waker that `a` asked for runs something, and how many milliseconds it sleeps; `work` says whether a
    /// run succeeds, and which hook is the last one then.
    fn woken(
        errand: Errand,
        before: &str,
        line_waits: bool,
        work: impl Fn(u32) -> (bool, String),
    ) -> (u32, u64) {
        let mut waker = Waker::new(errand, "a");
        let (mut runs, mut slept, mut last) = (0, 0, before.to_owned());
        loop {
            match waker.poll() {
                WakerStep::AwaitHookEnd => waker.handle_wait(),
                WakerStep::Sleep(time) => {
                    slept += time;
                    waker.handle_wait();
                }
                WakerStep::Look => waker.handle_look(Some(&last), line_waits),
                WakerStep::Run => {
                    runs += 1;
                    let success;
                    (success, last) = work(runs);
                    waker.handle_run(success, Some(&last));
                }
                WakerStep::End => return (runs, slept),
            }
        }
    }

    fn succeeds(run: u32, at: u32) -> (bool, String) {
        (run == at, format!("exec-{run}"))
    }

    #[test]
    fn a_hook_that_came_without_it_makes_the_waker_unnecessary() {
        let hook = |before| woken(Errand::Hook, before, false, |run| succeeds(run, 1));
        assert_eq!(hook("b"), (0, PATIENCE));
        assert_eq!(hook("a"), (1, PATIENCE));
    }

    #[test]
    fn a_hook_that_fails_is_run_again_until_it_succeeds() {
        let hook = |at| woken(Errand::Hook, "a", false, move |run| succeeds(run, at));
        assert_eq!(hook(3), (3, PATIENCE * 7));
        assert_eq!(hook(99), (TRIES, PATIENCE * 63));
    }

    #[test]
    fn another_hook_after_one_that_failed_takes_over() {
        let mut waker = Waker::new(Errand::Hook, "a");
        waker.handle_wait();
        waker.handle_wait();
        waker.handle_look(Some("a"), false);
        waker.handle_run(false, Some("exec-1"));
        waker.handle_wait();
        waker.handle_look(Some("another"), false);
        assert_eq!(waker.poll(), WakerStep::End);
    }

    #[test]
    fn a_line_is_written_at_once_and_tried_again_while_it_is_there() {
        let line = |waits, at| woken(Errand::Line, "a", waits, move |run| succeeds(run, at));
        assert_eq!(line(false, 1), (0, 0), "nothing is left behind");
        assert_eq!(line(true, 1), (1, 0));
        assert_eq!(line(true, 3), (3, PATIENCE * 3));
        assert_eq!(line(true, 99), (TRIES, PATIENCE * 31));
    }

    #[test]
    fn a_later_hook_comes_whatever_else_runs_meanwhile() {
        let later = |at| {
            woken(Errand::Later(90_000), "b", false, move |run| {
                succeeds(run, at)
            })
        };
        assert_eq!(later(1), (1, 90_000));
        assert_eq!(later(2), (2, 90_000 + PATIENCE * 2));
    }

    #[test]
    fn errands_have_names() {
        for errand in [Errand::Hook, Errand::Line, Errand::Later(90_000)] {
            assert_eq!(errand.to_string().parse(), Ok(errand));
        }
        for bad in ["x", "later", "later-", "later-x", "later--1"] {
            assert!(bad.parse::<Errand>().is_err(), "{bad}");
        }
    }
}
