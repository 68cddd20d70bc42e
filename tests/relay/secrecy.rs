//! Nothing that is made of the words comes to a relay, in any form (A10).

use crate::harness::Machine;
use crate::harness::relay::Relay;
use crate::harness::tap::{Conversation, Tap};
use digest::Digest;
use pinhole_protocol::code::Code;
use pinhole_protocol::wordlist;

/// Forms of a code and of its words that somebody might send.
fn forms(code: &str) -> Vec<String> {
    let parts: Vec<&str> = code.split('-').collect();
    let words = &parts[1..];
    let mut forms = Vec::new();
    for separator in ["-", " ", "", "_", ".", "/", "%20", "+", ","] {
        forms.extend([parts.join(separator), words.join(separator)]);
        for pair in words.windows(2) {
            forms.push(pair.join(separator));
        }
    }
    forms.push(words.iter().rev().copied().collect::<Vec<_>>().join("-"));
    forms.extend(words.iter().filter(|word| word.len() >= 5).map(|&word| word.to_owned()));
    forms
}

/// A form as it could stand in a stream of bytes.
fn spellings(form: &str) -> Vec<Vec<u8>> {
    let bytes = form.as_bytes();
    let reversed: Vec<u8> = bytes.iter().rev().copied().collect();
    let wide: Vec<u8> = bytes.iter().flat_map(|&byte| [byte, 0]).collect();
    let mut all = vec![bytes.to_vec(), reversed, wide, hex(bytes).into_bytes()];
    // Wherever it begins within base64's groups of three; the letters that its neighbours take part
    // in are left out.
    for before in 0..3 {
        let padded = [vec![0; before], bytes.to_vec()].concat();
        let encoded = data_encoding::BASE64_NOPAD.encode(&padded);
        let (from, whole) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
        all.push(encoded.as_bytes()[from..whole].to_vec());
    }
    all.retain(|spelling| spelling.len() >= 5);
    all
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The digests of a text under every common hash, as bytes.
fn digests(text: &[u8]) -> Vec<Vec<u8>> {
    fn of<D: Digest>(text: &[u8]) -> Vec<u8> {
        D::digest(text).to_vec()
    }
    vec![
        of::<md5::Md5>(text),
        of::<sha1::Sha1>(text),
        of::<sha2::Sha224>(text),
        of::<sha2::Sha256>(text),
        of::<sha2::Sha384>(text),
        of::<sha2::Sha512>(text),
        of::<sha2::Sha512_224>(text),
        of::<sha2::Sha512_256>(text),
        of::<sha3::Sha3_224>(text),
        of::<sha3::Sha3_256>(text),
        of::<sha3::Sha3_384>(text),
        of::<sha3::Sha3_512>(text),
        of::<sha3::Keccak224>(text),
        of::<sha3::Keccak256>(text),
        of::<sha3::Keccak512>(text),
        of::<blake2::Blake2b512>(text),
        of::<blake2::Blake2s256>(text),
        of::<ripemd::Ripemd128>(text),
        of::<ripemd::Ripemd160>(text),
        of::<ripemd::Ripemd256>(text),
        of::<sha2::Sha256>(&of::<sha2::Sha256>(text)),
        blake3::hash(text).as_bytes().to_vec(),
    ]
}

/// True if `needle` is in `haystack`, letters in either case.
fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle))
}

/// Fails if anything made of the words is in what a relay got.
fn check(code: &str, got: &Conversation) {
    let frames = got.frames_to_relay();
    let payloads: Vec<u8> =
        frames.iter().flat_map(|(_, payload)| payload.iter().copied()).collect();
    // The word that HTTP has for this is in the list too.
    let head = got.head().to_lowercase().replace("upgrade", "");
    for everything in [head.as_bytes(), &payloads] {
        for form in forms(code) {
            for spelling in spellings(&form) {
                assert!(
                    !contains(everything, &spelling),
                    "the relay got {form:?} as {:?}",
                    String::from_utf8_lossy(&spelling)
                );
            }
            for digest in digests(form.as_bytes()) {
                // A prefix would help a guesser as much as the whole.
                let short = &digest[..8];
                let base64 = data_encoding::BASE64.encode(&digest);
                let found =
                    contains(everything, short) || contains(everything, hex(short).as_bytes());
                assert!(
                    !found && !contains(everything, &base64.as_bytes()[..10]),
                    "the relay got a digest of a form of the code"
                );
            }
        }
    }
    // None of the list's words is in what the relay reads, but for fields that are random by
    // nature.
    let random = |line: &&str| !line.starts_with("sec-websocket-key:");
    let mut read: String = head.lines().filter(random).collect::<Vec<_>>().join("\n");
    for (opcode, payload) in &frames {
        if *opcode == 1 {
            read.push_str(&String::from_utf8(payload.clone()).unwrap().to_lowercase());
        }
    }
    for word in wordlist::complete("").filter(|word| word.len() >= 5) {
        assert!(!read.contains(word), "the relay reads {word:?} in {read:?}");
    }
}

/// All that a relay gets of a session with a file, a text and a secret, and of one with a wrong
/// code.
fn captured() -> Vec<(String, Tap)> {
    let relay = Relay::start();
    let mut sessions = Vec::new();
    for wrong in [false, true] {
        let (here, there, tap) = (Machine::new(), Machine::new(), Tap::new(relay.port));
        here.write("gift", b"a gift");
        here.write("token", b"a secret");
        let mut giver = here.start([
            "give",
            "--relay",
            &tap.url(),
            "gift",
            "--text",
            "a text",
            "--secret-file",
            "token",
        ]);
        let code = giver.code();
        let typed = if wrong { crate::wrong(&code) } else { code.clone() };
        let taker = there.run(["take", &format!("{typed}@127.0.0.1:{}", tap.port), "-o", "."]);
        taker.expect(if wrong { 3 } else { 0 });
        giver.end().expect(if wrong { 3 } else { 0 });
        sessions.push((code, tap));
        if wrong {
            sessions.last_mut().unwrap().0 = typed;
        }
    }
    sessions
}

#[test]
fn a_relay_gets_nothing_that_is_made_of_the_words() {
    for (code, tap) in captured() {
        let conversations = tap.conversations();
        assert!(conversations.len() >= 2, "both sides came by the tap");
        for got in conversations {
            let got = got.lock().unwrap();
            assert!(!got.frames_to_relay().is_empty());
            check(&code, &got);
        }
    }
}

#[test]
fn the_check_finds_what_it_looks_for() {
    let code = Code::parse("417-walrus-clipboard-mango").unwrap().reveal().to_string();
    let base64 = data_encoding::BASE64.encode(b"xxwalrusyy");
    let sha256 = sha2::Sha256::digest(b"walrus-clipboard-mango");
    for leak in [
        b"WALRUS".to_vec(),
        b"xx417-walrus-clipboard-mango".to_vec(),
        base64.into_bytes(),
        sha256.to_vec(),
        hex(&sha256[..9]).into_bytes(),
    ] {
        let mut got = Conversation {
            to_relay: b"GET / HTTP/1.1\r\n\r\n\x82".to_vec(),
            ..Conversation::default()
        };
        got.to_relay.push(0x80 | u8::try_from(leak.len()).unwrap());
        got.to_relay.extend([0; 4]);
        got.to_relay.extend(&leak);
        assert!(std::panic::catch_unwind(|| check(&code, &got)).is_err(), "{leak:?} was not found");
    }
}
