//! A sequence of events in words.

use super::action::{Action, End};
use super::check::Application;
use super::state::{Event, State};

impl Application {
    /// A line for each action, from the start.
    pub(crate) fn story(&self, actions: &[Action]) -> Vec<String> {
        self.tell_all(self.case.start(), actions)
    }

    /// How it continues without further faults, and who is left waiting.
    pub(crate) fn epilogue(&self, state: &State) -> Vec<String> {
        let mut actions = Vec::new();
        let rest = self.bring_to_rest(state, |action| actions.push(action));
        let mut lines = vec!["From here on there are no more faults.".to_owned()];
        lines.extend(self.tell_all(state.clone(), &actions));
        let Some(rest) = rest else {
            lines.push("It does not become idle.".to_owned());
            return lines;
        };
        for index in 0..rest.units.len() {
            if rest.waits(index, self.locks()) {
                lines.push(format!("Everything is idle, and app/{index} still waits."));
            }
        }
        lines
    }

    fn tell_all(&self, mut state: State, actions: &[Action]) -> Vec<String> {
        let mut lines = Vec::new();
        for &action in actions {
            let Some(next) = self.apply(&state, action) else {
                break;
            };
            lines.push(self.tell(action, &state, &next));
            state = next;
        }
        lines
    }

    fn tell(&self, action: Action, before: &State, after: &State) -> String {
        let deed = match action {
            Action::Begin(unit, event, _) => format!("app/{unit} begins {}", name(event)),
            Action::BeginUnwell(unit, event) => {
                format!("app/{unit} begins {}; its check does not hold", name(event))
            }
            Action::Ask(unit) => format!("app/{unit} requests again while its operation runs"),
            Action::Proceed(unit, end) => format!("app/{unit}: {}", ending(end)),
            Action::Lead(unit) => format!("app/{unit} becomes the leader"),
            Action::Remove(unit) => format!("app/{unit} is removed"),
            Action::Die(unit) => format!("app/{unit} is gone"),
            Action::Rebirth(unit, _) => format!("a new app/{unit} is created"),
            Action::LoseDisk(unit) => format!("app/{unit} loses its disk"),
            Action::Ail(unit) => format!("app/{unit} becomes unavailable"),
            Action::Recover(unit) => format!("app/{unit} is available again"),
            Action::Serve(unit) => format!("app/{unit}'s deputy looks at what it wants in etcd"),
            Action::Hold(unit) => format!("app/{unit}'s deputy has the shared lock"),
            Action::LoseLease(unit) => format!("app/{unit}'s lease in etcd ends"),
            Action::RivalJoins => "somebody else wants the shared lock".to_owned(),
            Action::RivalLeaves => "somebody else's turn of the shared lock is over".to_owned(),
            Action::ChangeLimit if after.lowered => "an operator lowers the limit to 1".to_owned(),
            Action::ChangeLimit => "an operator raises the limit again".to_owned(),
        };
        let mut line = deed;
        for (index, (old, new)) in before.units.iter().zip(&after.units).enumerate() {
            for (lock, name) in self.locks().iter().enumerate() {
                let bit = 1 << lock;
                match (old.inside & bit != 0, new.inside & bit != 0) {
                    (false, true) => line.push_str(&format!("; app/{index} ENTERS {name}")),
                    (true, false) => line.push_str(&format!("; app/{index} leaves {name}")),
                    _ => {}
                }
            }
            if old.bag != new.bag
                && let Some(text) = new.bag.get()
            {
                line.push_str(&format!("\n    app/{index} publishes {text}"));
            }
            if new.hook.is_none() && new.retry.is_some() && old.hook.is_some() {
                line.push_str("; it will run again");
            }
        }
        if before.line != after.line
            && let Some(text) = after.line.get()
        {
            line.push_str(&format!("\n    the line is {text}"));
        }
        if let Some(broken) = after.broken {
            line.push_str(&format!("\n    VIOLATED: {}", broken.name()));
        }
        line
    }
}

fn name(event: Event) -> String {
    match event {
        Event::Config => "config-changed, and requests a turn".to_owned(),
        Event::Changed(unit) => format!("relation-changed (app/{unit})"),
        Event::Joined(unit) => format!("relation-joined (app/{unit})"),
        Event::Departed(unit) => format!("relation-departed (app/{unit})"),
        Event::Line => "relation-changed (the application)".to_owned(),
        Event::Elected => "leader-elected".to_owned(),
        Event::Wake => "update-status, run by the waker".to_owned(),
        Event::Cancel(unit) => format!("the action that cancels app/{unit}'s request"),
        Event::Skip(unit) => format!("the action that skips app/{unit}'s request"),
        Event::Retry(unit) => format!("the action that lets app/{unit} try again"),
        Event::Pause => "the action that pauses the locks".to_owned(),
        Event::Resume => "the action that resumes the locks".to_owned(),
        Event::Roll(_) => {
            let reason = event.reason().unwrap_or_default();
            format!("the action that rolls all units for '{reason}'")
        }
        Event::Abort => "the action that ends the campaign".to_owned(),
        Event::Pass => "config-changed, and passes".to_owned(),
        Event::Created => "relation-created".to_owned(),
    }
}

fn ending(end: End) -> &'static str {
    match end {
        End::Done => "its hook continues",
        End::Slow => "its hook continues, long after it began",
        End::CheckFails => {
            "its operation succeeds, its check does not hold, and its hook continues"
        }
        End::LeaseLost => "its hook continues, and another unit leads before it is committed",
        End::OperationFails => "its operation fails, and the hook with it",
        End::Stops => "its operation fails and stops, and its hook continues",
        End::StopsAndFails => "its operation fails and stops, and its hook fails at the very end",
        End::PassesOn => "its operation fails and the turn passes on, and its hook continues",
        End::Fails => "its hook fails at the very end",
        End::Killed => "its agent dies in the middle of the hook",
        End::KilledAt(_) => "its agent dies right after it has written the journal",
        End::CommittedThenKilled => {
            "its hook is committed, but its agent dies before learning of it"
        }
    }
}
