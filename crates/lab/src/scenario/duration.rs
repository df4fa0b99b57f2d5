//! Durations as people write them: `500ms`, `2s`, `5m`, `1h`.

/// Reads a duration into milliseconds.
///
/// # Errors
/// What was expected, when the text is no whole number followed by `ms`, `s`, `m` or `h`.
///
/// ```
/// use ops_coordinator_lab::scenario::parse_duration;
///
/// assert_eq!(parse_duration("90s"), Ok(90_000));
/// assert!(parse_duration("90").is_err());
/// ```
pub fn parse_duration(text: &str) -> Result<u64, &'static str> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => 0,
    };
    number
        .parse::<u64>()
        .ok()
        .filter(|_| factor > 0)
        .and_then(|number| number.checked_mul(factor))
        .ok_or("expected a duration such as 500ms, 2s, 5m or 1h")
}

/// Reads by how much a clock is wrong, such as `+3h` or `-20s`, into milliseconds.
///
/// # Errors
/// What was expected, when the text is no sign followed by a duration.
///
/// ```
/// use ops_coordinator_lab::scenario::parse_offset;
///
/// assert_eq!(parse_offset("-2h"), Ok(-7_200_000));
/// assert!(parse_offset("2h").is_err());
/// ```
pub fn parse_offset(text: &str) -> Result<i64, &'static str> {
    let sign = match text.get(..1) {
        Some("+") => 1,
        Some("-") => -1,
        _ => 0,
    };
    let size = text.get(1..).and_then(|rest| parse_duration(rest).ok());
    size.and_then(|size| i64::try_from(size).ok())
        .filter(|_| sign != 0)
        .map(|size| sign * size)
        .ok_or("expected an offset such as +3h or -20s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_of_time_is_understood() {
        let all = ["0s", "7ms", "2s", "5m", "1h"].map(|text| parse_duration(text).unwrap());
        assert_eq!(all, [0, 7, 2_000, 300_000, 3_600_000]);
    }

    #[test]
    fn anything_else_is_refused_with_examples() {
        for text in [
            "",
            "5",
            "s",
            "-1s",
            "1.5s",
            "2 s",
            "2d",
            "99999999999999999999s",
        ] {
            let wanted = "expected a duration such as 500ms, 2s, 5m or 1h";
            assert_eq!(parse_duration(text), Err(wanted), "{text:?}");
        }
    }

    #[test]
    fn an_offset_has_a_sign() {
        assert_eq!(parse_offset("+3h"), Ok(10_800_000));
        assert_eq!(parse_offset("-7ms"), Ok(-7));
        assert_eq!(parse_offset("+0s"), Ok(0));
        for text in ["", "3h", "+", "+-3h", "-3", "±3h", "+9223372036854775808ms"] {
            let wanted = "expected an offset such as +3h or -20s";
            assert_eq!(parse_offset(text), Err(wanted), "{text:?}");
        }
    }
}
