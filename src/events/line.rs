//! A line of the promise to scripts and agents (`report/EVENTS.md`): one type, written and read
//! back.

mod body;
mod differing;
mod line_type;
mod read;
mod schema;
mod time;
mod written;

pub use body::{Body, Item, Line, Peer, Status};
pub use line_type::LineType;
pub use schema::{one_line, schema};
pub use time::timestamp;

use crate::escape::Ascii;
use crate::events::{Channel, Event};
use serde::Serialize;

/// The version of the promise.
const VERSION: u8 = 1;

impl Line {
    /// A line with this number, if it is one of a session.
    #[must_use]
    pub const fn new(seq: Option<u64>, body: Body) -> Self {
        Self { v: VERSION, seq, body }
    }

    /// Its text in ASCII, without an end.
    #[must_use]
    pub fn text(&self) -> String {
        let mut line = Vec::with_capacity(256);
        // Spelling into memory does not fail.
        let _ = self.serialize(&mut serde_json::Serializer::with_formatter(&mut line, Ascii));
        String::from_utf8_lossy(&line).into_owned()
    }
}

impl Body {
    /// A channel without anything that lets somebody in: its code, and the commands and the link
    /// that hold it.
    #[must_use]
    pub fn without_code(it: &Channel) -> Self {
        let bare = Channel { code: String::new(), join: Vec::new(), link: None, ..it.clone() };
        Self::of(&Event::Channel(bare))
    }
}

/// A number that a line has only above 0.
fn above_zero<N: Default + PartialEq>(number: N) -> Option<N> {
    (number != N::default()).then_some(number)
}
