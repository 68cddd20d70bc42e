//! Sizes, times and speeds in words. A kilobyte is 1,000 bytes, as file managers and disks count.

use std::time::Duration;

const STEPS: [(u64, &str); 5] = [
    (1_000_000_000_000_000, "PB"),
    (1_000_000_000_000, "TB"),
    (1_000_000_000, "GB"),
    (1_000_000, "MB"),
    (1_000, "kB"),
];

/// Bytes in words: `1 byte`, `999 bytes`, `38.2 MB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    for (unit, name) in STEPS {
        // Half a tenth below the unit already rounds up to it: 999,950 bytes are 1.0 MB, not 1000.0
        // kB. Not so for the first unit, below which bytes are exact.
        let from = if unit == 1_000 { unit } else { unit - unit / 20_000 };
        if bytes >= from {
            let tenths = (u128::from(bytes) * 10 + u128::from(unit) / 2) / u128::from(unit);
            return format!("{}.{} {name}", tenths / 10, tenths % 10);
        }
    }
    count(bytes, "byte")
}

/// Bytes a second in words: `11.4 MB/s`.
#[must_use]
pub fn speed(bytes_a_second: u64) -> String {
    if bytes_a_second < 1_000 {
        format!("{bytes_a_second} B/s")
    } else {
        format!("{}/s", size(bytes_a_second))
    }
}

/// A number of things: `1 file`, `14 files`.
#[must_use]
pub fn count(number: u64, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// The same with the thousands set apart: `1,704 bytes`.
#[must_use]
pub fn exactly(number: u64, thing: &str) -> String {
    let digits = number.to_string();
    let grouped = digits.char_indices().fold(String::new(), |grouped, (at, digit)| {
        let comma = if at > 0 && (digits.len() - at).is_multiple_of(3) { "," } else { "" };
        format!("{grouped}{comma}{digit}")
    });
    if number == 1 { format!("1 {thing}") } else { format!("{grouped} {thing}s") }
}

/// A duration: `less than 0.1 s`, `0.2 s`, `3.4 s`, `45 s`, `3 min 20 s`, `2 h 5 min`.
#[must_use]
pub fn took(time: Duration) -> String {
    let tenths = (time.as_millis() + 50) / 100;
    if tenths == 0 {
        return "less than 0.1 s".to_owned();
    }
    if tenths < 100 {
        return format!("{}.{} s", tenths / 10, tenths % 10);
    }
    let seconds = (time.as_millis() + 500) / 1_000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// A time to come, rounded up to what matters: `1 s`, `59 s`, `5 min`, `1 hour`, `1 h 30 min`,
/// `24 hours`.
#[must_use]
pub fn roughly(time: Duration) -> String {
    let seconds = time.as_millis().div_ceil(1_000);
    let minutes = seconds.div_ceil(60);
    match (minutes / 60, minutes % 60) {
        (0, _) if seconds < 60 => format!("{} s", seconds.max(1)),
        (0, minutes) => format!("{minutes} min"),
        (1, 0) => "1 hour".into(),
        (hours, 0) => format!("{hours} hours"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_decimal_and_round_into_the_next_unit() {
        let said = [
            0,
            1,
            999,
            1_000,
            1_049,
            1_050,
            999_949,
            999_950,
            38_200_000,
            12_300_000_000,
            u64::MAX,
        ]
        .map(size);
        let expected = [
            "0 bytes",
            "1 byte",
            "999 bytes",
            "1.0 kB",
            "1.0 kB",
            "1.1 kB",
            "999.9 kB",
            "1.0 MB",
            "38.2 MB",
            "12.3 GB",
            "18446.7 PB",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn exact_numbers_have_their_thousands_set_apart() {
        let said = [0, 1, 27, 999, 1_704, 65_536, 1_234_567].map(|number| exactly(number, "byte"));
        assert_eq!(
            said,
            [
                "0 bytes",
                "1 byte",
                "27 bytes",
                "999 bytes",
                "1,704 bytes",
                "65,536 bytes",
                "1,234,567 bytes"
            ]
        );
    }

    #[test]
    fn speeds() {
        assert_eq!([0, 999, 11_400_000].map(speed), ["0 B/s", "999 B/s", "11.4 MB/s"]);
    }

    #[test]
    fn times_taken() {
        let said = [0, 249, 3_400, 9_949, 9_950, 59_499, 59_500, 200_000, 7_500_000]
            .map(|ms| took(Duration::from_millis(ms)));
        assert_eq!(
            said,
            [
                "less than 0.1 s",
                "0.2 s",
                "3.4 s",
                "9.9 s",
                "10 s",
                "59 s",
                "1 min 0 s",
                "3 min 20 s",
                "2 h 5 min"
            ]
        );
        assert!(took(Duration::MAX).ends_with(" min"));
    }

    #[test]
    fn times_to_come_round_up() {
        let said = [0, 1, 1_001, 59_000, 59_001, 300_000, 3_600_000, 5_400_000, 86_400_000]
            .map(|ms| roughly(Duration::from_millis(ms)));
        assert_eq!(
            said,
            ["1 s", "1 s", "2 s", "59 s", "1 min", "5 min", "1 hour", "1 h 30 min", "24 hours"]
        );
        assert!(roughly(Duration::MAX).ends_with(" min"));
    }

    #[test]
    fn one_and_many() {
        assert_eq!([0, 1, 2].map(|n| count(n, "file")), ["0 files", "1 file", "2 files"]);
    }
}
