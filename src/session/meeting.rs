//! The beginning of a conversation: with the link that the code has made, or, where that was cut
//! between the joiner's tag and the host's answer, with the first made after it (SPEC 3.7).

use super::{Report, tell};
use crate::events::Event;
use crate::files::proof::ProofKeys;
use crate::transport::again::{Bounds, Claim, Made, Maker, Need, Way};
use crate::transport::{JoinEnd, Joined};
use pinhole_protocol::handshake::{Established, LinkKeys, Peer, Tagged};
use pinhole_protocol::keys::{Commitment, ResumeSecret};
use pinhole_protocol::limits::{LINK_MISSED, LINK_PATIENCE, LINKS};
use pinhole_protocol::links::LinkId;
use std::future::Future;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// A peer that was met.
pub(super) struct Meeting {
    pub(super) first: Made,
    pub(super) commitment: Commitment,
    pub(super) proofs: ProofKeys,
    pub(super) peer: Peer,
    pub(super) later: Later,
}

/// The links after the first, as they are made.
pub(super) struct Later {
    pub(super) made: mpsc::Receiver<Made>,
    /// Makes them; not with a peer that makes none.
    pub(super) maker: Option<Maker>,
}

/// The keys of proofs, and the links after the first.
fn later(
    commitment: &Commitment,
    resume: ResumeSecret,
    peer: Peer,
    (way, bounds): (Way, Bounds),
) -> (ProofKeys, Later) {
    let role = commitment.role();
    let proofs = ProofKeys::new(&resume, role);
    let (links, made) = mpsc::channel(LINKS);
    let start = || Maker::start((role, resume), way, bounds, links);
    (proofs, Later { made, maker: peer.is_resuming().then(start) })
}

impl Meeting {
    /// The code has made a link, by this way.
    pub(super) fn by_code((joined, way): (Joined, Way), bounds: Bounds) -> Self {
        let Joined { socket, path, delays, established } = joined;
        let Established { sealer, opener, resume, commitment, peer } = established;
        let keys = LinkKeys { sealer, opener, peer };
        let route = way.route(&socket);
        let (index, claim) = (LinkId::CODE.0, Claim::default());
        let first = Made { index, socket, path, delays, route, keys, claim };
        let (proofs, later) = later(&commitment, resume, peer, (way, bounds));
        Self { first, commitment, proofs, peer, later }
    }

    /// The connection by which the tag went ended before an answer. The host may have taken it all
    /// the same: then it looks for this side, too, and a link confirms both.
    ///
    /// # Errors
    /// If none is made in time.
    pub(super) async fn by_link(
        tagged: Tagged,
        (way, bounds): (Way, Bounds),
        report: &mut Report,
    ) -> Result<Self, JoinEnd> {
        let (resume, commitment, peer) = tagged.cut();
        let (proofs, mut later) = later(&commitment, resume, peer, (way, bounds));
        let Some(maker) = &mut later.maker else { return Err(JoinEnd::CutAfterTag) };
        maker.need(Need { link: true, ..Need::default() });
        let first = timeout(LINK_PATIENCE, told(later.made.recv(), report)).await;
        match first {
            Ok(Some(first)) => Ok(Self { first, commitment, proofs, peer, later }),
            Ok(None) | Err(_) => Err(JoinEnd::CutAfterTag),
        }
    }
}

/// Waits for a link, and tells the user if that takes long.
async fn told(link: impl Future<Output = Option<Made>>, report: &mut Report) -> Option<Made> {
    tokio::pin!(link);
    tokio::select! {
        made = &mut link => return made,
        () = sleep(LINK_MISSED) => tell(report, &Event::Reconnecting),
    }
    let made = loop {
        tokio::select! {
            made = &mut link => break made?,
            () = report.changes() => report.redraw(),
        }
    };
    tell(report, &Event::Reconnected(Some(made.path)));
    Some(made)
}
