//! The cases: small ones in the test command, large ones on demand.

use super::case::{Case, Faults};
use super::state::UNITS;

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
    faults: NONE,
    healed_one_in: 1,
    states: 0,
};

/// The cases of the test command.
pub const SMALL: &[Case] = &[
    Case {
        name: "two-requests",
        requests: [2; 3],
        states: 15_905,
        ..CASE
    },
    Case {
        name: "asks-while-running",
        requests: [2; 3],
        asks_while_running: true,
        states: 17_649,
        ..CASE
    },
    Case {
        name: "checks",
        checks: true,
        faults: Faults {
            check: 1,
            kill: 1,
            ..NONE
        },
        states: 29_207,
        ..CASE
    },
    Case {
        name: "unavailable",
        max_unavailable: Some(1),
        faults: Faults {
            ail: 1,
            kill: 1,
            ..NONE
        },
        states: 148_129,
        ..CASE
    },
    Case {
        name: "unavailable-and-new-leader",
        max_unavailable: Some(1),
        requests: [1, 1, 0],
        faults: Faults {
            ail: 1,
            leader: 1,
            ..NONE
        },
        states: 347_284,
        ..CASE
    },
    Case {
        name: "unavailable-and-departure",
        max_unavailable: Some(1),
        faults: Faults {
            ail: 1,
            remove: 1,
            ..NONE
        },
        states: 59_307,
        ..CASE
    },
    Case {
        name: "roll-and-unavailable",
        max_unavailable: Some(1),
        introduced: true,
        requests: [0; 3],
        faults: Faults {
            ail: 1,
            roll: 1,
            leader: 1,
            kill: 1,
            ..NONE
        },
        states: 299_160,
        ..CASE
    },
    Case {
        name: "two-locks",
        locks: 2,
        requests: [2; 3],
        states: 19_475,
        ..CASE
    },
    Case {
        name: "two-locks-and-crash",
        locks: 2,
        faults: Faults { kill: 1, ..NONE },
        states: 11_476,
        ..CASE
    },
    Case {
        name: "failures",
        faults: Faults { fail: 2, ..NONE },
        states: 26_538,
        ..CASE
    },
    Case {
        name: "crashes",
        faults: Faults { kill: 2, ..NONE },
        states: 50_417,
        ..CASE
    },
    Case {
        name: "new-leaders",
        faults: Faults { leader: 2, ..NONE },
        states: 81_474,
        ..CASE
    },
    Case {
        name: "new-leader-and-crash",
        faults: Faults {
            leader: 1,
            kill: 1,
            ..NONE
        },
        states: 184_905,
        ..CASE
    },
    Case {
        name: "silent-own-line",
        hears_own_line: false,
        faults: Faults {
            leader: 1,
            fail: 1,
            ..NONE
        },
        states: 84_615,
        ..CASE
    },
    Case {
        name: "classic-hand-off",
        lookahead: 0,
        faults: Faults {
            leader: 1,
            slow: 1,
            ..NONE
        },
        states: 36_935,
        ..CASE
    },
    Case {
        name: "latecomer",
        latecomer: true,
        faults: Faults { leader: 1, ..NONE },
        states: 29_000,
        ..CASE
    },
    Case {
        name: "departure",
        faults: Faults {
            remove: 1,
            leader: 1,
            ..NONE
        },
        states: 67_690,
        ..CASE
    },
    Case {
        name: "departure-and-crash",
        faults: Faults {
            remove: 1,
            kill: 1,
            ..NONE
        },
        states: 46_871,
        ..CASE
    },
    Case {
        name: "rebirth",
        reborn_requests: 1,
        faults: Faults {
            remove: 1,
            rebirth: 1,
            ..NONE
        },
        healed_one_in: 4,
        states: 210_835,
        ..CASE
    },
    Case {
        name: "lost-disk",
        requests: [2, 1, 0],
        faults: Faults {
            disk: 1,
            kill: 1,
            ..NONE
        },
        states: 184_914,
        ..CASE
    },
    Case {
        name: "cancellation",
        faults: Faults {
            cancel: 1,
            kill: 1,
            ..NONE
        },
        states: 48_836,
        ..CASE
    },
    Case {
        name: "silent-own-line-and-action",
        hears_own_line: false,
        faults: Faults {
            cancel: 1,
            kill: 1,
            ..NONE
        },
        states: 22_979,
        ..CASE
    },
    Case {
        name: "pause",
        faults: Faults { pause: 1, ..NONE },
        states: 8_371,
        ..CASE
    },
    Case {
        name: "pause-and-crash",
        faults: Faults {
            pause: 1,
            kill: 1,
            ..NONE
        },
        states: 87_569,
        ..CASE
    },
    Case {
        name: "silent-own-line-and-pause",
        hears_own_line: false,
        faults: Faults {
            pause: 1,
            leader: 1,
            ..NONE
        },
        states: 144_892,
        ..CASE
    },
    Case {
        name: "stops",
        faults: Faults { stop: 2, ..NONE },
        states: 10_317,
        ..CASE
    },
    Case {
        name: "stops-in-a-hook-that-fails",
        faults: Faults {
            stop: 1,
            fail: 1,
            ..NONE
        },
        states: 35_223,
        ..CASE
    },
    Case {
        name: "stop-and-crash",
        faults: Faults {
            stop: 1,
            kill: 1,
            ..NONE
        },
        states: 49_611,
        ..CASE
    },
    Case {
        name: "stop-skip-and-pause",
        faults: Faults {
            stop: 1,
            skip: 1,
            pause: 1,
            ..NONE
        },
        healed_one_in: 4,
        states: 303_756,
        ..CASE
    },
    Case {
        name: "stop-and-lost-disk",
        faults: Faults {
            stop: 1,
            disk: 1,
            ..NONE
        },
        states: 22_091,
        ..CASE
    },
    Case {
        name: "limit-of-two",
        limit: 2,
        requests: [2; 3],
        faults: Faults { fail: 1, ..NONE },
        states: 147_288,
        ..CASE
    },
    Case {
        name: "limit-changes",
        limit: 2,
        requests: [2; 3],
        faults: Faults { limit: 2, ..NONE },
        states: 434_294,
        ..CASE
    },
    Case {
        name: "limit-changes-and-new-leader",
        limit: 2,
        faults: Faults {
            limit: 1,
            leader: 1,
            ..NONE
        },
        states: 168_100,
        ..CASE
    },
    Case {
        name: "three-units-lowered-limit",
        units: 3,
        limit: 2,
        requests: [0, 1, 1],
        faults: Faults { limit: 1, ..NONE },
        healed_one_in: 16,
        states: 549_125,
        ..CASE
    },
    Case {
        name: "three-units",
        units: 3,
        lookahead: 2,
        requests: [1, 1, 0],
        faults: Faults { leader: 1, ..NONE },
        healed_one_in: 16,
        states: 739_431,
        ..CASE
    },
    Case {
        name: "three-units-limit-of-two",
        units: 3,
        limit: 2,
        requests: [0, 1, 1],
        rotations: 2,
        faults: Faults { kill: 1, ..NONE },
        healed_one_in: 16,
        states: 479_128,
        ..CASE
    },
    Case {
        name: "three-units-departure",
        units: 3,
        requests: [0, 1, 1],
        faults: Faults { remove: 1, ..NONE },
        healed_one_in: 16,
        states: 518_662,
        ..CASE
    },
    Case {
        name: "roster",
        remembers: true,
        requests: [2; 3],
        states: 85_513,
        ..CASE
    },
    Case {
        name: "roster-and-departure",
        remembers: true,
        faults: Faults {
            remove: 1,
            leader: 1,
            ..NONE
        },
        states: 346_266,
        ..CASE
    },
    Case {
        name: "roster-and-new-leader",
        remembers: true,
        faults: Faults { leader: 1, ..NONE },
        states: 68_311,
        ..CASE
    },
    Case {
        name: "announced",
        announces: true,
        introduced: true,
        remembers: true,
        faults: Faults { kill: 1, ..NONE },
        states: 74_313,
        ..CASE
    },
    Case {
        name: "announced-and-new-leader",
        announces: true,
        introduced: true,
        remembers: true,
        requests: [1, 1, 0],
        faults: Faults { leader: 1, ..NONE },
        states: 135_379,
        ..CASE
    },
    Case {
        name: "roll",
        introduced: true,
        requests: [0; 3],
        faults: Faults {
            roll: 1,
            fail: 1,
            kill: 1,
            ..NONE
        },
        states: 3_699,
        ..CASE
    },
    Case {
        name: "roll-and-requests",
        introduced: true,
        faults: Faults {
            roll: 1,
            kill: 1,
            ..NONE
        },
        states: 104_191,
        ..CASE
    },
    Case {
        name: "roll-new-leader-and-slow",
        fills: false,
        introduced: true,
        lookahead: 0,
        requests: [0, 1, 0],
        faults: Faults {
            roll: 1,
            leader: 1,
            slow: 1,
            ..NONE
        },
        states: 68_318,
        ..CASE
    },
    Case {
        name: "roll-silent-own-line",
        fills: false,
        introduced: true,
        hears_own_line: false,
        requests: [0, 1, 0],
        faults: Faults {
            roll: 1,
            abort: 1,
            leader: 1,
            ..NONE
        },
        states: 46_426,
        ..CASE
    },
    Case {
        name: "roll-twice",
        introduced: true,
        reasons: 2,
        requests: [0, 1, 0],
        faults: Faults {
            roll: 2,
            kill: 1,
            ..NONE
        },
        states: 100_145,
        ..CASE
    },
    Case {
        name: "roll-abort-and-pass",
        introduced: true,
        requests: [0, 1, 0],
        faults: Faults {
            roll: 2,
            abort: 1,
            pass: 1,
            ..NONE
        },
        states: 147_846,
        ..CASE
    },
    Case {
        name: "roll-and-rebirth",
        introduced: true,
        requests: [0; 3],
        faults: Faults {
            roll: 2,
            remove: 1,
            rebirth: 1,
            ..NONE
        },
        states: 132_446,
        ..CASE
    },
    Case {
        name: "roll-and-lost-disk",
        introduced: true,
        lookahead: 0,
        requests: [0, 1, 0],
        faults: Faults {
            roll: 1,
            disk: 1,
            kill: 1,
            pass: 1,
            ..NONE
        },
        states: 188_113,
        ..CASE
    },
    Case {
        name: "roll-of-strangers",
        latecomer: true,
        requests: [0, 1, 0],
        faults: Faults {
            roll: 1,
            leader: 1,
            ..NONE
        },
        states: 53_730,
        ..CASE
    },
    Case {
        name: "roll-and-abort-of-strangers",
        requests: [0; 3],
        faults: Faults {
            roll: 1,
            abort: 1,
            kill: 1,
            pass: 1,
            ..NONE
        },
        states: 17_808,
        ..CASE
    },
    Case {
        name: "roll-stop-and-skip",
        introduced: true,
        requests: [0, 1, 0],
        faults: Faults {
            roll: 1,
            stop: 1,
            skip: 1,
            ..NONE
        },
        states: 71_485,
        ..CASE
    },
    Case {
        name: "roll-after-cancellation",
        introduced: true,
        requests: [0, 1, 0],
        faults: Faults {
            roll: 1,
            cancel: 1,
            leader: 1,
            ..NONE
        },
        states: 148_004,
        ..CASE
    },
    Case {
        name: "roster-roll-and-departure",
        introduced: true,
        remembers: true,
        requests: [0, 1, 0],
        faults: Faults {
            roll: 1,
            remove: 1,
            leader: 1,
            ..NONE
        },
        states: 387_877,
        ..CASE
    },
    Case {
        name: "roster-roll-and-rebirth",
        introduced: true,
        remembers: true,
        requests: [0; 3],
        faults: Faults {
            roll: 1,
            remove: 1,
            rebirth: 1,
            ..NONE
        },
        states: 108_818,
        ..CASE
    },
    Case {
        name: "three-units-roll",
        introduced: true,
        units: 3,
        lookahead: 0,
        requests: [0; 3],
        faults: Faults {
            roll: 1,
            leader: 1,
            ..NONE
        },
        healed_one_in: 4,
        states: 183_364,
        ..CASE
    },
    Case {
        name: "three-units-roll-limit-of-two",
        introduced: true,
        units: 3,
        limit: 2,
        lookahead: 2,
        requests: [0; 3],
        faults: Faults {
            roll: 1,
            kill: 1,
            pass: 1,
            ..NONE
        },
        healed_one_in: 16,
        states: 460_984,
        ..CASE
    },
    Case {
        name: "three-units-roll-departure",
        introduced: true,
        units: 3,
        requests: [0; 3],
        faults: Faults {
            roll: 1,
            remove: 1,
            ..NONE
        },
        healed_one_in: 16,
        states: 168_321,
        ..CASE
    },
];

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
        states: 4_695_704,
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
        states: 1_843_566,
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
        states: 1_073_084,
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
        states: 3_300_802,
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
        states: 6_107_305,
        ..CASE
    },
    Case {
        name: "three-units-limit-changes",
        units: 3,
        limit: 2,
        requests: [0, 1, 1],
        faults: Faults { limit: 2, ..NONE },
        healed_one_in: 16,
        states: 2_906_877,
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
        states: 1_284_763,
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
        ..CASE
    },
    Case {
        name: "three-units-that-all-ask",
        units: 3,
        lookahead: 2,
        healed_one_in: 16,
        states: 1_772_324,
        ..CASE
    },
    Case {
        name: "three-units-that-all-ask-limit-of-two",
        units: 3,
        limit: 2,
        healed_one_in: 16,
        states: 1_939_503,
        ..CASE
    },
    Case {
        name: "three-units-that-all-ask-departure",
        units: 3,
        lookahead: 2,
        faults: Faults { remove: 1, ..NONE },
        healed_one_in: 16,
        states: 23_814_486,
        ..CASE
    },
    Case {
        name: "three-units-departure-of-two",
        units: 3,
        requests: [0, 1, 1],
        faults: Faults { remove: 2, ..NONE },
        healed_one_in: 16,
        states: 3_663_468,
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
        states: 1_283_577,
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
        states: 2_555_342,
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
        states: 9_119_702,
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
        states: 8_151_213,
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
];
