//! What hooks print, on its way to the unit's log.

use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::lock::lock;
use super::log::UnitLog;
use super::shared::Shared;

/// Reads both streams of a process into the unit's log, and keeps them.
pub(super) struct Output {
    streams: [Arc<Mutex<Vec<u8>>>; 2],
    ended: Receiver<()>,
}

/// Beyond this many bytes a stream is logged but no longer kept.
const KEPT: usize = 4 << 20;

/// How long the end of the streams is waited for once the process has ended. What it left running
/// may hold them open for ever.
const PATIENCE: Duration = Duration::from_millis(50);

impl Output {
    pub(super) fn read(
        shared: &Arc<Shared>,
        log: &Arc<UnitLog>,
        source: &str,
        stdout: impl Read + Send + 'static,
        stderr: impl Read + Send + 'static,
    ) -> Self {
        let (sender, ended) = channel();
        let keep = |level, stream: Box<dyn Read + Send>| {
            let kept = Arc::new(Mutex::new(Vec::new()));
            let reader = Reader {
                shared: Arc::clone(shared),
                log: Arc::clone(log),
                source: source.to_owned(),
                level,
                kept: Arc::clone(&kept),
                _ended: sender.clone(),
            };
            thread::spawn(move || reader.read(stream));
            kept
        };
        let streams = [
            keep("DEBUG", Box::new(stdout)),
            keep("WARNING", Box::new(stderr)),
        ];
        Self { streams, ended }
    }

    /// Standard output and standard error, as far as they have come.
    pub(super) fn finish(self) -> (Vec<u8>, Vec<u8>) {
        let until = Instant::now() + PATIENCE;
        // Readers never send; the channel closes when both have reached the end.
        let _ = self
            .ended
            .recv_timeout(until.saturating_duration_since(Instant::now()));
        let [stdout, stderr] = self.streams.map(|kept| lock(&kept).clone());
        (stdout, stderr)
    }
}

struct Reader {
    shared: Arc<Shared>,
    log: Arc<UnitLog>,
    source: String,
    level: &'static str,
    kept: Arc<Mutex<Vec<u8>>>,
    _ended: Sender<()>,
}

impl Reader {
    fn read(self, stream: impl Read) {
        let mut lines = BufReader::new(stream);
        let mut line = Vec::new();
        loop {
            line.clear();
            // A line without an end must not take all memory.
            match lines.by_ref().take(64 << 10).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            {
                let mut kept = lock(&self.kept);
                if kept.len() < KEPT {
                    kept.extend_from_slice(&line);
                }
            }
            let text = String::from_utf8_lossy(&line);
            self.log
                .line(self.shared.now(), self.level, &self.source, text.trim_end());
        }
    }
}
