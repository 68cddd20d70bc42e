//! Numbers for people.

use std::time::Duration;

/// Bytes, in the largest unit of which there is a whole one.
pub fn size(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if value.fract() == 0.0 {
        format!("{value:.0} {}", units[unit])
    } else {
        format!("{value:.1} {}", units[unit])
    }
}

/// The time that bytes took, and their speed.
pub fn speed(bytes: u64, time: Duration) -> String {
    let seconds = time.as_secs_f64();
    format!("{seconds:.2} s ({:.0} MiB/s)", bytes as f64 / seconds / f64::from(1 << 20))
}

/// The middle one, or the mean of the two in the middle; of nothing, nothing.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        even if even % 2 == 0 => (values[middle - 1] + values[middle]) / 2.0,
        _ => values[middle],
    }
}

/// The value that `most` of 100 do not exceed; of nothing, nothing.
pub fn within(mut values: Vec<f64>, most: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (values.len() * most).div_ceil(100).saturating_sub(1);
    values.get(place).copied().unwrap_or(f64::NAN)
}

/// The middle of some values, the least and the most.
pub fn range(values: &[f64], digits: usize) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let median = median(values.to_vec());
    format!("{median:.digits$} ({least:.digits$} to {most:.digits$})")
}

/// The middle of many times, the time within which `most` of 100 are, and the longest.
pub fn spread(times: Vec<Duration>, most: usize) -> String {
    let times: Vec<f64> = times.iter().map(ms).collect();
    let at = |hundredths| within(times.clone(), hundredths);
    format!(
        "median {:.1} ms, {most} of 100 within {:.1} ms, longest {:.1} ms",
        at(50),
        at(most),
        at(100)
    )
}

fn ms(time: &Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_as_people_say_them() {
        assert_eq!(
            (size(2 << 30), size(1536), size(7)),
            ("2 GiB".into(), "1.5 KiB".into(), "7 B".into())
        );
        assert_eq!(speed(1 << 30, Duration::from_secs(2)), "2.00 s (512 MiB/s)");
        assert_eq!((median(vec![3.0, 1.0, 2.0]), median(vec![4.0, 1.0, 2.0, 3.0])), (2.0, 2.5));
        assert!(median(Vec::new()).is_nan());
        assert_eq!(range(&[-1.0, 0.5, 2.25], 2), "0.50 (-1.00 to 2.25)");
        assert_eq!((within(vec![2.0, 1.0], 95), within(vec![2.0, 1.0], 50)), (2.0, 1.0));
        let times = (1..=200).rev().map(Duration::from_millis).collect();
        assert_eq!(
            spread(times, 99),
            "median 100.0 ms, 99 of 100 within 198.0 ms, longest 200.0 ms"
        );
    }
}
