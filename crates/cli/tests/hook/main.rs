//! The commands in charms that are written in a hurry, on a lab that is not tidy: real processes throughout.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../lab/fixture.rs"]
mod fixture;

mod attempt;
mod endpoint;
mod leader;
mod operator;
mod output;
mod policy;
mod request;

/// A charm that asks once, when its configuration changes to something else than `hello`, and takes its turn in every
/// hook. `operation` is a bash script.
pub(crate) fn charm(operation: &str) -> fixture::Fixture {
    fixture::Fixture::new(&format!(
        r#"
        ops-coordinator begin --relation cluster
        if [ $hook = config-changed ] && [ "$(config-get message)" != hello ] && [ ! -e asked ]; then
            ops-coordinator request restart --relation cluster
            touch asked
        fi
        code=0
        ops-coordinator run restart --relation cluster -- bash -euc '{operation}' || code=$?
        case $code in 0 | 66 | 75) ;; *) exit $code ;; esac
        ops-coordinator release --relation cluster"#
    ))
}

/// An operation that takes so long, in seconds, and is marked and noted in the file `log`.
pub(crate) fn marked(seconds: &str) -> String {
    format!(
        "lab-mark enter restart; echo begin >>log; sleep {seconds}; echo end >>log; lab-mark leave restart || true"
    )
}

/// The step with which the roll begins.
pub(crate) const ROLL: &str = "[[step]]\nconfig = { message = 'x' }\n";

/// A step that writes a unit's record into its file `record`.
pub(crate) fn record_of(unit: u32) -> String {
    format!(
        "[[step]]\nexec = {{ unit = 'app/{unit}', command = 'relation-get -r 0 ops-coordinator app/{unit} >record' }}\n"
    )
}
