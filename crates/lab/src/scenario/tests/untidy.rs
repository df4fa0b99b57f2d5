//! Untidy worlds, and what a scenario expects at its end.

use std::collections::BTreeMap;

use super::{Deed, Expectation, Target, UnitDeed, acts, parsed, refused, to};

#[test]
fn an_untidy_world_can_be_asked_for() {
    let scenario = parsed(
        "duplicate-relations = [\"cluster\"]
        leftovers-die-with-agent = true
        tool-delay = \"7s\"",
    );
    assert_eq!(scenario.duplicate_relations, ["cluster"]);
    assert!(scenario.leftovers_die_with_agent);
    assert_eq!(scenario.tool_delay, (7_000, BTreeMap::new()));
    let scenario = parsed("tool-delay = { \"app/1\" = \"200ms\" }");
    let slow = BTreeMap::from([("app/1".to_owned(), 200)]);
    assert_eq!(scenario.tool_delay, (0, slow));
    refused(
        "tool-delay = { leader = \"7s\" }",
        "roll.toml:1: \"leader\" is not a unit such as \"app/0\"",
    );
    refused(
        "duplicate-relations = \"cluster\"",
        "roll.toml:1: `duplicate-relations` must be a list of names, not the string \"cluster\"",
    );
}

#[test]
fn every_deed_that_makes_the_world_untidy_is_understood() {
    let text = r#"
        [[step]]
        duplicate-relation = "cluster"
        [[step]]
        forget-relation = "app/1"
        [[step]]
        kill = "holder"
        spare-children = true
        [[step]]
        lose-disk = "leader"
        [[step]]
        remove-unit = "app/1"
        force = true
        untold = true
        "#;
    let app = Target::Unit("app/1".to_owned());
    let wanted = [
        Deed::DuplicateRelation("cluster".to_owned()).into(),
        to(app.clone(), UnitDeed::ForgetRelation),
        to(
            Target::Holder,
            UnitDeed::Kill {
                spare_children: true,
            },
        ),
        to(Target::Leader, UnitDeed::LoseDisk),
        to(
            app,
            UnitDeed::Remove {
                force: true,
                untold: true,
            },
        ),
    ];
    assert_eq!(acts(text), wanted);
    refused(
        "[[step]]\nlose-disk = \"app/1\"\nspare-children = true\n",
        "roll.toml:3: `spare-children` only goes with `kill`",
    );
}

#[test]
fn the_last_word_on_each_unit_is_what_a_scenario_expects_at_its_end() {
    let steps = parsed(
        r#"
        [[step]]
        expect = { status = { "app/0" = "blocked", "app/1" = "waiting" }, unserved = { "app/0" = ["restart"] } }
        [[step]]
        expect = { status = { "app/0" = "active" }, unserved = { "app/0" = [] } }
        [[step]]
        expect = { units = 2 }
        "#,
    )
    .steps;
    let last = Expectation::at_the_end(&steps);
    let status = [("app/0", "active"), ("app/1", "waiting")];
    let status = status.map(|(unit, status)| (unit.to_owned(), status.to_owned()));
    assert_eq!(last.status, status.into());
    assert_eq!(last.unserved, [("app/0".to_owned(), vec![])].into());
    assert_eq!(last.units, None);
    refused(
        "[[step]]\nexpect = { unserved = { \"app/0\" = \"restart\" } }\n",
        "roll.toml:2: `unserved.app/0` must be a list of names, not the string \"restart\"",
    );
}
