//! Later links of a conversation: from its secret, any number of tries, and nothing in common with
//! the code.

use super::*;
use crate::keys::ResumeSecret;
use crate::rendezvous::SlotToken;

/// Both sides' secret of one conversation.
fn conversation() -> (ResumeSecret, ResumeSecret) {
    let met = meet();
    let (confirmation, host) = confirmed(met.judge.judge(met.pending, &frame(&met.message2)));
    let guest =
        met.tagged.finish(&frame(&confirmation)).unwrap_or_else(|fault| panic!("{fault:?}"));
    (host.resume, guest.resume)
}

#[test]
fn a_link_is_made_from_the_conversations_secret() {
    let (host, guest) = conversation();
    for (index, linked) in [(1, false), (2, true), (u32::MAX, true)] {
        let mut rng = rng(u64::from(index));
        let (pending, message1) = host.host(index, &mut rng);
        let (tagged, message2) = guest
            .join(linked, &frame(&message1), &mut rng)
            .unwrap_or_else(|fault| panic!("{fault:?}"));
        assert_eq!(tagged.index(), index);
        let (mut keys, message3) =
            pending.judge(&frame(&message2)).unwrap_or_else(|fault| panic!("{fault:?}"));
        assert_eq!(keys.peer, Peer { version: 1, capabilities: CAPABILITIES, linked });
        let mut theirs =
            tagged.finish(&frame(&message3)).unwrap_or_else(|fault| panic!("{fault:?}"));
        assert!(!theirs.peer.linked);
        assert!(connected(
            (&mut keys.sealer, &mut keys.opener),
            (&mut theirs.sealer, &mut theirs.opener)
        ));
    }
}

#[test]
fn a_wrong_secret_closes_only_that_connection() {
    let (host, guest) = conversation();
    let mut rng = rng(3);
    // The stranger has the id and all of the secret but a bit.
    let mut secret = *guest.secret();
    secret[0] ^= 1;
    let stranger = ResumeSecret::of(secret, *host.conversation());
    for _ in 0..2 {
        let (pending, message1) = host.host(1, &mut rng);
        let Ok((_, message2)) = stranger.join(false, &frame(&message1), &mut rng) else { panic!() };
        assert_eq!(pending.judge(&frame(&message2)).err(), Some(LinkError::WrongTag));
    }
    let (pending, message1) = host.host(1, &mut rng);
    let Ok((tagged, message2)) = guest.join(false, &frame(&message1), &mut rng) else { panic!() };
    let Ok((_, mut message3)) = pending.judge(&frame(&message2)) else { panic!() };
    message3[3] ^= 1;
    assert_eq!(tagged.finish(&frame(&message3)).err(), Some(JoinError::WrongConfirmation));
}

#[test]
fn an_index_that_was_changed_on_the_way_gives_no_link() {
    let (host, guest) = conversation();
    let mut rng = rng(6);
    let (pending, message1) = host.host(1, &mut rng);
    let mut changed = frame(&message1);
    // Behind the length byte and the 31 bytes before it.
    changed.body[34] ^= 2;
    let Ok((tagged, message2)) = guest.join(false, &changed, &mut rng) else { panic!() };
    assert_eq!(tagged.index(), 3);
    let error = pending.judge(&frame(&message2)).err();
    assert_eq!(error, Some(LinkError::NotAGuess(NotAGuess::OtherHello)));
}

#[test]
fn tokens_of_a_conversation_are_known_to_both_sides_and_to_nobody_else() {
    let (host, guest) = conversation();
    let slots: Vec<_> = (0..8).map(|place| host.slot(place)).collect();
    for (place, slot) in (0..8).zip(&slots) {
        assert_eq!(guest.slot(place), *slot);
        assert_eq!(slots.iter().filter(|other| *other == slot).count(), 1);
    }
    let mut rng = rng(7);
    let token = host.direct(Role::Host, &mut rng);
    assert!(guest.is_direct(Role::Host, token) && token != host.direct(Role::Host, &mut rng));
    // It cannot be shown to the side that it came from.
    assert!(!host.is_direct(Role::Joiner, token));
    for byte in 0..16 {
        let mut bytes = token.bytes();
        bytes[byte] ^= 1;
        assert!(!guest.is_direct(Role::Host, SlotToken::new(bytes)), "{byte}");
    }
    let Ok((tagged, _)) = joiner(CODE).confirm(&frame(&judge(CODE).begin(&mut rng).1), &mut rng)
    else {
        panic!()
    };
    let (other, ..) = tagged.cut();
    assert!(!other.is_direct(Role::Host, token) && other.slot(0) != slots[0]);
}

#[test]
fn a_code_and_a_link_do_not_meet() {
    let (host, guest) = conversation();
    let met = meet();
    let (pending, message1) = host.host(1, &mut rng(4));
    let fault = joiner(CODE).confirm(&frame(&message1), &mut rng(5)).err().map(|(_, fault)| fault);
    assert_eq!(fault, Some(HelloError::Malformed));
    assert_eq!(
        guest.join(false, &frame(&met.message1), &mut rng(5)).err(),
        Some(HelloError::Malformed)
    );
    // The digest is looked at before the hello.
    assert_eq!(
        pending.judge(&frame(&met.message2)).err(),
        Some(LinkError::NotAGuess(NotAGuess::OtherHello))
    );
    let (pending, _) = host.host(1, &mut rng(4));
    let mut crossed = frame(&met.message2);
    crossed.body.splice(..32, <sha2::Sha256 as sha2::Digest>::digest(&frame(&message1).body));
    assert_eq!(
        pending.judge(&crossed).err(),
        Some(LinkError::NotAGuess(NotAGuess::Hello(HelloError::Malformed)))
    );
}
