//! The meaning of each [`Reason`] of the wire for people and scripts on this side. It is a fixed
//! word, a sentence, the next step, and the exit status (EVENTS.md, "Reasons"). The sentences are
//! ours: no text of the peer's choosing travels with a reason.

use crate::failure::{Advice, Failure, Kind};
use pinhole_protocol::wire::Reason;

/// The side that a reason belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// This side's own: it is what the peer was told.
    Here,
    /// The peer's: it is what we were told.
    There,
}

/// The fixed word of a reason, as `peer_left` carries it and as errors of this side do.
#[must_use]
pub const fn word(reason: Reason) -> &'static str {
    match reason {
        Reason::Done => "done",
        reason => here(reason).0.as_str(),
    }
}

/// The reason of a word.
#[must_use]
pub fn reason(text: &str) -> Option<Reason> {
    Reason::all().find(|reason| word(*reason) == text)
}

/// The meaning of a reason, in one sentence without a capital and a full stop.
#[must_use]
pub const fn sentence(reason: Reason, side: Side) -> &'static str {
    match side {
        Side::Here => here(reason).1,
        Side::There => there(reason).1,
    }
}

/// The failure that a reason leads to on this side.
#[must_use]
pub fn failure_from(reason: Reason, side: Side) -> Failure {
    let (kind, sentence) = match side {
        Side::Here => here(reason),
        Side::There => there(reason),
    };
    let failure = Failure::new(kind, sentence);
    match next(reason, side) {
        Some(step) => failure.next(step),
        None => failure,
    }
}

/// So many secrets that are held for somebody who has not come.
#[must_use]
pub fn untaken(secrets: usize) -> String {
    if secrets == 1 {
        "a secret that nobody has taken".into()
    } else {
        format!("{secrets} secrets that nobody has taken")
    }
}

const fn here(reason: Reason) -> (Kind, &'static str) {
    match reason {
        // It is no failure here, so there is no kind for it.
        Reason::Done => (Kind::Failed, "everything is done"),
        Reason::Declined => (Kind::Declined, "you declined it"),
        Reason::Interrupted => (Kind::Interrupted, "interrupted"),
        Reason::NoSpace => (Kind::NoSpace, "there is not enough space on the disk here"),
        Reason::Disk => (Kind::Disk, "the disk or file system here failed"),
        Reason::TooLarge => (Kind::TooLarge, "it is larger than allowed here"),
        Reason::BadName => {
            (Kind::BadName, "the other side sent a name that cannot be stored safely")
        }
        Reason::Exists => (Kind::Exists, "something with that name is already here"),
        Reason::SourceChanged => {
            (Kind::SourceChanged, "the source changed while it was being sent")
        }
        Reason::SourceUnreadable => (Kind::SourceUnreadable, "the source could not be read"),
        Reason::SecretToOutput => {
            (Kind::SecretToOutput, "a secret is not written to standard output")
        }
        Reason::SameRole => {
            (Kind::SameRole, "both sides want the same: one has to give, the other to take")
        }
        Reason::NotVerified => {
            (Kind::NotVerified, "the verification words were not confirmed here")
        }
        Reason::Expired => (Kind::Expired, "the channel's time is over"),
        Reason::Protocol => (Kind::Protocol, "the other side broke the protocol"),
        Reason::OutputClosed => {
            (Kind::OutputClosed, "the program that should get the bytes has stopped reading")
        }
        Reason::NoAnswer => {
            (Kind::NoAnswer, "an answer was needed and there is no terminal to ask at")
        }
        Reason::NotWanted => {
            (Kind::NotWanted, "this side takes only one thing, and something else came")
        }
        Reason::Failed => (Kind::Failed, "something failed here"),
        Reason::Link => {
            (Kind::Link, "a link leads out of what is sent, or cannot be created where it goes")
        }
        Reason::Special => (Kind::Special, "it is a device, a socket or a pipe"),
        Reason::OverLimits => {
            (Kind::OverLimits, "it is too long, too deep or too much for one transfer")
        }
    }
}

const fn there(reason: Reason) -> (Kind, &'static str) {
    match reason {
        Reason::Done => (Kind::PeerLeft, "the other side has left"),
        Reason::Declined => (Kind::PeerDeclined, "the other side said no"),
        Reason::Interrupted => (Kind::PeerInterrupted, "the other side was interrupted"),
        Reason::NoSpace => (Kind::PeerNoSpace, "the other side is out of disk space"),
        Reason::Disk => (Kind::PeerDisk, "the disk or file system of the other side failed"),
        Reason::TooLarge => (Kind::PeerTooLarge, "it is larger than the other side allows"),
        Reason::BadName => (Kind::PeerBadName, "the other side cannot store a name safely"),
        Reason::Exists => {
            (Kind::PeerExists, "something with that name is already on the other side")
        }
        Reason::SourceChanged => {
            (Kind::SourceChanged, "the source on the other side changed while it was being sent")
        }
        Reason::SourceUnreadable => {
            (Kind::PeerSourceUnreadable, "the other side could not read what it was sending")
        }
        Reason::SecretToOutput => (
            Kind::PeerSecretToOutput,
            "the other side writes to its standard output, where secrets do not go",
        ),
        Reason::SameRole => {
            (Kind::SameRole, "both sides want the same: one has to give, the other to take")
        }
        Reason::NotVerified => {
            (Kind::NotVerified, "the other side did not confirm the verification words")
        }
        Reason::Expired => (Kind::Expired, "the channel's time is over"),
        Reason::Protocol => {
            (Kind::PeerProtocol, "the other side reports that this side broke the protocol")
        }
        Reason::OutputClosed => (
            Kind::PeerOutputClosed,
            "the program there that should get the bytes has stopped reading",
        ),
        Reason::NoAnswer => {
            (Kind::PeerNoAnswer, "the other side needed an answer and had nobody to ask")
        }
        Reason::NotWanted => {
            (Kind::PeerNotWanted, "the other side takes only one thing, and this is not it")
        }
        Reason::Failed => (Kind::PeerFailed, "something failed on the other side"),
        Reason::Link => {
            (Kind::PeerLink, "a link leads out of what is sent, or cannot be created where it goes")
        }
        Reason::Special => (Kind::PeerSpecial, "it is a device, a socket or a pipe"),
        Reason::OverLimits => {
            (Kind::PeerOverLimits, "it is too long, too deep or too much for one transfer")
        }
    }
}

fn next(reason: Reason, side: Side) -> Option<Advice> {
    let step = match (reason, side) {
        (Reason::Done, Side::There) => {
            "what was not reported as delivered has not arrived: start again with a new code"
        }
        (Reason::NoSpace, Side::Here) => "make room and take again with a new code",
        (Reason::NoSpace, Side::There) => "when there is room, give again with a new code",
        (Reason::TooLarge, Side::Here) => {
            return Some(Advice::for_user("take again with a larger --max-size"));
        }
        (Reason::Exists, Side::Here) => {
            return Some(Advice::for_user("take again with --conflict rename"));
        }
        (Reason::SourceChanged, Side::Here) => "give again when nothing writes to it any more",
        (Reason::SourceChanged, Side::There) => {
            "ask for it again when nothing writes to it any more"
        }
        (Reason::SecretToOutput, Side::Here) => "take again without -o -",
        (Reason::SameRole, _) => "make a new code, with give on one side and take on the other",
        (Reason::NotVerified | Reason::Protocol, _) => {
            "make a new code; if it happens again, do not send anything that matters"
        }
        (Reason::Expired, _) => {
            "make a new code; a longer --ttl waits longer for a lost or silent side"
        }
        (Reason::Interrupted | Reason::Disk, Side::There) => {
            "start again with a new code: files that had come in part may go on where they ended"
        }
        _ => return None,
    };
    Some(step.into())
}

/// A notice of something left out of a folder, which ends no command by itself.
#[must_use]
pub fn left_out(detail: String) -> Failure {
    Failure::notice(Kind::Skipped, detail)
}

/// The failure of a command for which something was left out (`--strict`).
#[must_use]
pub fn left_out_strictly() -> Failure {
    Failure::new(Kind::Skipped, "something was left out, which is a failure with --strict")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;
    use std::collections::BTreeSet;

    #[test]
    fn each_reason_has_its_own_word_and_a_sentence_for_each_side() {
        let all: Vec<_> = Reason::all().collect();
        assert!(all.len() >= 19);
        let words: BTreeSet<_> = all.iter().map(|reason| word(*reason)).collect();
        assert_eq!(words.len(), all.len());
        for side in [Side::Here, Side::There] {
            let sentences: BTreeSet<_> = all.iter().map(|reason| sentence(*reason, side)).collect();
            assert_eq!(sentences.len(), all.len());
            assert!(
                sentences.iter().all(|s| !s.ends_with('.') && s.starts_with(char::is_lowercase)),
                "{sentences:?}"
            );
        }
    }

    #[test]
    fn whose_disk_is_full_decides_the_status() {
        assert_eq!(failure_from(Reason::NoSpace, Side::Here).exit(), Exit::Disk);
        assert_eq!(failure_from(Reason::NoSpace, Side::There).exit(), Exit::Peer);
        assert_eq!(failure_from(Reason::NoSpace, Side::There).kind, Kind::PeerNoSpace);
    }

    #[test]
    fn what_concerns_both_ends_both_with_one_status() {
        for reason in
            [Reason::SourceChanged, Reason::SameRole, Reason::NotVerified, Reason::Expired]
        {
            let (here, there) =
                (failure_from(reason, Side::Here), failure_from(reason, Side::There));
            assert_eq!(here.kind, there.kind);
        }
    }

    #[test]
    fn no_reason_of_the_peers_ends_well() {
        assert!(Reason::all().all(|reason| failure_from(reason, Side::There).exit().code() > 0));
    }

    #[test]
    fn what_allows_more_or_replaces_is_for_the_user() {
        for (reason, side) in
            Reason::all().flat_map(|reason| [(reason, Side::Here), (reason, Side::There)])
        {
            let asks = matches!((reason, side), (Reason::TooLarge | Reason::Exists, Side::Here));
            let step = failure_from(reason, side).next;
            assert_eq!(step.is_some_and(|step| step.asks_user()), asks, "{reason:?} {side:?}");
        }
    }

    #[test]
    fn every_word_and_status_is_in_the_public_table() {
        let table = include_str!("../report/EVENTS.md");
        for reason in Reason::all() {
            let (here, there) =
                (failure_from(reason, Side::Here), failure_from(reason, Side::There));
            let exit = if reason == Reason::Done { 0 } else { here.exit().code() };
            let row = format!(
                "| `{}` | {exit} | `{}` | {} |",
                word(reason),
                there.kind,
                there.exit().code()
            );
            assert!(table.contains(&row), "EVENTS.md lacks: {row}");
        }
    }
}
