//! What another terminal does to a running lab.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::fixture::{COMMAND, Fixture};

/// The charm of these tests. Its action `go` answers, or fails if it is told to.
const CHARM: &str = "case $hook in
       start) status-set active ready ;;
       go)
         action-set answer=\"$(action-get n) on $JUJU_UNIT_NAME\"
         [ \"$(action-get fail)\" = '' ] || action-fail 'not today'
         ;;
     esac";

/// A lab that stays until it is told to end, and a place for temporary files that no other test sees.
struct Running {
    process: Child,
    directory: PathBuf,
    place: TempDir,
    _fixture: Fixture,
}

impl Running {
    /// Two units, in a directory of this name.
    fn start(name: &str) -> Self {
        Self::start_with(name, CHARM)
    }

    /// Two units of another charm.
    fn start_with(name: &str, charm: &str) -> Self {
        let fixture = Fixture::new(charm);
        let actions = "go: {params: {n: {type: integer, default: 3}, fail: {type: string}}}\n";
        fs::write(fixture.charm().join("actions.yaml"), actions).unwrap();
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join(name);
        let mut command = Command::new(COMMAND);
        command.args(["lab", "run", "--stay", "--units", "2", "--charm"]);
        command.arg(fixture.charm()).arg("--dir").arg(&directory);
        command.env("TMPDIR", place.path()).stdout(Stdio::piped());
        let mut running = Self {
            process: command.spawn().unwrap(),
            directory,
            place,
            _fixture: fixture,
        };
        running.wait();
        running
    }

    /// Waits until all units are ready.
    fn wait(&mut self) {
        let began = Instant::now();
        let ready = |text: &str| text.matches("active").count() == 2;
        while !ready(&self.ask(&["status"]).1) {
            let ended = self.process.try_wait().unwrap();
            assert!(ended.is_none() && began.elapsed() < Duration::from_secs(30));
            thread::sleep(Duration::from_millis(50));
        }
        // Whoever ends a lab in the middle of a hook gets another exit code.
        let directory = self.directory.display().to_string();
        assert_eq!(self.ask(&["wait", "--dir", &directory]).0, 0);
    }

    /// Calls `lab`; the exit code, standard output and standard error come back.
    fn ask(&self, args: &[&str]) -> (i32, String, String) {
        ask(self.place.path(), args)
    }

    fn end(mut self) -> (i32, PathBuf, TempDir) {
        let process = Pid::from_child(&self.process);
        kill_process(process, Signal::INT).unwrap();
        let status = self.process.wait().unwrap();
        (status.code().unwrap(), self.directory, self.place)
    }
}

fn ask(temporary: &Path, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(COMMAND);
    let output = command
        .arg("lab")
        .args(args)
        .env("TMPDIR", temporary)
        .output();
    let output = output.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn commands_and_actions_run_on_the_units_and_say_how_they_ended() {
    let lab = Running::start("run");
    let own = |code: i32, stdout: &str, stderr: &str| (code, stdout.to_owned(), stderr.to_owned());
    let script = "echo $JUJU_UNIT_NAME; config-get message; echo oh >&2; exit 7";
    assert_eq!(
        lab.ask(&["exec", "app/1", script]),
        own(7, "app/1\nhello\n", "oh\n")
    );
    assert_eq!(
        lab.ask(&[
            "exec",
            "app/leader",
            "--",
            "sh",
            "-c",
            "echo \"$(is-leader)\" 'a  b'"
        ]),
        own(0, "True a  b\n", "")
    );
    assert_eq!(
        lab.ask(&["action", "app/1", "go"]),
        own(0, "3 on app/1\n", "")
    );
    assert_eq!(
        lab.ask(&["action", "app/0", "go", "n=4", "fail=yes"]),
        own(1, "4 on app/0\n", "ops-coordinator: not today\n")
    );
    let (code, text, _) = lab.ask(&["status"]);
    assert_eq!(code, 0);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "UNIT    ZONE  WORKLOAD  AGENT  MESSAGE", "{text}");
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[1..].iter().any(|line| line.contains('*')), "{text}");
    let (code, json, _) = lab.ask(&["action", "app/0", "go", "fail=yes", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let (answer, message) = (&json["results"]["answer"], &json["message"]);
    assert_eq!((code, json["completed"].as_bool()), (1, Some(false)));
    assert_eq!(
        (answer, message),
        (&"3 on app/0".into(), &"not today".into())
    );
    let (_, json, _) = lab.ask(&["status", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["units"][1]["message"], "ready");
    let (code, directory, _place) = lab.end();
    assert_eq!(code, 0, "a lab that was told to stay ends well");
    assert!(directory.join("history.jsonl").exists());
    assert!(!directory.join("control.socket").exists());
}

#[test]
fn what_cannot_be_done_is_refused_with_the_reason() {
    let lab = Running::start("run");
    let (code, _, said) = lab.ask(&["exec", "app/9", "true"]);
    assert_eq!(
        (code, &*said),
        (
            125,
            "ops-coordinator: unit app/9 does not exist (or no longer does)\n"
        )
    );
    let (code, _, said) = lab.ask(&["exec", "web/leader", "true"]);
    assert_eq!(
        (code, &*said),
        (
            125,
            "ops-coordinator: application \"web\" is not deployed\n"
        )
    );
    let (code, _, said) = lab.ask(&["action", "app/0", "went"]);
    assert_eq!(
        (code, &*said),
        (
            1,
            "ops-coordinator: application \"app\" has no action \"went\"; known: go\n"
        )
    );
    assert_eq!(lab.end().0, 0);
}

#[test]
fn the_socket_is_the_users_own_however_deep_the_directory_is() {
    let deep = format!("{}/{}", "d".repeat(100), "e".repeat(100));
    let lab = Running::start(&deep);
    let socket = fs::metadata(lab.directory.join("control.socket")).unwrap();
    assert_eq!(socket.permissions().mode() & 0o777, 0o600);
    let dir = lab.directory.display().to_string();
    let (code, said, _) = lab.ask(&["exec", "--dir", &dir, "app/0", "pwd"]);
    assert_eq!(
        (code, said.trim_end().ends_with("/unit-app-0/charm")),
        (0, true)
    );
    assert_eq!(lab.end().0, 0);
}

#[test]
fn where_no_lab_runs_the_command_says_so() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().display().to_string();
    // What a lab leaves that was killed together with its keeper.
    drop(UnixListener::bind(place.path().join("control.socket")).unwrap());
    let wanted = format!("ops-coordinator: no lab is running in {dir}\n");
    let (code, _, said) = ask(place.path(), &["status", "--dir", &dir]);
    assert_eq!((code, &*said), (1, &*wanted));
    let (code, _, said) = ask(place.path(), &["exec", "--dir", &dir, "app/0", "true"]);
    assert_eq!((code, &*said), (125, &*wanted));
    let (code, _, said) = ask(place.path(), &["status"]);
    assert_eq!(code, 1);
    assert!(
        said.starts_with("ops-coordinator: no lab is running\nhint: "),
        "{said}"
    );
}

#[test]
fn of_several_labs_one_must_be_named() {
    let first = Running::start("first");
    let second = Running::start("second");
    // The second one's link, where the first one's is found.
    let scratch = first.place.path().join("ops-coordinator-second");
    fs::create_dir(&scratch).unwrap();
    std::os::unix::fs::symlink(&second.directory, scratch.join("lab")).unwrap();
    let (code, _, said) = first.ask(&["status"]);
    assert_eq!(code, 1);
    let (one, two) = (first.directory.display(), second.directory.display());
    assert!(
        said.starts_with("ops-coordinator: 2 labs are running\nhint: say which: "),
        "{said}"
    );
    assert!(said.contains(&format!("--dir {one}")) && said.contains(&format!("--dir {two}")));
    assert_eq!(second.end().0, 0);
    assert_eq!(first.ask(&["status"]).0, 0, "the other one has ended");
    assert_eq!(first.end().0, 0);
}

#[test]
fn steps_are_taken_as_in_a_scenario_and_marks_count_from_the_step_before() {
    let charm = "case $hook in
           start) status-set active ready ;;
           config-changed) lab-mark enter config; sleep 0.3; lab-mark leave config ;;
         esac";
    let lab = Running::start_with("run", charm);
    let (code, said, _) = lab.ask(&["step", "config = { message = 'new' }", "after = 'idle'"]);
    assert_eq!((code, &*said), (0, "config message=\"new\"\nwaited\n"));
    // The marks were made during the last step, so they do not count.
    let again = ["step", "--timeout", "1s", "after = { mark = 'leave' }"];
    let (code, _, said) = lab.ask(&again);
    assert_eq!(
        (code, &*said),
        (
            1,
            "ops-coordinator: the moment of the step has not come within 1 s\n"
        )
    );
    assert_eq!(lab.ask(&["step", "config = { message = 'newer' }"]).0, 0);
    // Whether the marks were made before or after this is asked.
    let count = "after = { mark = 'leave', count = 2 }\nexpect = { turns = { config = 6 } }";
    assert_eq!(lab.ask(&["step", count]).0, 0);
    let (code, _, said) = lab.ask(&["step", "expect = { turns = { config = 7 } }"]);
    assert_eq!(
        (code, &*said),
        (1, "ops-coordinator: turns of config: expected 7, found 6\n")
    );
    let both_at_once = 1;
    assert_eq!(lab.end().0, both_at_once);
}

#[test]
fn a_step_that_is_none_is_refused_before_anything_is_done() {
    let lab = Running::start("run");
    let (code, said, problem) = lab.ask(&["step", "add-units = 1", "kil = 'holder'"]);
    let wanted = "ops-coordinator: step:1: a step has no key `kil`\nhint: did you mean `kill`?\n";
    assert_eq!((code, &*said, &*problem), (2, "", wanted));
    assert_eq!(lab.ask(&["status"]).1.lines().count(), 3, "no unit more");
    assert_eq!(lab.end().0, 0);
}

#[test]
fn wait_says_who_still_waits_for_a_turn() {
    let charm = "ops-coordinator begin --relation cluster
         case $hook in
           start) status-set active ready ;;
           config-changed)
             [ \"$(config-get message)\" = hello ] || ops-coordinator request --relation cluster restart ;;
         esac
         ops-coordinator release --relation cluster";
    let lab = Running::start_with("run", charm);
    assert_eq!(lab.ask(&["step", "config = { message = 'new' }"]).0, 0);
    let (code, said, problem) = lab.ask(&["wait", "--timeout", "3s"]);
    assert_eq!(code, 1, "{said}{problem}");
    assert!(
        said.contains("app/1 asked for restart and was not served"),
        "{said}"
    );
    assert_eq!(lab.ask(&["wait", "--waiting-allowed"]).0, 0);
    lab.end();
}

#[test]
fn a_lab_that_stays_until_its_input_ends_ends_with_it() {
    let fixture = Fixture::new(CHARM);
    let mut command = Command::new(COMMAND);
    command.args(["lab", "run", "--stay-until-eof", "--units", "1", "--charm"]);
    command.arg(fixture.charm());
    let mut process = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    thread::sleep(Duration::from_secs(2));
    assert_eq!(process.try_wait().unwrap(), None);
    drop(process.stdin.take());
    let code = process.wait().unwrap().code();
    assert_eq!(code, Some(0));
}
