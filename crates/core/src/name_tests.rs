//! Valid names, and what is rejected.

use super::*;

#[test]
fn units_are_ordered_by_number_not_by_text() {
    let [two, ten]: [UnitName; 2] = ["app/2".parse().unwrap(), "app/10".parse().unwrap()];
    assert!(two < ten);
}

#[test]
fn a_name_gives_its_parts() {
    let unit: UnitName = "web-app/12".parse().unwrap();
    assert_eq!((unit.application(), unit.number()), ("web-app", 12));
    let lock: LockName = "restart".parse().unwrap();
    assert_eq!(lock.as_str(), "restart");
}

#[test]
fn names_that_could_hurt_are_refused() {
    for bad in [
        "",
        "--now",
        "Restart",
        "a b",
        "a/b",
        "1st",
        "x".repeat(33).as_str(),
    ] {
        assert!(bad.parse::<LockName>().is_err(), "{bad:?}");
    }
    for bad in [
        "", "app", "app/", "/0", "app/-1", "app/+1", "app/01", "a p/0", "app/0/0",
    ] {
        assert!(bad.parse::<UnitName>().is_err(), "{bad:?}");
    }
}

#[test]
fn an_error_quotes_the_name_and_hints_at_what_is_valid() {
    let error = "--now".parse::<LockName>().unwrap_err();
    assert_eq!(error.to_string(), "invalid lock name '--now'");
    assert_eq!(
        error.hint(),
        "a lock name is 1 to 32 of a-z, 0-9, '-' and '_', starting with a letter"
    );
    let error = "app".parse::<UnitName>().unwrap_err();
    assert_eq!(error.to_string(), "invalid unit name 'app'");
    assert_eq!(
        error.hint(),
        "a unit name is APPLICATION/NUMBER, as in 'app/0'"
    );
}

#[test]
fn an_error_is_short_whatever_the_name() {
    let error = "x".repeat(10_000).parse::<LockName>().unwrap_err();
    let shown = error.to_string();
    assert!(shown.ends_with("x… (10000 characters)'"), "{shown}");
}
