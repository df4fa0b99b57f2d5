//! Databags and hook tools as real processes use them.

use crate::fixture::Fixture;

#[test]
fn units_read_what_the_others_have_committed() {
    let run = Fixture::new(
        "case $hook in
           cluster-relation-created) relation-set -r \"$JUJU_RELATION_ID\" name=\"$JUJU_UNIT_NAME\" ;;
           cluster-relation-changed)
             for unit in $(relation-list); do relation-get name \"$unit\"; done >seen ;;
         esac",
    )
    .run(&["--units", "3"])
    .exits(0);
    assert_eq!(run.file(0, "seen"), "app/1\napp/2\n");
    assert_eq!(run.file(2, "seen"), "app/0\napp/1\n");
}

#[test]
fn a_tool_reads_a_file_and_its_input() {
    let run = Fixture::new(
        "if [ $hook = start ]; then
           id=$(relation-ids cluster)
           echo '{\"from-file\": \"1\"}' >settings.json
           relation-set -r \"$id\" --file settings.json
           echo 'from-input: \"2\"' | relation-set -r \"$id\" --file -
           relation-get -r \"$id\" --format=json - \"$JUJU_UNIT_NAME\" >seen
         fi",
    )
    .run(&[])
    .exits(0);
    let seen: serde_json::Value = serde_json::from_str(&run.file(0, "seen")).unwrap();
    assert_eq!(
        (&seen["from-file"], &seen["from-input"]),
        (&"1".into(), &"2".into())
    );
}

#[test]
fn a_failed_hook_publishes_nothing_and_runs_again() {
    let run = Fixture::new(
        "case $hook in
           start)
             relation-set -r \"$(relation-ids cluster)\" word=draft
             if [ ! -e tried ]; then touch tried; exit 3; fi
             relation-set -r \"$(relation-ids cluster)\" word=final ;;
           cluster-relation-changed)
             relation-get word \"${JUJU_REMOTE_UNIT:-$JUJU_UNIT_NAME}\" >>seen ;;
         esac",
    )
    .run(&["--units", "2"])
    .exits(0);
    assert!(
        run.text.contains("app/0 start failed with exit code 3"),
        "{}",
        run.text
    );
    assert!(!run.file(1, "seen").contains("draft"));
    assert!(run.file(1, "seen").ends_with("final\n"));
}

#[test]
fn a_tool_fails_once_its_hook_has_ended_or_when_its_context_is_not_known() {
    let run = Fixture::new(
        "if [ $hook = start ]; then
           code=0; JUJU_CONTEXT_ID=app/0-start-0 is-leader 2>unknown || code=$?; echo $code >>unknown
           setsid bash -c 'sleep 0.5; is-leader 2>late; echo $? >>late' >/dev/null 2>&1 &
           sleep 0.1
         fi",
    )
    .play("[[step]]\nafter = \"idle\"\n[[step]]\nafter = \"1s\"\n", &[])
    .exits(0);
    for file in ["late", "unknown"] {
        let text = run.file(0, file);
        let lines: Vec<_> = text.lines().collect();
        assert!(
            lines.len() == 2 && lines[0].starts_with("ERROR ") && lines[1] == "1",
            "{text}"
        );
    }
}

#[test]
fn a_background_process_comes_back_through_juju_exec() {
    let script = r#"
        if [ $hook = start ]; then
            juju-exec true 2>inside || echo $? >>inside
            unset JUJU_CONTEXT_ID
            export COMMAND='relation-set -r $(relation-ids cluster) k=v; echo said; exit 7'
            setsid bash -c 'juju-exec app/0 "$COMMAND" >outside; echo $? >>outside' &
        fi"#;
    let run = Fixture::new(script)
        .play(
            "[[step]]\nafter = { hook = \"juju-exec\" }\n[[step]]\nafter = \"500ms\"\n",
            &[],
        )
        .exits(0);
    assert!(
        run.file(0, "inside")
            .contains("cannot be called from within a hook")
    );
    assert!(run.file(0, "inside").ends_with("\n2\n"));
    assert_eq!(run.file(0, "outside"), "said\n7\n");
    let wrote = |event: &serde_json::Value| event["hook"] == "juju-exec";
    assert!(
        run.events("commit").iter().any(wrote),
        "published although it exited 7"
    );
}
