//! A share that reaches SPAKE2 is a canonical point of the right subgroup (SPEC 3.3).
#![no_main]

use libfuzzer_sys::fuzz_target;
use pinhole_protocol::code::Code;
use pinhole_protocol::handshake::{Frame, HelloError, Joiner, Judge, Kind};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

fuzz_target!(|share: [u8; 33]| {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let code = || Code::parse("9471-walrus-clipboard-mango").unwrap().split();
    let (nameplate, password) = code();
    let (_, message1) = Judge::new(password, nameplate).begin(&mut rng);
    let mut body = message1[3..].to_vec();
    let at = body.len() - share.len();
    body[at..].copy_from_slice(&share);
    let (nameplate, password) = code();
    match Joiner::new(password, nameplate).confirm(&Frame { kind: Kind::Hello, body }, &mut rng) {
        Ok((_, message2)) => assert_eq!((share[0], message2.len()), (b'A', 131)),
        Err((_, fault)) => assert!(matches!(fault, HelloError::Share(_))),
    }
});
