//! Rotation: whoever asks first joins first; among those that ask together, unit by unit, round and
//! round.

use super::{Policy, Request};
use crate::{LockName, UnitName};

/// The default policy. Requests join the line as the leader sees them; among those that it sees
/// together it goes on after the unit that joined last, in the order of unit numbers. So no unit that
/// asks again and again can starve another, and no clock is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// How many operations may be under way at once.
    pub limit: u32,
    /// How many entries to keep behind those that may run.
    pub lookahead: u32,
}

impl Default for Rotation {
    /// One at a time, with four more in the line.
    fn default() -> Self {
        Self {
            limit: 1,
            lookahead: 4,
        }
    }
}

impl Policy for Rotation {
    fn limit(&self, _lock: &LockName, _requests: usize) -> u32 {
        self.limit.max(1)
    }

    fn lookahead(&self, _lock: &LockName) -> u32 {
        self.lookahead
    }

    fn order(&self, _lock: &LockName, requests: &mut Vec<Request>, last: Option<&UnitName>) {
        requests.sort_by(|a, b| a.ticket.cmp(&b.ticket));
        if let Some(last) = last {
            let next = requests.partition_point(|request| &request.ticket.unit <= last);
            requests.rotate_left(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Incarnation, Ticket};

    fn order(units: &[u32], last: Option<u32>) -> Vec<u32> {
        let name = |unit: u32| format!("app/{unit}").parse::<UnitName>().unwrap();
        let mut requests: Vec<Request> = units
            .iter()
            .map(|&unit| Request {
                ticket: Ticket {
                    unit: name(unit),
                    incarnation: Incarnation::from_random(unit),
                    seq: 1,
                },
                zone: None,
                wave: 0,
            })
            .collect();
        let lock = "restart".parse().unwrap();
        Rotation::default().order(&lock, &mut requests, last.map(name).as_ref());
        requests
            .iter()
            .map(|request| request.ticket.unit.number())
            .collect()
    }

    #[test]
    fn units_go_by_number_and_the_round_continues_after_the_last() {
        assert_eq!(order(&[10, 2, 0], None), [0, 2, 10]);
        assert_eq!(order(&[10, 2, 0], Some(1)), [2, 10, 0]);
        assert_eq!(
            order(&[10, 2, 0], Some(2)),
            [10, 0, 2],
            "a unit that asks again goes last"
        );
    }

    #[test]
    fn at_least_one_may_run_however_low_the_limit() {
        let limit = |limit| {
            let policy = Rotation {
                limit,
                ..Rotation::default()
            };
            policy.limit(&"restart".parse().unwrap(), 9)
        };
        assert_eq!([0, 1, 3].map(limit), [1, 1, 3]);
    }
}
