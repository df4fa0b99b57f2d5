//! Whatever a scenario file holds: it is read, or refused with the file's name, without a panic.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use ops_coordinator_lab::scenario::Scenario;

fuzz_target!(|text: &str| {
    if let Err(error) = Scenario::parse(Path::new("fuzz.toml"), text) {
        assert!(error.to_string().contains("fuzz.toml"), "{error}");
    }
});
