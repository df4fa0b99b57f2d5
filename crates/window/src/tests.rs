use proptest::prelude::*;

use super::*;

fn window(text: &str) -> Window {
    text.parse().unwrap()
}

/// `open`, or when it opens.
fn at(text: &str, now: &str) -> String {
    match window(text).at(now.parse().unwrap()) {
        Now::Open => "open".to_owned(),
        Now::Closed(opening) => format!("{opening} = {}", opening.at),
    }
}

#[test]
fn a_window_opens_and_closes_to_the_minute() {
    let london = "Mon-Fri 02:00-05:00 Europe/London";
    // 2026-01-05 is a Monday.
    assert_eq!(at(london, "2026-01-05T02:00:00Z"), "open");
    assert_eq!(at(london, "2026-01-05T04:59:59Z"), "open");
    let tuesday = "Tue 02:00 Europe/London = 2026-01-06T02:00:00Z";
    assert_eq!(at(london, "2026-01-05T05:00:00Z"), tuesday);
    let monday = "Mon 02:00 Europe/London = 2026-01-05T02:00:00Z";
    assert_eq!(at(london, "2026-01-05T01:59:59Z"), monday);
    assert_eq!(
        at(london, "2026-01-02T05:00:00Z"),
        monday,
        "over the weekend"
    );
}

#[test]
fn a_window_may_go_on_past_midnight_and_belongs_to_the_day_on_which_it_opens() {
    let night = "Fri 22:00-02:00 UTC";
    assert_eq!(at(night, "2026-01-02T23:00:00Z"), "open");
    assert_eq!(at(night, "2026-01-03T01:59:00Z"), "open");
    assert!(at(night, "2026-01-03T02:00:00Z").starts_with("Fri 22:00"));
    assert!(at(night, "2026-01-02T01:00:00Z").starts_with("Fri 22:00"));
}

#[test]
fn without_days_it_is_every_day_and_a_whole_day_has_no_gap() {
    assert_eq!(at("00:00-24:00 UTC", "2026-01-03T00:00:00Z"), "open");
    assert_eq!(at("00:00-24:00 UTC", "2026-01-03T23:59:59Z"), "open");
    assert_eq!(
        at("Sat,Sun 00:00-24:00 UTC", "2026-01-04T12:00:00Z"),
        "open"
    );
    let monday = at("Sat,Sun 00:00-24:00 UTC", "2026-01-05T00:00:00Z");
    assert_eq!(monday, "Sat 00:00 UTC = 2026-01-10T00:00:00Z");
    assert_eq!(
        at("Fri-Mon 00:00-24:00 UTC", "2026-01-04T12:00:00Z"),
        "open"
    );
}

#[test]
fn local_time_follows_daylight_saving_time() {
    let london = "02:00-05:00 Europe/London";
    // The clocks go forward on 2026-03-29 at 01:00 UTC, and back on 2026-10-25 at 01:00 UTC.
    assert_eq!(at(london, "2026-03-28T02:00:00Z"), "open");
    assert_eq!(at(london, "2026-03-30T01:00:00Z"), "open");
    assert_eq!(
        at(london, "2026-03-30T04:30:00Z"),
        "Tue 02:00 Europe/London = 2026-03-31T01:00:00Z"
    );
    assert_eq!(
        at(london, "2026-10-26T01:30:00Z"),
        "Mon 02:00 Europe/London = 2026-10-26T02:00:00Z"
    );
}

#[test]
fn an_hour_that_the_clocks_skip_has_no_window_and_one_that_comes_twice_counts_from_the_first() {
    // 01:00 to 02:00 does not exist on that Sunday.
    let skipped = "Sun 01:00-02:00 Europe/London";
    assert_eq!(
        at(skipped, "2026-03-29T00:30:00Z"),
        "Sun 01:00 Europe/London = 2026-04-05T00:00:00Z"
    );
    // From 01:00 summer time until 02:00 winter time are two hours.
    let twice = "Sun 01:00-02:00 Europe/London";
    for now in ["2026-10-25T00:00:00Z", "2026-10-25T01:59:00Z"] {
        assert_eq!(at(twice, now), "open", "{now}");
    }
    assert!(at(twice, "2026-10-25T02:00:00Z").starts_with("Sun 01:00"));
}

#[test]
fn what_is_no_window_is_told_with_a_hint() {
    let said = |text: &str| {
        let error = text.parse::<Window>().unwrap_err();
        assert!(!error.hint().is_empty());
        error.to_string()
    };
    assert_eq!(said(""), "'' is not a window");
    assert_eq!(said("02:00-05:00"), "'02:00-05:00' is not a window");
    assert_eq!(said("Mo 02:00-05:00 UTC"), "'Mo' is no day of the week");
    assert_eq!(said("Mon 2-5 UTC"), "'2' is no time of a window");
    assert_eq!(said("Mon 02:00 UTC"), "'02:00' is no time of a window");
    assert_eq!(
        said("02:00-02:00 UTC"),
        "'02:00-02:00' is no time of a window"
    );
    assert_eq!(said("02:00-25:00 UTC"), "'25:00' is no time of a window");
    assert_eq!(said("02:00-05:00 Atlantis"), "unknown time zone 'Atlantis'");
}

proptest! {
    #[test]
    fn a_closed_window_is_open_when_it_opens_and_closed_right_before(
        days in proptest::sample::select(vec!["", "Mon ", "Sat,Sun ", "Thu-Tue "]),
        from in 0_u32..24 * 60,
        to in 0_u32..24 * 60,
        zone in proptest::sample::select(vec!["UTC", "Europe/London", "America/New_York", "Australia/Lord_Howe"]),
        now in 0_i64..4_000_000_000,
    ) {
        prop_assume!(from != to);
        let time = |minutes: u32| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        let window = window(&format!("{days}{}-{} {zone}", time(from), time(to)));
        let now = Timestamp::from_second(now).unwrap();
        if let Now::Closed(opening) = window.at(now) {
            prop_assert!(opening.at > now);
            prop_assert_eq!(window.at(opening.at), Now::Open);
            let before = opening.at.checked_sub(1.second()).unwrap();
            // Where one window ends as the next begins, it was open before as well.
            if before >= now {
                prop_assert_eq!(window.at(before), Now::Closed(opening));
            }
        }
    }
}
