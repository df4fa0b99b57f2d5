//! The summary of a run: how it ended, what was wrong, and where to look.

use std::fs;
use std::process::ExitCode;

use ops_coordinator_lab::process::Lab;
use ops_coordinator_lab::report::Report;
use ops_coordinator_lab::scenario::Expectation;
use ops_coordinator_lab::world::AgentStatus;

use super::ending::Ending;
use super::view::bounded;
use super::{Session, print_line, seconds, unserved};

/// How many lines of a failed unit's log are shown.
const LOG_LINES: usize = 8;

/// Prints how a run went, and returns the exit code. The lab's files must still exist.
pub(crate) fn conclude(session: &Session, lab: &Lab, report: &Report, ending: &Ending) -> ExitCode {
    let expected = Expectation::at_the_end(&session.steps);
    let mut problems = report.problems(&expected.status);
    if ending.leaves_things_at_rest() {
        let unserved = lab.with_world(|world, _| unserved::unserved(world));
        problems.extend(unserved::problems(&unserved, &expected));
    }
    problems.extend(ending.problem(session.timeout));
    for problem in &problems {
        print_line(&format!("problem: {}", bounded(problem)));
    }
    for unit in report.units.iter().map(|unit| &unit.status) {
        if matches!(unit.agent, AgentStatus::Error { .. }) {
            let log = lab.log_file(&unit.unit);
            let text = fs::read_to_string(log).unwrap_or_default();
            print_line(&format!(
                "\nlast lines of the log of {}:\n{}",
                unit.unit,
                tail(&text)
            ));
        }
    }
    match &session.options.directory {
        Some(_) => print_line(&format!(
            "the run's files are in {}",
            lab.directory().display()
        )),
        None if problems.is_empty() => {}
        None => print_line("run again with --dir DIR to keep the logs and the history"),
    }
    // Only marks show who was inside with whom.
    let marked = !report.locks.is_empty();
    if !marked {
        print_line("mutual exclusion was not judged: no hook has called lab-mark");
    }
    if problems.is_empty() {
        let well = if marked {
            "passed"
        } else {
            "finished without failures"
        };
        print_line(&format!("{well} in {} s", seconds(lab.now())));
    }
    match ending {
        Ending::Interrupted => ExitCode::from(130),
        _ if problems.is_empty() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// The last lines of a log.
pub(super) fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_log_is_its_last_lines() {
        let log: String = (1..=10).map(|n| format!("line {n}\n")).collect();
        assert!(tail(&log).starts_with("line 3\n") && tail(&log).ends_with("line 10"));
        assert_eq!(tail("only\n"), "only");
        assert_eq!(tail(""), "");
    }
}
