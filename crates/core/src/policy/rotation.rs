//! Rotation: the oldest request joins first; requests of the same age join round-robin, by unit
//! number.

use super::{Policy, Request, Situation};
use crate::{LockName, UnitName};

/// The default policy. The oldest requests join the line first: those made with the oldest version of the
/// line in view. Among equals it continues after the unit that joined last, in the order of unit numbers. So
/// no waiting unit is overtaken twice by the same unit, and no clock is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// How many operations may run at once.
    pub limit: u32,
    /// How many entries to keep behind those that may run.
    pub lookahead: u32,
}

impl Default for Rotation {
    /// One at a time, with sixteen more in the line.
    fn default() -> Self {
        Self {
            limit: 1,
            lookahead: 16,
        }
    }
}

impl Policy for Rotation {
    fn limit(&self, _lock: &LockName, _situation: &Situation<'_>) -> u32 {
        self.limit.max(1)
    }

    fn lookahead(&self, _lock: &LockName) -> u32 {
        self.lookahead
    }

    fn order(&self, _lock: &LockName, requests: &mut Vec<Request>, situation: &Situation<'_>) {
        rotate(requests, situation.last);
    }
}

/// Sorts the oldest requests first, and those of the same age round-robin, after the unit that joined last.
pub(super) fn rotate(requests: &mut [Request], last: Option<&UnitName>) {
    requests.sort_by(|a, b| a.ticket.cmp(&b.ticket));
    if let Some(last) = last {
        let next = requests.partition_point(|request| &request.ticket.unit <= last);
        requests.rotate_left(next);
    }
    requests.sort_by_key(|request| request.asked);
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
                asked: 0,
                zone: None,
                wave: 0,
            })
            .collect();
        rotate(&mut requests, last.map(name).as_ref());
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
    fn an_older_request_goes_before_all_that_were_made_since() {
        let lock: LockName = "restart".parse().unwrap();
        let leader: UnitName = "app/0".parse().unwrap();
        let request = |unit: u32, asked: u64| Request {
            ticket: Ticket {
                unit: format!("app/{unit}").parse().unwrap(),
                incarnation: Incarnation::from_random(unit),
                seq: 1,
            },
            asked,
            zone: None,
            wave: 0,
        };
        let mut requests = vec![request(0, 9), request(1, 4), request(5, 4)];
        Rotation::default().order(&lock, &mut requests, &Situation::new(&leader));
        let units: Vec<u32> = requests.iter().map(|r| r.ticket.unit.number()).collect();
        assert_eq!(units, [1, 5, 0]);
    }

    #[test]
    fn at_least_one_may_run_however_low_the_limit() {
        let limit = |limit| {
            let policy = Rotation {
                limit,
                ..Rotation::default()
            };
            let leader = "app/0".parse().unwrap();
            policy.limit(&"restart".parse().unwrap(), &Situation::new(&leader))
        };
        assert_eq!([0, 1, 3].map(limit), [1, 1, 3]);
    }
}
