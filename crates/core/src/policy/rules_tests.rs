//! What joins the line, in which order and wave: examples, and properties of all rules together.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::policy::Tail;
use crate::{Incarnation, Ticket, UnitName};

fn name(unit: u32) -> UnitName {
    format!("app/{unit}").parse().unwrap()
}

fn request(unit: u32, asked: u64, zone: Option<&str>) -> Request {
    Request {
        ticket: Ticket {
            unit: name(unit),
            incarnation: Incarnation::from_random(unit),
            seq: 1,
        },
        asked,
        zone: zone.map(str::to_owned),
        wave: 0,
    }
}

/// Who joins in which wave, of units with these zones that all ask at once; app/0 leads.
fn joins(rules: &Rules, zones: &[&str], tail: Option<Tail<'_>>) -> Vec<(u32, u32)> {
    let mut requests: Vec<Request> = (0..)
        .zip(zones)
        .map(|(unit, zone)| request(unit, 0, Some(*zone).filter(|zone| !zone.is_empty())))
        .collect();
    let leader = name(0);
    let mut situation = Situation::new(&leader);
    situation.units = requests.len();
    situation.tail = tail;
    rules.order(&"restart".parse().unwrap(), &mut requests, &situation);
    let place = |request: &Request| (request.ticket.unit.number(), request.wave);
    requests.iter().map(place).collect()
}

fn rules(change: impl FnOnce(&mut Rules)) -> Rules {
    let mut rules = Rules::default();
    change(&mut rules);
    rules
}

fn units(places: &[(u32, u32)]) -> Vec<u32> {
    places.iter().map(|(unit, _)| *unit).collect()
}

#[test]
fn the_leader_goes_last() {
    let rules = rules(|rules| rules.sequence = Sequence::LeaderLast);
    assert_eq!(units(&joins(&rules, &[""; 4], None)), [1, 2, 3, 0]);
}

#[test]
fn units_that_are_named_go_first() {
    let rules = rules(|rules| rules.sequence = "app/3,app/9,app/1".parse().unwrap());
    assert_eq!(units(&joins(&rules, &[""; 4], None)), [3, 1, 0, 2]);
}

#[test]
fn each_zone_is_a_wave_and_so_are_units_without() {
    let rules = rules(|rules| rules.waves = Waves::Zone);
    let places = joins(&rules, &["b", "a", "b", "", "a"], None);
    assert_eq!(places, [(3, 0), (1, 1), (4, 1), (0, 2), (2, 2)]);
}

#[test]
fn waves_continue_with_the_zone_at_the_end_of_the_line() {
    let rules = rules(|rules| rules.waves = Waves::Zone);
    let places = joins(&rules, &["a", "b", "c"], Some(Tail::new(4, Some("b"))));
    assert_eq!(places, [(1, 4), (2, 5), (0, 6)]);
}

#[test]
fn the_leaders_zone_goes_last_with_the_leader() {
    let rules = rules(|rules| {
        rules.waves = Waves::Zone;
        rules.sequence = Sequence::LeaderLast;
    });
    let places = joins(&rules, &["a", "b", "a"], None);
    assert_eq!(places, [(1, 0), (2, 1), (0, 1)]);
}

#[test]
fn a_canary_goes_alone_and_only_on_an_idle_line() {
    let canary = rules(|rules| rules.canary = true);
    assert_eq!(joins(&canary, &[""; 3], None), [(0, 0), (1, 1), (2, 1)]);
    let behind_canary = joins(&canary, &[""; 2], Some(Tail::new(0, None)));
    assert_eq!(behind_canary, [(0, 1), (1, 1)]);
    let behind_others = joins(&canary, &[""; 2], Some(Tail::new(1, None)));
    assert_eq!(behind_others, [(0, 1), (1, 1)]);
    let by_zone = Rules {
        waves: Waves::Zone,
        ..canary
    };
    let places = joins(&by_zone, &["a", "a", "b"], None);
    assert_eq!(places, [(0, 0), (1, 1), (2, 2)]);
}

#[test]
fn a_unit_that_asks_again_and_again_falls_behind_whatever_the_order() {
    let rules = rules(|rules| rules.sequence = Sequence::UnitNumber);
    let leader = name(0);
    let mut situation = Situation::new(&leader);
    situation.units = 3;
    let first = |again: u64| {
        let mut requests = vec![request(0, again, None), request(2, 1, None)];
        rules.order(&"restart".parse().unwrap(), &mut requests, &situation);
        requests[0].ticket.unit.number()
    };
    assert_eq!((first(4), first(5)), (0, 2));
}

fn any_rules() -> impl Strategy<Value = Rules> {
    let sequence = prop_oneof![
        Just(Sequence::FirstCome),
        Just(Sequence::UnitNumber),
        Just(Sequence::LeaderLast),
        proptest::collection::vec(0_u32..12, 0..4)
            .prop_map(|units| Sequence::First(units.into_iter().map(name).collect())),
    ];
    let limit = prop_oneof![
        (1_u32..=100).prop_map(|units| Limit::new(units).unwrap()),
        (1_u32..=100).prop_map(|percent| Limit::percent(percent).unwrap()),
    ];
    (limit, sequence, any::<bool>(), any::<bool>(), 0_u32..9).prop_map(
        |(limit, sequence, by_zone, canary, lookahead)| Rules {
            limit,
            sequence,
            waves: if by_zone { Waves::Zone } else { Waves::One },
            canary,
            lookahead,
            max_unavailable: None,
        },
    )
}

fn any_requests() -> impl Strategy<Value = Vec<Request>> {
    let about = (0_u64..30, proptest::option::of("[abc]"));
    proptest::collection::btree_map(0_u32..12, about, 0..12).prop_map(|requests: BTreeMap<_, _>| {
        let requests = requests.into_iter();
        let of = |(unit, (asked, zone)): (u32, (u64, Option<String>))| {
            request(unit, asked, zone.as_deref())
        };
        requests.map(of).collect()
    })
}

proptest! {
    #[test]
    fn every_request_joins_once_in_the_same_order_and_rising_waves(
        rules in any_rules(),
        requests in any_requests().prop_shuffle(),
        others in any::<u64>(),
        leader in 0_u32..12,
        last in proptest::option::of(0_u32..12),
        tail in proptest::option::of((0_u32..5, proptest::option::of("[abc]"))),
    ) {
        let (leader, last) = (name(leader), last.map(name));
        let mut situation = Situation::new(&leader);
        situation.units = 12;
        situation.requests = requests.len();
        situation.last = last.as_ref();
        situation.tail = tail.as_ref().map(|(wave, zone)| Tail::new(*wave, zone.as_deref()));
        let lock = "restart".parse().unwrap();
        let mut ordered = requests.clone();
        rules.order(&lock, &mut ordered, &situation);

        let tickets = |requests: &[Request]| {
            let mut tickets: Vec<_> = requests.iter().map(|r| r.ticket.clone()).collect();
            tickets.sort();
            tickets
        };
        prop_assert_eq!(tickets(&ordered), tickets(&requests), "lost or doubled");

        // In whatever order the leader finds the requests, the result is the same.
        let mut again = requests.clone();
        let turn = usize::try_from(others % 13).unwrap() % again.len().max(1);
        again.rotate_left(turn);
        rules.order(&lock, &mut again, &situation);
        prop_assert_eq!(&again, &ordered, "not deterministic");

        let first = tail.as_ref().map_or(0, |(wave, _)| *wave);
        let waves: Vec<u32> = std::iter::once(first).chain(ordered.iter().map(|r| r.wave)).collect();
        prop_assert!(waves.is_sorted(), "{waves:?}");

        if rules.waves == Waves::Zone {
            for pair in ordered.windows(2) {
                let together = pair[0].wave == pair[1].wave;
                prop_assert!(!together || pair[0].zone == pair[1].zone, "zones mix in a wave");
            }
        }
        if rules.canary {
            let alone = ordered.iter().filter(|request| request.wave == 0).count();
            let on_idle = usize::from(tail.is_none() && !ordered.is_empty());
            prop_assert_eq!(alone, on_idle, "a canary is alone");
        }
        let limit = rules.limit(&lock, &situation);
        prop_assert!((1..=Limit::MAX).contains(&limit));
    }
}

#[test]
fn invalid_waves_say_what_is_valid() {
    let error = "zones".parse::<Waves>().unwrap_err();
    assert!(error.hint().contains("'zone'"), "{}", error.hint());
}
