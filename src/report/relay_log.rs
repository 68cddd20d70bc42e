//! The log for a relay's operator: one line for each event, as JSON or, at a terminal, as text.
//! Only the relay's own words get in here, which hold no address, number or token. Those of
//! libraries about connections do not.

use crate::events::line::timestamp;
use crate::failure::Failure;
use serde::Serialize;
use serde_json::{Map, Value};
use std::fmt;
use std::io::{self, Write};
use std::sync::Mutex;
use std::time::SystemTime;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// The package whose events are written.
const RELAY: &str = "pinhole_relay";

/// Writes what happens, if it is serious enough.
pub struct RelayLog {
    most: Level,
    json: bool,
    sink: Mutex<Box<dyn Write + Send>>,
}

impl RelayLog {
    /// A log of this level and what is more serious, as JSON or as text.
    #[must_use]
    pub fn new(most: Level, json: bool, sink: Box<dyn Write + Send>) -> Self {
        Self { most, json, sink: Mutex::new(sink) }
    }

    /// Why the command ends.
    ///
    /// # Errors
    /// If the line cannot be written.
    pub fn failure(&self, failure: &Failure) -> io::Result<()> {
        let next = failure.next.iter().map(|next| ("next", &**next));
        let trust = failure.quotes_peer.then_some(("trust", "untrusted"));
        let said = [("detail", failure.detail.as_str())].into_iter().chain(trust).chain(next);
        self.line(
            Level::ERROR,
            failure.kind.as_str(),
            said.map(|(key, value)| (key.to_owned(), value.into())).collect(),
        )
    }

    fn line(&self, level: Level, event: &str, said: Map<String, Value>) -> io::Result<()> {
        let at = timestamp(SystemTime::now());
        let level = level.as_str().to_ascii_lowercase();
        let line = if self.json {
            serde_json::to_string(&Entry { at: &at, level: &level, event, said })?
        } else {
            let said: String = said.iter().map(|(key, value)| format!(" {key}={value}")).collect();
            format!("{at} {level:<5} {event}{said}")
        };
        // Whoever was writing when it failed has written a part of a line at most.
        let mut sink = self.sink.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        sink.write_all((line + "\n").as_bytes())?;
        sink.flush()
    }
}

/// A line of JSON, what all have first.
#[derive(Serialize)]
struct Entry<'a> {
    at: &'a str,
    level: &'a str,
    event: &'a str,
    #[serde(flatten)]
    said: Map<String, Value>,
}

impl Subscriber for RelayLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let ours = metadata
            .target()
            .strip_prefix(RELAY)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
        ours && metadata.is_event() && *metadata.level() <= self.most
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.most.into())
    }

    fn event(&self, event: &Event<'_>) {
        let mut said = Said::default();
        event.record(&mut said);
        // A log that nobody takes any more does not end a relay.
        let _ = self.line(*event.metadata().level(), &said.event, said.fields);
    }

    // The relay has no spans.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// The content of one event. `event` names it, its message is a sentence for people.
#[derive(Default)]
struct Said {
    event: String,
    fields: Map<String, Value>,
}

impl Said {
    fn note(&mut self, field: &Field, value: Value) {
        let name = if field.name() == "message" { "detail" } else { field.name() };
        self.fields.insert(name.to_owned(), value);
    }
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.note(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "event" {
            value.clone_into(&mut self.event);
        } else {
            self.note(field, value.into());
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.note(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.note(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.note(field, value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Kind;
    use crate::report::captured::Captured;

    fn logged(most: Level, json: bool) -> Vec<String> {
        let out = Captured::default();
        tracing::subscriber::with_default(RelayLog::new(most, json, Box::new(out.clone())), || {
            tracing::info!(
                target: "pinhole_relay",
                event = "draining",
                pairs = 3_u64,
                tls = true,
                "a \"word\""
            );
            tracing::debug!(target: "pinhole_relay::server", event = "idle");
            tracing::error!(target: "pinhole_relays", event = "another package");
            tracing::error!(target: "hyper", "10.0.0.1 said no");
            let _span = tracing::error_span!(target: "pinhole_relay", "a span").entered();
        });
        out.text().lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_line_of_json_says_when_how_serious_and_what() {
        let lines = logged(Level::DEBUG, true);
        assert!(
            lines[0].starts_with(r#"{"at":""#)
                && lines[0].contains(r#"Z","level":"info","event":"draining","detail":"#),
            "{lines:?}"
        );
        let values: Vec<Value> =
            lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(values.len(), 2, "{lines:?}");
        let at = values[0]["at"].as_str().unwrap();
        assert!(at.len() == 20 && at.ends_with('Z'), "{at}");
        let expected = serde_json::json!({
            "at": at,
            "level": "info",
            "event": "draining",
            "pairs": 3,
            "tls": true,
            "detail": "a \"word\"",
        });
        assert_eq!(values[0], expected);
        assert_eq!((&values[1]["level"], &values[1]["event"]), (&"debug".into(), &"idle".into()));
    }

    #[test]
    fn the_level_is_the_least_serious_that_is_written() {
        assert_eq!(
            [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG]
                .map(|most| logged(most, true).len()),
            [0, 0, 1, 2]
        );
    }

    #[test]
    fn at_a_terminal_it_is_text() {
        let lines = logged(Level::INFO, false);
        assert!(
            lines[0].ends_with(r#" info  draining detail="a \"word\"" pairs=3 tls=true"#),
            "{lines:?}"
        );
    }

    #[test]
    fn a_failure_is_the_last_line() {
        let out = Captured::default();
        let log = RelayLog::new(Level::ERROR, true, Box::new(out.clone()));
        log.failure(&Failure::new(Kind::Usage, "that cannot be").next("do this")).unwrap();
        let line: Value = serde_json::from_str(&out.text()).unwrap();
        assert_eq!((&line["level"], &line["event"]), (&"error".into(), &"usage".into()));
        assert_eq!((&line["detail"], &line["next"]), (&"that cannot be".into(), &"do this".into()));
    }
}
