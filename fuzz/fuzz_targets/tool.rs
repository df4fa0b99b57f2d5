//! Whatever the hook tools answer, and whatever the state files hold: a hook ends without a panic.
#![no_main]

use std::any::Any;
use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use libfuzzer_sys::fuzz_target;
use ops_coordinator_core::Tick;
use ops_coordinator_core::policy::Rotation;
use ops_coordinator_juju::{
    Environment, Errand, Error, Hook, Machine, Process, Start, ToolOutput, Transport,
};

/// Answers one after the other, then nothing.
struct World(RefCell<Vec<String>>);

impl World {
    fn next(&self) -> Option<String> {
        self.0.borrow_mut().pop()
    }
}

impl Transport for World {
    fn call(&self, _: &str, _: &[String], _: Option<&str>) -> io::Result<ToolOutput> {
        let stdout = self
            .next()
            .ok_or_else(|| io::Error::other("no more answers"))?;
        Ok(ToolOutput {
            code: Some(0),
            stdout,
            stderr: String::new(),
        })
    }
}

impl Machine for World {
    fn load(&self, _: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self
            .next()
            .filter(|text| !text.is_empty())
            .map(String::into_bytes))
    }
    fn store(&self, _: &str, _: &[u8], _: bool) -> Result<(), Error> {
        Ok(())
    }
    fn set_aside(&self, _: &str) -> Result<(), Error> {
        Ok(())
    }
    fn remove(&self, _: &str) -> Result<(), Error> {
        Ok(())
    }
    fn lock(&self) -> Result<Box<dyn Any>, Error> {
        Ok(Box::new(()))
    }
    fn process(&self) -> Option<Process> {
        None
    }
    fn is_alive(&self, _: Process) -> bool {
        self.next().is_some_and(|text| text == "alive")
    }
    fn now(&self) -> Tick {
        Tick(0)
    }
    fn random(&self) -> u32 {
        7
    }
    fn wake(&self, _: &str, _: &str, _: Errand) -> io::Result<()> {
        Ok(())
    }
}

fuzz_target!(|text: &str| {
    let mut answers: Vec<String> = text.split('\n').map(str::to_owned).collect();
    answers.reverse();
    let world = Rc::new(World(RefCell::new(answers)));
    let environment = Environment::from_variables(|name| match name {
        "JUJU_UNIT_NAME" => Some("app/0".to_owned()),
        "JUJU_CONTEXT_ID" => Some("context".to_owned()),
        "JUJU_CHARM_DIR" => Some("/nowhere".to_owned()),
        _ => None,
    });
    let Ok(environment) = environment else { return };
    let Ok(lock) = "restart".parse() else { return };
    let Ok(mut hook) = Hook::open(environment, world.clone(), world, "coordinator") else {
        return;
    };
    let _ = hook.request(&lock, None, None);
    if let Ok(Start::Begun(..)) = hook.start(&lock) {
        let _ = hook.finish(&lock, Ok(()));
    }
    let _ = hook.release(&Rotation::default(), &[]);
});
