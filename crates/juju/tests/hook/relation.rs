//! One endpoint with several relations, or with none for a while.

use ops_coordinator_core::{Turn, Wait};
use ops_coordinator_juju::Start;

use crate::fake::{Juju, lock};
use crate::{everyone_asked, release, run};

#[test]
fn every_hook_follows_the_lowest_relation_whatever_it_is_about() {
    let juju = Juju::new(2);
    juju.list_relations(&["coordinator:10", "coordinator:3"]);
    for about in [Some("coordinator:10"), Some("coordinator:3"), None] {
        juju.about(about);
        juju.hook(1, |hook| drop(hook.request(&lock()).unwrap()));
        juju.hook(0, release);
    }
    assert!(juju.bag("app/1").is_some() && juju.bag("app").is_some());
    assert_eq!(juju.bag("coordinator:10 app/1"), None);
    assert_eq!(juju.bag("coordinator:10 app"), None);
}

#[test]
fn what_an_old_session_says_of_the_relation_does_not_decide() {
    let juju = Juju::new(2);
    juju.list_relations(&["coordinator:10"]);
    juju.about(Some("coordinator:10"));
    juju.hook(1, |hook| drop(hook.request(&lock()).unwrap()));
    assert!(juju.bag("coordinator:10 app/1").is_some());
    // The lower one comes into sight late.
    juju.list_relations(&["coordinator:10", "coordinator:3"]);
    juju.about(Some("coordinator:3"));
    juju.hook(1, release);
    assert!(
        juju.bag("app/1").unwrap().contains(r#""seq":1"#),
        "the request comes along"
    );
}

#[test]
fn where_the_relation_is_gone_the_next_ones_line_opens_when_nobody_follows_the_old_one() {
    let juju = everyone_asked(3);
    juju.list_relations(&["coordinator:10", "coordinator:3"]);
    assert_eq!(run(&juju, 0), Ok(1));
    juju.refused_hook(1, |hook| {
        assert!(hook.start(&lock()).unwrap().begun().is_some());
    });
    juju.list_relations(&["coordinator:10"]);
    juju.about(None);
    // The leader and the last have lost sight of it; app/1, which is inside, has had no hook since.
    for _ in 0..2 {
        juju.hook(0, release);
        assert!(matches!(run(&juju, 2), Err(Turn::Wait(Wait::NotInLine))));
    }
    juju.hook(2, |hook| {
        let warnings = hook.status().unwrap().warnings;
        assert!(warnings[0].contains("not open yet"), "{warnings:?}");
    });
    assert!(
        run(&juju, 1).is_err(),
        "but now it says that it has left too"
    );
    juju.hook(0, release);
    assert!(matches!(run(&juju, 2), Err(Turn::Wait(Wait::Behind(_)))));
    assert_eq!(run(&juju, 1), Ok(2), "it was inside, so it goes first");
    assert_eq!(run(&juju, 2), Ok(1));
}

#[test]
fn a_relation_that_is_gone_is_no_error() {
    let juju = everyone_asked(2);
    juju.without_relation(|| {
        juju.hook(1, |hook| {
            assert!(matches!(hook.start(&lock()).unwrap(), Start::Waiting(_)));
            release(hook);
        });
    });
}

#[test]
fn a_relation_that_is_out_of_sight_for_a_hook_is_not_forgotten() {
    let juju = everyone_asked(3);
    assert_eq!(run(&juju, 0), Ok(1));
    juju.about(None);
    juju.list_relations(&[]);
    juju.hook(0, release);
    juju.list_relations(&["coordinator:10"]);
    juju.hook(0, release);
    let line = juju.bag("coordinator:10 app").unwrap();
    assert!(line.contains(r#""opening":3"#), "{line}");
}

#[test]
fn a_unit_that_departs_while_the_line_opens_is_not_here_whatever_the_relation_lists() {
    let juju = everyone_asked(3);
    assert_eq!(run(&juju, 0), Ok(1));
    assert!(run(&juju, 2).is_err());
    juju.hook(1, |hook| {
        assert!(hook.start(&lock()).unwrap().begun().is_some());
        hook.finish(&lock(), Err("fails".to_owned())).unwrap();
        release(hook);
    });
    juju.about(None);
    juju.list_relations(&["coordinator:10"]);
    juju.hook(0, release);
    juju.hook(1, release);
    juju.hook(2, release);
    juju.departed(0, 1, release);
    let line = juju.bag("coordinator:10 app").unwrap();
    assert!(line.contains(r#""line":[{"unit":"app/1""#), "{line}");
    assert!(juju.woken(0), "until the controller has forgotten it");
    assert!(matches!(run(&juju, 2), Err(Turn::Wait(Wait::Behind(_)))));
}
