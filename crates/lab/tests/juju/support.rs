//! A driver for tests: steps all units in turn and gives their hooks to a function.

use std::collections::BTreeMap;

use ops_coordinator_lab::history::Happening;
use ops_coordinator_lab::settings::Detail;
use ops_coordinator_lab::{
    Application, ContextId, Dispatch, Exit, Settings, Step, ToolCall, ToolReply, UnitName, World,
};
use serde_json::{Value, json};

/// Settings under which nothing happens by chance or by the clock.
pub(crate) fn calm() -> Settings {
    Settings {
        update_status_interval: 0,
        retry: ops_coordinator_lab::Retry {
            jitter: false,
            ..Default::default()
        },
        departure: ops_coordinator_lab::Departure::AtOnce,
        detail: Detail::Everything,
        ..Settings::default()
    }
}

pub(crate) fn juju(version: &str) -> Settings {
    Settings {
        juju_version: version.parse().unwrap(),
        ..calm()
    }
}

pub(crate) fn unit(number: u32) -> UnitName {
    UnitName::new("app", number)
}

/// An application `app` with a peer endpoint, two options and an action.
pub(crate) fn application() -> Application {
    Application {
        name: "app".into(),
        peers: vec!["peer".into()],
        config: BTreeMap::from([
            ("message".into(), json!("hello")),
            ("limit".into(), Value::Null),
        ]),
        config_types: BTreeMap::from([
            ("message".into(), "string".into()),
            ("limit".into(), "int".into()),
        ]),
        actions: vec!["show".into()],
        action_defaults: BTreeMap::from([(
            "show".into(),
            BTreeMap::from([("format".into(), "table".into())]),
        )]),
    }
}

/// One running hook.
pub(crate) struct Hook<'a> {
    pub(crate) world: &'a mut World,
    pub(crate) dispatch: &'a Dispatch,
    pub(crate) now: u64,
}

pub(crate) fn call_of(context: &ContextId, line: &str, stdin: Option<&str>) -> ToolCall {
    let mut words = line.split_whitespace().map(str::to_owned);
    ToolCall {
        context: context.clone(),
        command: words.next().unwrap(),
        args: words.collect(),
        stdin: stdin.map(|text| text.as_bytes().to_vec()),
        ..ToolCall::default()
    }
}

pub(crate) fn shown(reply: &ToolReply) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    match reply.code {
        0 => text(&reply.stdout),
        code => format!("{code}: {}", text(&reply.stderr)),
    }
}

impl Hook<'_> {
    /// Calls a tool; the answer is stdout, or the exit code and stderr.
    pub(crate) fn call(&mut self, line: &str) -> String {
        let call = call_of(&self.dispatch.context, line, None);
        shown(&self.world.call(&call, self.now))
    }
}

pub(crate) struct Lab {
    pub(crate) world: World,
    pub(crate) now: u64,
}

impl Lab {
    pub(crate) fn new(settings: Settings, units: u32) -> Self {
        let mut world = World::new(settings);
        world.deploy(application(), units, 0).unwrap();
        Self { world, now: 0 }
    }

    /// A lab whose units have settled with a charm that does nothing, led by app/0.
    pub(crate) fn settled(settings: Settings, units: u32) -> Self {
        let mut lab = Self::new(settings, units);
        lab.world.set_leader(&unit(0), 0).unwrap();
        lab.settle();
        lab.world.history_mut().take();
        lab
    }

    /// Runs everything until the world is idle, with a charm that does nothing.
    pub(crate) fn settle(&mut self) {
        self.settle_with(|_| Exit::Code(0));
    }

    /// Runs everything until the world is idle. Time moves only when nothing else does.
    pub(crate) fn settle_with(&mut self, mut charm: impl FnMut(&mut Hook<'_>) -> Exit) {
        for _ in 0..10_000 {
            if !self.round(&mut charm) {
                if self.world.is_idle() {
                    return;
                }
                self.sleep();
            }
        }
        panic!("the world never came to rest");
    }

    /// Runs everything that is due now.
    pub(crate) fn run_due(&mut self, mut charm: impl FnMut(&mut Hook<'_>) -> Exit) {
        for _ in 0..10_000 {
            if !self.round(&mut charm) {
                return;
            }
        }
        panic!("the units never came to rest");
    }

    fn round(&mut self, charm: &mut impl FnMut(&mut Hook<'_>) -> Exit) -> bool {
        let mut any = false;
        for unit in self.world.units() {
            if let Step::Run(dispatch) = self.world.step(&unit.unit, self.now) {
                any = true;
                let now = self.now;
                let exit = charm(&mut Hook {
                    world: &mut self.world,
                    dispatch: &dispatch,
                    now,
                });
                self.world.exited(&dispatch.context, exit, self.now);
            }
        }
        any
    }

    fn sleep(&mut self) {
        let mut next = self.world.next_timer();
        for unit in self.world.units() {
            if let Step::Wait { until: Some(until) } = self.world.step(&unit.unit, self.now) {
                next = Some(next.map_or(until, |other| other.min(until)));
            }
        }
        self.now = next.unwrap_or(self.now + 1).max(self.now + 1);
    }

    /// Steps one unit; it must have something to run.
    pub(crate) fn begin(&mut self, number: u32) -> Dispatch {
        match self.world.step(&unit(number), self.now) {
            Step::Run(dispatch) => *dispatch,
            other => panic!("app/{number} has nothing to run: {other:?}"),
        }
    }

    /// Begins a command in which tools can be called at leisure.
    pub(crate) fn open(&mut self, number: u32) -> Dispatch {
        self.world
            .exec(&unit(number), String::new(), self.now)
            .unwrap();
        self.begin(number)
    }

    pub(crate) fn call(&mut self, dispatch: &Dispatch, line: &str) -> String {
        Hook {
            world: &mut self.world,
            dispatch,
            now: self.now,
        }
        .call(line)
    }

    pub(crate) fn end(&mut self, dispatch: &Dispatch, exit: Exit) {
        self.world.exited(&dispatch.context, exit, self.now);
    }

    /// Commits something on behalf of a unit, without any hook of its own charm.
    pub(crate) fn write(&mut self, number: u32, line: &str) {
        let dispatch = self.open(number);
        assert_eq!(self.call(&dispatch, line), "");
        self.end(&dispatch, Exit::Code(0));
    }

    /// The names of the runs that a unit has begun since the history was taken last.
    pub(crate) fn runs(&self, number: u32) -> Vec<String> {
        let begun = self
            .world
            .history()
            .events()
            .iter()
            .filter_map(|e| match &e.happening {
                Happening::HookBegin {
                    unit: name, hook, ..
                } if *name == unit(number) => Some(hook),
                _ => None,
            });
        begun.cloned().collect()
    }

    pub(crate) fn forget(&mut self) {
        self.world.history_mut().take();
    }
}
