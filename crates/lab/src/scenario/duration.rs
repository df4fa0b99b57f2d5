//! Durations as people write them: `500ms`, `2s`, `5m`, `1h`.

/// Reads a duration into milliseconds.
///
/// # Errors
/// When the text is no whole number followed by `ms`, `s`, `m` or `h`; the text says so.
///
/// ```
/// use ops_coordinator_lab::scenario::parse_duration;
///
/// assert_eq!(parse_duration("90s"), Ok(90_000));
/// assert!(parse_duration("90").is_err());
/// ```
pub fn parse_duration(text: &str) -> Result<u64, String> {
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
        .ok_or_else(|| format!("{text:?} is no duration; write one like 500ms, 2s, 5m or 1h"))
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
            let wanted = format!("{text:?} is no duration; write one like 500ms, 2s, 5m or 1h");
            assert_eq!(parse_duration(text), Err(wanted));
        }
    }
}
