//! Which of a session's lines a command wants.

use crate::events::line::{Body, LineType, Status};
use std::collections::BTreeSet;

/// The sort of a line, by which a command wants it or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sort {
    pub(super) line_type: LineType,
    /// True for what everybody wants to know of.
    pub(super) for_all: bool,
}

impl Sort {
    /// The sort of a numbered line; `None` for any other.
    pub(super) const fn of(body: &Body) -> Option<Self> {
        use Status::{Closed, Connected, Expiring};
        let Some(line_type) = LineType::of(body) else { return None };
        let for_all = matches!(body, Body::Status(Connected { .. } | Expiring { .. } | Closed));
        Some(Self { line_type, for_all })
    }
}

/// The lines that a command wants.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Those after this number, also what was received before; else what nobody has received.
    pub after: Option<u64>,
    /// Those of these types alone, and what everybody wants to know of; else all.
    pub only: Option<BTreeSet<LineType>>,
}

impl From<Option<u64>> for Wanted {
    fn from(after: Option<u64>) -> Self {
        Self { after, only: None }
    }
}

impl Wanted {
    pub(super) fn takes(&self, sort: Sort) -> bool {
        self.only.as_ref().is_none_or(|only| sort.for_all || only.contains(&sort.line_type))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::line::Line;
    use crate::events::{Event, Path, samples};
    use pinhole_protocol::wire::Reason;
    use std::time::Duration;

    fn sort(event: &Event) -> Sort {
        Sort::of(&Body::of(event)).unwrap()
    }

    #[test]
    fn a_type_is_what_its_line_says_and_some_events_are_for_all() {
        let texts = Wanted { after: None, only: Some([LineType::Text].into()) };
        for (event, wanted) in [
            (samples::text("{\"type\":\"file\"}"), true),
            (Event::Waiting, false),
            (Event::PeerLeft(Reason::Done), false),
            (Event::Connected(Path::Lan), true),
            (Event::Expiring { left: Duration::from_secs(9) }, true),
            (Event::Closed, true),
        ] {
            assert_eq!(texts.takes(sort(&event)), wanted, "{event:?}");
            assert!(Wanted::default().takes(sort(&event)));
        }
        let mut seen = BTreeSet::new();
        for body in samples::every("x").iter().map(Body::of) {
            let sort = Sort::of(&body);
            let text = Line::new(None, body).text();
            let types = LineType::ALL.map(|line_type| (line_type, line_type.word()));
            let says = |word: &str| text.starts_with(&format!(r#"{{"v":1,"type":"{word}""#));
            let said = types.into_iter().find(|(_, word)| says(word)).map(|(said, _)| said);
            assert_eq!(sort.map(|sort| sort.line_type), said, "{text}");
            if let Some(sort) = sort {
                let only = Some([sort.line_type].into());
                assert!(Wanted { after: None, only }.takes(sort), "{text}");
                seen.insert(sort.line_type);
            }
        }
        assert_eq!(seen, LineType::ALL.into());
    }
}
