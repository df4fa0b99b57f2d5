//! Rules: the policy that a charm declares for a lock.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::rotation::rotate;
use super::{Limit, Policy, Request, Sequence, Situation};
use crate::LockName;

/// The policy of one lock, as a charm declares it. By default one unit at a time, in the order in which they ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// How many operations may run at once.
    pub limit: Limit,
    /// In which order requests join; within a wave, if there are several.
    pub sequence: Sequence,
    /// What runs together, and what must be finished before the next may start.
    pub waves: Waves,
    /// Whether the first unit that joins an idle line goes alone, and the others once it has finished.
    pub canary: bool,
    /// How many entries to keep in the line behind those that may run.
    pub lookahead: u32,
    /// How many units may be unavailable at once, see [`Policy::max_unavailable`].
    pub max_unavailable: Option<Limit>,
}

/// What runs together, and what must be finished before the next may start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Waves {
    /// All units are in one wave.
    #[default]
    One,
    /// One wave for each availability zone. Units whose zone is unknown form a wave of their own.
    Zone,
}

impl fmt::Display for Waves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::One => "one",
            Self::Zone => "zone",
        })
    }
}

/// A text that names no waves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WavesError;

impl WavesError {
    /// What is valid instead.
    pub fn hint(&self) -> String {
        "waves are 'zone', one for each availability zone, or 'one' for all units".to_owned()
    }
}

impl fmt::Display for WavesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected 'zone' or 'one'")
    }
}

impl std::error::Error for WavesError {}

impl FromStr for Waves {
    type Err = WavesError;

    fn from_str(text: &str) -> Result<Self, WavesError> {
        let all = [Self::One, Self::Zone].into_iter();
        let mut named = all.filter(|waves| waves.to_string() == text);
        named.next().ok_or(WavesError)
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            limit: Limit::ONE,
            sequence: Sequence::FirstCome,
            waves: Waves::One,
            canary: false,
            lookahead: 16,
            max_unavailable: None,
        }
    }
}

impl Policy for Rules {
    fn limit(&self, _lock: &LockName, situation: &Situation<'_>) -> u32 {
        self.limit.of(situation.units)
    }

    fn lookahead(&self, _lock: &LockName) -> u32 {
        self.lookahead
    }

    fn max_unavailable(&self, _lock: &LockName, situation: &Situation<'_>) -> Option<u32> {
        self.max_unavailable.map(|most| most.of(situation.units))
    }

    fn order(&self, _lock: &LockName, requests: &mut Vec<Request>, situation: &Situation<'_>) {
        rotate(requests, situation.last);
        // A unit that asks again and again must not overtake another for ever, whatever the order. Each of its turns
        // takes a line of its own, and so its requests grow younger; in a roll no request is younger than this.
        let oldest = requests.iter().map(|request| request.asked).min();
        let young = oldest.map_or(0, |oldest| oldest.saturating_add(situation.units as u64));
        let is_young = |request: &Request| request.asked > young;
        let zones = self.zones(requests, situation);
        let zone = |request: &Request| zones.iter().position(|zone| *zone == request.zone);
        requests.sort_by(|a, b| {
            let by_age = is_young(a).cmp(&is_young(b));
            let by_zone = || zone(a).cmp(&zone(b));
            let by_sequence = || self.sequence.compare(a, b, situation);
            by_age.then_with(by_zone).then_with(by_sequence)
        });
        self.set_waves(requests, situation);
    }
}

impl Rules {
    /// The zones of the requests, in the order in which they take turns: by name, continuing with the zone at the end of
    /// the line. Without waves there are none.
    fn zones(&self, requests: &[Request], situation: &Situation<'_>) -> Vec<Option<String>> {
        if self.waves == Waves::One {
            return Vec::new();
        }
        let zones: BTreeSet<_> = requests.iter().map(|request| &request.zone).collect();
        let mut zones: Vec<_> = zones.into_iter().cloned().collect();
        if let Some(tail) = situation.tail {
            let next = zones.partition_point(|zone| zone.as_deref() < tail.zone);
            zones.rotate_left(next);
        }
        if self.sequence == Sequence::LeaderLast {
            let mut asking = requests.iter();
            let leader = asking.find(|request| request.ticket.unit == *situation.leader);
            let is_last = |zone: &Option<String>| {
                let goes_on = situation.tail.is_some_and(|t| t.zone == zone.as_deref());
                !goes_on && leader.is_some_and(|leader| leader.zone == *zone)
            };
            zones.sort_by_key(is_last);
        }
        zones
    }

    fn set_waves(&self, requests: &mut [Request], situation: &Situation<'_>) {
        let tail = situation.tail;
        let mut before = tail.map(|tail| (tail.wave, tail.zone.map(str::to_owned)));
        for request in requests {
            let wave = match &before {
                // Wave 0 of a line is the canary's.
                Some((0, _)) if self.canary => 1,
                Some((wave, zone)) => {
                    let next = self.waves == Waves::Zone && *zone != request.zone;
                    wave.saturating_add(next.into())
                }
                None => 0,
            };
            request.wave = wave;
            before = Some((wave, request.zone.clone()));
        }
    }
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
