//! The demo without a terminal: one line for each thing worth telling.

use std::collections::BTreeSet;

use ops_coordinator_lab::UnitName;
use ops_coordinator_lab::history::{Event, Happening};
use ops_coordinator_lab::process::Lab;

use super::stop;
use crate::command::lab::{View, line, news, print_line, tell};

/// The plain view, with waves and stops.
#[derive(Debug, Default)]
pub(super) struct Story {
    seen: usize,
    waves: u32,
    /// The zone of the wave that goes on.
    zone: Option<String>,
    /// The units that are blocked, as far as that is told.
    blocked: BTreeSet<UnitName>,
    /// Why the roll stopped last.
    stopped: Vec<String>,
}

impl Story {
    /// Tells of a wave that begins with this event.
    fn tell_wave(&mut self, lab: &Lab, event: &Event) {
        let Happening::Enter { unit, .. } = &event.happening else {
            return;
        };
        let (zone, mates) = lab.with_world(|world, _| {
            let settings = world.settings();
            let zone = (settings.zones > 1).then(|| settings.zone(unit));
            let mates = world.units().into_iter().map(|status| status.unit);
            let mates = mates.filter(|mate| Some(settings.zone(mate)) == zone);
            let mates: Vec<String> = mates.map(|mate| mate.to_string()).collect();
            (zone, mates)
        });
        if let Some(zone) = zone.filter(|zone| self.zone.as_ref() != Some(zone)) {
            self.waves += 1;
            let text = format!("wave {}, zone {zone}: {}", self.waves, mates.join(" "));
            self.say(event.at, &text);
            self.zone = Some(zone);
        }
    }

    /// Tells of a unit that has become blocked; its charm may say so in every hook.
    fn tell_blocked(&mut self, event: &Event) -> Option<String> {
        let Happening::Status {
            unit,
            status,
            message,
            ..
        } = &event.happening
        else {
            return None;
        };
        if status != "blocked" {
            self.blocked.remove(unit);
            return None;
        }
        let is_new = self.blocked.insert(unit.clone());
        is_new.then(|| format!("{unit} is blocked: {message}"))
    }
}

impl View for Story {
    fn say(&mut self, at: u64, text: &str) {
        print_line(&line(at, &format!("-- {text}")));
    }

    fn refresh(&mut self, lab: &Lab) {
        for event in news(lab, &mut self.seen) {
            self.tell_wave(lab, &event);
            let text = self.tell_blocked(&event);
            if let Some(text) = text.or_else(|| tell(&event)) {
                print_line(&line(event.at, &text));
            }
        }
    }

    fn stop(&mut self, lab: &Lab) {
        self.refresh(lab);
        let reasons = stop::reasons(lab);
        if reasons == self.stopped {
            // Somebody has looked.
            return;
        }
        for text in &reasons {
            self.say(lab.now(), text);
        }
        self.stopped = reasons;
        for text in stop::advice() {
            print_line(&format!("{:14}{text}", ""));
        }
    }

    fn close(&mut self, _: &Lab) {}
}
