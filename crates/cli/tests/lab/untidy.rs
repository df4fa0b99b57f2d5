//! What real models do to a charm, and a tidy one never would.

use std::fs;

use crate::fixture::Fixture;

#[test]
fn a_unit_lists_two_relations_of_one_endpoint_until_it_forgets_the_lower_one() {
    let scenario = "
        units = 2
        duplicate-relations = ['cluster']
        [[step]]
        exec = { unit = 'app/1', command = 'relation-ids cluster >two' }
        [[step]]
        forget-relation = 'app/1'
        [[step]]
        exec = { unit = 'app/1', command = 'relation-ids cluster >one; relation-list -r 0 2>>one', code = 2 }
        [[step]]
        exec = { unit = 'app/0', command = 'relation-ids cluster >two; relation-list -r 0 >>two' }
        ";
    let run = Fixture::new("true").play(scenario, &[]).exits(0);
    assert_eq!(run.file(1, "two"), "cluster:0\ncluster:1\n");
    assert!(run.file(1, "one").starts_with("cluster:1\n"));
    assert!(run.file(1, "one").ends_with("relation not found\n"));
    assert_eq!(run.file(0, "two"), "cluster:0\ncluster:1\napp/1\n");
    let told = "app/1 no longer sees cluster:0";
    assert!(run.text.contains(told), "{}", run.text);
}

#[test]
fn a_relation_is_doubled_while_the_units_run() {
    let scenario = "
        [[step]]
        duplicate-relation = 'cluster'
        [[step]]
        exec = { unit = 'app/0', command = 'relation-ids cluster >ids' }
        ";
    let run = Fixture::new("true").play(scenario, &[]).exits(0);
    assert_eq!(run.file(0, "ids"), "cluster:0\ncluster:1\n");
    let created = run
        .hooks(0)
        .into_iter()
        .filter(|hook| hook == "cluster-relation-created");
    assert_eq!(created.count(), 2);
    let wrong = "[[step]]\nduplicate-relation = 'clutter'\n";
    let run = Fixture::new("true").play(wrong, &[]).exits(1);
    let why = "application \"app\" has no peer endpoint \"clutter\"; known: cluster";
    assert!(run.text.contains(why), "{}", run.text);
}

#[test]
fn a_new_charm_brings_a_new_peer_endpoint() {
    let newer = Fixture::new("relation-ids extra >>ids-$hook");
    let path = newer.charm();
    let metadata = "name: app\npeers:\n  cluster: {interface: x}\n  extra: {interface: x}\n";
    fs::write(path.join("metadata.yaml"), metadata).unwrap();
    let scenario = format!(
        "units = 2\n[[step]]\nupgrade-charm = '{}'\n",
        path.display()
    );
    let run = Fixture::new("true").play(&scenario, &[]).exits(0);
    let hooks = run.hooks(0);
    let since = hooks
        .iter()
        .position(|hook| hook == "upgrade-charm")
        .unwrap();
    assert_eq!(
        hooks[since..],
        [
            "upgrade-charm",
            "config-changed",
            "extra-relation-created",
            "extra-relation-joined",
            "extra-relation-changed"
        ]
    );
    assert_eq!(run.file(0, "ids-upgrade-charm"), "");
    assert_eq!(run.file(0, "ids-extra-relation-created"), "extra:1\n");
}

#[test]
fn every_tool_takes_its_time_where_it_is_set_so() {
    let script = "[ $hook != start ] || { is-leader; is-leader & is-leader; wait; lab-mark enter x; lab-mark leave x; }";
    let scenario = "units = 2\ntool-delay = { 'app/1' = '500ms' }\n";
    let run = Fixture::new(script).play(scenario, &[]).exits(0);
    let took = |unit: &str| {
        let ends = run.events("hook-end").into_iter();
        let mut start = ends.filter(|end| end["unit"] == unit && end["hook"] == "start");
        start.next().unwrap()["took"].as_u64().unwrap()
    };
    // One after the other, and the marks are the lab's own.
    assert!((1_500..9_000).contains(&took("app/1")), "{}", took("app/1"));
    assert!(took("app/0") < 1_500, "{}", took("app/0"));
}

#[test]
fn a_tool_that_reads_its_input_takes_no_longer_than_others() {
    let script =
        "[ $hook != start ] || echo '{}' | relation-set -r \"$(relation-ids cluster)\" --file -";
    let run = Fixture::new(script)
        .play("tool-delay = '1s'\n", &[])
        .exits(0);
    let ends = run.events("hook-end").into_iter();
    let mut start = ends.filter(|end| end["hook"] == "start");
    let took = start.next().unwrap()["took"].as_u64().unwrap();
    assert!((2_000..2_900).contains(&took), "{took}");
}

#[test]
fn what_a_killed_dispatch_process_had_started_lives_on_and_its_tools_fail() {
    let script = r"
        if [ $hook = start ] && [ ! -e begun ]; then
            touch begun
            lab-mark enter disk
            bash -c 'sleep 0.6; code=0; is-leader 2>late || code=$?; echo $code >>late; touch done'
        elif [ $hook = start ]; then
            [ -e done ] && echo yes >finished || echo no >finished
            until [ -e done ]; do sleep 0.05; done
            lab-mark leave disk
        fi";
    let scenario = "
        [[step]]
        after = { mark = 'enter', delay = '100ms' }
        kill = 'holder'
        spare-children = true
        [[step]]
        expect = { turns = { disk = 1 }, failed-hooks = 0 }
        ";
    let run = Fixture::new(script).play(scenario, &[]).exits(0);
    assert_eq!(
        run.file(0, "finished"),
        "no\n",
        "the hook ran again at once"
    );
    let late = run.file(0, "late");
    assert!(
        late.starts_with("ERROR ") && late.ends_with("\n1\n"),
        "{late}"
    );
    assert!(run.text.contains("app/0 start was killed"), "{}", run.text);
}

#[test]
fn what_hooks_left_running_dies_with_the_agent_where_it_is_set_so() {
    let script = "[ $hook != start ] || setsid sleep 4242.7 </dev/null >/dev/null 2>&1 &";
    let count = |file: &str, code: u32| {
        let command = format!("pgrep -fc \"^sleep 4242.7\" >{file}");
        format!("[[step]]\nexec = {{ unit = 'app/0', command = '{command}', code = {code} }}\n")
    };
    for (dies, left) in [(true, 0), (false, 1)] {
        let scenario = format!(
            "leftovers-die-with-agent = {dies}\nretry-after = '100ms'
            {}
            [[step]]
            agent-down = 'app/0'
            [[step]]
            after = '100ms'
            agent-up = 'app/0'
            {}",
            count("before", 0),
            count("after", 1 - left)
        );
        let run = Fixture::new(script).play(&scenario, &[]).exits(0);
        assert_eq!(run.file(0, "before"), "1\n");
        assert_eq!(run.file(0, "after"), format!("{left}\n"));
    }
}

#[test]
fn what_hooks_left_running_dies_when_the_agent_crashes() {
    let script = "[ $hook != start ] || setsid sleep 4242.8 </dev/null >/dev/null 2>&1 &";
    let scenario = "
        leftovers-die-with-agent = true
        retry-after = '100ms'
        [[step]]
        crash = 'app/0'
        at = 'after-flush'
        [[step]]
        after = '10ms'
        config = { message = 'x' }
        [[step]]
        exec = { unit = 'app/0', command = 'pgrep -fc \"^sleep 4242.8\" >left', code = 1 }
        ";
    let run = Fixture::new(script).play(scenario, &[]).exits(0);
    assert_eq!(run.file(0, "left"), "0\n");
    let told = "app/0: processes left by hooks are dead";
    assert!(run.text.contains(told), "{}", run.text);
}

#[test]
fn a_unit_that_is_removed_untold_stays_listed() {
    let scenario = "
        units = 3
        force-wait = '300ms'
        [[step]]
        lose-machine = 'app/1'
        [[step]]
        remove-unit = 'app/1'
        force = true
        untold = true
        [[step]]
        exec = { unit = 'app/0', command = 'relation-list -r $(relation-ids cluster) >listed; goal-state >goal' }
        [[step]]
        expect = { units = 2 }
        ";
    let run = Fixture::new("true").play(scenario, &[]).exits(0);
    assert_eq!(run.file(0, "listed"), "app/1\napp/2\n");
    assert!(!run.file(0, "goal").contains("app/1"));
    let departed = "cluster-relation-departed".to_owned();
    assert!(!run.hooks(0).contains(&departed));
}

#[test]
fn a_unit_that_lost_its_disk_has_its_charm_and_its_databag_and_nothing_else() {
    let script = "case $hook in
           install) touch journal; relation-ids cluster >/dev/null ;;
           cluster-relation-created) relation-set -r \"$JUJU_RELATION_ID\" word=kept ;;
           start) ls >seen; relation-get -r \"$(relation-ids cluster)\" word \"$JUJU_UNIT_NAME\" >word ;;
         esac";
    let scenario = "
        [[step]]
        exec = { unit = 'app/0', command = 'ls >before' }
        [[step]]
        lose-disk = 'app/0'
        [[step]]
        expect = { failed-hooks = 0 }
        ";
    let run = Fixture::new(script).play(scenario, &[]).exits(0);
    let charm = "actions.yaml\nconfig.yaml\ndispatch\nmetadata.yaml\n";
    assert_eq!(run.file(0, "seen"), format!("{charm}seen\n"));
    assert_eq!(run.file(0, "word"), "kept\n");
    let starts = run.hooks(0).into_iter().filter(|hook| hook == "start");
    assert_eq!(starts.count(), 2);
    assert!(run.text.contains("app/0: the disk is lost"), "{}", run.text);
}
