//! The handshake of a later link (SPEC 3.9), over whatever carries its messages.

use crate::transport::again::{Claim, Route, Wanted};
use crate::transport::direct::read_frame;
use crate::transport::relay::Meeting;
use pinhole_protocol::handshake::{Frame, LinkKeys};
use pinhole_protocol::keys::ResumeSecret;
use pinhole_protocol::limits::{HANDSHAKE_TIME, LINK_MESSAGE_TIME, LINKS_JUDGED};
use pinhole_protocol::rendezvous::SlotToken;
use pinhole_protocol::role::Role;
use rand_core::OsRng;
use std::collections::HashSet;
use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// Tokens of the peer that are remembered. It shows one a connection: a peer that shows more in a
/// channel's life is not trying to make a link.
const TOKENS: usize = 1 << 16;

/// Something that carries handshake messages.
pub(super) trait Frames: Send {
    /// Sends one; `None` if the connection has ended.
    fn send(&mut self, message: Vec<u8>) -> impl Future<Output = Option<()>> + Send;
    /// Waits for one; `None` if the connection has ended, or it is none.
    fn receive(&mut self) -> impl Future<Output = Option<Frame>> + Send;
}

impl Frames for TcpStream {
    async fn send(&mut self, message: Vec<u8>) -> Option<()> {
        self.write_all(&message).await.ok()
    }

    async fn receive(&mut self) -> Option<Frame> {
        read_frame(self).await.ok()
    }
}

impl Frames for Meeting {
    async fn send(&mut self, message: Vec<u8>) -> Option<()> {
        Self::send(self, message).await
    }

    async fn receive(&mut self) -> Option<Frame> {
        Self::receive(self).await
    }
}

/// A handshake that both sides have confirmed.
pub(super) struct Confirmed {
    pub(super) index: u32,
    pub(super) keys: LinkKeys,
    pub(super) claim: Claim,
}

/// This side of a conversation, as its later links are made.
pub(super) struct Side {
    pub(super) role: Role,
    pub(super) resume: ResumeSecret,
    wanted: watch::Receiver<Wanted>,
    /// At a host, the index of its next handshake.
    next: AtomicU32,
    /// At a joiner, the indices of confirmed links.
    had: Mutex<HashSet<u32>>,
    /// The peer's tokens, each of which is taken once.
    taken: Mutex<HashSet<SlotToken>>,
    judged: Mutex<Judged>,
}

/// Tags that were looked at in the latest second.
struct Judged {
    since: Instant,
    count: u32,
}

impl Side {
    pub(super) fn new(role: Role, resume: ResumeSecret, wanted: watch::Receiver<Wanted>) -> Self {
        Self {
            role,
            resume,
            wanted,
            next: AtomicU32::new(1),
            had: Mutex::new(HashSet::from([0])),
            taken: Mutex::default(),
            judged: Mutex::new(Judged { since: Instant::now(), count: 0 }),
        }
    }

    /// True while other routes are tried instead of this one.
    pub(super) fn avoids(&self, route: &Route) -> bool {
        self.wanted.borrow().avoids(route)
    }

    /// A fresh token of this side's for a direct connection.
    pub(super) fn token(&self) -> SlotToken {
        self.resume.direct(self.role, &mut OsRng)
    }

    /// Takes the peer's token of a direct connection; false if it is not true, or was taken.
    pub(super) fn take(&self, token: SlotToken) -> bool {
        let mut taken = lock(&self.taken);
        self.resume.is_direct(self.role.other(), token)
            && taken.len() < TOKENS
            && taken.insert(token)
    }

    /// Shakes hands; `None` if that gives no link.
    pub(super) async fn handshake(&self, frames: &mut impl Frames) -> Option<Confirmed> {
        match self.role {
            Role::Host => self.host(frames).await,
            Role::Joiner => self.join(frames).await,
        }
    }

    async fn host(&self, frames: &mut impl Frames) -> Option<Confirmed> {
        // A link that comes into use from here on may be unknown to the joiner when it answers.
        let used = self.wanted.borrow().need.used;
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        let (pending, message1) = self.resume.host(index, &mut OsRng);
        frames.send(message1).await?;
        let message2 = timeout(HANDSHAKE_TIME, frames.receive()).await.ok()??;
        if !self.may_judge() {
            return None;
        }
        let (keys, message3) = pending.judge(&message2).ok()?;
        frames.send(message3).await?;
        let claim = Claim { linked: keys.peer.linked, used };
        Some(Confirmed { index, keys, claim })
    }

    async fn join(&self, frames: &mut impl Frames) -> Option<Confirmed> {
        let message1 = timeout(LINK_MESSAGE_TIME, frames.receive()).await.ok()??;
        let linked = self.wanted.borrow().need.linked;
        let (tagged, message2) = self.resume.join(linked, &message1, &mut OsRng).ok()?;
        let index = tagged.index();
        if lock(&self.had).contains(&index) {
            return None;
        }
        frames.send(message2).await?;
        let message3 = timeout(HANDSHAKE_TIME, frames.receive()).await.ok()??;
        let keys = tagged.finish(&message3).ok()?;
        // Of two with one index that crossed, the second is none.
        let is_first = lock(&self.had).insert(index);
        is_first.then_some(Confirmed { index, keys, claim: Claim::default() })
    }

    /// True if another tag may be looked at in this second.
    fn may_judge(&self) -> bool {
        let mut judged = lock(&self.judged);
        if judged.since.elapsed() >= Duration::from_secs(1) {
            *judged = Judged { since: Instant::now(), count: 0 };
        }
        judged.count = judged.count.saturating_add(1);
        judged.count <= LINKS_JUDGED
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::transport::again::Need;
    use pinhole_protocol::code::Code;
    use pinhole_protocol::handshake::{Joiner, Judge, Verdict};
    use pinhole_protocol::links::LinkId;
    use tokio::time::advance;

    /// Both sides of a conversation, with its secret.
    pub fn secrets() -> [(Role, ResumeSecret); 2] {
        let (nameplate, password) = Code::parse("9417-walrus-clipboard-mango").unwrap().split();
        let judge = Judge::new(password, nameplate);
        let (nameplate, password) = Code::parse("9417-walrus-clipboard-mango").unwrap().split();
        let (pending, message1) = judge.begin(&mut OsRng);
        let frame = |bytes: &[u8]| Frame::parse(bytes).unwrap().unwrap().0;
        let confirmed = Joiner::new(password, nameplate).confirm(&frame(&message1), &mut OsRng);
        let Ok((tagged, message2)) = confirmed else { panic!() };
        let Verdict::Confirmed { confirmation, established } =
            judge.judge(pending, &frame(&message2))
        else {
            panic!()
        };
        let Ok(joined) = tagged.finish(&frame(&confirmation)) else { panic!() };
        [(Role::Host, established.resume), (Role::Joiner, joined.resume)]
    }

    fn sides() -> [Side; 2] {
        let need = Need { link: false, linked: true, used: Some(LinkId::CODE), beside: None };
        let (_, wanted) = watch::channel(Wanted { need, ..Wanted::default() });
        secrets().map(|(role, resume)| Side::new(role, resume, wanted.clone()))
    }

    /// One end of a pair of queues.
    struct Queue {
        out: tokio::sync::mpsc::UnboundedSender<Vec<u8>>,
        back: tokio::sync::mpsc::UnboundedReceiver<Vec<u8>>,
    }

    impl Frames for Queue {
        async fn send(&mut self, message: Vec<u8>) -> Option<()> {
            self.out.send(message).ok()
        }
        async fn receive(&mut self) -> Option<Frame> {
            Some(Frame::parse(&self.back.recv().await?).ok()??.0)
        }
    }

    fn queues() -> [Queue; 2] {
        let (one, other) =
            (tokio::sync::mpsc::unbounded_channel(), tokio::sync::mpsc::unbounded_channel());
        [Queue { out: one.0, back: other.1 }, Queue { out: other.0, back: one.1 }]
    }

    #[tokio::test(start_paused = true)]
    async fn both_sides_make_links_that_the_host_counts_up() {
        let [host, joiner] = sides();
        for expected in 1..4 {
            let [mut near, mut far] = queues();
            let (ours, theirs) =
                tokio::join!(host.handshake(&mut near), joiner.handshake(&mut far));
            let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
            assert_eq!((ours.index, theirs.index), (expected, expected));
            assert!(ours.keys.peer.linked && !theirs.keys.peer.linked);
        }
        // An index that a link has had is none again.
        host.next.store(2, Ordering::Relaxed);
        let [mut near, mut far] = queues();
        let there = async {
            let made = joiner.handshake(&mut far).await;
            drop(far);
            made
        };
        let (ours, theirs) = tokio::join!(host.handshake(&mut near), there);
        assert!(ours.is_none() && theirs.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_joiner_cannot_know_of_a_link_that_came_into_use_since_message_1() {
        // The host may not have noticed yet that the one before is lost.
        for before in [None, Some(LinkId::CODE)] {
            let [host, joiner] = sides();
            let seen = |used: Option<LinkId>| {
                let need = Need { link: used.is_none(), linked: false, used, beside: None };
                watch::channel(Wanted { need, ..Wanted::default() }).1
            };
            let host = Side { wanted: seen(before), ..host };
            let joiner = Side { wanted: seen(None), ..joiner };
            let [mut near, mut far] = queues();
            let (ours, _) = tokio::join!(host.handshake(&mut near), joiner.handshake(&mut far));
            let ours = ours.unwrap();
            assert!(!ours.keys.peer.linked);
            assert!(!ours.claim.is_linked(before) && ours.claim.is_linked(Some(LinkId(7))));
        }
    }

    #[tokio::test]
    async fn a_token_is_taken_once_and_not_by_its_own_side() {
        let [host, joiner] = sides();
        let token = joiner.token();
        assert!(!joiner.take(token) && host.take(token) && !host.take(token));
        assert!(joiner.take(host.token()) && !host.take(SlotToken::new([7; 16])));
    }

    #[tokio::test(start_paused = true)]
    async fn twenty_tags_are_looked_at_in_a_second() {
        let [host, _] = sides();
        let looked = || (0..30).filter(|_| host.may_judge()).count();
        assert_eq!((looked(), looked()), (20, 0));
        advance(Duration::from_secs(1)).await;
        assert_eq!(looked(), 20);
    }
}
