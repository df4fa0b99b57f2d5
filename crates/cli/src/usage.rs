//! Errors about an invalid command line, in the same form as all other errors.

use std::error::Error;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use ops_coordinator_excerpt::{SHORT, excerpt};
use ops_coordinator_juju::NameError;
use ops_coordinator_juju::policy::{LimitError, SequenceError, WavesError};
use ops_coordinator_juju::service::ServiceNameError;

use crate::output::complain;

/// What an error may quote from the command line.
const QUOTED: [ContextKind; 3] = [
    ContextKind::InvalidArg,
    ContextKind::InvalidSubcommand,
    ContextKind::InvalidValue,
];

/// In the usage of an operator's command whose name once began a hook.
const RESUME: &str = "Usage: ops-coordinator resume ";
const BEGIN: &str =
    "a hook begins with `ops-coordinator begin`; `resume LOCK` ends an operator's pause";

/// Prints the help that was asked for, or what is wrong with the command line.
pub(crate) fn reply(mut answer: clap::Error) -> ExitCode {
    let code = u8::try_from(answer.exit_code()).unwrap_or(2).into();
    let is_help = ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if !answer.use_stderr() || answer.kind() == is_help {
        // The reader may be gone.
        let _ = answer.print();
        return code;
    }
    shorten(&mut answer);
    let mut text = text(&answer);
    if answer.kind() == ErrorKind::MissingRequiredArgument && text.contains(RESUME) {
        text = format!("{}\nhint: {BEGIN}\n", text.trim_end());
    }
    complain(text.trim_end());
    code
}

/// Cuts what is quoted from the command line, which may be of any length.
fn shorten(answer: &mut clap::Error) {
    for kind in QUOTED {
        let Some(ContextValue::String(quoted)) = answer.get(kind) else {
            continue;
        };
        // A tip quotes it as well.
        if quoted.chars().count() > SHORT {
            answer.remove(ContextKind::Suggested);
        }
        if let Some(ContextValue::String(quoted)) = answer.get(kind) {
            let short = excerpt(quoted).to_string();
            answer.insert(kind, ContextValue::String(short));
        }
    }
}

fn text(answer: &clap::Error) -> String {
    let text = answer.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let text = text
        .replace("\n\n  tip: ", "\nhint: ")
        .replace("\n  tip: ", "\nhint: ");
    // Our own parsers say what is valid in a hint; what is wrong, clap has said already.
    match answer
        .source()
        .and_then(|source| Some((source, hint(source)?)))
    {
        Some((source, hint)) => {
            text.replace(&format!(": {source}\n"), &format!("\nhint: {hint}\n"))
        }
        None => text,
    }
}

fn hint(source: &(dyn Error + 'static)) -> Option<String> {
    let name = source.downcast_ref().map(NameError::hint);
    let name = name.or_else(|| source.downcast_ref().map(ServiceNameError::hint));
    let name = name.or_else(|| source.downcast_ref().map(LimitError::hint));
    let name = name.or_else(|| source.downcast_ref().map(SequenceError::hint));
    let name = name.or_else(|| source.downcast_ref().map(WavesError::hint));
    #[cfg(feature = "etcd")]
    let name = name.or_else(|| {
        let error: Option<&ops_coordinator_etcd::EndpointError> = source.downcast_ref();
        Some(error?.hint())
    });
    #[cfg(feature = "lab")]
    let name = name.or_else(|| {
        let error: Option<&ops_coordinator_lab::LabError> = source.downcast_ref();
        error?.hint().map(str::to_owned)
    });
    name
}
