//! `ops-coordinator status --etcd`: who holds what, and who waits.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use ops_coordinator_etcd::{Endpoint, Place, Queue, survey};
use ops_coordinator_excerpt::excerpt;
use ops_coordinator_excerpt::table::{Align, Table};
use ops_coordinator_juju::LockName;

use super::{ReachArgs, run as block_on, told};
use crate::command::CommandError;
use crate::command::format::Format;
use crate::output::say;

/// Where to look instead of in the relation.
#[derive(Debug, Args)]
pub(crate) struct EtcdStatusArgs {
    /// Only this lock; with `--etcd`
    #[arg(value_name = "NAME", requires = "etcd")]
    lock: Option<LockName>,
    /// Show the locks in etcd instead, for which no Juju is needed: HOST:PORT, http://HOST:PORT or https://HOST:PORT, several
    /// separated by commas
    #[arg(
        long,
        value_name = "ENDPOINTS",
        value_delimiter = ',',
        conflicts_with_all = ["line", "relation"],
        help_heading = "etcd"
    )]
    etcd: Vec<Endpoint>,
    #[command(flatten)]
    reach: ReachArgs,
}

impl EtcdStatusArgs {
    /// Shows what etcd has, if it was asked for.
    pub(crate) fn run(&self, format: Format) -> Option<Result<ExitCode, CommandError>> {
        (!self.etcd.is_empty()).then(|| self.show(format))
    }

    fn show(&self, format: Format) -> Result<ExitCode, CommandError> {
        let client = self.reach.client(&self.etcd)?;
        let prefix = self.reach.prefix();
        let read = async {
            survey(&client, &prefix, self.lock.as_ref())
                .await
                .map_err(told)
        };
        let queues = block_on(read)?;
        let text = format.show(&queues, |queues| table(queues))?;
        say(text.trim_end());
        Ok(ExitCode::SUCCESS)
    }
}

fn table(queues: &[Queue]) -> String {
    if queues.is_empty() {
        return "nobody holds a lock or waits for one".to_owned();
    }
    let tables: Vec<String> = queues.iter().map(one).collect();
    tables.join("\n")
}

fn one(queue: &Queue) -> String {
    let mut table = Table::new(&[
        ("PLACE", Align::Left),
        ("SINCE", Align::Right),
        ("TOKEN", Align::Right),
        ("WHO", Align::Left),
    ]);
    let mut waiting = 0;
    for place in &queue.entries {
        waiting += u32::from(!place.holds);
        table.row([
            words(place, waiting),
            since(if place.holds {
                place.began
            } else {
                place.asked
            }),
            place.token.to_string(),
            match &place.who {
                Some(who) => excerpt(who).to_string(),
                None => "(its entry cannot be read)".to_owned(),
            },
        ]);
    }
    format!("lock {}\n{table}", queue.lock)
}

fn words(place: &Place, waiting: u32) -> String {
    match (place.holds, place.began) {
        (true, Some(_)) => "holds".to_owned(),
        (true, None) => "its turn".to_owned(),
        (false, _) => format!("waits, {}", ordinal(waiting)),
    }
}

pub(super) fn ordinal(number: u32) -> String {
    let ending = match (number % 10, number % 100) {
        (1, rest) if rest != 11 => "st",
        (2, rest) if rest != 12 => "nd",
        (3, rest) if rest != 13 => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

/// How long ago, by two wall clocks that may differ.
fn since(wall: Option<u64>) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |time| time.as_secs());
    match wall.map(|then| now.saturating_sub(then)) {
        None => String::new(),
        Some(time @ 0..120) => format!("{time} s"),
        Some(time @ 120..7200) => format!("{} min", time / 60),
        Some(time) => format!("{} h", time / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_line_is_an_ordinal_number() {
        let said = [1, 2, 3, 4, 11, 12, 13, 21, 102, 111].map(ordinal);
        assert_eq!(
            said,
            [
                "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th"
            ]
        );
    }
}
