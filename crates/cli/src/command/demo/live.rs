//! The demo on a terminal: one row per unit, redrawn in place.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ops_coordinator_lab::process::Lab;
use ops_coordinator_lab::report::{LockReport, describe};
use ops_coordinator_lab::world::{AgentStatus, UnitStatus};

use super::bags::{Bags, Position};
use super::watch::Watch;
use super::{DemoArgs, LOCK};
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
    pub(super) fn open(heading: &str, args: &DemoArgs, watch: &Arc<Watch>) -> Option<Self> {
        let rows = usize::try_from(args.units).ok()?;
        Some(Self {
            board: Board::open(rows)?,
            heading: heading.to_owned(),
            watch: Arc::clone(watch),
            limit: args.limit,
            remark: "installing the units".to_owned(),
            drawn: None,
        })
    }

    fn draw(&mut self, lab: &Lab) {
        let (units, lock, bags) = lab.with_world(|world, _| {
            let limits = BTreeMap::from([(LOCK.to_owned(), self.limit)]);
            let lock = LockReport::all(world.history().events(), &limits)
                .into_iter()
                .next();
            (world.units(), lock, Bags::read(world, lab.application()))
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
        lines.extend(units.iter().map(|unit| self.row(unit, &lock, &bags)));
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

    fn row(&self, unit: &UnitStatus, lock: &LockReport, bags: &Bags) -> Vec<Cell> {
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
            turn(unit, lock, bags),
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

/// Where a unit stands with its turn.
fn turn(unit: &UnitStatus, lock: &LockReport, bags: &Bags) -> Cell {
    if lock.inside().contains(&unit.unit) {
        return Cell::new("▶ its turn", Tone::Busy);
    }
    let waits = |text: String| Cell::new(text, Tone::Plain);
    match bags.position(&unit.unit.to_string()) {
        Some(Position::Asked) => waits("requested".to_owned()),
        Some(Position::InLine(0)) => waits("next".to_owned()),
        Some(Position::InLine(ahead)) => waits(format!("{ahead} ahead of it")),
        None if lock.finished_of(&unit.unit) > 0 => Cell::new("✔ done", Tone::Good),
        None => Cell::new("-", Tone::Faint),
    }
}
