//! Bad histories, each with the name of the guarantee that it violates.

use std::collections::BTreeMap;

use ops_coordinator_core::invariant::Violation;
use ops_coordinator_lab::history::{Event, Happening, Life, Outcome};
use ops_coordinator_lab::{ContextId, UnitName};

use super::{Tally, check};

const LOCK: &str = "restart";
const BAG: &str = "coordinator:0 ops-coordinator";

/// A history that is written down step by step.
#[derive(Default)]
struct Tale {
    events: Vec<Event>,
    version: u64,
}

impl Tale {
    fn and(mut self, happening: Happening) -> Self {
        let n = self.events.len() as u64 + 1;
        let at = n * 10;
        self.events.push(Event { n, at, happening });
        self
    }

    fn commits(self, unit: u32, own: Option<String>, line: Option<String>) -> Self {
        let writes = |value: Option<String>| -> BTreeMap<String, String> {
            value
                .map(|value| (BAG.to_owned(), value))
                .into_iter()
                .collect()
        };
        self.and(Happening::Commit {
            unit: name(unit),
            hook: "config-changed".to_owned(),
            unit_writes: writes(own),
            app_writes: writes(line),
            state: false,
        })
    }

    /// A unit publishes how many requests it has made and how many are done.
    fn record(self, unit: u32, seq: u64, done: u64) -> Self {
        let outcome = if done > 0 { r#","outcome":"done""# } else { "" };
        let record = format!(
            r#"{{"v":1,"id":"0000000{unit}","locks":{{"{LOCK}":{{"seq":{seq},"done":{done}{outcome}}}}}}}"#
        );
        self.commits(unit, Some(record), None)
    }

    /// The leader publishes a line of these units and their requests' numbers.
    fn line(mut self, entries: &[(u32, u64)]) -> Self {
        self.version += 1;
        let entry = |(unit, seq): &(u32, u64)| {
            format!(r#"{{"unit":"app/{unit}","id":"0000000{unit}","seq":{seq},"limit":1}}"#)
        };
        let entries: Vec<String> = entries.iter().map(entry).collect();
        let line = format!(
            r#"{{"v":1,"term":1,"version":{},"by":"app/0","locks":{{"{LOCK}":{{"line":[{}]}}}}}}"#,
            self.version,
            entries.join(",")
        );
        self.commits(0, None, Some(line))
    }

    /// The leader rolls two units, by a line with these fields more.
    fn roll(self, more: &str) -> Self {
        let entry =
            |unit| format!(r#"{{"unit":"app/{unit}","id":"0000000{unit}","seq":1,"limit":1}}"#);
        let line = format!(
            r#"{{"v":1,"term":1,"version":1,"by":"app/0","locks":{{"{LOCK}":{{"line":[{},{}],"campaign":{{"id":"1-0000beef","line":1,"why":"keys"}}{more}}}}}}}"#,
            entry(0),
            entry(1),
        );
        self.commits(0, None, Some(line))
    }

    fn two_who_are_rolled() -> Self {
        let known = Self::default().record(0, 0, 0).record(1, 0, 0);
        known.roll("")
    }

    /// A unit says that it has done its first request, or passed, and gone in the campaign.
    fn has_gone(self, unit: u32, outcome: &str) -> Self {
        let record = format!(
            r#"{{"v":1,"id":"0000000{unit}","locks":{{"{LOCK}":{{"seq":1,"done":1,"outcome":"{outcome}","camp":"1-0000beef"}}}}}}"#
        );
        self.commits(unit, Some(record), None)
    }

    fn enters(self, unit: u32) -> Self {
        let (unit, lock) = (name(unit), LOCK.to_owned());
        self.and(Happening::Enter { unit, lock })
    }

    fn leaves(self, unit: u32) -> Self {
        let (unit, lock) = (name(unit), LOCK.to_owned());
        self.and(Happening::Leave { unit, lock })
    }

    fn dies(self, unit: u32) -> Self {
        let (unit, life) = (name(unit), Life::Dead);
        self.and(Happening::Life { unit, life })
    }

    fn hook_ends(self, unit: u32, outcome: Outcome, code: Option<i32>) -> Self {
        self.and(Happening::HookEnd {
            unit: name(unit),
            hook: "config-changed".to_owned(),
            outcome,
            code,
            took: 5,
        })
    }

    /// Two units have asked, and both are in the line.
    fn two_in_line() -> Self {
        let asked = Self::default().record(0, 1, 0).record(1, 1, 0);
        asked.line(&[(0, 1), (1, 1)])
    }

    fn judged(&self) -> Result<Tally, Violation> {
        check(&self.events, BTreeMap::new())
    }

    #[track_caller]
    fn breaks(&self, promise: &str) {
        let broken = self.judged().map_err(|violation| violation.invariant);
        assert_eq!(broken, Err(promise));
    }
}

fn name(unit: u32) -> UnitName {
    UnitName::new("app", unit)
}

#[test]
fn a_good_history_is_counted() {
    let tale = Tale::two_in_line()
        .enters(0)
        .hook_ends(0, Outcome::Killed, None)
        .enters(0)
        .leaves(0)
        .record(0, 1, 1)
        .hook_ends(0, Outcome::Done, Some(0))
        .line(&[(1, 1)])
        .enters(1)
        .leaves(1)
        .hook_ends(1, Outcome::Failed, Some(1))
        .record(1, 1, 1)
        .hook_ends(1, Outcome::Done, Some(0))
        .line(&[]);
    let wanted = Tally {
        hooks: 4,
        failed: 1,
        cut_off: 1,
        turns: 2,
        again: 1,
        leaders: 0,
    };
    assert_eq!(tale.judged(), Ok(wanted));
}

#[test]
fn two_inside_are_told() {
    Tale::two_in_line()
        .enters(0)
        .enters(1)
        .breaks("at-most-limit-inside");
}

#[test]
fn whoever_begins_out_of_turn_is_told() {
    Tale::default().enters(0).breaks("starts-only-in-turn");
    Tale::default()
        .record(0, 1, 0)
        .enters(0)
        .breaks("starts-only-in-turn");
    Tale::two_in_line().enters(1).breaks("starts-only-in-turn");
    // It has come to its end, but nobody has been told yet.
    Tale::two_in_line()
        .enters(0)
        .leaves(0)
        .enters(1)
        .breaks("starts-only-in-turn");
}

#[test]
fn what_is_finished_and_begins_again_is_told() {
    let published = Tale::two_in_line().enters(0).leaves(0).record(0, 1, 1);
    published.enters(0).breaks("finished-never-runs-again");
    // Not published, but its process came to a good end, so its unit knows.
    let lost = Tale::two_in_line().enters(0).leaves(0);
    lost.hook_ends(0, Outcome::Crashed, Some(0))
        .enters(0)
        .breaks("finished-never-runs-again");
    // Killed right after its end, it cannot know; and whoever fails after it may take it for failed.
    for (outcome, code) in [(Outcome::Killed, None), (Outcome::Failed, Some(1))] {
        let unknown = Tale::two_in_line().enters(0).leaves(0);
        let again = unknown.hook_ends(0, outcome, code).enters(0);
        again.breaks("nobody-waits-at-rest");
    }
}

#[test]
fn a_request_that_is_done_without_being_done_is_told() {
    Tale::two_in_line()
        .record(0, 1, 1)
        .breaks("every-request-is-served");
    Tale::two_in_line()
        .enters(0)
        .leaves(0)
        .record(0, 2, 2)
        .breaks("every-request-is-served");
}

#[test]
fn what_begins_while_two_lines_let_it_counts_for_the_one_that_its_unit_names() {
    let peers = |record: &str, line: Option<&str>| Happening::Commit {
        unit: name(0),
        hook: "config-changed".to_owned(),
        unit_writes: BTreeMap::from([("peers:1 ops-coordinator".to_owned(), record.to_owned())]),
        app_writes: line
            .map(|line| ("peers:1 ops-coordinator".to_owned(), line.to_owned()))
            .into_iter()
            .collect(),
        state: false,
    };
    let asked = format!(r#"{{"v":1,"id":"000000aa","locks":{{"{LOCK}":{{"seq":1,"done":0}}}}}}"#);
    let line = format!(
        r#"{{"v":1,"term":1,"version":1,"by":"app/0","locks":{{"{LOCK}":{{"line":[{{"unit":"app/0","id":"000000aa","seq":1,"limit":1}}]}}}}}}"#
    );
    let done = asked.replace(r#""done":0"#, r#""done":1,"outcome":"done""#);
    let in_both = || {
        let here = Tale::default().record(0, 1, 0).line(&[(0, 1)]);
        here.and(peers(&asked, Some(&line)))
    };
    let inside = in_both().enters(0).leaves(0);
    // Here it has passed by then, and not said so yet.
    let passed = format!(
        r#"{{"v":1,"id":"00000000","locks":{{"{LOCK}":{{"seq":1,"done":1,"outcome":"passed"}}}}}}"#
    );
    let there = inside
        .commits(0, Some(passed), None)
        .and(peers(&done, None));
    assert!(there.judged().is_ok(), "{:?}", there.judged());
    in_both()
        .and(peers(&done, None))
        .breaks("every-request-is-served");
}

#[test]
fn what_begins_after_a_request_that_was_cut_off_and_taken_back_counts_for_the_next() {
    let taken_back = format!(
        r#"{{"v":1,"id":"00000000","locks":{{"{LOCK}":{{"seq":2,"done":1,"outcome":"withdrawn"}}}}}}"#
    );
    let asked = Tale::default().record(0, 1, 0).line(&[(0, 1)]);
    let cut_off = asked.enters(0).hook_ends(0, Outcome::Killed, None);
    let again = cut_off.commits(0, Some(taken_back), None).line(&[(0, 2)]);
    let done = again.enters(0).leaves(0).record(0, 2, 2);
    assert!(done.judged().is_ok());
}

#[test]
fn whoever_waits_at_the_end_is_told() {
    Tale::two_in_line().breaks("nobody-waits-at-rest");
    let one_left = Tale::two_in_line().enters(0).leaves(0).record(0, 1, 1);
    one_left.breaks("nobody-waits-at-rest");
    let gone = Tale::two_in_line().enters(0).leaves(0).record(0, 1, 1);
    assert!(gone.dies(1).line(&[]).judged().is_ok());
}

#[test]
fn a_turn_that_ends_before_the_time_until_which_its_check_must_hold_is_told() {
    let tale = |end: u64, outcome: &str| {
        let record = |state: &str| {
            let text = format!(r#"{{"v":1,"id":"00000000","locks":{{"{LOCK}":{{{state}}}}}}}"#);
            Some(text)
        };
        let soaking = r#""seq":1,"done":0,"check":{"ok":true,"since":100,"until":160}"#;
        let over = format!(r#""seq":1,"done":1,"outcome":"{outcome}","end":{end}"#);
        let tale = Tale::two_in_line()
            .enters(0)
            .commits(0, record(soaking), None);
        let tale = tale.leaves(0).commits(0, record(&over), None);
        let tale = tale.enters(1).leaves(1).record(1, 1, 1);
        tale.line(&[])
    };
    tale(140, "done").breaks("check-holds-until-done");
    assert!(tale(160, "done").judged().is_ok());
    assert!(tale(159, "done").judged().is_ok(), "whole seconds");
    assert!(
        tale(140, "skipped").judged().is_ok(),
        "an operator may end it"
    );
}

#[test]
fn what_is_published_is_judged() {
    Tale::two_in_line()
        .line(&[(1, 1)])
        .breaks("only-what-is-over-leaves");
    Tale::two_in_line()
        .line(&[(1, 1), (0, 1)])
        .breaks("line-keeps-order");
    Tale::two_in_line()
        .record(0, 0, 0)
        .breaks("counters-only-grow");
    Tale::default()
        .commits(0, Some("{".to_owned()), None)
        .breaks("values-are-sound");
}

#[test]
fn whoever_does_not_go_in_a_campaign_is_told() {
    let one = Tale::two_who_are_rolled().enters(0).leaves(0);
    let one = one.has_gone(0, "done").hook_ends(0, Outcome::Done, Some(0));
    one.breaks("nobody-waits-at-rest");
    let both = Tale::two_who_are_rolled().enters(0).leaves(0);
    let both = both.has_gone(0, "done").enters(1).leaves(1);
    assert!(both.has_gone(1, "done").judged().is_ok());
    let one_passes = Tale::two_who_are_rolled().enters(0).leaves(0);
    let one_passes = one_passes.has_gone(0, "done").has_gone(1, "passed");
    assert!(one_passes.judged().is_ok());
}

#[test]
fn whoever_says_that_it_has_gone_in_a_campaign_and_has_not_is_told() {
    Tale::two_who_are_rolled()
        .has_gone(0, "cancelled")
        .breaks("nobody-is-passed-over");
    // It began before there was a campaign.
    let asked = Tale::default().record(0, 1, 0);
    let begun = asked.line(&[(0, 1)]).enters(0);
    let line = r#"{"v":1,"term":1,"version":2,"by":"app/0","locks":{"restart":{"line":[{"unit":"app/0","id":"00000000","seq":1,"limit":1}],"campaign":{"id":"1-0000beef","line":2,"why":"keys"}}}}"#;
    let rolled = begun.commits(1, None, Some(line.to_owned()));
    let done = rolled.leaves(0).has_gone(0, "done");
    done.breaks("nobody-is-passed-over");
}

#[test]
fn an_invited_unit_that_begins_while_its_lock_is_paused_is_told() {
    let known = Tale::default().record(0, 0, 0).record(1, 0, 0);
    let paused = known.roll(r#","paused":"night""#);
    let begins = Happening::HookBegin {
        unit: name(0),
        context: ContextId("app/0-config-changed-1".to_owned()),
        hook: "config-changed".to_owned(),
    };
    let hook = paused.and(begins).enters(0);
    hook.breaks("nothing-starts-while-paused");
}
