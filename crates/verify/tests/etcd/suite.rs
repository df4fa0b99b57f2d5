//! What must be seen, step by step.

use ops_coordinator_etcd::message::kv::{SortOrder, SortTarget};
use ops_coordinator_etcd::message::watch::Filter;

use crate::step::Step::{Compact, Ends, Grant, Leases, Pass, Renew, Revoke, Told};
use crate::step::{Step, Store};
use crate::{all, at, create, delete, get, put, range, sorted, steps, watch};

/// Steps, each with what must be seen, on a store that is empty.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    steps: Vec<(Step, &'static str)>,
}

impl Case {
    /// Plays it up to the first step that shows something else.
    pub(crate) async fn play(&self, store: &mut impl Store) -> Result<(), String> {
        for (number, (step, wanted)) in (1..).zip(&self.steps) {
            let seen = store.see(step).await.to_string();
            if seen != *wanted {
                let name = self.name;
                return Err(format!(
                    "{name}\nstep {number}: {step:?}\nwanted: {wanted}\nseen:   {seen}\n"
                ));
            }
        }
        Ok(())
    }
}

fn case<const N: usize>(name: &'static str, steps: [(Step, &'static str); N]) -> Case {
    Case {
        name,
        steps: steps.into(),
    }
}

/// All cases that take no time.
pub(crate) fn quick() -> Vec<Case> {
    [transactions(), ranges(), leases(), watches(), forgotten()]
        .into_iter()
        .flatten()
        .collect()
}

fn transactions() -> Vec<Case> {
    vec![
        case(
            "each transaction that writes is one revision, whatever it writes",
            [
                (
                    steps([put("a", "x", 0), put("b", "y", 0)]),
                    "r2 yes [put r2; put r2]",
                ),
                (steps([put("a", "z", 0)]), "r3 yes [put r3]"),
                (steps([delete("b")]), "r4 yes [deleted 1 r4]"),
                (get("a"), "r4 a 2 3 v2 z of 1"),
                (steps([put("b", "y", 0)]), "r5 yes [put r5]"),
                (get("b"), "r5 b 5 5 v1 y of 1"),
            ],
        ),
        case(
            "a transaction that changes nothing is no revision",
            [
                (steps([]), "r1 yes []"),
                (steps([range("a")]), "r1 yes [r1  of 0]"),
                (steps([delete("a")]), "r1 yes [deleted 0 r1]"),
                (steps([put("a", "x", 0)]), "r2 yes [put r2]"),
            ],
        ),
        case(
            "a key is created once, and who comes second sees who was first",
            [
                (create("a", "x", [range("a")]), "r2 yes [put r2]"),
                (create("a", "y", [range("a")]), "r2 no [r2 a 2 2 v1 x of 1]"),
                (steps([delete("a")]), "r3 yes [deleted 1 r3]"),
                (create("a", "z", [range("a")]), "r4 yes [put r4]"),
            ],
        ),
        case(
            "a transaction that names a key's creation fails once that is another one",
            [
                (steps([put("a", "x", 0)]), "r2 yes [put r2]"),
                (at("a", 2, [put("a", "y", 0)]), "r3 yes [put r3]"),
                (at("a", 3, [put("a", "never", 0)]), "r3 no []"),
                (steps([delete("a")]), "r4 yes [deleted 1 r4]"),
                (at("a", 2, [put("a", "never", 0)]), "r4 no []"),
                (at("a", 0, [put("a", "z", 0)]), "r5 yes [put r5]"),
                (at("a", 2, [put("a", "never", 0)]), "r5 no []"),
            ],
        ),
        case(
            "a step sees what the steps before it in the transaction have done",
            [
                (
                    steps([range("a"), put("a", "x", 0), range("a")]),
                    "r2 yes [r1  of 0; put r2; r2 a 2 2 v1 x of 1]",
                ),
                (
                    steps([delete("a"), range("a")]),
                    "r3 yes [deleted 1 r3; r3  of 0]",
                ),
            ],
        ),
        case(
            "a transaction with a lease that is not there does nothing at all",
            [
                (steps([put("a", "x", 0), put("b", "y", 7)]), "refused 5"),
                (all(), "r1  of 0"),
                (create("a", "x", [put("b", "y", 7)]), "r2 yes [put r2]"),
                (create("a", "x", [put("b", "y", 7)]), "refused 5"),
            ],
        ),
        case(
            "a transaction that writes a key twice is refused",
            [
                (steps([put("a", "x", 0), put("a", "y", 0)]), "refused 3"),
                (steps([put("a", "x", 0), delete("a")]), "refused 3"),
                (all(), "r1  of 0"),
            ],
        ),
    ]
}

fn ranges() -> Vec<Case> {
    use SortOrder::{Ascending, Descending, Unsorted};
    use SortTarget::{CreateRevision, Key};
    // c, b, a, and then b is written again.
    let four = || {
        [
            (steps([put("p/c", "x", 0)]), "r2 yes [put r2]"),
            (steps([put("p/b", "x", 0)]), "r3 yes [put r3]"),
            (steps([put("p/a", "x", 0)]), "r4 yes [put r4]"),
            (steps([put("p/b", "y", 0)]), "r5 yes [put r5]"),
            (steps([put("q", "z", 0)]), "r6 yes [put r6]"),
        ]
    };
    let after = |name, last: Vec<(Step, &'static str)>| Case {
        name,
        steps: four().into_iter().chain(last).collect(),
    };
    vec![
        after(
            "a prefix is read in the order of its keys",
            vec![
                (
                    sorted("p/", Unsorted, Key, 0, 0),
                    "r6 p/a 4 4 v1 x, p/b 3 5 v2 y, p/c 2 2 v1 x of 3",
                ),
                (
                    sorted("p/", Descending, Key, 0, 0),
                    "r6 p/c 2 2 v1 x, p/b 3 5 v2 y, p/a 4 4 v1 x of 3",
                ),
                (get("p/"), "r6  of 0"),
            ],
        ),
        after(
            "a line is read in the order in which its keys were created",
            vec![
                (
                    sorted("p/", Ascending, CreateRevision, 0, 0),
                    "r6 p/c 2 2 v1 x, p/b 3 5 v2 y, p/a 4 4 v1 x of 3",
                ),
                (
                    sorted("p/", Descending, CreateRevision, 0, 0),
                    "r6 p/a 4 4 v1 x, p/b 3 5 v2 y, p/c 2 2 v1 x of 3",
                ),
            ],
        ),
        after(
            "a limit keeps the first, and the count is that of all",
            vec![
                (
                    sorted("p/", Descending, CreateRevision, 2, 0),
                    "r6 p/a 4 4 v1 x, p/b 3 5 v2 y of 3",
                ),
                (sorted("p/", Unsorted, Key, 1, 0), "r6 p/a 4 4 v1 x of 3"),
            ],
        ),
        after(
            "what was created later is left out before the limit counts",
            vec![
                (
                    sorted("p/", Descending, CreateRevision, 1, 3),
                    "r6 p/b 3 5 v2 y of 3",
                ),
                (sorted("p/", Descending, CreateRevision, 1, 1), "r6  of 3"),
            ],
        ),
        after(
            "a range without an end is read to the last key",
            vec![(
                all(),
                "r6 p/a 4 4 v1 x, p/b 3 5 v2 y, p/c 2 2 v1 x, q 6 6 v1 z of 4",
            )],
        ),
    ]
}

fn leases() -> Vec<Case> {
    vec![
        case(
            "a lease takes its keys along, in one revision",
            [
                (Grant(7, 60), "60 s"),
                (Grant(8, 60), "60 s"),
                (
                    steps([put("b", "x", 7), put("a", "y", 7), put("c", "z", 8)]),
                    "r2 yes [put r2; put r2; put r2]",
                ),
                (get("a"), "r2 a 2 2 v1 y l7 of 1"),
                (watch("a", "z", 2, []), "done"),
                (Revoke(7), "done"),
                (all(), "r3 c 2 2 v1 z l8 of 1"),
                (Leases, "leases [8]"),
                (
                    Told(0, 5),
                    "told [put b 2 2 v1 x l7; put a 2 2 v1 y l7; put c 2 2 v1 z l8; delete a 3; delete b 3]",
                ),
            ],
        ),
        case(
            "a lease without keys ends without a revision",
            [
                (Grant(7, 60), "60 s"),
                (Revoke(7), "done"),
                (all(), "r1  of 0"),
                (Leases, "leases []"),
            ],
        ),
        case(
            "a lease that is gone cannot be renewed, ended or used",
            [
                (Renew(7), "0 s"),
                (Revoke(7), "refused 5"),
                (Grant(7, 60), "60 s"),
                (Revoke(7), "done"),
                (Renew(7), "0 s"),
                (Revoke(7), "refused 5"),
                (steps([put("a", "x", 7)]), "refused 5"),
            ],
        ),
        case(
            "a lease's number is taken until it ends",
            [
                (Grant(7, 60), "60 s"),
                (Grant(7, 30), "refused 9"),
                (Renew(7), "60 s"),
                (Revoke(7), "done"),
                (Grant(7, 30), "30 s"),
            ],
        ),
        case(
            "a lease has at least one and a half times the election's time-out, in whole seconds",
            [(Grant(7, 1), "2 s"), (Renew(7), "2 s"), (Revoke(7), "done")],
        ),
        case(
            "a key that is written with another lease, or without one, outlives its first",
            [
                (Grant(7, 60), "60 s"),
                (Grant(8, 60), "60 s"),
                (
                    steps([put("a", "x", 7), put("b", "x", 7)]),
                    "r2 yes [put r2; put r2]",
                ),
                (
                    steps([put("a", "y", 8), put("b", "y", 0)]),
                    "r3 yes [put r3; put r3]",
                ),
                (Revoke(7), "done"),
                (all(), "r3 a 2 3 v2 y l8, b 2 3 v2 y of 2"),
                (Revoke(8), "done"),
                (all(), "r4 b 2 3 v2 y of 1"),
            ],
        ),
        case(
            "a key that was deleted and created anew is not its first lease's",
            [
                (Grant(7, 60), "60 s"),
                (steps([put("a", "x", 7)]), "r2 yes [put r2]"),
                (steps([delete("a")]), "r3 yes [deleted 1 r3]"),
                (steps([put("a", "y", 0)]), "r4 yes [put r4]"),
                (Revoke(7), "done"),
                (all(), "r4 a 4 4 v1 y of 1"),
            ],
        ),
    ]
}

fn watches() -> Vec<Case> {
    vec![
        case(
            "a watch tells from its revision on, once each",
            [
                (steps([put("a", "x", 0)]), "r2 yes [put r2]"),
                (steps([put("a", "y", 0)]), "r3 yes [put r3]"),
                (watch("a", "", 3, []), "done"),
                (Told(0, 1), "told [put a 2 3 v2 y]"),
                (steps([delete("a")]), "r4 yes [deleted 1 r4]"),
                (Told(0, 1), "told [delete a 4]"),
                (Told(0, 0), "told []"),
            ],
        ),
        case(
            "a watch from a revision that is yet to come tells nothing before",
            [
                (watch("a", "", 3, []), "done"),
                (steps([put("a", "x", 0)]), "r2 yes [put r2]"),
                (steps([put("a", "y", 0)]), "r3 yes [put r3]"),
                (Told(0, 1), "told [put a 2 3 v2 y]"),
            ],
        ),
        case(
            "a watch of a key tells nothing of others, one of a prefix tells of all under it",
            [
                (watch("p/a", "", 2, []), "done"),
                (watch("p/", "p0", 2, []), "done"),
                (
                    steps([put("p/a", "x", 0), put("p/ab", "y", 0), put("p", "z", 0)]),
                    "r2 yes [put r2; put r2; put r2]",
                ),
                (Told(1, 2), "told [put p/a 2 2 v1 x; put p/ab 2 2 v1 y]"),
                (Told(0, 1), "told [put p/a 2 2 v1 x]"),
            ],
        ),
        case(
            "a watch leaves out what it is told to",
            [
                (watch("a", "", 2, [Filter::NoPut]), "done"),
                (watch("a", "", 2, [Filter::NoDelete]), "done"),
                (watch("a", "", 2, [Filter::NoPut, Filter::NoDelete]), "done"),
                (steps([put("a", "x", 0)]), "r2 yes [put r2]"),
                (steps([delete("a")]), "r3 yes [deleted 1 r3]"),
                (Told(0, 1), "told [delete a 3]"),
                (Told(1, 1), "told [put a 2 2 v1 x]"),
                (Told(2, 0), "told []"),
                (watch("a", "", 2, [Filter::NoPut]), "done"),
                (Told(3, 1), "told [delete a 3]"),
            ],
        ),
    ]
}

fn forgotten() -> Vec<Case> {
    let three = || {
        [
            (steps([put("a", "x", 0)]), "r2 yes [put r2]"),
            (steps([put("a", "y", 0)]), "r3 yes [put r3]"),
            (steps([put("a", "z", 0)]), "r4 yes [put r4]"),
        ]
    };
    let after = |name, last: Vec<(Step, &'static str)>| Case {
        name,
        steps: three().into_iter().chain(last).collect(),
    };
    vec![
        after(
            "a watch that asks for what is forgotten ends, and says what is not",
            vec![
                (Compact(3), "done"),
                (watch("a", "", 2, []), "done"),
                (Told(0, 1), "forgotten up to r3"),
                (watch("a", "", 3, []), "done"),
                (Told(1, 2), "told [put a 2 3 v2 y; put a 2 4 v3 z]"),
                (get("a"), "r4 a 2 4 v3 z of 1"),
            ],
        ),
        after(
            "a watch that has told what is forgotten goes on",
            vec![
                (watch("a", "", 3, []), "done"),
                (Told(0, 2), "told [put a 2 3 v2 y; put a 2 4 v3 z]"),
                (Compact(4), "done"),
                (steps([delete("a")]), "r5 yes [deleted 1 r5]"),
                (Told(0, 1), "told [delete a 5]"),
            ],
        ),
        after(
            "what is forgotten, and what is yet to come, cannot be forgotten",
            vec![
                (Compact(5), "refused 11"),
                (Compact(3), "done"),
                (Compact(3), "refused 11"),
                (Compact(2), "refused 11"),
                (Compact(4), "done"),
            ],
        ),
    ]
}

/// Leases end by the clock.
pub(crate) fn slow() -> Vec<Case> {
    vec![case(
        "a lease ends its time after its last renewal, and takes its key along",
        [
            (Grant(7, 4), "4 s"),
            (Grant(8, 5), "5 s"),
            (
                steps([put("a", "x", 7), put("b", "x", 8)]),
                "r2 yes [put r2; put r2]",
            ),
            (watch("a", "z", 3, []), "done"),
            (Pass(2_500), "done"),
            (Renew(7), "4 s"),
            (Ends(8), "done"),
            (all(), "r3 a 2 2 v1 x l7 of 1"),
            (Ends(7), "done"),
            (all(), "r4  of 0"),
            (Told(0, 2), "told [delete b 3; delete a 4]"),
            (Renew(7), "0 s"),
        ],
    )]
}
