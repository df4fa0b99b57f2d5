//! Spans of time as a charm declares them: `90s`, `5m`, `2h`.

use std::fmt;
use std::str::FromStr;

use ops_coordinator_excerpt::excerpt;

/// A span of time, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span(pub u64);

/// A text that is no span of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanError(String);

/// The longest span: 30 days, in milliseconds.
const LONGEST: u64 = 30 * 86_400_000;

impl FromStr for Span {
    type Err = SpanError;

    /// Reads a whole number with its unit: `s`, `m` or `min`, `h`. Without a unit it is seconds.
    fn from_str(text: &str) -> Result<Self, SpanError> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let factor = match unit.trim_start() {
            "" | "s" => Some(1_000),
            "m" | "min" => Some(60_000),
            "h" => Some(3_600_000),
            _ => None,
        };
        let number: Option<u64> = number.parse().ok();
        let span = number
            .zip(factor)
            .and_then(|(n, factor): (u64, u64)| n.checked_mul(factor));
        span.filter(|span| *span <= LONGEST)
            .map(Self)
            .ok_or_else(|| SpanError(text.to_owned()))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 / 1000 {
            seconds if seconds > 0 && seconds % 3600 == 0 => write!(f, "{}h", seconds / 3600),
            seconds if seconds > 0 && seconds % 60 == 0 => write!(f, "{}m", seconds / 60),
            seconds => write!(f, "{seconds}s"),
        }
    }
}

impl fmt::Display for SpanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = excerpt(&self.0);
        write!(
            f,
            "'{text}' is no time such as 90s, 5m or 2h, of at most 30 days"
        )
    }
}

impl std::error::Error for SpanError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_read_and_written_as_people_write_it() {
        for (text, seconds, again) in [
            ("90s", 90, "90s"),
            ("60", 60, "1m"),
            ("5m", 300, "5m"),
            ("5 min", 300, "5m"),
            ("2h", 7200, "2h"),
            ("0", 0, "0s"),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!((span.0, span.to_string().as_str()), (seconds * 1000, again));
        }
        for bad in [
            "",
            "s",
            "-1s",
            "1.5m",
            "5 weeks",
            "721h",
            "99999999999999999999s",
        ] {
            let error = bad.parse::<Span>().unwrap_err().to_string();
            assert!(error.contains("90s, 5m or 2h"), "{error}");
        }
    }
}
