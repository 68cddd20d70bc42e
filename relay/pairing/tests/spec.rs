//! The limits of SPEC 10 are those of this relay.

use crate::limits::{FRAME_COST, Limits, RateLimits};

/// A file of the repository.
fn read(path: &str) -> String {
    std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path))
        .unwrap()
}

/// The relay's section.
fn section() -> String {
    let spec = read("src/protocol/SPEC.md");
    let start = spec.find("## 10 The relay").unwrap();
    spec[start..].to_owned()
}

#[test]
fn limits_are_those_of_the_table() {
    let (section, limits) = (section(), Limits::default());
    let minutes = |time: core::time::Duration| time.as_secs() / 60;
    let quotas = &limits.quotas;
    let rows = [
        format!("message 1 after it is asked for | 5 s; {} s", limits.first_message.as_secs()),
        format!(
            "while others wait | {} s; {} s",
            limits.hold.as_secs(),
            limits.hold_contested.as_secs()
        ),
        format!("| line: places; time | {}; {} s", limits.queue, limits.queue_time.as_secs()),
        format!("after the relay's start | {0} minutes; {0} minutes", minutes(limits.absence)),
        format!("| rest of a released number | {} hour", minutes(limits.rest) / 60),
        format!("| waiting or paired without a frame | {} hour", minutes(limits.inactivity) / 60),
        format!("also paired | {} hours", minutes(limits.longest) / 60),
        format!("| connections of a source | {}", quotas.connections),
        format!("new ones a minute | {}; {}", quotas.waiting_hosts, quotas.hosts_a_minute),
        format!("| joins of a source a minute | {}", quotas.joins_a_minute),
        format!(
            "| {}, then its joins are refused for {} minutes",
            quotas.misses_a_minute,
            minutes(quotas.refusal)
        ),
        format!("what a frame costs its source | its bytes, and {FRAME_COST} more"),
        format!("on a public relay | {} GB a second,", RateLimits::OWN.bytes / 60 / 1_000_000_000),
        format!("a minute's worth at once; {} MB a minute", RateLimits::PUBLIC.bytes / 1_000_000),
        format!("text frames of a connection a minute | {}", limits.control),
        format!("no more than {},031 bytes of frames wait", super::super::outbox::MOST / 1000),
        format!("| numbers that wait or rest | {},000,000", limits.numbers / 1_000_000),
        format!(
            "a provider (SPEC 10.6) | {}; {},000; {},000",
            limits.shares.source,
            limits.shares.site / 1000,
            limits.shares.provider / 1000
        ),
    ];
    for row in rows {
        assert!(section.contains(&row), "{row}");
    }
    assert_eq!(super::super::outbox::MOST, 1031);
}

/// So that whoever looks for words of a code in what a relay sees finds none that are not there.
#[test]
fn nothing_that_is_sent_to_or_by_a_relay_has_a_word_of_the_list_in_it() {
    let section = section();
    let list = read("wordlists/eff-short-2.txt");
    // The parts that are spelled out: examples, tokens, reasons.
    let examples = section.lines().filter_map(|line| line.strip_prefix("    "));
    let spelled = examples
        .chain(section.split('`').skip(1).step_by(2))
        .map(str::to_lowercase)
        .collect::<Vec<_>>();
    assert!(spelled.len() > 60);
    for word in list.split_whitespace().filter(|word| word.len() >= 5) {
        assert!(!spelled.iter().any(|text| text.contains(word)), "{word}");
    }
}
