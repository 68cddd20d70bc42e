//! Moments as lines have them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The moment of a [`timestamp`].
pub(super) fn moment(text: &str) -> Option<SystemTime> {
    let [year, month, day, hour, minute, second] =
        [(0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19)]
            .map(|(from, to)| text.get(from..to).and_then(|digits| digits.parse::<u64>().ok()));
    let (month, day) = (
        month.filter(|month| (1..=12).contains(month))?,
        day.filter(|day| (1..=31).contains(day))?,
    );
    // The way back of `timestamp`: Howard Hinnant, days_from_civil.
    let year = year?.checked_sub(u64::from(month <= 2))?;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year % 400 * 365 + year % 400 / 4 - year % 400 / 100 + day_of_year;
    let days = (year / 400 * 146_097 + day_of_era).checked_sub(719_468)?;
    UNIX_EPOCH
        .checked_add(Duration::from_secs(days * 86_400 + hour? * 3_600 + minute? * 60 + second?))
}

/// A moment as RFC 3339 has it, in UTC and whole seconds; before 1970 it is 1970.
#[must_use]
pub fn timestamp(moment: SystemTime) -> String {
    let seconds = moment.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days to a date of the Gregorian calendar, in years that begin in March so that the leap day
    // is the last one: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms",
    // civil_from_days.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        rest / 3_600,
        rest % 3_600 / 60,
        rest % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates_of_the_calendar() {
        let at = |seconds| timestamp(UNIX_EPOCH + Duration::from_secs(seconds));
        // From `date -u -d @SECONDS +%FT%TZ`.
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(at(1_735_689_599), "2024-12-31T23:59:59Z");
        assert_eq!(at(4_107_542_400), "2100-03-01T00:00:00Z");
        assert_eq!(timestamp(UNIX_EPOCH - Duration::from_secs(1)), "1970-01-01T00:00:00Z");
    }

    proptest! {
        #[test]
        fn a_moment_is_read_as_it_was_written(seconds in 0u64..400_000_000_000) {
            let moment = UNIX_EPOCH + Duration::from_secs(seconds % 253_402_300_799);
            prop_assert_eq!(super::moment(&timestamp(moment)), Some(moment));
        }

        #[test]
        fn no_text_makes_a_moment_panic(
            text in any::<String>(),
            near in "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9é]{2}Z",
        ) {
            let _ = (moment(&text), moment(&near));
        }
    }
}
