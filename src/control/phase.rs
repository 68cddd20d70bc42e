//! The phase of a session, which the session sets at each of its turns and other commands read.

use super::Control;
use crate::events::{Channel, Event, Path, State, Words};
use crate::failure::Failure;
use std::time::SystemTime;
use zeroize::Zeroizing;

/// The progress of a session.
pub(super) struct Phase {
    pub(super) number: Option<u32>,
    /// The code, to tell it from another with the same number. It is used up or on the screen.
    pub(super) code: Option<Zeroizing<String>>,
    /// The channel that is open under a code of its own, for the process that it is in.
    pub(super) channel: Option<Channel>,
    pub(super) state: State,
    pub(super) path: Option<Path>,
    pub(super) expires_at: Option<SystemTime>,
    pub(super) end: Option<End>,
}

/// The end of a session.
pub(super) struct End {
    /// The reason, if it did not end well.
    pub(super) failure: Option<Failure>,
    /// True if a command has received that, and so everything.
    pub(super) returned: bool,
}

impl Phase {
    /// The first phase; a joiner knows its code.
    pub(super) fn new(code: Option<(u32, Zeroizing<String>)>) -> Self {
        let (number, code) = code.unzip();
        Self {
            number,
            code,
            channel: None,
            state: State::Waiting,
            path: None,
            expires_at: None,
            end: None,
        }
    }

    fn enter(&mut self, event: &Event) {
        match event {
            Event::Channel(channel) => self.open(channel),
            Event::Paired => self.state = State::Paired,
            Event::Connected(path) => self.connect(*path),
            // A waiting host's connection to its relay is no link to a peer.
            Event::Reconnecting if self.state == State::Connected => {
                self.state = State::Reconnecting;
            }
            Event::Reconnected(path) if self.state == State::Reconnecting => {
                (self.state, self.path) = (State::Connected, path.or(self.path));
            }
            Event::PeerLeft(_) | Event::Disconnected | Event::Closed => self.leave(),
            // The conversation is over, however it ended, and the session lives on for so long.
            Event::Holding { left, .. } => {
                self.leave();
                self.expires_at = SystemTime::now().checked_add(*left);
            }
            _ => {}
        }
    }

    fn open(&mut self, channel: &Channel) {
        self.number = Some(channel.number);
        self.code = Some(Zeroizing::new(channel.code.clone()));
        self.expires_at = Some(channel.expires_at);
        self.channel = Some(channel.clone());
        self.state = State::Waiting;
    }

    fn connect(&mut self, path: Path) {
        (self.state, self.path, self.expires_at) = (State::Connected, Some(path), None);
        // Its code is used up, and nobody asks for it any more.
        self.channel = None;
    }

    /// Leaves, unless it has ended.
    pub(super) fn leave(&mut self) {
        if self.end.is_none() {
            self.state = State::Leaving;
        }
    }

    fn end(&mut self, failure: Option<Failure>) {
        self.state = State::Ended;
        self.end = Some(End { failure, returned: false });
    }

    /// True if this is its code, canonical, or its number.
    pub(super) fn is_of(&self, code: &str) -> bool {
        self.has_whole(code) || self.number.is_some_and(|own| code.parse() == Ok(own))
    }

    /// True if this is its whole code.
    pub(super) fn has_whole(&self, code: &str) -> bool {
        self.code.as_deref().is_some_and(|own| own == code)
    }

    /// True once nobody else can join with its code.
    pub(super) const fn is_used(&self) -> bool {
        !matches!(self.state, State::Waiting | State::Paired)
    }

    /// The code that it has made, while it waits under it.
    pub(super) fn waiting_code(&self) -> Option<Words> {
        let channel = self.channel.as_ref().filter(|_| self.state == State::Waiting)?;
        Some(Words(channel.code.clone()))
    }
}

impl Control {
    /// Enters the phase that begins with an event, if one does. The session says that event next.
    pub fn enter(&self, event: &Event) {
        self.standing().phase.enter(event);
        if let Event::Channel(_) | Event::Connected(_) = event {
            self.0.noted.notify_one();
        }
    }

    /// Begins to leave: the peer has gone, or this side goes.
    pub(super) fn leaving(&self) {
        self.standing().phase.leave();
    }

    /// Ends the session: well, or with this failure.
    pub fn ended(&self, failure: Option<Failure>) {
        self.0.standing.change().phase.end(failure);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::samples;
    use crate::failure::Kind;

    #[test]
    fn a_code_is_told_only_while_somebody_may_come_with_it() {
        let mut phase = Phase::new(None);
        assert!(phase.waiting_code().is_none() && !phase.is_of("417"));
        phase.open(&samples::channel());
        let code = phase.waiting_code().unwrap().0;
        assert!(phase.is_of("417") && phase.is_of(&code) && !phase.has_whole("417"));
        assert!(!phase.is_used());
        phase.state = State::Paired;
        assert!(phase.waiting_code().is_none());
        // Another code, after a wrong one.
        phase.open(&samples::channel());
        assert!(phase.waiting_code().is_some());
        phase.connect(Path::Lan);
        assert!(phase.is_used() && phase.channel.is_none() && phase.expires_at.is_none());
        assert!(phase.has_whole(&code));
    }

    #[test]
    fn a_lost_link_is_a_state_until_there_is_another() {
        let mut phase = Phase::new(None);
        phase.enter(&Event::Reconnecting);
        assert_eq!(phase.state, State::Waiting);
        phase.connect(Path::Lan);
        phase.enter(&Event::Reconnecting);
        assert!(phase.state == State::Reconnecting && phase.is_used());
        phase.enter(&Event::Reconnected(Some(Path::Relay)));
        assert_eq!((phase.state, phase.path), (State::Connected, Some(Path::Relay)));
    }

    #[test]
    fn what_has_ended_leaves_no_more() {
        let mut phase = Phase::new(Some((7, Zeroizing::new("7-a-b".into()))));
        assert_eq!((phase.number, phase.has_whole("7-a-b")), (Some(7), true));
        phase.leave();
        assert_eq!(phase.state, State::Leaving);
        phase.end(Some(Failure::new(Kind::PeerLost, "lost")));
        phase.leave();
        assert_eq!(phase.state, State::Ended);
        assert_eq!(phase.end.unwrap().failure.unwrap().kind, Kind::PeerLost);
    }
}
