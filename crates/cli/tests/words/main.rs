//! What a user reads, word for word, so that every change of it is seen and reviewed.
//!
//! The files are in `said/`. `SNAPSHOTS=overwrite cargo test -p ops-coordinator --test words` writes them anew.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../lab/fixture.rs"]
#[expect(dead_code, reason = "other tests look at more of a run")]
mod fixture;
mod help;
mod hook;
mod long;
mod mistake;
mod run;

use std::path::Path;
use std::process::Command;

use fixture::COMMAND;
use snapbox::{Assert, Data};

/// The command as it runs without a terminal, whatever the locale and the width of the one that runs the tests.
fn command(args: &[&str]) -> Command {
    let mut command = Command::new(COMMAND);
    command.args(args).env_clear();
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command
}

/// A call as a transcript shows it: the command line, all that is printed, and the exit code unless it is 0.
fn transcript(args: &[&str], directory: &Path) -> String {
    let output = command(args).current_dir(directory).output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let line = args.join(" ");
    let code = match output.status.code() {
        Some(0) => String::new(),
        code => format!("[exit code {}]\n", code.unwrap()),
    };
    let said = said.replace(&directory.display().to_string(), "/somewhere");
    format!("$ ops-coordinator {line}\n{said}{code}\n")
}

/// Fails the test unless the file `said/NAME.txt` has this text.
#[track_caller]
fn same(name: &str, text: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/words/said");
    let wanted = Data::read_from(&folder.join(format!("{name}.txt")), None).raw();
    Assert::new()
        .action_env("SNAPSHOTS")
        .eq(text.to_owned(), wanted);
}
