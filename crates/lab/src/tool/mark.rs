//! `lab-mark`, which is the lab's own: a charm marks where it enters and leaves a lock.

use super::flag::Spec;
use super::halt::usage;
use super::scene::{Answer, Scene};
use crate::history::Happening;

const SPEC: Spec = Spec {
    name: "lab-mark",
    args: "enter|leave LOCK",
    purpose: "Mark in the lab's history that the unit enters or leaves a lock.",
    flags: &[],
    most: 2,
};

pub(super) fn run(scene: &mut Scene<'_>) -> Answer {
    let parsed = SPEC.parse(&scene.call.args)?;
    let Some(lock) = parsed.arg(1).filter(|lock| !lock.is_empty()) else {
        return usage("expected lab-mark enter LOCK, or lab-mark leave LOCK");
    };
    let (unit, lock) = (scene.name.clone(), lock.to_owned());
    let mark = match parsed.arg(0) {
        Some("enter") => Happening::Enter { unit, lock },
        Some("leave") => Happening::Leave { unit, lock },
        other => {
            let word = other.unwrap_or_default();
            return usage(format!("{word:?} is not a mark: expected enter or leave"));
        }
    };
    scene.world.record(mark);
    Ok(Vec::new())
}
