//! Times and sizes as people type them.

use std::time::Duration;

/// `90s`, `30m`, `4h`, or seconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text);
    let seconds = match unit {
        "" | "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        _ => return Err("a time is a number followed by s, m or h, such as 90s, 30m or 4h".into()),
    };
    let number: u64 = number.parse().map_err(|_| {
        "a time is a whole number followed by s, m or h, such as 90s, 30m or 4h".to_owned()
    })?;
    number
        .checked_mul(seconds)
        .map(Duration::from_secs)
        .ok_or_else(|| "that time is too long".into())
}

/// A time that a channel may rest: one minute to a day (SPEC 8.1).
pub(super) fn ttl(text: &str) -> Result<Duration, String> {
    let ttl = duration(text)?;
    let allowed = pinhole_protocol::limits::TTL_MIN..=pinhole_protocol::limits::TTL_MAX;
    if allowed.contains(&ttl) { Ok(ttl) } else { Err("a channel stays open from 1m to 24h".into()) }
}

/// `500M`, `1.5GB`, `10GiB`, or bytes: K, M, G and T are decimal, Ki, Mi, Gi and Ti binary.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let wrong = || {
        "a size is a number followed by K, M, G or T (or Ki, Mi, Gi, Ti), such as 500M or 1.5GiB"
            .to_owned()
    };
    let (number, unit) = split(text);
    let unit = unit.strip_suffix(['b', 'B']).unwrap_or(unit);
    let (base, power) = match unit.to_ascii_lowercase().as_str() {
        "" => (1000, 0),
        "k" => (1000, 1),
        "m" => (1000, 2),
        "g" => (1000, 3),
        "t" => (1000, 4),
        "ki" => (1024, 1),
        "mi" => (1024, 2),
        "gi" => (1024, 3),
        "ti" => (1024, 4),
        _ => return Err(wrong()),
    };
    let scale = u128::pow(base, power);
    // Whole thousandths, so that no rounding of binary fractions shows.
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let thousandths = format!("{fraction:0<3}");
    let parse = |digits: &str| digits.parse::<u64>().map(u128::from).map_err(|_| wrong());
    if fraction.len() > 3 || fraction.is_empty() {
        return Err(wrong());
    }
    let bytes = (parse(whole)? * 1000 + parse(&thousandths)?) * scale / 1000;
    u64::try_from(bytes).map_err(|_| "that size is larger than any disk".into())
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_typed() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(
            [ttl("60s"), ttl("1m"), ttl("24h")].map(|t| t.map(|t| t.as_secs())),
            [Ok(60), Ok(60), Ok(86_400)]
        );
        for bad in [
            "59s",
            "25h",
            "",
            "h",
            "-1m",
            "1d",
            "1.5h",
            "99999999999999999999h",
            "18446744073709551615h",
        ] {
            assert!(ttl(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_are_read_as_typed() {
        assert_eq!(
            ["0", "7", "500M", "1.5GB", "10GiB", "2ti", "0.001k"].map(|s| size(s).unwrap()),
            [0, 7, 500_000_000, 1_500_000_000, 10 << 30, 2 << 40, 1]
        );
        for bad in ["", "G", "-1", "1.G", "1.2345M", "9999999999999999999T", "5X", "1e9"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
