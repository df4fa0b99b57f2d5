//! `lab run`: a session from its heading to its verdict.

use std::process::ExitCode;

use ops_coordinator_lab::process::keeper::Interrupt;
use ops_coordinator_lab::report::Report;

use super::session::Session;
use super::summary::summary;
use super::verdict::conclude;
use super::view::{Plain, Silent, View, print_line};
use crate::command::CommandError;

/// Runs a session with the plain view, or none, and prints its summary.
pub(crate) fn run_session(
    session: Session,
    interrupt: &Interrupt,
) -> Result<ExitCode, CommandError> {
    let lab = session.start()?;
    if !session.quiet {
        print_line(&format!("{}: {}", session.title, session.heading()));
    }
    let mut view: Box<dyn View> = match session.quiet {
        true => Box::new(Silent),
        false => Box::new(Plain::default()),
    };
    let ending = session.play(&lab, view.as_mut(), interrupt);
    let report = lab.with_world(|world, _| Report::of(world, &session.limits));
    if !session.quiet {
        print_line("");
    }
    print_line(&summary(&report));
    Ok(conclude(&session, &lab, &report, &ending))
}
