//! `ops-coordinator demo`: a restart that rolls through the units of a real charm.

mod charm;
mod handover;
mod live;
pub(crate) mod server;
mod timeline;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use ops_coordinator_lab::Settings;
use ops_coordinator_lab::charm::Charm;
use ops_coordinator_lab::deed::{Deed, UnitDeed};
use ops_coordinator_lab::process::keeper::Interrupt;
use ops_coordinator_lab::process::{Lab, Options, keeper};
use ops_coordinator_lab::report::{LockReport, Report};
use ops_coordinator_lab::scenario::{Act, After, Expectation, Moment, Step, Target};

use super::CommandError;
use super::lab::{Ending, Plain, Session, View, conclude, print_line};
use charm::LOCK;
use live::Live;
use watch::Watch;

/// Roll a restart through a few units of a small charm, and watch them take turns.
///
/// Real charm processes run on an embedded Juju on this machine; nothing is installed, and
/// nothing is left behind. Once all units are idle, their configuration changes, so every unit
/// has to restart its server, and the line decides who goes when. A client polls every server
/// throughout.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes:
  0  every unit restarted, and never too many at once
  1  otherwise
  2  usage error

Examples:
  ops-coordinator demo
  ops-coordinator demo --units 9 --limit 2
  ops-coordinator demo --kill        # kill -9 in the middle of a restart: watch it recover")]
pub(crate) struct DemoArgs {
    /// Number of units
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=30))]
    units: u32,
    /// How many units may restart at once
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=30))]
    limit: u32,
    /// Kill a hook with SIGKILL in the middle of its unit's restart
    #[arg(long)]
    kill: bool,
    /// Seed for every random choice of the model
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Keep the run's files in this new or empty directory [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Runs `ops-coordinator demo`.
///
/// # Errors
/// When the lab cannot be set up.
pub(crate) fn run(args: DemoArgs) -> Result<ExitCode, CommandError> {
    let code = keeper::run(|interrupt| super::finish(demo(args, interrupt)));
    code.map_err(|error| {
        CommandError::failed(format!("cannot supervise the demo's processes: {error}"))
    })
}

fn demo(args: DemoArgs, interrupt: &Interrupt) -> Result<ExitCode, CommandError> {
    let folder = charm::unpack().map_err(CommandError::failed)?;
    let charm = Charm::read(folder.path()).map_err(CommandError::failed)?;
    let executable = std::env::current_exe().map_err(CommandError::failed)?;
    let directory = args.dir.clone();
    let session = Session {
        title: "demo".to_owned(),
        options: Options {
            settings: Settings {
                seed: args.seed,
                ..Settings::default()
            },
            directory,
            history: None,
            executable,
            path: Vec::new(),
            clocks: BTreeMap::new(),
        },
        charm,
        units: args.units,
        config: BTreeMap::from([("limit".to_owned(), args.limit.into())]),
        steps: steps(&args),
        limits: BTreeMap::from([(LOCK.to_owned(), args.limit)]),
        timeout: 60_000,
        hook_limit: 20_000,
        quiet: false,
    };
    let lab = session.start()?;
    let watch = Arc::new(Watch::start(&lab, args.units));
    let heading = format!("{}, {} at a time", session.heading(), args.limit);
    let mut view: Box<dyn View> =
        if let Some(live) = Live::open(&heading, args.units, args.limit, &watch) {
            Box::new(live)
        } else {
            print_line(&format!("demo: {heading}"));
            Box::new(Plain::default())
        };
    let ending = session.play(&lab, view.as_mut(), interrupt);
    watch.stop();
    let code = summarise(&session, &args, &lab, &watch, &ending);
    lab.end();
    Ok(code)
}

fn steps(args: &DemoArgs) -> Vec<Step> {
    let message = BTreeMap::from([("message".to_owned(), "good morning".into())]);
    let mut steps = vec![Step {
        after: After::IDLE,
        act: Deed::Config(message).into(),
        note: Some("the configuration changes: every unit has to restart".to_owned()),
    }];
    if args.kill {
        let midway = Moment::Mark {
            enter: true,
            lock: Some(LOCK.to_owned()),
            unit: None,
            count: args.units.min(2),
        };
        // The server takes 300 ms to come up: now the old one is gone, and the new one not yet
        // there.
        let after = After {
            moment: midway,
            delay: 150,
        };
        let kill = UnitDeed::Kill {
            spare_children: false,
        };
        steps.push(Step {
            after,
            act: Deed::Unit(Target::Holder, kill).into(),
            note: None,
        });
    }
    let each_unit = BTreeMap::from([(LOCK.to_owned(), 1)]);
    let expected = Expectation {
        each_unit,
        units: Some(args.units),
        ..Expectation::default()
    };
    steps.push(Step {
        after: After::IDLE,
        act: Act::Expect(expected),
        note: Some("every unit has restarted".to_owned()),
    });
    steps
}

fn summarise(
    session: &Session,
    args: &DemoArgs,
    lab: &Lab,
    watch: &Watch,
    ending: &Ending,
) -> ExitCode {
    let (report, events) = lab.with_world(|world, _| {
        (
            Report::of(world, &session.limits),
            world.history().events().to_vec(),
        )
    });
    if let Some(lock) = report.locks.iter().find(|lock| lock.lock == LOCK) {
        print_line(&format!("\n{}", timeline::draw(lock)));
        print_line(&figures(
            lock,
            &report,
            args,
            watch,
            &handover::all(lock, &events),
        ));
    }
    conclude(session, lab, &report, ending)
}

/// The figures under the timeline.
fn figures(
    lock: &LockReport,
    report: &Report,
    args: &DemoArgs,
    watch: &Watch,
    handovers: &[handover::Handover],
) -> String {
    let restarted = report
        .units
        .iter()
        .filter(|unit| lock.finished_of(&unit.status.unit) > 0);
    let hooks: u64 = report.units.iter().map(|unit| unit.status.runs).sum();
    let killed: usize = report.units.iter().map(|unit| unit.killed).sum();
    let kills = if killed > 0 {
        format!(", {killed} killed")
    } else {
        String::new()
    };
    let worst = watch
        .fewest_answering()
        .map_or("never all up".to_owned(), |fewest| {
            format!("at least {fewest} of {} servers throughout", args.units)
        });
    let lines = [
        (
            "restarted",
            format!("{} of {} units", restarted.count(), args.units),
        ),
        (
            "at once",
            format!("at most {} (limit {})", lock.most_inside, args.limit),
        ),
        ("hand-off", handover::describe(handovers)),
        ("answered", worst),
        ("hooks run", format!("{hooks}{kills}")),
    ];
    lines
        .iter()
        .map(|(name, text)| format!(" {name:<10} {text}\n"))
        .collect()
}
