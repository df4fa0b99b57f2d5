//! The demo on a terminal: one row per unit, redrawn in place.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ops_coordinator_core::{LockStatus, Place, UnitStatus as Request};
use ops_coordinator_lab::process::Lab;
use ops_coordinator_lab::report::{LockReport, describe};
use ops_coordinator_lab::world::{AgentStatus, UnitStatus};

use super::charm::LOCK;
use super::requests::{has_failed, requests};
use super::stop;
use super::watch::Watch;
use crate::command::lab::{Board, Cell, Tone, View, seconds};

/// Between two drawings.
const PACE: Duration = Duration::from_millis(80);

/// The columns: unit, zone, agent, turn, server. Without zones there is one column less.
const WIDTHS: [usize; 5] = [11, 4, 32, 16, 6];

const TITLES: [&str; 5] = ["unit", "zone", "agent", "turn", "server"];

/// Which of them is the zone.
const ZONE: usize = 1;

/// The lines that say why the roll has stopped and what to do.
const STOP_LINES: usize = 5;

/// The characters of the bar at the bottom.
const BAR: usize = 30;

/// The live view.
pub(super) struct Live {
    board: Board,
    heading: String,
    watch: Arc<Watch>,
    limit: u32,
    remark: String,
    /// Why the roll has stopped, and what to do, while it has.
    stop: Vec<(String, Tone)>,
    drawn: Option<Instant>,
}

impl Live {
    /// A live view, if standard output is a terminal that can show one, with what is said of a roll that `may_stop`.
    pub(super) fn open(
        heading: &str,
        units: u32,
        limit: u32,
        may_stop: bool,
        watch: &Arc<Watch>,
    ) -> Option<Self> {
        let extra = if may_stop { STOP_LINES } else { 0 };
        let rows = usize::try_from(units).ok()? + extra;
        Some(Self {
            board: Board::open(rows)?,
            heading: heading.to_owned(),
            watch: Arc::clone(watch),
            limit,
            remark: "installing the units".to_owned(),
            stop: Vec::new(),
            drawn: None,
        })
    }

    fn draw(&mut self, lab: &Lab) {
        let (mut units, settings, lock, requests) = lab.with_world(|world, _| {
            let limits = BTreeMap::from([(LOCK.to_owned(), self.limit)]);
            let lock = LockReport::all(world.history().events(), &limits)
                .into_iter()
                .next();
            let requests = requests(world, lab.application());
            (world.units(), world.settings().clone(), lock, requests)
        });
        let Some(lock) = lock else { return };
        // Zone by zone, as the waves go.
        units.sort_by_key(|unit| settings.zone(&unit.unit));
        let with_zones = settings.zones > 1;
        let columns = |mut cells: Vec<Cell>| {
            if !with_zones {
                cells.remove(ZONE);
            }
            cells
        };
        let one = |text: String, tone| vec![Cell::new(text, tone)];
        let mut lines = vec![
            one(format!("ops-coordinator   {}", self.heading), Tone::Strong),
            one(String::new(), Tone::Plain),
            columns(TITLES.map(|title| Cell::new(title, Tone::Faint)).into()),
        ];
        lines.extend(units.iter().map(|unit| {
            let zone = settings.zone(&unit.unit);
            columns(self.row(unit, &zone, &lock, &requests))
        }));
        let done = units
            .iter()
            .filter(|unit| lock.finished_of(&unit.unit) > 0)
            .count();
        let up = units
            .iter()
            .filter(|unit| self.watch.answered(&unit.unit.to_string()))
            .count();
        let full = BAR * done / units.len().max(1);
        let bar = format!("{}{}", "━".repeat(full), "─".repeat(BAR - full));
        lines.push(one(String::new(), Tone::Plain));
        lines.push(one(
            format!("{bar}  {done} of {} restarted, {up} answer", units.len()),
            if done == units.len() {
                Tone::Good
            } else {
                Tone::Plain
            },
        ));
        lines.push(one(
            format!("{:>6} s  {}", seconds(lab.now()), self.remark),
            Tone::Faint,
        ));
        if !self.stop.is_empty() {
            lines.push(one(String::new(), Tone::Plain));
            let said = self.stop.iter();
            lines.extend(said.map(|(text, tone)| one(text.clone(), *tone)));
        }
        let mut widths = WIDTHS.to_vec();
        if !with_zones {
            widths.remove(ZONE);
        }
        self.board.draw(&lines, &widths);
    }

    fn row(
        &self,
        unit: &UnitStatus,
        zone: &str,
        lock: &LockReport,
        requests: &LockStatus,
    ) -> Vec<Cell> {
        let name = unit.unit.to_string();
        let agent_tone = match unit.agent {
            AgentStatus::Idle => Tone::Faint,
            AgentStatus::Executing(_) => Tone::Plain,
            _ => Tone::Bad,
        };
        let server = if self.watch.answered(&name) {
            Cell::new("up", Tone::Good)
        } else if self.watch.fewest_answering().is_some() {
            Cell::new("down", Tone::Bad)
        } else {
            Cell::new("-", Tone::Faint)
        };
        vec![
            Cell::new(
                format!("{name}{}", if unit.leader { "*" } else { "" }),
                Tone::Plain,
            ),
            Cell::new(zone, Tone::Faint),
            Cell::new(describe(&unit.agent), agent_tone),
            turn(unit, lock, requests),
            server,
        ]
    }
}

impl View for Live {
    fn say(&mut self, _: u64, text: &str) {
        text.clone_into(&mut self.remark);
        self.drawn = None;
    }

    fn refresh(&mut self, lab: &Lab) {
        if self.drawn.is_none_or(|drawn| drawn.elapsed() >= PACE) {
            self.draw(lab);
            self.drawn = Some(Instant::now());
        }
    }

    fn stop(&mut self, lab: &Lab) {
        let reasons = stop::reasons(lab);
        if reasons.is_empty() {
            return;
        }
        let reasons = reasons.into_iter().map(|text| (text, Tone::Bad));
        let advice = stop::advice().into_iter().map(|text| (text, Tone::Plain));
        self.stop = reasons.chain(advice).collect();
        self.drawn = None;
    }

    fn go_on(&mut self) {
        self.stop.clear();
    }

    fn close(&mut self, lab: &Lab) {
        self.draw(lab);
    }
}

/// Where a unit stands with its turn.
fn turn(unit: &UnitStatus, lock: &LockReport, requests: &LockStatus) -> Cell {
    let name = unit.unit.to_string().parse().ok();
    let request = name.and_then(|name| requests.unit(&name));
    if request.is_some_and(has_failed) && unit.agent == AgentStatus::Idle {
        return Cell::new("✘ failed", Tone::Bad);
    }
    if lock.inside().contains(&unit.unit) {
        return Cell::new("▶ its turn", Tone::Busy);
    }
    let waits = |text: String| Cell::new(text, Tone::Plain);
    match request.map(|request| (request.place, request.position.unwrap_or(1))) {
        Some((Place::Requested, _)) => waits("requested".to_owned()),
        Some((Place::Turn, _) | (Place::InLine, 1)) => waits("next".to_owned()),
        Some((Place::InLine, _)) => waits(request.map(Request::place).unwrap_or_default()),
        _ if lock.finished_of(&unit.unit) > 0 => Cell::new("✔ done", Tone::Good),
        _ => Cell::new("-", Tone::Faint),
    }
}
