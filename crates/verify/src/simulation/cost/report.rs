//! What it costs, in tables.

use super::{Cause, Cost, Hooks, Pace, Way};

/// What a restart may cost.
struct Goal {
    way: Way,
    units: u32,
    pace: Pace,
    /// Hooks for each restart, in units of N-1 where calls are not bounded.
    hooks: f64,
    /// Calls for each restart.
    calls: Option<f64>,
}

impl Goal {
    const fn new(way: Way, units: u32, pace: Pace, hooks: f64, calls: Option<f64>) -> Self {
        Self {
            way,
            units,
            pace,
            hooks,
            calls,
        }
    }
}

const GOALS: [Goal; 8] = [
    Goal::new(Way::Asking, 5, Pace::Slow, 9.5, Some(45.0)),
    Goal::new(Way::Asking, 9, Pace::Instant, 20.0, Some(80.0)),
    Goal::new(Way::Asking, 15, Pace::Slow, 31.0, Some(110.0)),
    Goal::new(Way::Asking, 100, Pace::Slow, 2.1, None),
    Goal::new(Way::Campaign, 5, Pace::Slow, 6.0, Some(30.0)),
    Goal::new(Way::Campaign, 9, Pace::Instant, 10.0, Some(45.0)),
    Goal::new(Way::Campaign, 15, Pace::Slow, 17.0, Some(75.0)),
    Goal::new(Way::Campaign, 100, Pace::Slow, 1.1, None),
];

/// The fewest wake-ups of a finish: each other unit hears of it.
const fn floor(units: u32) -> u32 {
    units - 1
}

/// What a restart costs, against the floor and the goals.
pub fn table(way: Way, rows: &[(u32, Pace, Cost)]) -> String {
    let head = [
        "N",
        "operation",
        "hooks",
        "calls",
        "floor",
        "hooks/(N-1)",
        "line writes",
        "idle",
        "calls of a quiet hook",
        "of the leader's",
        "goal",
    ];
    let rows = rows.iter().map(|(units, pace, cost)| {
        let all = cost.hooks();
        let hooks = each(all.hooks, cost.restarts);
        let calls = each(all.calls, cost.restarts);
        let relative = hooks / f64::from(floor(*units));
        [
            units.to_string(),
            pace.name().to_owned(),
            format!("{hooks:.1}"),
            format!("{calls:.1}"),
            floor(*units).to_string(),
            format!("{relative:.2}"),
            format!("{:.2}", each(cost.line_writes, cost.restarts)),
            format!("{:.1} %", 100.0 * each(all.quiet, all.hooks)),
            of_quiet(&cost.quiet_follower),
            of_quiet(&cost.quiet_leader),
            goal((way, *units, *pace), hooks, calls, relative),
        ]
    });
    align(head, rows)
}

/// Where the hooks of a restart come from; in brackets those that had nothing to do.
pub fn causes(rows: &[(u32, Pace, Cost)]) -> String {
    let head: [&str; 8] = std::array::from_fn(|column| match column {
        0 => "N",
        1 => "operation",
        7 => "asking (not counted)",
        _ => Cause::ALL[column - 2].name(),
    });
    let rows = rows.iter().map(|(units, pace, cost)| {
        let told = |hooks: &Hooks| {
            let (all, quiet) = (
                each(hooks.hooks, cost.restarts),
                each(hooks.quiet, cost.restarts),
            );
            format!("{all:.1} ({quiet:.1})")
        };
        std::array::from_fn(|column| match column {
            0 => units.to_string(),
            1 => pace.name().to_owned(),
            7 => format!(
                "{:.1} with {:.1} calls",
                each(cost.asking.hooks, cost.restarts),
                each(cost.asking.calls, cost.restarts)
            ),
            _ => {
                let hooks = cost.causes.get(&Cause::ALL[column - 2]);
                told(&hooks.copied().unwrap_or_default())
            }
        })
    });
    align(head, rows)
}

fn goal(row: (Way, u32, Pace), hooks: f64, calls: f64, relative: f64) -> String {
    let goal = GOALS
        .iter()
        .find(|goal| (goal.way, goal.units, goal.pace) == row);
    let Some(goal) = goal else {
        return String::new();
    };
    let (told, holds) = match goal.calls {
        Some(most) => (
            format!("{} hooks, {most} calls", goal.hooks),
            hooks <= goal.hooks && calls <= most,
        ),
        None => (
            format!("{} hooks/(N-1)", goal.hooks),
            relative <= goal.hooks,
        ),
    };
    format!("{told}: {}", if holds { "reached" } else { "missed" })
}

fn of_quiet(hooks: &Hooks) -> String {
    if hooks.hooks == 0 {
        return "-".to_owned();
    }
    format!("{:.1}", each(hooks.calls, hooks.hooks))
}

#[expect(clippy::cast_precision_loss, reason = "numbers for the eye")]
fn each(all: u64, of: u64) -> f64 {
    all as f64 / of.max(1) as f64
}

/// Numbers to the right; the last column to the left, which may be prose.
fn align<const N: usize>(
    head: [&'static str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> String {
    let rows: Vec<[String; N]> = std::iter::once(head.map(str::to_owned))
        .chain(rows)
        .collect();
    let widths: [usize; N] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0));
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths).enumerate();
        let cells: Vec<String> = cells
            .map(|(column, (cell, width))| match column {
                _ if column + 1 == N => cell.clone(),
                _ => format!("{cell:>width$}"),
            })
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}
