//! Slow hook tools.

use std::thread;
use std::time::{Duration, Instant};

use super::lock::lock;
use super::shared::Shared;
use crate::dispatch::{ToolCall, ToolReply};
use crate::name::UnitName;
use crate::settings::Millis;

/// Nobody who waits looks less often whether the lab ends.
const SLICE: Duration = Duration::from_millis(50);

/// Has the world answer a call, and takes the time that calls take on the unit: half of it on the way there,
/// half on the way back, so that an answer can be old when it arrives.
pub(super) fn call(shared: &Shared, unit: &UnitName, call: &ToolCall) -> ToolReply {
    let answer = || shared.with_world(|world, now| world.call(call, now));
    let delay = shared.options.settings.tool_delays.of(unit, &call.command);
    if delay == 0 {
        return answer();
    }
    let queue = shared.queues.of(unit);
    let _turn = lock(&queue);
    // A tool that reads stdin calls twice: once to be asked for it, and once with it.
    if call.stdin.is_none() {
        pause(shared, delay / 2);
    }
    let reply = answer();
    if !reply.needs_stdin {
        pause(shared, delay - delay / 2);
    }
    reply
}

fn pause(shared: &Shared, time: Millis) {
    let until = Instant::now() + Duration::from_millis(time);
    while !shared.is_ending() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        thread::sleep(left.min(SLICE));
    }
}
