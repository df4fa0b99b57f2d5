//! A run in words.

use std::convert::Infallible;

use ops_coordinator_lab::history::{Event, Happening, Life, Outcome};

use super::recipe::Recipe;

/// What a recipe is, a line for each thing.
pub fn recipe_in_words(recipe: &Recipe) -> Vec<String> {
    let settings = &recipe.settings;
    let mut lines = vec![format!(
        "{} units of Juju {}, limit {}, lookahead {}, {} of the leader's own line; \
         events take up to {} ms",
        recipe.units,
        settings.juju_version,
        recipe.limit,
        recipe.lookahead,
        if settings.leader_hears_own_write {
            "told"
        } else {
            "not told"
        },
        settings.watcher_delay,
    )];
    if let Some(shared) = &recipe.shared {
        lines.extend(shared.in_words());
    }
    for (at, deed) in &recipe.deeds {
        let Ok(deed) = deed.aim(|number| Ok::<_, Infallible>(format!("app/{number}")));
        lines.push(format!("{:>9.3} s  {deed}", seconds(*at)));
    }
    lines
}

/// What happened, without the hooks in which nothing did.
pub fn story(history: &[Event]) -> Vec<String> {
    let told = history
        .iter()
        .filter_map(|event| Some((event, tell(&event.happening)?)));
    told.map(|(event, text)| format!("{:>9.3} s  {text}", seconds(event.at)))
        .collect()
}

fn tell(happening: &Happening) -> Option<String> {
    Some(match happening {
        Happening::Commit {
            unit,
            hook,
            unit_writes,
            app_writes,
            ..
        } => {
            let what = match (unit_writes.is_empty(), app_writes.is_empty()) {
                (false, true) => "its record",
                (true, false) => "the line",
                (false, false) => "its record and the line",
                (true, true) => return None,
            };
            format!("{unit} publishes {what} ({hook})")
        }
        Happening::Refused { unit, hook, reason } => {
            format!("{unit}'s changes from {hook} are refused: {reason}")
        }
        Happening::Enter { unit, lock } => format!("{unit} ENTERS {lock}"),
        Happening::Leave { unit, lock } => format!("{unit} leaves {lock}"),
        Happening::Leader {
            unit: Some(unit), ..
        } => format!("{unit} leads"),
        Happening::Leader { unit: None, .. } => "nobody leads".to_owned(),
        Happening::Life {
            unit,
            life: Life::Alive,
        } => format!("{unit} is created"),
        Happening::Life {
            unit,
            life: Life::Dying,
        } => format!("{unit} is removed"),
        Happening::Life {
            unit,
            life: Life::Dead,
        } => format!("{unit} is gone"),
        Happening::Agent { unit, condition } => {
            format!("{unit}'s agent: {condition:?}").to_lowercase()
        }
        Happening::Resolved { unit, retry } => {
            let how = if *retry { "runs again" } else { "is skipped" };
            format!("{unit}'s failed hook {how}")
        }
        Happening::HookEnd {
            unit,
            hook,
            outcome,
            ..
        } if *outcome != Outcome::Done => {
            format!("{unit}'s {hook} ended: {outcome:?}").to_lowercase()
        }
        _ => return None,
    })
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a day or two")]
fn seconds(millis: u64) -> f64 {
    millis as f64 / 1000.0
}
