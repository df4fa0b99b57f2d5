//! An application in memory, whose unit 0 leads, and a driver for its units' hooks.

use std::collections::BTreeMap;

use super::super::{
    Answer, Availability, Effect, Engine, Facts, Gate, LineRead, Need, Roster, Shared, Stored,
};
pub(super) use crate::fixture::lock;
use crate::policy::Rotation;
use crate::{Line, Look, Payload, Reading, RelationId, Start, Tick, UnitName, Wall, decode_line};

pub(super) fn name(unit: u32) -> UnitName {
    format!("app/{unit}").parse().unwrap()
}

pub(super) fn relation() -> RelationId {
    RelationId::new("peers:1")
}

/// The databags, the units' disks, and the time.
#[derive(Debug, Clone, Default)]
pub(super) struct World {
    pub(super) units: u32,
    pub(super) bags: BTreeMap<UnitName, String>,
    pub(super) line: Option<String>,
    pub(super) disks: BTreeMap<UnitName, Stored>,
    pub(super) rosters: BTreeMap<UnitName, Roster>,
    pub(super) now: u64,
    /// How many milliseconds pass while the next answer is found: a policy takes its time.
    pub(super) answer_takes: u64,
    /// The number of the unit that leads.
    pub(super) leader: u32,
    /// The wall clock of all units, in seconds.
    pub(super) wall: Option<u64>,
    pub(super) refuses_line: bool,
    /// Units that the controller has forgotten and the relation still lists.
    pub(super) untold: Vec<u32>,
    /// A relation that Juju lists before the usual one.
    pub(super) lower: Option<RelationId>,
    /// What each unit has on its disk for any other endpoint.
    pub(super) elsewhere: Stored,
    pub(super) no_relation: bool,
    /// Whether processes of earlier hooks are still alive.
    pub(super) orphans: bool,
    pub(super) gate: Gate,
    pub(super) shared: Shared,
    /// How the check after an operation stands; `None` if the charm asks for none.
    pub(super) look: Option<Look>,
    pub(super) availability: Availability,
    /// The number of the machines' boot.
    pub(super) boot: u32,
    hooks: u32,
}

impl World {
    pub(super) fn new(units: u32) -> Self {
        Self {
            units,
            ..Self::default()
        }
    }

    /// What a new hook of a unit knows.
    pub(super) fn facts(&mut self, unit: u32) -> Facts {
        self.hooks += 1;
        let context = format!("hook-{}", self.hooks);
        Facts {
            boot: Some(self.boot.to_string()),
            ..Facts::new(name(unit), context, "peers", unit)
        }
    }

    /// A hook of a unit for `relation-changed`, about another unit's databag or, with `None`, the application's.
    pub(super) fn changed(&mut self, unit: u32, about: Option<u32>) -> Visit {
        let facts = self.changed_facts(unit, about);
        self.visit(facts)
    }

    /// What such a hook knows.
    pub(super) fn changed_facts(&mut self, unit: u32, about: Option<u32>) -> Facts {
        Facts {
            relation: Some(relation()),
            remote_unit: about.map(name),
            ..self.facts(unit)
        }
    }

    /// An action on a unit: Juju does not run it again.
    pub(super) fn action(&mut self, unit: u32) -> Visit {
        let facts = Facts {
            will_be_retried: false,
            ..self.facts(unit)
        };
        self.visit(facts)
    }

    pub(super) fn hook(&mut self, unit: u32) -> Visit {
        let facts = self.facts(unit);
        self.visit(facts)
    }

    pub(super) fn visit(&mut self, facts: Facts) -> Visit {
        let mut visit = Visit {
            unit: facts.unit.clone(),
            engine: Engine::new(facts),
            needs: Vec::new(),
            effects: Vec::new(),
        };
        visit.ask(self, Engine::open);
        visit
    }

    pub(super) fn answer(&self, unit: &UnitName, need: &Need) -> Answer {
        match need.clone() {
            Need::Stored(endpoint) => {
                let stored = match endpoint.as_str() {
                    "peers" => self.disks.get(unit).cloned().unwrap_or_default(),
                    _ => self.elsewhere.clone(),
                };
                Answer::Stored(endpoint, Box::new(stored))
            }
            Need::Roster(endpoint) => {
                let roster = self.rosters.get(unit).filter(|_| endpoint == "peers");
                Answer::Roster(endpoint, roster.cloned().map(Box::new))
            }
            Need::Relations(endpoint) => {
                let exists = endpoint == "peers" && !self.no_relation;
                let ids = self.lower.clone().into_iter().chain([relation()]);
                Answer::Relations(endpoint, ids.filter(|_| exists).collect())
            }
            Need::Line(relation) => {
                let line = LineRead {
                    read_at: Tick(self.now),
                    leader: *unit == name(self.leader),
                    value: self.line.clone(),
                };
                Answer::Line(relation, Some(line))
            }
            Need::Own(relation) => Answer::Own(relation, self.bags.get(unit).cloned()),
            Need::Records(relation, units) => {
                let value = |unit: UnitName| (unit.clone(), Ok(self.bags.get(&unit).cloned()));
                Answer::Records(relation, units.into_iter().map(value).collect())
            }
            Need::Members(relation) => {
                let listed = (0..self.units).chain(self.untold.iter().copied());
                let others = listed.map(name).filter(|other| other != unit);
                Answer::Members(relation, others.collect())
            }
            Need::Gate(lock) => Answer::Gate(lock, self.gate.clone()),
            Need::Shared { lock, .. } => Answer::Shared(lock, self.shared.clone()),
            Need::Check(lock) => Answer::Check(lock, self.look.clone().map(Box::new)),
            Need::Availability => Answer::Availability(self.availability.clone()),
            Need::GoalState => Answer::GoalState(Ok((0..self.units).map(name).collect())),
            Need::Alive(processes) => Answer::Alive(
                processes
                    .into_iter()
                    .map(|process| (process, self.orphans))
                    .collect(),
            ),
        }
    }

    /// The line, whose entries are `unit#seq`.
    pub(super) fn line(&self) -> Vec<String> {
        let Reading::Good(Line { locks, .. }) = decode_line(self.line.as_deref()) else {
            return Vec::new();
        };
        let entries = locks.into_values().flat_map(|line| line.entries);
        entries.map(|entry| entry.ticket.to_string()).collect()
    }

    /// A hook of each unit in which it asks for a turn, and then one in which the leader puts them in line.
    pub(super) fn line_up(&mut self, units: impl IntoIterator<Item = u32>) {
        for unit in units {
            self.hook(unit).request(self);
        }
        self.hook(0).release(self);
    }
}

/// A hook of one unit, with all that it needed and all that it did.
#[derive(Debug)]
pub(super) struct Visit {
    unit: UnitName,
    pub(super) engine: Engine,
    pub(super) needs: Vec<Need>,
    pub(super) effects: Vec<Effect>,
}

impl Visit {
    /// Asks a question and carries out what follows. Returns the answer; the effects are in [`Visit::effects`].
    pub(super) fn ask<T>(
        &mut self,
        world: &mut World,
        question: impl FnMut(&mut Engine) -> Result<T, Need>,
    ) -> T {
        self.ask_and_die(world, usize::MAX, question)
    }

    /// As [`Visit::ask`], but the process dies after so many effects.
    pub(super) fn ask_and_die<T>(
        &mut self,
        world: &mut World,
        after: usize,
        mut question: impl FnMut(&mut Engine) -> Result<T, Need>,
    ) -> T {
        self.engine.handle_question();
        let answer = loop {
            self.engine.handle_time(Tick(world.now));
            self.engine.handle_wall_time(world.wall.map(Wall));
            match question(&mut self.engine) {
                Ok(answer) => break answer,
                Err(need) => {
                    assert!(
                        !self.needs.contains(&need)
                            || matches!(
                                need,
                                Need::Stored(_)
                                    | Need::Roster(_)
                                    | Need::Shared { .. }
                                    | Need::Check(_)
                            )
                    );
                    let answer = world.answer(&self.unit, &need);
                    self.engine.handle_answer(answer);
                    self.needs.push(need);
                }
            }
        };
        world.now += std::mem::take(&mut world.answer_takes);
        self.effects.clear();
        for _ in 0..after {
            let Some(effect) = self.engine.poll_effect() else {
                break;
            };
            self.carry_out(world, &effect);
            self.effects.push(effect);
        }
        answer
    }

    fn carry_out(&mut self, world: &mut World, effect: &Effect) {
        let mut elsewhere = Stored::default();
        let disk = match effect {
            Effect::StoreSession { endpoint, .. } if endpoint != "peers" => &mut elsewhere,
            _ => world.disks.entry(self.unit.clone()).or_default(),
        };
        match effect.clone() {
            Effect::StoreJournal { journal, .. } => disk.journal = Some(*journal),
            Effect::StoreSession { session, .. } => disk.session = Some(*session),
            Effect::StoreRoster { roster, .. } => {
                world.rosters.insert(self.unit.clone(), *roster);
            }
            Effect::PublishRecord { value, .. } => {
                world.bags.insert(self.unit.clone(), value);
            }
            Effect::PublishLine { relation, by, .. } if Tick(world.now) >= by => {
                self.engine.handle_line_late(&relation);
            }
            Effect::PublishLine { relation, .. } if world.refuses_line => {
                self.engine.handle_line_refused(&relation, "not the leader");
            }
            Effect::PublishLine { value, .. } => world.line = Some(value),
            Effect::StorePending { .. } | Effect::DropPending { .. } | Effect::Wake { .. } => {}
        }
    }

    pub(super) fn request(&mut self, world: &mut World) {
        self.ask(world, |engine| {
            engine.request(&lock(), None, &Payload::default())
        });
    }

    pub(super) fn start(&mut self, world: &mut World) -> Start {
        self.ask(world, |engine| engine.start(&lock()))
    }

    pub(super) fn finish(&mut self, world: &mut World) {
        self.ask(world, |engine| engine.finish(&lock(), Ok(()), None));
    }

    /// Ends the operation, which has a check, and looks at that.
    pub(super) fn succeed(&mut self, world: &mut World) -> Start {
        self.ask(world, |engine| engine.put_on_trial(&lock(), None));
        let looked = self.ask(world, |engine| engine.look_at_check(&lock()));
        looked.expect("it is on trial")
    }

    pub(super) fn release(&mut self, world: &mut World) {
        self.ask(world, |engine| engine.release(&Rotation::default(), &[]));
    }

    /// The effects of the last question, in a word each.
    pub(super) fn did(&self) -> Vec<&'static str> {
        let word = |effect: &Effect| match effect {
            Effect::StoreJournal { .. } => "journal",
            Effect::StoreSession { .. } => "session",
            Effect::StoreRoster { .. } => "roster",
            Effect::PublishRecord { .. } => "record",
            Effect::PublishLine { .. } => "line",
            Effect::StorePending { .. } => "pending",
            Effect::DropPending { .. } => "drop-pending",
            Effect::Wake { .. } => "wake",
        };
        self.effects.iter().map(word).collect()
    }
}

/// The needs, in a word each.
pub(super) fn words(needs: &[Need]) -> Vec<&'static str> {
    let word = |need: &Need| match need {
        Need::Stored(_) => "stored",
        Need::Roster(_) => "roster",
        Need::Relations(_) => "relations",
        Need::Line(_) => "line",
        Need::Own(_) => "own",
        Need::Records(..) => "records",
        Need::Members(_) => "members",
        Need::GoalState => "goal-state",
        Need::Alive(_) => "alive",
        Need::Gate(_) => "gate",
        Need::Shared { .. } => "shared",
        Need::Check(_) => "check",
        Need::Availability => "availability",
    };
    // Every hook asks for that, and most charms do not tell.
    let needs = needs.iter().filter(|need| **need != Need::Availability);
    needs.map(word).collect()
}
