//! The cases of the test command.

use super::{CASE, NONE};
use crate::model::case::{Case, Faults};

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
        states: 169_303,
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
        states: 390_534,
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
        states: 64_302,
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
        states: 309_449,
        ..CASE
    },
    Case {
        name: "shared-lock",
        shares: true,
        faults: Faults {
            rival: 1,
            kill: 1,
            ..NONE
        },
        states: 207_903,
        ..CASE
    },
    Case {
        name: "shared-lock-and-lease",
        shares: true,
        faults: Faults {
            lease: 1,
            fail: 1,
            ..NONE
        },
        states: 161_519,
        ..CASE
    },
    Case {
        name: "shared-lock-and-cancellation",
        shares: true,
        faults: Faults {
            cancel: 1,
            rival: 1,
            ..NONE
        },
        states: 184_284,
        ..CASE
    },
    Case {
        name: "shared-lock-pause-and-stop",
        shares: true,
        requests: [1, 1, 0],
        faults: Faults {
            pause: 1,
            stop: 1,
            ..NONE
        },
        states: 269_033,
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
        states: 9_574,
        ..CASE
    },
    Case {
        name: "pause-and-crash",
        faults: Faults {
            pause: 1,
            kill: 1,
            ..NONE
        },
        states: 98_290,
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
        states: 181_720,
        ..CASE
    },
    Case {
        name: "stops",
        faults: Faults { stop: 2, ..NONE },
        states: 10_863,
        ..CASE
    },
    Case {
        name: "stops-in-a-hook-that-fails",
        faults: Faults {
            stop: 1,
            fail: 1,
            ..NONE
        },
        states: 36_169,
        ..CASE
    },
    Case {
        name: "stop-and-crash",
        faults: Faults {
            stop: 1,
            kill: 1,
            ..NONE
        },
        states: 50_842,
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
        states: 351_680,
        ..CASE
    },
    Case {
        name: "stop-and-lost-disk",
        faults: Faults {
            stop: 1,
            disk: 1,
            ..NONE
        },
        states: 22_807,
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
        states: 68_858,
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
        states: 54_181,
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
        states: 154_703,
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
        states: 19_261,
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
        states: 76_240,
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
