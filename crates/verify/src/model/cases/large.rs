//! Larger cases, on demand.

use super::{CASE, NONE};
use crate::model::case::{Case, Faults};

/// The large cases, which take longer.
pub const LARGE: &[Case] = &[
    Case {
        name: "every-accident",
        faults: Faults {
            leader: 1,
            fail: 1,
            kill: 1,
            slow: 1,
            ..NONE
        },
        healed_one_in: 16,
        states: 3_821_496,
        ..CASE
    },
    Case {
        name: "cancellation-and-new-leader",
        faults: Faults {
            cancel: 1,
            kill: 1,
            leader: 1,
            ..NONE
        },
        healed_one_in: 16,
        states: 1_458_080,
        ..CASE
    },
    Case {
        name: "departure-crash-and-new-leader",
        faults: Faults {
            remove: 1,
            kill: 1,
            leader: 1,
            ..NONE
        },
        healed_one_in: 16,
        states: 753_056,
        ..CASE
    },
    Case {
        name: "rebirth-and-crash",
        reborn_requests: 1,
        faults: Faults {
            remove: 1,
            rebirth: 1,
            kill: 1,
            ..NONE
        },
        healed_one_in: 16,
        states: 2_021_209,
        ..CASE
    },
    Case {
        name: "two-requests-crash-and-new-leader",
        requests: [2; 3],
        asks_while_running: true,
        faults: Faults {
            kill: 1,
            leader: 1,
            ..NONE
        },
        healed_one_in: 16,
        states: 5_695_578,
        ..CASE
    },
    Case {
        name: "three-units-limit-changes",
        units: 3,
        limit: 2,
        requests: [0, 1, 1],
        faults: Faults { limit: 2, ..NONE },
        healed_one_in: 16,
        states: 2_478_005,
        ..CASE
    },
    Case {
        name: "unavailable-twice-and-crash",
        max_unavailable: Some(1),
        faults: Faults {
            ail: 2,
            kill: 1,
            ..NONE
        },
        states: 1_578_102,
        ..CASE
    },
    Case {
        name: "three-units-unavailable",
        units: 3,
        limit: 2,
        max_unavailable: Some(1),
        requests: [0, 1, 1],
        faults: Faults { ail: 1, ..NONE },
        healed_one_in: 16,
        states: 914_150,
        ..CASE
    },
    Case {
        name: "three-units-that-all-ask",
        units: 3,
        lookahead: 2,
        healed_one_in: 16,
        states: 861_615,
        ..CASE
    },
    Case {
        name: "three-units-that-all-ask-limit-of-two",
        units: 3,
        limit: 2,
        healed_one_in: 16,
        states: 1_538_630,
        ..CASE
    },
    Case {
        name: "three-units-that-all-ask-departure",
        units: 3,
        lookahead: 2,
        faults: Faults { remove: 1, ..NONE },
        healed_one_in: 16,
        states: 9_491_834,
        ..CASE
    },
    Case {
        name: "three-units-departure-of-two",
        units: 3,
        requests: [0, 1, 1],
        faults: Faults { remove: 2, ..NONE },
        healed_one_in: 16,
        states: 1_715_174,
        ..CASE
    },
    Case {
        name: "stop-crash-and-new-leader",
        faults: Faults {
            stop: 1,
            kill: 1,
            leader: 1,
            ..NONE
        },
        healed_one_in: 16,
        states: 1_286_861,
        ..CASE
    },
    Case {
        name: "three-units-stop-and-pause",
        units: 3,
        requests: [0, 1, 1],
        faults: Faults {
            stop: 1,
            pause: 1,
            ..NONE
        },
        healed_one_in: 16,
        states: 1_681_025,
        ..CASE
    },
    Case {
        name: "three-units-classic-hand-off",
        units: 3,
        lookahead: 0,
        requests: [1, 1, 0],
        faults: Faults {
            leader: 1,
            fail: 1,
            ..NONE
        },
        healed_one_in: 16,
        states: 8_034_207,
        ..CASE
    },
    Case {
        name: "roster-and-new-leaders",
        remembers: true,
        faults: Faults {
            leader: 2,
            kill: 1,
            ..NONE
        },
        states: 8_220_410,
        ..CASE
    },
    Case {
        name: "roster-and-latecomer",
        remembers: true,
        latecomer: true,
        faults: Faults {
            leader: 1,
            fail: 1,
            ..NONE
        },
        states: 1_602_460,
        ..CASE
    },
    Case {
        name: "three-units-roster",
        units: 3,
        remembers: true,
        lookahead: 2,
        requests: [0, 1, 1],
        faults: Faults { leader: 1, ..NONE },
        healed_one_in: 16,
        states: 8_484_604,
        ..CASE
    },
    Case {
        name: "announced-every-accident",
        announces: true,
        introduced: true,
        remembers: true,
        faults: Faults {
            fail: 1,
            kill: 1,
            ..NONE
        },
        healed_one_in: 16,
        states: 1_332_856,
        ..CASE
    },
    Case {
        name: "announced-and-roll-and-new-leader",
        announces: true,
        introduced: true,
        remembers: true,
        faults: Faults {
            roll: 1,
            leader: 1,
            ..NONE
        },
        healed_one_in: 16,
        states: 3_176_243,
        ..CASE
    },
    Case {
        name: "roll-every-accident",
        introduced: true,
        faults: Faults {
            roll: 1,
            leader: 1,
            fail: 1,
            kill: 1,
            slow: 1,
            ..NONE
        },
        healed_one_in: 16,
        states: 0,
        ..CASE
    },
    Case {
        name: "roll-twice-abort-and-new-leader",
        introduced: true,
        reasons: 2,
        faults: Faults {
            roll: 2,
            abort: 1,
            leader: 1,
            ..NONE
        },
        healed_one_in: 16,
        states: 0,
        ..CASE
    },
    Case {
        name: "three-units-roll-and-requests",
        introduced: true,
        units: 3,
        lookahead: 2,
        requests: [0, 1, 1],
        faults: Faults { roll: 1, ..NONE },
        healed_one_in: 16,
        states: 0,
        ..CASE
    },
    Case {
        name: "three-units-roll-rebirth",
        introduced: true,
        units: 3,
        lookahead: 0,
        requests: [0; 3],
        faults: Faults {
            roll: 1,
            remove: 1,
            rebirth: 1,
            ..NONE
        },
        healed_one_in: 16,
        states: 0,
        ..CASE
    },
    Case {
        name: "shared-lock-and-lowered-limit",
        limit: 2,
        shares: true,
        requests: [1, 1, 0],
        faults: Faults {
            limit: 1,
            fail: 1,
            ..NONE
        },
        states: 1_342_932,
        ..CASE
    },
];
