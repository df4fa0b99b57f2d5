//! Juju and a disk for one step of one hook, in memory.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::io;
use std::time::Duration;

use ops_coordinator_core::wire::KEY;
use ops_coordinator_core::{LockName, Tick};
use ops_coordinator_juju::shared::{Standing, Standings};
use ops_coordinator_juju::{Errand, Error, Machine, Process, SharedLock, ToolOutput, Transport};
use serde_json::{Value, json};

use super::state::{UNITS, each};
use super::step::Call;
use super::text::Text;

/// How long after its beginning a hook that is slow, or has lost the leadership meanwhile, ends.
const LONG: u64 = 30_000;

const JOURNAL: &str = "coordinator/journal.json";
const SESSION: &str = "coordinator/session.json";
const ROSTER: &str = "coordinator/roster.json";
const WISHES: &str = "coordinator/shared.json";
const STANDINGS: &str = "coordinator/deputy.json";
/// Long after all that happens here.
const UNTIL: u64 = 1 << 40;

/// What the step reads, and what it leaves.
#[derive(Debug)]
pub(crate) struct Bags {
    call: Call,
    /// For how many milliseconds a waker sleeps that runs a hook later. Where that is nothing, all wakers are alike.
    patience: u64,
    /// The lock whose operation needs a shared lock as well, and that one.
    shared: Option<(LockName, SharedLock)>,
    pub(crate) journals: RefCell<Vec<(Text, Text)>>,
    pub(crate) wishes: Cell<Text>,
    pub(crate) session: Cell<Text>,
    pub(crate) roster: Cell<Text>,
    pub(crate) own: Cell<Text>,
    pub(crate) line: Cell<Text>,
    pub(crate) read: Cell<u8>,
    pub(crate) woke: Cell<bool>,
    /// Whether a waker runs a hook later, whatever else runs meanwhile.
    pub(crate) later: Cell<bool>,
}

impl Bags {
    pub(crate) fn new(call: Call, patience: u64, shared: Option<(LockName, SharedLock)>) -> Self {
        Self {
            call,
            patience,
            shared,
            journals: RefCell::default(),
            wishes: Cell::new(call.wishes),
            session: Cell::new(call.session),
            roster: Cell::new(call.roster),
            own: Cell::default(),
            line: Cell::default(),
            read: Cell::default(),
            woke: Cell::default(),
            later: Cell::default(),
        }
    }

    fn peer(name: &str) -> Option<usize> {
        let number = name.strip_prefix("app/")?.parse().ok()?;
        (number < UNITS).then_some(number)
    }

    /// What a hook reads of a bag that it has perhaps written itself.
    fn own_or(own: &Cell<Text>, committed: Text) -> Value {
        let text = if own.get() == Text::ABSENT {
            committed
        } else {
            own.get()
        };
        json!(text.get().as_deref())
    }

    /// How the unit's wish stands, as its deputy has written it down.
    fn standings(&self) -> Option<Vec<u8>> {
        let seat = self.call.seat?;
        let mut standings = Standings {
            boot: self.boot(),
            ..Standings::default()
        };
        let (lock, shared) = self.shared.as_ref()?;
        let ttl = Duration::from_secs(shared.ttl);
        let mut own = Standing::default();
        own.joins(seat.seq.into(), seat.token.into(), ttl);
        own.stands(seat.token.into());
        if seat.holds {
            own.holds(shared, Tick(UNTIL), ttl);
        }
        standings.locks.insert(lock.clone(), own);
        serde_json::to_vec(&standings).ok()
    }

    fn answer(&self, tool: &str, args: &[String], stdin: Option<&str>) -> Option<Value> {
        let call = &self.call;
        let names = |units: u8| each(units).map(|unit| format!("app/{unit}"));
        let app = args.iter().any(|arg| arg == "--app");
        Some(match tool {
            "is-leader" => json!(call.leads),
            "relation-ids" => json!(["coordinator:0"]),
            "relation-list" => json!(names(call.members).collect::<Vec<_>>()),
            "goal-state" => {
                let units = names(call.known).map(|name| (name, json!({"status": "active"})));
                json!({"units": units.collect::<serde_json::Map<_, _>>()})
            }
            "relation-get" if app => Self::own_or(&self.line, call.line),
            "relation-get" => {
                let unit = Self::peer(args.last()?)?;
                if unit == usize::from(call.unit) {
                    Self::own_or(&self.own, call.bags[unit])
                } else {
                    self.read.set(self.read.get() | 1 << unit);
                    json!(call.bags[unit].get().as_deref())
                }
            }
            "relation-set" => {
                let body: Value = serde_json::from_str(stdin?).ok()?;
                let text = Text::new(body[KEY].as_str()?);
                if app { &self.line } else { &self.own }.set(text);
                Value::Null
            }
            _ => return None,
        })
    }
}

impl Transport for Bags {
    fn call(&self, tool: &str, args: &[String], stdin: Option<&str>) -> io::Result<ToolOutput> {
        let answer = self.answer(tool, args, stdin);
        Ok(ToolOutput {
            code: Some(i32::from(answer.is_none())),
            stdout: answer.map(|value| value.to_string()).unwrap_or_default(),
            stderr: String::new(),
        })
    }
}

impl Machine for Bags {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let text = if name == JOURNAL {
            self.journals
                .borrow()
                .last()
                .map_or(self.call.journal, |(journal, _)| *journal)
        } else if name == SESSION {
            self.session.get()
        } else if name == ROSTER {
            self.roster.get()
        } else if name == WISHES {
            self.wishes.get()
        } else if name == STANDINGS {
            return Ok(self.standings());
        } else {
            Text::ABSENT
        };
        Ok(text.get().map(|text| text.as_bytes().to_vec()))
    }

    fn store(&self, name: &str, content: &[u8], _durable: bool) -> Result<(), Error> {
        let text = Text::new(&String::from_utf8_lossy(content));
        if name == JOURNAL {
            self.journals.borrow_mut().push((text, self.wishes.get()));
        } else if name == SESSION {
            self.session.set(text);
        } else if name == ROSTER {
            self.roster.set(text);
        } else if name == WISHES {
            self.wishes.set(text);
        }
        Ok(())
    }

    fn set_aside(&self, _name: &str) -> Result<(), Error> {
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        if name == WISHES {
            self.wishes.set(Text::ABSENT);
        }
        Ok(())
    }

    fn lock(&self) -> Result<Box<dyn Any>, Error> {
        Ok(Box::new(()))
    }

    fn process(&self) -> Option<Process> {
        None
    }

    fn is_alive(&self, _process: Process) -> bool {
        false
    }

    fn now(&self) -> Tick {
        let ends_late = if self.call.slow { LONG } else { 0 };
        let slept = u64::from(self.call.slept) * self.patience;
        Tick(u64::from(self.call.rotation) + slept + ends_late)
    }

    fn boot(&self) -> Option<String> {
        self.shared.as_ref().map(|_| "boot".to_owned())
    }

    /// A deputy does nothing while a hook's step runs.
    fn wait(&self, time: Duration) -> Duration {
        time.max(Duration::from_secs(60))
    }

    fn start_deputy(&self, _endpoint: &str) -> io::Result<()> {
        Ok(())
    }

    fn random(&self) -> u32 {
        u32::from(self.call.unit) * 16 + u32::from(self.call.generation)
    }

    fn wake(&self, _endpoint: &str, _context: &str, errand: Errand) -> io::Result<()> {
        let is_later = matches!(errand, Errand::Later(_)) && self.patience > 0;
        if is_later { &self.later } else { &self.woke }.set(true);
        Ok(())
    }
}
