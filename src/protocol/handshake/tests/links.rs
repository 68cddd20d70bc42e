//! Later links of a conversation: from its secret, any number of tries, and nothing in common with
//! the code.

use super::*;
use crate::keys::ResumeSecret;

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
            .join(index, linked, &frame(&message1), &mut rng)
            .unwrap_or_else(|fault| panic!("{fault:?}"));
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
fn a_wrong_secret_or_index_closes_only_that_connection() {
    let (host, guest) = conversation();
    let met = meet();
    let (stranger, _) = met.tagged.cut();
    let mut rng = rng(3);
    // The stranger has the id and one bit less of the secret.
    let mut secret = *stranger.secret();
    secret[0] ^= 1;
    let stranger = ResumeSecret::of(secret, *host.conversation());
    for (secret, index) in [(&stranger, 1), (&guest, 2), (&stranger, 1)] {
        let (pending, message1) = host.host(1, &mut rng);
        let Ok((_, message2)) = secret.join(index, false, &frame(&message1), &mut rng) else {
            panic!()
        };
        assert_eq!(pending.judge(&frame(&message2)).err(), Some(LinkError::WrongTag));
    }
    let (pending, message1) = host.host(1, &mut rng);
    let Ok((tagged, message2)) = guest.join(1, false, &frame(&message1), &mut rng) else {
        panic!()
    };
    let Ok((_, mut message3)) = pending.judge(&frame(&message2)) else { panic!() };
    message3[3] ^= 1;
    assert_eq!(tagged.finish(&frame(&message3)).err(), Some(JoinError::WrongConfirmation));
}

#[test]
fn a_code_and_a_link_do_not_meet() {
    let (host, guest) = conversation();
    let met = meet();
    let (pending, message1) = host.host(1, &mut rng(4));
    let fault = joiner(CODE).confirm(&frame(&message1), &mut rng(5)).err().map(|(_, fault)| fault);
    assert_eq!(fault, Some(HelloError::Malformed));
    assert_eq!(
        guest.join(1, false, &frame(&met.message1), &mut rng(5)).err(),
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
