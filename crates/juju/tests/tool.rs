//! The typed hook tools against the lab's Juju: what we send is what Juju takes, what Juju says is what
//! we read.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use ops_coordinator_juju::{Bag, Error, ToolOutput, Tools, Transport};
use ops_coordinator_lab::simulation::{HookContext, Phase, Plan, VirtualCharm, run};
use ops_coordinator_lab::{Application, Dispatch, JujuVersion, Settings};
use serde_json::json;

/// The hook tools of a unit in virtual time.
struct Virtual<'a>(&'a HookContext);

impl Transport for Virtual<'_> {
    fn call(&self, tool: &str, args: &[String], stdin: Option<&str>) -> io::Result<ToolOutput> {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let reply = self.0.call(tool, &args, stdin);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(ToolOutput {
            code: Some(reply.code),
            stdout: text(&reply.stdout),
            stderr: text(&reply.stderr),
        })
    }
}

type Work = fn(&Dispatch, &Tools<Virtual<'_>>);

struct Charm {
    work: Work,
    hooks: Rc<Cell<u32>>,
}

impl VirtualCharm for Charm {
    fn begin(&mut self, hook: &Dispatch, context: &HookContext) -> Phase {
        if hook.name == "peer-relation-changed" {
            (self.work)(hook, &Tools::new(Virtual(context)));
            self.hooks.set(self.hooks.get() + 1);
        }
        Phase::Exit(0)
    }

    fn resume(&mut self, _: &Dispatch, _: &HookContext) -> Phase {
        Phase::Exit(0)
    }
}

/// Does some work in each `peer-relation-changed` of three units, one of which leads.
fn in_hooks(version: &str, work: Work) {
    let mut application = Application::with_peers("app", &["peer"]);
    application.config = BTreeMap::from([("limit".to_owned(), json!(2))]);
    let juju_version: JujuVersion = version.parse().unwrap();
    let settings = Settings {
        juju_version,
        ..Settings::default()
    };
    let hooks = Rc::new(Cell::new(0));
    let charm = |_: &_| -> Box<dyn VirtualCharm> {
        Box::new(Charm {
            work,
            hooks: Rc::clone(&hooks),
        })
    };
    run(settings, Plan::new(application, 3), charm).unwrap();
    assert!(hooks.get() >= 6, "only {} hooks did any work", hooks.get());
}

fn unit(hook: &Dispatch) -> ops_coordinator_core::UnitName {
    hook.unit.to_string().parse().unwrap()
}

#[test]
fn databags_are_written_and_read_as_juju_holds_them() {
    in_hooks("3.6.9", |hook, tools| {
        let me = unit(hook);
        let relation = tools.relation_ids("peer").unwrap().remove(0);
        assert_eq!(relation.endpoint(), "peer");
        assert!(tools.relation_ids("other").unwrap().is_empty());
        let members = tools.relation_list(&relation).unwrap();
        assert!(!members.is_empty() && !members.contains(&me), "{members:?}");

        let value = r#"{"quotes":"\"","unicode":"ä"}"#;
        tools.relation_set(&relation, false, "key", value).unwrap();
        assert_eq!(
            tools
                .relation_get(&relation, "key", Bag::Unit(&me))
                .unwrap()
                .as_deref(),
            Some(value)
        );
        assert_eq!(
            tools
                .relation_get(&relation, "none", Bag::Unit(&me))
                .unwrap(),
            None
        );
        for member in &members {
            tools
                .relation_get(&relation, "key", Bag::Unit(member))
                .unwrap();
        }
        tools
            .relation_get(&relation, "key", Bag::Application("app"))
            .unwrap();
        let written = tools.relation_set(&relation, true, "key", "line");
        assert_eq!(written.is_ok(), tools.is_leader().unwrap(), "{written:?}");
    });
}

#[test]
fn the_controller_lists_this_unit_and_its_peers() {
    in_hooks("3.6.9", |hook, tools| {
        let units = tools.goal_state_units().unwrap();
        assert!(units.contains(&unit(hook)) && units.len() == 3, "{units:?}");
    });
}

#[test]
fn config_status_and_log_are_reached() {
    in_hooks("3.6.9", |_, tools| {
        assert_eq!(tools.config_get("limit").unwrap(), json!(2));
        assert_eq!(tools.config_get("nothing").unwrap(), json!(null));
        tools.status_set("waiting", "for its turn").unwrap();
        assert!(
            matches!(tools.status_set("nonsense", ""), Err(Error::Tool(error)) if error.code == Some(2))
        );
        tools.juju_log("WARNING", "--not an option").unwrap();
    });
}

#[test]
fn state_in_the_controller_is_set_read_and_deleted() {
    in_hooks("3.6.9", |_, tools| {
        tools.state_set("key", "a = b").unwrap();
        assert_eq!(tools.state_get("key").unwrap().as_deref(), Some("a = b"));
        tools.state_delete("key").unwrap();
        assert_eq!(tools.state_get("key").unwrap(), None);
    });
}

#[test]
fn leader_settings_are_there_before_juju_4_and_not_after() {
    in_hooks("3.6.9", |_, tools| {
        let leads = tools.is_leader().unwrap();
        let written = tools.leader_set("key", "value");
        assert_eq!(written.is_ok(), leads, "{written:?}");
        if leads {
            assert_eq!(tools.leader_get().unwrap()["key"], "value");
        }
    });
    in_hooks("4.0.1", |_, tools| assert!(tools.leader_get().is_err()));
}

#[test]
fn a_failure_tells_tool_arguments_exit_code_and_what_was_said() {
    in_hooks("3.6.9", |_, tools| {
        let nowhere = ops_coordinator_juju::RelationId::new("peer:99");
        let Err(Error::Tool(error)) = tools.relation_list(&nowhere) else {
            panic!("it must fail")
        };
        assert!(error.relation_is_gone());
        assert_eq!(
            error.to_string(),
            "relation-list --format=json -r peer:99: exit code 2: \
             ERROR invalid value \"peer:99\" for option -r: relation not found"
        );
    });
}
