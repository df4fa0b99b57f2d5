//! The demo on a terminal: one row per unit, redrawn in place.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ops_coordinator_core::wire::{KEY, Outcome, decode_line, decode_record};
use ops_coordinator_core::{LockStatus, Place, Status, UnitStatus as Request};
use ops_coordinator_lab::process::Lab;
use ops_coordinator_lab::report::{LockReport, describe};
use ops_coordinator_lab::world::{AgentStatus, UnitStatus, World};

use super::charm::LOCK;
use super::watch::Watch;
use crate::command::lab::{Board, Cell, Tone, View, seconds};

/// Between two drawings.
const PACE: Duration = Duration::from_millis(80);

/// The columns: unit, agent, turn, server.
const WIDTHS: [usize; 4] = [11, 32, 16, 6];

/// The characters of the bar at the bottom.
const BAR: usize = 30;

/// The live view.
pub(super) struct Live {
    board: Board,
    heading: String,
    watch: Arc<Watch>,
    limit: u32,
    remark: String,
    drawn: Option<Instant>,
}

impl Live {
    /// A live view, if standard output is a terminal that can show one.
    pub(super) fn open(heading: &str, units: u32, limit: u32, watch: &Arc<Watch>) -> Option<Self> {
        let rows = usize::try_from(units).ok()?;
        Some(Self {
            board: Board::open(rows)?,
            heading: heading.to_owned(),
            watch: Arc::clone(watch),
            limit,
            remark: "installing the units".to_owned(),
            drawn: None,
        })
    }

    fn draw(&mut self, lab: &Lab) {
        let (units, lock, requests) = lab.with_world(|world, _| {
            let limits = BTreeMap::from([(LOCK.to_owned(), self.limit)]);
            let lock = LockReport::all(world.history().events(), &limits)
                .into_iter()
                .next();
            (world.units(), lock, requests(world, lab.application()))
        });
        let Some(lock) = lock else { return };
        let one = |text: String, tone| vec![Cell::new(text, tone)];
        let mut lines = vec![
            one(format!("ops-coordinator   {}", self.heading), Tone::Strong),
            one(String::new(), Tone::Plain),
            ["unit", "agent", "turn", "server"]
                .map(|title| Cell::new(title, Tone::Faint))
                .into(),
        ];
        lines.extend(units.iter().map(|unit| self.row(unit, &lock, &requests)));
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
        self.board.draw(&lines, &WIDTHS);
    }

    fn row(&self, unit: &UnitStatus, lock: &LockReport, requests: &LockStatus) -> Vec<Cell> {
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

    fn close(&mut self, lab: &Lab) {
        self.draw(lab);
    }
}

/// Where the units' requests stand, by the databags as they are committed now.
fn requests(world: &World, application: &str) -> LockStatus {
    let value = |unit| {
        let bag = world.databag(application, "coordinator", unit)?;
        bag.get(KEY).cloned()
    };
    let record = |unit: &UnitStatus| {
        let value = value(Some(unit.unit.number()));
        let name = unit.unit.to_string().parse().ok()?;
        Some((name, decode_record(value.as_deref())))
    };
    let records = world.units().iter().filter_map(record).collect();
    let mut status = Status::of(&decode_line(value(None).as_deref()), &records);
    let lock = LOCK.parse().ok();
    lock.and_then(|lock| status.locks.remove(&lock))
        .unwrap_or_default()
}

/// Where a unit stands with its turn.
fn turn(unit: &UnitStatus, lock: &LockReport, requests: &LockStatus) -> Cell {
    if lock.inside().contains(&unit.unit) {
        return Cell::new("▶ its turn", Tone::Busy);
    }
    let waits = |text: String| Cell::new(text, Tone::Plain);
    let name = unit.unit.to_string().parse().ok();
    let request = name.and_then(|name| requests.unit(&name));
    match request.map(|request| (request.place, request.position.unwrap_or(1))) {
        Some((Place::Requested, _)) => waits("requested".to_owned()),
        Some((Place::Turn, _)) if request.is_some_and(has_failed) => {
            Cell::new("✘ failed", Tone::Bad)
        }
        Some((Place::Turn, _) | (Place::InLine, 1)) => waits("next".to_owned()),
        Some((Place::InLine, _)) => waits(request.map(Request::place).unwrap_or_default()),
        _ if lock.finished_of(&unit.unit) > 0 => Cell::new("✔ done", Tone::Good),
        _ => Cell::new("-", Tone::Faint),
    }
}

/// Whether its last attempt has failed, so that it keeps its turn.
fn has_failed(request: &Request) -> bool {
    request.outcome == Some(Outcome::Failed)
}
