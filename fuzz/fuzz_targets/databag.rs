//! Whatever a databag holds: it is read without a panic, and what is good survives a round trip.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ops_coordinator_core::wire::{Reading, decode_line, decode_record, encode_line, encode_record};

fuzz_target!(|text: &str| {
    if let Reading::Good(record) = decode_record(Some(text)) {
        let again = decode_record(Some(&encode_record(&record)));
        assert_eq!(again, Reading::Good(record));
    }
    if let Reading::Good(line) = decode_line(Some(text)) {
        let again = decode_line(Some(&encode_line(&line)));
        assert_eq!(again, Reading::Good(line));
    }
});
