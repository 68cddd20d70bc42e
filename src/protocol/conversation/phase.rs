//! The phases of a conversation, from the first link to its end.

use crate::time::Instant;

/// A conversation's phase; each leads only to later ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The peer has not greeted (SPEC 6.2): nothing but greetings is sent.
    Greeting {
        /// This side has been asked to leave, and will once there is a peer to tell.
        leaves: bool,
    },
    /// Both sides may begin things.
    Open,
    /// This side begins nothing more. It finishes what is under way, then says `leave`, and waits
    /// for the peer's.
    Leaving {
        /// Our `leave`, once nothing is under way.
        goodbye: Option<Goodbye>,
        /// The peer has said `leave`.
        peer_left: bool,
    },
    /// [`super::Event::Over`] was told. What was said before still goes out (SPEC 8.5).
    Over {
        /// The peer had greeted, so there is somebody to say it to.
        greeted: bool,
    },
}

/// Our `leave` on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Goodbye {
    /// Its message number.
    pub(super) number: u64,
    /// The peer has acknowledged it.
    pub(super) heard: bool,
    /// The moment since which nothing but that, and then the peer's answer, is missing.
    pub(super) since: Instant,
}

impl Phase {
    /// True once the peer has greeted, so that messages and state may go to it.
    pub(super) const fn greeted(self) -> bool {
        match self {
            Self::Greeting { .. } => false,
            Self::Open | Self::Leaving { .. } => true,
            Self::Over { greeted } => greeted,
        }
    }

    pub(super) const fn is_over(self) -> bool {
        matches!(self, Self::Over { .. })
    }

    /// True if this side begins nothing more.
    pub(super) const fn is_leaving(self) -> bool {
        matches!(self, Self::Greeting { leaves: true } | Self::Leaving { .. })
    }

    /// True if the peer has said `leave`, and so begins nothing more.
    pub(super) const fn has_peer_left(self) -> bool {
        matches!(self, Self::Leaving { peer_left: true, .. })
    }

    /// Our `leave`, if it is said and its answer awaited.
    pub(super) const fn goodbye(self) -> Option<Goodbye> {
        match self {
            Self::Leaving { goodbye, .. } => goodbye,
            Self::Greeting { .. } | Self::Open | Self::Over { .. } => None,
        }
    }

    /// The peer has greeted, for the first time or on another link.
    pub(super) const fn on_greeting(self) -> Self {
        match self {
            Self::Greeting { leaves: false } => Self::Open,
            Self::Greeting { leaves: true } => Self::Leaving { goodbye: None, peer_left: false },
            Self::Open | Self::Leaving { .. } | Self::Over { .. } => self,
        }
    }

    /// This side leaves as soon as it can.
    pub(super) const fn on_leave(self) -> Self {
        match self {
            Self::Greeting { .. } => Self::Greeting { leaves: true },
            Self::Open => Self::Leaving { goodbye: None, peer_left: false },
            Self::Leaving { .. } | Self::Over { .. } => self,
        }
    }

    /// The peer has left, and so this side does: the channel is over for both (SPEC 5.5).
    pub(super) const fn on_peer_left(self) -> Self {
        Self::Leaving { goodbye: self.goodbye(), peer_left: true }
    }

    /// The end, whatever came before.
    pub(super) const fn on_end(self) -> Self {
        Self::Over { greeted: self.greeted() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOODBYE: Goodbye = Goodbye { number: 3, heard: false, since: Instant::from_millis(5) };

    #[test]
    fn a_side_that_is_asked_to_leave_before_it_is_greeted_leaves_once_it_is() {
        let early = Phase::Greeting { leaves: false }.on_leave();
        assert!(early.is_leaving() && !early.greeted());
        assert_eq!(early.on_greeting(), Phase::Leaving { goodbye: None, peer_left: false });
        assert_eq!(Phase::Greeting { leaves: false }.on_greeting(), Phase::Open);
    }

    #[test]
    fn a_later_greeting_or_request_to_leave_changes_nothing() {
        let leaving = Phase::Leaving { goodbye: Some(GOODBYE), peer_left: true };
        assert_eq!((leaving.on_greeting(), leaving.on_leave()), (leaving, leaving));
        assert_eq!(Phase::Open.on_greeting(), Phase::Open);
    }

    #[test]
    fn a_peer_that_leaves_takes_this_side_along_and_keeps_its_goodbye() {
        assert!(Phase::Open.on_peer_left().is_leaving() && Phase::Open.goodbye().is_none());
        let left = Phase::Leaving { goodbye: Some(GOODBYE), peer_left: false }.on_peer_left();
        assert!(left.has_peer_left() && left.goodbye() == Some(GOODBYE));
    }

    #[test]
    fn an_end_remembers_only_if_there_is_a_peer_to_send_to() {
        assert_eq!(Phase::Greeting { leaves: true }.on_end(), Phase::Over { greeted: false });
        let over = Phase::Open.on_end();
        assert_eq!((over, over.on_end()), (Phase::Over { greeted: true }, over));
        assert!(over.is_over() && over.greeted() && !over.is_leaving() && !over.has_peer_left());
    }
}
