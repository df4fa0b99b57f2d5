//! Days of the week: `Mon-Fri`, `Sat,Sun`.

use std::str::FromStr;

use jiff::civil::Weekday;

use crate::WindowError;

const NAMES: [(&str, Weekday); 7] = [
    ("Mon", Weekday::Monday),
    ("Tue", Weekday::Tuesday),
    ("Wed", Weekday::Wednesday),
    ("Thu", Weekday::Thursday),
    ("Fri", Weekday::Friday),
    ("Sat", Weekday::Saturday),
    ("Sun", Weekday::Sunday),
];

/// Some days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Days([bool; 7]);

impl Days {
    pub(crate) fn all() -> Self {
        Self([true; 7])
    }

    pub(crate) fn contains(self, day: Weekday) -> bool {
        NAMES
            .iter()
            .zip(self.0)
            .any(|((_, name), on)| on && *name == day)
    }
}

impl FromStr for Days {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        let number = |name: &str| {
            let found = NAMES.iter().position(|(known, _)| *known == name);
            found.ok_or_else(|| WindowError::Day(name.to_owned()))
        };
        let mut days = [false; 7];
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (mut day, last) = (number(first)?, number(last)?);
            // `Fri-Mon` goes on over the weekend.
            while day != last {
                days[day] = true;
                day = (day + 1) % days.len();
            }
            days[last] = true;
        }
        Ok(Self(days))
    }
}
