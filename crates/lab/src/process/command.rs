//! `juju-exec`, called from outside a hook: queues a command and waits for its end.

use super::shared::Shared;
use crate::dispatch::{ExecRecord, ToolReply};
use crate::name::UnitName;

/// What the arguments of a call ask for.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    unit: Option<String>,
    command: String,
}

/// Runs the command that `args` describe on the unit that they name, or else on `own`.
pub(super) fn run(shared: &Shared, own: &UnitName, args: &[String]) -> ToolReply {
    let wanted = match parse(args) {
        Ok(wanted) => wanted,
        Err(problem) => return ToolReply::failed(2, &problem),
    };
    let unit = match wanted.unit.as_deref().map(str::parse).transpose() {
        Ok(unit) => unit.unwrap_or_else(|| own.clone()),
        Err(problem) => return ToolReply::failed(2, &format!("{problem}")),
    };
    match exec(shared, &unit, wanted.command) {
        Ok(record) => ToolReply {
            code: record.code,
            stdout: record.stdout,
            stderr: record.stderr,
            needs_stdin: false,
        },
        Err(problem) => ToolReply::failed(1, &problem),
    }
}

/// Queues a command and waits for its end.
///
/// # Errors
/// When the model refuses it, or the lab ends before it.
pub(super) fn exec(
    shared: &Shared,
    unit: &UnitName,
    command: String,
) -> Result<ExecRecord, String> {
    let id = shared
        .with_world(|world, now| world.exec(unit, command, now))
        .map_err(|problem| problem.to_string())?;
    shared.wait_until(|world| {
        let record = world.exec_record(id)?;
        record.progress.has_ended().then(|| record.clone())
    })
}

fn parse(args: &[String]) -> Result<Wanted, String> {
    let mut unit = None;
    let mut words = Vec::new();
    let mut rest = args.iter();
    while let Some(argument) = rest.next() {
        let (flag, value) = match argument.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => (flag, Some(value.to_owned())),
            _ => (argument.as_str(), None),
        };
        match flag {
            "--" => words.extend(rest.by_ref()),
            "-u" | "--unit" => {
                let value = value.or_else(|| rest.next().cloned());
                unit = Some(value.ok_or_else(|| format!("option needs an argument: {flag}"))?);
            }
            "--no-context" | "--force-remote-unit" | "-r" | "--relation" | "--remote-unit" => {
                return Err(format!("the lab's juju-exec does not support {flag}"));
            }
            _ if flag.starts_with('-') && flag.len() > 1 => {
                return Err(format!("option provided but not defined: {flag}"));
            }
            _ => words.push(argument),
        }
    }
    // Juju 2.9 takes the unit as the first word.
    if unit.is_none() && words.len() == 2 && words[0].parse::<UnitName>().is_ok() {
        unit = Some(words.remove(0).clone());
    }
    match words[..] {
        [] => Err("missing commands".to_owned()),
        [command] => Ok(Wanted {
            unit,
            command: command.clone(),
        }),
        [_, ref extra @ ..] => Err(format!("unrecognized args: {extra:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<(Option<String>, String), String> {
        let args: Vec<String> = args.iter().map(|&word| word.to_owned()).collect();
        parse(&args).map(|wanted| (wanted.unit, wanted.command))
    }

    #[test]
    fn the_unit_may_be_a_flag_the_first_word_or_left_out() {
        let on_app_1 = Ok((Some("app/1".to_owned()), "true".to_owned()));
        assert_eq!(parsed(&["-u", "app/1", "true"]), on_app_1);
        assert_eq!(parsed(&["--unit=app/1", "--", "true"]), on_app_1);
        assert_eq!(parsed(&["app/1", "true"]), on_app_1);
        assert_eq!(parsed(&["true"]), Ok((None, "true".to_owned())));
    }

    #[test]
    fn a_wrong_call_says_what_is_wrong() {
        assert_eq!(parsed(&[]), Err("missing commands".to_owned()));
        assert_eq!(
            parsed(&["-u"]),
            Err("option needs an argument: -u".to_owned())
        );
        assert_eq!(
            parsed(&["a", "b"]),
            Err("unrecognized args: [\"b\"]".to_owned())
        );
        assert_eq!(
            parsed(&["--wat", "a"]),
            Err("option provided but not defined: --wat".to_owned())
        );
    }
}
