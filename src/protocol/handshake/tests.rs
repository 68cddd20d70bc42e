//! The handshake as its users see it. Attacks have a file of their own, and so have the vectors.

mod attacks;
mod links;
mod vectors;

use super::hello::Hello;
use super::*;
use crate::code::{Code, Nameplate, Password};
use crate::limits::CAPABILITIES;
use crate::records::{Opened, RecordBuf};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use std::vec::Vec;

pub(super) const CODE: &str = "417-walrus-clipboard-mango";

pub(super) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

fn secret(code: &str) -> (Password, Nameplate) {
    let (nameplate, password) = Code::parse(code).unwrap().split();
    (password, nameplate)
}

pub(super) fn judge(code: &str) -> Judge {
    let (password, nameplate) = secret(code);
    Judge::new(password, nameplate)
}

pub(super) fn joiner(code: &str) -> Joiner {
    let (password, nameplate) = secret(code);
    Joiner::new(password, nameplate)
}

/// The one frame that `bytes` are.
pub(super) fn frame(bytes: &[u8]) -> Frame {
    let (frame, used) = Frame::parse(bytes).unwrap().unwrap();
    assert_eq!(used, bytes.len());
    frame
}

/// A host and a joiner of `CODE`, with messages 1 and 2 as they were made.
pub(super) struct Met {
    pub judge: Judge,
    pub pending: Pending,
    pub tagged: Tagged,
    pub message1: Vec<u8>,
    pub message2: Vec<u8>,
}

pub(super) fn meet() -> Met {
    let mut rng = rng(1);
    let judge = judge(CODE);
    let (pending, message1) = judge.begin(&mut rng);
    let Ok((tagged, message2)) = joiner(CODE).confirm(&frame(&message1), &mut rng) else {
        panic!()
    };
    Met { judge, pending, tagged, message1, message2 }
}

pub(super) fn confirmed(verdict: Verdict) -> (Vec<u8>, Established) {
    match verdict {
        Verdict::Confirmed { confirmation, established } => (confirmation, *established),
        Verdict::Burned { .. } => panic!("burned"),
        Verdict::NotAGuess(_, fault) => panic!("{fault:?}"),
    }
}

pub(super) fn free(verdict: Verdict) -> (Judge, NotAGuess) {
    match verdict {
        Verdict::NotAGuess(judge, fault) => (judge, fault),
        Verdict::Burned { .. } => panic!("burned"),
        Verdict::Confirmed { .. } => panic!("confirmed"),
    }
}

pub(super) fn burned(verdict: Verdict) -> Vec<u8> {
    match verdict {
        Verdict::Burned { refusal } => refusal,
        Verdict::Confirmed { .. } => panic!("confirmed"),
        Verdict::NotAGuess(_, fault) => panic!("{fault:?}"),
    }
}

/// True if an honest joiner still gets in: nothing was burned.
pub(super) fn still_open(judge: Judge) -> bool {
    let mut rng = rng(99);
    let (pending, message1) = judge.begin(&mut rng);
    let Ok((_, message2)) = joiner(CODE).confirm(&frame(&message1), &mut rng) else { panic!() };
    matches!(judge.judge(pending, &frame(&message2)), Verdict::Confirmed { .. })
}

/// Both sides have the same conversation: its secret, its id and, once the host has opened its
/// commitment, its verifier.
pub(super) fn same(host: &Established, joiner: &Established) -> bool {
    host.resume.secret() == joiner.resume.secret()
        && host.resume.conversation() == joiner.resume.conversation()
        && words(&host.commitment, &joiner.commitment).is_some_and(|[host, joiner]| host == joiner)
}

/// Both sides' words, if the joiner takes the host's nonce.
pub(super) fn words(host: &Commitment, joiner: &Commitment) -> Option<[[&'static str; 4]; 2]> {
    Some([host.open(None).ok()?.words(), joiner.open(host.nonce()).ok()?.words()])
}

/// A record of `sealer`, as `opener` reads it; `None` if it does not open.
fn carried(sealer: &mut Sealer, opener: &mut Opener) -> Option<Vec<u8>> {
    let mut buf = RecordBuf::default();
    sealer.seal_control(&mut buf, b"hello").unwrap();
    match opener.open(&mut buf.frame().to_vec()) {
        Ok(Opened::Control(body)) => Some(body.to_vec()),
        _ => None,
    }
}

/// True if each side's records open at the other, and at no other end.
pub(super) fn connected(
    host: (&mut Sealer, &mut Opener),
    joiner: (&mut Sealer, &mut Opener),
) -> bool {
    let there = carried(host.0, joiner.1).is_some_and(|body| body == b"hello");
    let back = carried(joiner.0, host.1).is_some_and(|body| body == b"hello");
    there && back && carried(host.0, host.1).is_none() && carried(joiner.0, joiner.1).is_none()
}

#[test]
fn the_right_words_confirm_both_sides() {
    let met = meet();
    let (confirmation, mut host) = confirmed(met.judge.judge(met.pending, &frame(&met.message2)));
    let mut guest =
        met.tagged.finish(&frame(&confirmation)).unwrap_or_else(|fault| panic!("{fault:?}"));
    assert!(connected(
        (&mut host.sealer, &mut host.opener),
        (&mut guest.sealer, &mut guest.opener)
    ));
    assert!(same(&host, &guest));
    assert_eq!(host.peer, Peer { version: 1, capabilities: CAPABILITIES, linked: false });
    assert_eq!(guest.peer, host.peer);
}

#[test]
fn two_handshakes_of_one_code_have_nothing_in_common() {
    let judge = judge(CODE);
    let mut rng = rng(1);
    let ((first, _), (second, message1)) = (judge.begin(&mut rng), judge.begin(&mut rng));
    let Ok((tagged, message2)) = joiner(CODE).confirm(&frame(&message1), &mut rng) else {
        panic!()
    };
    // The answer to the second is none to the first, and costs nothing.
    let (judge, fault) = free(judge.judge(first, &frame(&message2)));
    assert_eq!(fault, NotAGuess::OtherHello);
    let (confirmation, host) = confirmed(judge.judge(second, &frame(&message2)));
    assert!(tagged.finish(&frame(&confirmation)).is_ok());
    let other = meet();
    let (_, elsewhere) = confirmed(other.judge.judge(other.pending, &frame(&other.message2)));
    assert!(!same(&host, &elsewhere));
}

#[test]
fn wrong_words_burn_the_code_and_a_wrong_number_is_wrong_words() {
    for wrong in [
        "417-walrus-clipboard-zucchini",
        "417-clipboard-walrus-mango",
        "418-walrus-clipboard-mango",
    ] {
        let mut rng = rng(1);
        let judge = judge(CODE);
        let (pending, message1) = judge.begin(&mut rng);
        let Ok((tagged, message2)) = joiner(wrong).confirm(&frame(&message1), &mut rng) else {
            panic!()
        };
        let refusal = burned(judge.judge(pending, &frame(&message2)));
        assert_eq!(refusal, [4, 0, 0]);
        assert_eq!(tagged.finish(&frame(&refusal)).err(), Some(JoinError::Refused), "{wrong}");
    }
}

#[test]
fn another_number_of_words_is_seen_before_a_tag() {
    for wrong in [
        "417-walrus-clipboard-mango-mango",
        "417-walrus-clipboard-mango-walrus-clipboard-mango-walrus-clipboard",
    ] {
        let mut rng = rng(1);
        let judge = judge(CODE);
        let (_, message1) = judge.begin(&mut rng);
        let Err((unspent, fault)) = joiner(wrong).confirm(&frame(&message1), &mut rng) else {
            panic!("{wrong}")
        };
        assert_eq!(fault, HelloError::OtherWords(3), "{wrong}");
        // Neither side has risked anything: this joiner may look at another host.
        let (other, _) = secret(wrong);
        let (_, message1) = Judge::new(other, Nameplate::new(417).unwrap()).begin(&mut rng);
        assert!(unspent.confirm(&frame(&message1), &mut rng).is_ok() && still_open(judge));
    }
    // A host of before does not say it; its code is tried.
    let (_, message1) = judge(CODE).begin(&mut rng(1));
    let silent = with_hello(&message1, |hello| hello.truncate(hello.len() - 1));
    assert!(
        joiner("417-walrus-clipboard-mango-mango").confirm(&frame(&silent), &mut rng(2)).is_ok()
    );
}

#[test]
fn a_pending_of_another_code_is_not_judged() {
    let met = meet();
    let (_, fault) =
        free(judge("418-walrus-clipboard-mango").judge(met.pending, &frame(&met.message2)));
    assert_eq!(fault, NotAGuess::OtherHello);
}

#[test]
fn a_joiner_cut_after_its_tag_finds_its_host_again() {
    let met = meet();
    let (_, host) = confirmed(met.judge.judge(met.pending, &frame(&met.message2)));
    let (resume, commitment, _) = met.tagged.cut();
    assert!(words(&host.commitment, &commitment).is_some_and(|[host, joiner]| host == joiner));
    let mut rng = rng(5);
    let (pending, message1) = host.resume.host(1, &mut rng);
    let (tagged, message2) =
        resume.join(false, &frame(&message1), &mut rng).unwrap_or_else(|fault| panic!("{fault:?}"));
    let (_, message3) =
        pending.judge(&frame(&message2)).unwrap_or_else(|fault| panic!("{fault:?}"));
    assert!(tagged.finish(&frame(&message3)).is_ok());
}

/// `message` with its hello replaced; message 2 has 32 bytes before it.
pub(super) fn with_hello(message: &[u8], edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut frame = frame(message);
    let before = if frame.kind == Kind::Answer { 32 } else { 0 };
    let (head, rest) = frame.body.split_at(before);
    let (hello, rest) = Hello::split(rest).unwrap();
    let mut hello = hello.to_vec();
    edit(&mut hello);
    hello[0] = u8::try_from(hello.len() - 1).unwrap();
    frame.body = [head, &hello, rest].concat();
    frame.encode()
}

#[test]
fn without_a_common_version_no_tag_is_risked() {
    let met = meet();
    // The hello's first version stands after its length and its count.
    let newer = |hello: &mut Vec<u8>| hello[3] = 2;
    let (joiner, fault) =
        joiner(CODE).confirm(&frame(&with_hello(&met.message1, newer)), &mut rng(2)).err().unwrap();
    assert_eq!(fault, HelloError::NoCommonVersion);
    assert!(joiner.confirm(&frame(&met.message1), &mut rng(2)).is_ok());

    let (judge, fault) =
        free(met.judge.judge(met.pending, &frame(&with_hello(&met.message2, newer))));
    assert_eq!(fault, NotAGuess::Hello(HelloError::NoCommonVersion));
    let reply = fault.reply().unwrap();
    assert_eq!(reply, [5, 0, 0]);
    assert_eq!(met.tagged.finish(&frame(&reply)).err(), Some(JoinError::NoCommonVersion));
    assert_eq!(NotAGuess::OtherHello.reply(), None);
    assert!(still_open(judge));
}
