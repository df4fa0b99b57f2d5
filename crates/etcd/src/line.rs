//! Whose turn it is, and what to watch until it is.
//!
//! A request reads only the nearest entries ahead of it, as many as its limit. If there are fewer, it knows all that is
//! ahead, and the entry rule of `ops-coordinator-core` decides; if there are as many, it has to wait in any case.
//!
//! **What to watch.** A request with a limit of L cannot start while L entries ahead of it exist, whichever they
//! are. So it is enough to watch any L of them, and it takes the nearest. For L = 1 that is one key, and a finish wakes
//! one. For a larger L that would wake L at each finish. Those inside are always the first in the line (limits in force
//! only fall towards its end), so while the entry just ahead has not begun, nothing can happen to those behind it: they
//! watch that entry alone, for its beginning or its end. Only the first who waits watches the L who are inside. A finish
//! then wakes one, which starts and wakes one more, which takes over the watch: two events, however many wait.

use crate::entry::{Entry, standing};

/// A key to watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Watched {
    /// The key.
    pub(crate) key: Vec<u8>,
    /// Whether a write matters as well as the deletion.
    pub(crate) writes: bool,
}

/// What a look at the line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It may start.
    Start,
    /// It has to wait until something happens to one of these.
    Wait(Vec<Watched>),
}

/// How many entries ahead must be read to decide for a request with this limit.
pub(crate) fn sight(limit: u32) -> i64 {
    limit.into()
}

/// Decides for a request with this limit, behind these entries: the nearest first, all of them or [`sight`] many.
pub(crate) fn decide(limit: u32, ahead: &[Entry]) -> Decision {
    let own = standing(limit, ahead);
    // Whatever is further ahead has been left out only if there are enough to wait for.
    if own.may_start(ahead.iter().map(|_| own)) {
        return Decision::Start;
    }
    let watched = |writes: bool| {
        move |entry: &Entry| Watched {
            key: entry.key.clone(),
            writes,
        }
    };
    Decision::Wait(match ahead {
        [next, ..] if limit > 1 && !next.has_begun() => vec![watched(true)(next)],
        // Its own limit, not the one in force: that rises again when the entry that lowered it goes.
        _ => ahead.iter().map(watched(false)).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Note;

    /// Entries as they are in the line: each with its limit, and whether it has begun.
    fn line(entries: &[(u32, bool)]) -> Vec<Entry> {
        let entry = |(place, &(limit, begun)): (usize, &(u32, bool))| {
            let note = Note::new(limit, "somebody");
            Entry {
                key: vec![u8::try_from(place).unwrap()],
                token: i64::try_from(place).unwrap() + 1,
                lease: 0,
                note: Some(if begun { note.begun() } else { note }),
            }
        };
        entries.iter().enumerate().map(entry).collect()
    }

    /// What a request with this limit decides at the end of the line, seeing what it asks to see.
    fn at_end(limit: u32, entries: &[(u32, bool)]) -> Decision {
        let mut ahead = line(entries);
        ahead.reverse();
        ahead.truncate(usize::try_from(sight(limit)).unwrap());
        decide(limit, &ahead)
    }

    fn wait(keys: &[u8], writes: bool) -> Decision {
        let watched = keys.iter().map(|&key| Watched {
            key: vec![key],
            writes,
        });
        Decision::Wait(watched.collect())
    }

    #[test]
    fn with_limit_one_each_watches_only_the_end_of_the_one_ahead() {
        assert_eq!(at_end(1, &[]), Decision::Start);
        assert_eq!(at_end(1, &[(1, true)]), wait(&[0], false));
        assert_eq!(at_end(1, &[(1, true), (1, false)]), wait(&[1], false));
    }

    #[test]
    fn with_a_limit_the_first_who_waits_watches_those_inside() {
        assert_eq!(at_end(3, &[(3, true), (3, true)]), Decision::Start);
        let inside = [(3, true), (3, true), (3, true)];
        assert_eq!(at_end(3, &inside), wait(&[2, 1, 0], false));
    }

    #[test]
    fn with_a_limit_the_others_watch_only_whether_the_one_ahead_begins() {
        let line = [(2, true), (2, true), (2, false)];
        assert_eq!(at_end(2, &line), wait(&[2], true));
    }

    #[test]
    fn a_lower_limit_ahead_holds_for_all_behind_it() {
        assert_eq!(at_end(3, &[(1, true)]), wait(&[0], false));
        assert_eq!(at_end(3, &[(3, true), (1, false)]), wait(&[1], true));
    }

    #[test]
    fn a_lower_limit_behind_a_higher_one_waits_for_all_ahead() {
        assert_eq!(at_end(1, &[(3, true), (3, true)]), wait(&[1], false));
        assert_eq!(at_end(1, &[(3, true)]), wait(&[0], false));
    }

    /// Everything that can happen to a line of five with limits up to three: whoever may start begins, whoever is there
    /// may go. After each step, whoever may start either had no need of an event or got one.
    #[test]
    fn nobody_who_may_start_is_left_asleep_and_nobody_starts_too_early() {
        let mut runs = 0;
        for code in 0..3_u32.pow(5) {
            let limits: Vec<u32> = (0..5)
                .map(|place| code / 3_u32.pow(place) % 3 + 1)
                .collect();
            for seed in 0..20 {
                play(&limits, seed);
                runs += 1;
            }
        }
        assert_eq!(runs, 243 * 20);
    }

    fn play(limits: &[u32], seed: u64) {
        let mut random = fastrand::Rng::with_seed(seed);
        let entries: Vec<(u32, bool)> = limits.iter().map(|&limit| (limit, false)).collect();
        let mut line = line(&entries);
        let mut watching = std::collections::BTreeMap::new();
        let look = |line: &[Entry], place: usize| {
            let mut ahead: Vec<Entry> = line[..place].iter().rev().cloned().collect();
            let limit = line[place].limit();
            ahead.truncate(usize::try_from(sight(limit)).unwrap());
            decide(limit, &ahead)
        };
        for place in 0..line.len() {
            watching.insert(line[place].key.clone(), look(&line, place));
        }
        while !line.is_empty() {
            let startable = (0..line.len()).filter(|&place| {
                !line[place].has_begun() && watching[&line[place].key] == Decision::Start
            });
            let startable: Vec<usize> = startable.collect();
            let gone = (0..line.len()).filter(|&place| !startable.contains(&place));
            let gone: Vec<usize> = gone.collect();
            let start = !startable.is_empty() && (gone.is_empty() || random.bool());
            let (key, write) = if start {
                let place = startable[random.usize(..startable.len())];
                line[place].note = line[place].note.as_ref().map(Note::begun);
                (line[place].key.clone(), true)
            } else {
                (line.remove(gone[random.usize(..gone.len())]).key, false)
            };
            let inside: Vec<&Entry> = line.iter().filter(|entry| entry.has_begun()).collect();
            for entry in &inside {
                assert!(
                    inside.len() <= entry.limit() as usize,
                    "{limits:?} {seed}: {line:?}"
                );
            }
            for place in 0..line.len() {
                let told = matches!(&watching[&line[place].key], Decision::Wait(watched)
                    if watched.iter().any(|one| one.key == key && (one.writes || !write)));
                if told {
                    watching.insert(line[place].key.clone(), look(&line, place));
                }
            }
            // Once all who may start have begun, whoever could start knows it.
            let settled = line
                .iter()
                .all(|entry| entry.has_begun() || watching[&entry.key] != Decision::Start);
            for place in 0..line.len() {
                let asleep = !line[place].has_begun()
                    && watching[&line[place].key] != Decision::Start
                    && look(&line, place) == Decision::Start;
                assert!(
                    !(settled && asleep),
                    "{limits:?} {seed}: {place} of {line:?}"
                );
            }
        }
    }
}
