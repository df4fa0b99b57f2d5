//! `ops-coordinator demo`: a restart that rolls through the units of a real charm.

mod charm;
mod handover;
mod live;
mod requests;
mod resume;
pub(crate) mod server;
mod stop;
mod story;
mod timeline;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use ops_coordinator_core::policy::Limit;
use ops_coordinator_lab::charm::Charm;
use ops_coordinator_lab::deed::{Deed, UnitDeed};
use ops_coordinator_lab::process::keeper::Interrupt;
use ops_coordinator_lab::process::{Lab, Options, keeper};
use ops_coordinator_lab::report::{LockReport, Report};
use ops_coordinator_lab::scenario::{
    Act, After, Expectation, Moment, Step, Target, parse_duration,
};
use ops_coordinator_lab::{Settings, UnitName};

use super::CommandError;
use super::lab::{Ending, INSIGHT, PATIENCE, Session, View, conclude, print_line, unit};
use charm::{APPLICATION, LOCK};
use live::Live;
use story::Story;
use watch::Watch;

/// How long a roll that has stopped waits for somebody, in milliseconds, where nobody may be looking.
const UNWATCHED: u64 = 60_000;

/// What makes a unit's next start of its server fail, once: the good script comes back with the failure.
const FAIL_ONCE: &str = r"
mv start-server start-server.good
cat >start-server <<'END'
#!/bin/bash
mv start-server.good start-server
echo 'no space left on device' >&2
exit 1
END
chmod +x start-server
";

/// Roll a restart through a few units of a small charm, and watch them take turns.
///
/// Real charm processes run on an embedded Juju on this machine; nothing is installed, and
/// nothing is left behind. Once all units are idle, their configuration changes, so every unit
/// has to restart its server, and the line decides who goes when. A client polls every server
/// throughout. With `--zones`, an operator rolls all units instead, zone by zone.
///
/// With `--fail`, a unit's restart fails, and the roll stops there. The demo says what to type in another terminal,
/// and goes on when somebody has.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Exit codes:
  0  every unit restarted or was skipped, and never too many at once
  1  otherwise
  2  usage error

Examples:
  ops-coordinator demo
  ops-coordinator demo --units 9 --limit 2
  ops-coordinator demo --kill        # kill -9 in the middle of a restart: watch it recover
  ops-coordinator demo --units 12 --limit 25% --zones 3 --fail app/4
  ops-coordinator demo resume        # in another terminal: lets a roll that has stopped go on"
)]
pub(crate) struct DemoArgs {
    #[command(subcommand)]
    command: Option<DemoCommand>,
    /// Number of units
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=30))]
    units: u32,
    /// How many units may restart at once, or a percentage of them
    #[arg(long, value_name = "N|N%", default_value = "1")]
    limit: Limit,
    /// Spread the units over so many availability zones, which restart one after the other
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=9))]
    zones: u32,
    /// Let this unit's restart fail once, so that the roll stops there
    #[arg(long, value_name = "UNIT", value_parser = unit, conflicts_with = "kill")]
    fail: Option<UnitName>,
    /// How long a roll that has stopped waits for somebody [default: on a terminal for ever, otherwise 1m]
    #[arg(long, value_name = "TIME", value_parser = parse_duration, requires = "fail")]
    wait: Option<u64>,
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

#[derive(Debug, Subcommand)]
enum DemoCommand {
    Resume(resume::ResumeArgs),
}

impl DemoArgs {
    /// How many units may restart at once.
    fn most(&self) -> u32 {
        self.limit
            .of(usize::try_from(self.units).unwrap_or(usize::MAX))
    }

    /// The `coordination.toml` of the charm, if the zones are to take turns. The action that begins the roll looks there
    /// for the limit as well.
    fn coordination(&self) -> Option<String> {
        let policy = format!(
            "[locks.{LOCK}]\nlimit = \"{}\"\nwaves = \"zone\"\n",
            self.limit
        );
        (self.zones > 1).then_some(policy)
    }

    /// The limit as it was given, and what it comes to.
    fn limit_in_words(&self) -> String {
        let (given, most) = (self.limit.to_string(), self.most().to_string());
        if given == most {
            most
        } else {
            format!("{given} = {most}")
        }
    }
}

/// Runs `ops-coordinator demo`.
///
/// # Errors
/// When the lab cannot be set up.
pub(crate) fn run(args: DemoArgs) -> Result<ExitCode, CommandError> {
    if let Some(DemoCommand::Resume(args)) = args.command {
        return resume::run(&args);
    }
    let stranger = args
        .fail
        .as_ref()
        .filter(|unit| unit.application() != APPLICATION || unit.number() >= args.units);
    if let Some(unit) = stranger {
        let last = args.units - 1;
        let error = CommandError::usage(format!("the demo has no unit {unit}"));
        let hint = format!("its units are {APPLICATION}/0 to {APPLICATION}/{last}");
        return Err(error.hint(Some(hint)));
    }
    let code = keeper::run(|interrupt| super::finish(demo(args, interrupt)));
    code.map_err(|error| {
        CommandError::failed(format!("cannot supervise the demo's processes: {error}"))
    })
}

fn demo(args: DemoArgs, interrupt: &Interrupt) -> Result<ExitCode, CommandError> {
    let folder = charm::unpack(args.coordination().as_deref()).map_err(CommandError::failed)?;
    let mut charm = Charm::read(folder.path()).map_err(CommandError::failed)?;
    APPLICATION.clone_into(&mut charm.name);
    let executable = std::env::current_exe().map_err(CommandError::failed)?;
    let directory = args.dir.clone();
    let mut config = BTreeMap::from([("limit".to_owned(), args.limit.to_string().into())]);
    if args.fail.is_some() {
        config.insert("on-failure".to_owned(), "stop".into());
    }
    let mut session = Session {
        title: "demo".to_owned(),
        options: Options {
            settings: Settings {
                seed: args.seed,
                zones: args.zones,
                ..Settings::default()
            },
            directory,
            history: None,
            executable,
            path: Vec::new(),
            clocks: BTreeMap::new(),
            insight: INSIGHT,
        },
        charm,
        units: args.units,
        config,
        steps: steps(&args),
        limits: BTreeMap::from([(LOCK.to_owned(), args.most())]),
        timeout: 60_000,
        hook_limit: 20_000,
        patience: PATIENCE,
        stay: false,
        quiet: false,
    };
    let lab = session.start()?;
    let watch = Arc::new(Watch::start(&lab, args.units));
    let zones = match args.zones {
        1 => String::new(),
        zones => format!(", in {zones} zones"),
    };
    let heading = format!("{}{zones}, {} at a time", session.heading(), args.limit);
    let live = Live::open(
        &heading,
        args.units,
        args.most(),
        args.fail.is_some(),
        &watch,
    );
    if args.fail.is_some() {
        let usual = if live.is_some() { u64::MAX } else { UNWATCHED };
        session.patience = args.wait.unwrap_or(usual);
    }
    let mut view: Box<dyn View> = if let Some(live) = live {
        Box::new(live)
    } else {
        print_line(&format!("demo: {heading}"));
        Box::new(Story::default())
    };
    let ending = session.play(&lab, view.as_mut(), interrupt);
    watch.stop();
    let code = summarise(&mut session, &args, &lab, &watch, &ending);
    lab.end();
    Ok(code)
}

fn steps(args: &DemoArgs) -> Vec<Step> {
    let message = BTreeMap::from([("message".to_owned(), "good morning".into())]);
    let mut steps = Vec::new();
    if let Some(unit) = &args.fail {
        let sabotage = Deed::Exec {
            unit: Target::Unit(unit.to_string()),
            command: FAIL_ONCE.to_owned(),
        };
        steps.push(Step {
            after: After::IDLE,
            act: sabotage.into(),
            note: Some(format!("{unit} will not be able to start its server, once")),
        });
    }
    let (cause, note) = if args.zones > 1 {
        // Units that ask one by one are put in the line as they ask, and a zone's turn comes several times.
        let roll = Deed::Action {
            unit: Target::Leader,
            name: "roll".to_owned(),
            params: BTreeMap::from([("reason".to_owned(), "new certificates".into())]),
        };
        (
            roll,
            "an operator rolls all units: every unit has to restart",
        )
    } else {
        let note = "the configuration changes: every unit has to restart";
        (Deed::Config(message), note)
    };
    steps.push(Step {
        after: After::IDLE,
        act: cause.into(),
        note: Some(note.to_owned()),
    });
    if args.fail.is_some() {
        // Somebody may skip a unit. Who is unserved in the end is found in any case.
        return steps;
    }
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
    session: &mut Session,
    args: &DemoArgs,
    lab: &Lab,
    watch: &Watch,
    ending: &Ending,
) -> ExitCode {
    let requests = lab.with_world(|world, _| requests::requests(world, APPLICATION));
    let skipped = requests::skipped(&requests);
    // One that was skipped has never left, and its server is still down.
    let extra = u32::try_from(skipped.len()).unwrap_or(u32::MAX);
    session
        .limits
        .insert(LOCK.to_owned(), args.most().saturating_add(extra));
    let (report, events) = lab.with_world(|world, _| {
        (
            Report::of(world, &session.limits),
            world.history().events().to_vec(),
        )
    });
    if let Some(lock) = report.locks.iter().find(|lock| lock.lock == LOCK) {
        let settings = &session.options.settings;
        let zone = |unit: &UnitName| (args.zones > 1).then(|| settings.zone(unit));
        print_line(&format!("\n{}", timeline::draw(lock, zone)));
        // The units of a wave wait for all those before it, and those behind a failure for a person.
        let is_plain = args.zones == 1 && args.fail.is_none();
        let handovers = is_plain.then(|| handover::all(lock, &events));
        let figures = figures(lock, &report, args, watch, handovers.as_deref(), &skipped);
        print_line(&figures);
    }
    conclude(session, lab, &report, ending)
}

/// The figures under the timeline.
fn figures(
    lock: &LockReport,
    report: &Report,
    args: &DemoArgs,
    watch: &Watch,
    handovers: Option<&[handover::Handover]>,
    skipped: &[String],
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
    let without = match skipped {
        [] => String::new(),
        units => format!(", without {}, which was skipped", units.join(", ")),
    };
    let restarted = format!("{} of {} units{without}", restarted.count(), args.units);
    let limit = args.limit_in_words();
    let at_once = format!("at most {} (limit {limit})", lock.most_inside);
    let mut lines = vec![("restarted", restarted), ("at once", at_once)];
    lines.extend(handovers.map(|handovers| ("hand-off", handover::describe(handovers))));
    lines.extend([
        ("answered", worst),
        ("hooks run", format!("{hooks}{kills}")),
    ]);
    lines
        .iter()
        .map(|(name, text)| format!(" {name:<10} {text}\n"))
        .collect()
}
