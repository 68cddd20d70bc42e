//! Handshake messages as a joiner reads them off a stream: frame, hello, share (SPEC 3.1 to 3.4).
#![no_main]

use libfuzzer_sys::fuzz_target;
use pinhole_protocol::code::Code;
use pinhole_protocol::handshake::{Frame, Joiner, Judge, Verdict};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

fuzz_target!(|bytes: &[u8]| {
    let Ok(Some((frame, used))) = Frame::parse(bytes) else { return };
    assert_eq!(frame.encode(), &bytes[..used]);
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let code = || Code::parse("9471-walrus-clipboard-mango").unwrap().split();
    let (nameplate, password) = code();
    // A well-formed message 1 is answered; whether its sender knows the words is not known yet.
    let answered = Joiner::new(password, nameplate).confirm(&frame, &mut rng);
    if let Ok((tagged, _)) = answered {
        assert!(tagged.finish(&frame).is_err());
    }
    let (nameplate, password) = code();
    let judge = Judge::new(password, nameplate);
    let (pending, _) = judge.begin(&mut rng);
    assert!(!matches!(judge.judge(pending, &frame), Verdict::Confirmed { .. }));
});
