//! The lines themselves, as EVENTS.md fixes them: a change here is a change of the promise. The core's own types are not serialisable,
//! so that no change in them reaches a reader by accident.

use serde::Serialize;

/// What stands in place of a secret.
#[derive(Serialize)]
pub enum Value {
    #[serde(rename = "<withheld>")]
    Withheld,
}

/// One line.
#[derive(Serialize)]
pub struct Line<'a> {
    pub v: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    #[serde(flatten)]
    pub body: Body<'a>,
}

/// What a line is about, its `type`.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Body<'a> {
    Status(Status<'a>),
    Text {
        #[serde(flatten)]
        peer: Peer,
        #[serde(skip_serializing_if = "Option::is_none")]
        body: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        saved_to: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        size: Option<u64>,
    },
    File {
        #[serde(flatten)]
        peer: Peer,
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        original_name: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        saved_to: Option<String>,
        size: u64,
        kind: &'static str,
        files: u32,
    },
    Secret {
        #[serde(flatten)]
        peer: Peer,
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
        size: u64,
        stored: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        saved_to: Option<String>,
        value: Value,
    },
    Offer {
        #[serde(flatten)]
        peer: Peer,
        names: &'a [String],
        #[serde(skip_serializing_if = "Option::is_none")]
        size: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        count: Option<u32>,
        counted: bool,
    },
    Progress {
        id: u32,
        way: &'static str,
        done: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        total: Option<u64>,
        rate: u64,
    },
    Queued(Item<'a>),
    Pending {
        #[serde(flatten)]
        item: Item<'a>,
        next: &'a str,
    },
    Delivered(Item<'a>),
    Error {
        error: &'static str,
        detail: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        next: Option<&'a str>,
    },
    Check {
        name: &'static str,
        ok: bool,
        detail: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        next: Option<&'a str>,
    },
    End {
        exit: u8,
        reason: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        last_seq: Option<u64>,
    },
}

impl Body<'_> {
    /// Whether the line is the session's, with a number, and not one made by the process that reads it.
    pub const fn is_numbered(&self) -> bool {
        !matches!(self, Self::Progress { .. } | Self::Error { .. } | Self::Check { .. } | Self::End { .. })
    }
}

/// What has happened to the channel, its `event`.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Status<'a> {
    Opening {
        tunnel: &'a str,
    },
    Channel {
        code: &'a str,
        number: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        join: Option<&'a str>,
        joins: Vec<Join<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        link: Option<&'a str>,
        expires_at: String,
    },
    Waiting,
    Paired,
    Connected {
        path: &'static str,
    },
    Path {
        path: &'static str,
    },
    Verify {
        words: &'a str,
    },
    Stalled,
    Reconnecting,
    Reconnected,
    Expiring {
        seconds_left: u64,
    },
    PeerLeft {
        reason: &'static str,
        detail: &'static str,
    },
    Disconnected,
    HandshakeFailed {
        guesses: u32,
    },
    Closed,
}

/// A line for the other machine.
#[derive(Serialize)]
pub struct Join<'a> {
    pub place: &'static str,
    pub command: &'a str,
}

/// What every line that holds something of the peer's begins with.
#[derive(Serialize)]
pub struct Peer {
    id: u32,
    from: &'static str,
    trust: &'static str,
}

impl Peer {
    /// Of the peer's item `id`.
    pub const fn new(id: u32) -> Self {
        Self { id, from: "peer", trust: "untrusted" }
    }
}

/// Something of ours.
#[derive(Serialize)]
pub struct Item<'a> {
    pub id: u32,
    pub what: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}
