//! The cases: small ones in the test command, large ones on demand.

mod large;
mod small;

use super::case::{Case, Faults};
use super::state::UNITS;

pub use large::LARGE;
pub use small::SMALL;

const NONE: Faults = Faults {
    fail: 0,
    kill: 0,
    slow: 0,
    leader: 0,
    remove: 0,
    rebirth: 0,
    disk: 0,
    cancel: 0,
    skip: 0,
    pause: 0,
    stop: 0,
    limit: 0,
    roll: 0,
    abort: 0,
    pass: 0,
    check: 0,
    ail: 0,
    rival: 0,
    lease: 0,
};

const CASE: Case = Case {
    name: "",
    units: 2,
    locks: 1,
    limit: 1,
    max_unavailable: None,
    lookahead: 1,
    requests: [1; UNITS],
    asks_while_running: false,
    reborn_requests: 0,
    hears_own_line: true,
    rotations: 1,
    remembers: false,
    latecomer: false,
    introduced: false,
    reasons: 1,
    fills: true,
    checks: false,
    announces: false,
    shares: false,
    faults: NONE,
    healed_one_in: 1,
    states: 0,
};
