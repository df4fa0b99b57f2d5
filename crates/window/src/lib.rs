//! Windows of time: `Mon-Fri 02:00-05:00 Europe/London`.
//!
//! A window says when an operation may begin. It is written in the local time of its zone, and follows that zone through
//! changes to and from daylight saving time. Zones are the system's, or where it has none, built-in ones.
//!
//! ```
//! use ops_coordinator_window::{Now, Window};
//!
//! let window: Window = "Mon-Fri 02:00-05:00 Europe/London".parse()?;
//! let saturday = "2026-03-28T12:00:00Z".parse()?;
//! let Now::Closed(opening) = window.at(saturday) else { panic!() };
//! // On Sunday the clocks have gone forward.
//! assert_eq!(opening.at, "2026-03-30T01:00:00Z".parse()?);
//! assert_eq!(opening.to_string(), "Mon 02:00 Europe/London");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod days;
mod error;
mod zone;

use std::fmt;
use std::str::FromStr;

pub use error::WindowError;
pub use jiff::Timestamp;

use days::Days;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{ToSpan, ZonedDateTime};

/// How many days to look ahead for the next opening. A change to daylight saving time may swallow a window, but not the
/// same one a week later.
const DAYS_AHEAD: i32 = 15;

/// A window of time that comes again on some days of the week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    text: String,
    days: Days,
    from: Time,
    /// When it closes: on the next day if that is not later than [`Window::from`].
    to: Time,
    zone: TimeZone,
    zone_name: String,
}

/// What a window is at some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Now {
    /// It is open.
    Open,
    /// It is closed, and opens next then.
    Closed(Opening),
}

/// When a window opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// The time.
    pub at: Timestamp,
    local: ZonedDateTime,
    zone_name: String,
}

impl Window {
    /// Whether the window is open at some time; if not, when it opens next.
    pub fn at(&self, now: Timestamp) -> Now {
        let today = now.to_zoned_datetime(self.zone.clone()).date();
        let mut next = None;
        // Yesterday's window may go on past midnight.
        for ahead in -1..=DAYS_AHEAD {
            let Ok(date) = today.checked_add(ahead.days()) else {
                continue;
            };
            let Some((opens, closes)) = self.on(date) else {
                continue;
            };
            if opens.timestamp() <= now && now < closes.timestamp() {
                return Now::Open;
            }
            if next.is_none() && opens.timestamp() > now && opens < closes {
                next = Some(opens);
            }
        }
        // There is always one within two weeks, except at the end of the calendar.
        let local = next.unwrap_or_else(|| Timestamp::MAX.to_zoned_datetime(self.zone.clone()));
        Now::Closed(Opening {
            at: local.timestamp(),
            local,
            zone_name: self.zone_name.clone(),
        })
    }

    /// The window that opens on a date. A time that the clocks skip is the one as long after; of one that comes twice the
    /// first counts.
    fn on(&self, date: Date) -> Option<(ZonedDateTime, ZonedDateTime)> {
        if !self.days.contains(date.weekday()) {
            return None;
        }
        let last = if self.to > self.from {
            date
        } else {
            date.tomorrow().ok()?
        };
        let zoned = |date: Date, time| {
            date.to_datetime(time)
                .to_zoned_datetime(self.zone.clone())
                .ok()
        };
        Some((zoned(date, self.from)?, zoned(last, self.to)?))
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Opening {
    /// The weekday and the local time: `Mon 02:00 Europe/London`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.local.strftime("%a %H:%M"), self.zone_name)
    }
}

impl FromStr for Window {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (days, times, zone) = match words[..] {
            [times, zone] => (Days::all(), times, zone),
            [days, times, zone] => (days.parse()?, times, zone),
            _ => return Err(WindowError::Form(text.to_owned())),
        };
        let (from, to) = times
            .split_once('-')
            .ok_or_else(|| WindowError::Times(times.to_owned()))?;
        let (from, to) = (time(from)?, time(to)?);
        let whole_day = from == Time::midnight() && to == from;
        if from == to && !whole_day {
            return Err(WindowError::Times(times.to_owned()));
        }
        let unknown = || WindowError::Zone(zone.to_owned());
        Ok(Self {
            text: words.join(" "),
            days,
            from,
            to,
            zone: zone::find(zone).ok_or_else(unknown)?,
            zone_name: zone.to_owned(),
        })
    }
}

/// `24:00` is the midnight at the end of the day.
fn time(text: &str) -> Result<Time, WindowError> {
    let wrong = || WindowError::Times(text.to_owned());
    let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
    let two = |digits: &str| {
        let plain = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_digit());
        plain.then(|| digits.parse::<i8>().ok()).flatten()
    };
    let (hour, minute) = (two(hour).ok_or_else(wrong)?, two(minute).ok_or_else(wrong)?);
    if (hour, minute) == (24, 0) {
        return Ok(Time::midnight());
    }
    Time::new(hour, minute, 0, 0).map_err(|_| wrong())
}

#[cfg(test)]
mod tests;
