//! The vectors of SPEC 9: whole handshakes from fixed randomness, compared with
//! `tests/vectors/handshake.json`.
//!
//! `PINHOLE_WRITE_VECTORS=1 cargo test -p pinhole-protocol vectors` writes the file anew, which is
//! right only if the protocol was meant to change; `tests/vectors/check.py` then computes it all a
//! second time with other programs.

use super::*;
use crate::handshake::share::Exchange;
use crate::handshake::steps::Context;
use crate::keys::{APP, Keys, expand, transcript};
use crate::records::Direction;
use crate::secret::SecretBytes;
use curve25519_dalek::Scalar;
use hkdf::Hkdf;
use rand_chacha::rand_core::RngCore;
use sha2::Sha256;
use std::path::Path;
use std::string::{String, ToString};
use std::{env, format, fs};

const CODES: [&str; 8] = [
    "417-walrus-clipboard-mango",
    "100-aardvark-zucchini-aardvark",
    "999-zucchini-aardvark-aardvark",
    "1024-walrus-clipboard-mango",
    "9417-walrus-clipboard-mango",
    "65535-walrus-clipboard-mango-zookeeper",
    "100000-walrus-clipboard-mango",
    "999999999-walrus-clipboard-mango-walrus-clipboard-mango-walrus-clipboard",
];

/// Named values, in the order in which they come about; bytes in hexadecimal.
type Case = Vec<(&'static str, String)>;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Both sides' generators; each draws 16 bytes for its hello, then 64 for its scalar. A host with a
/// code draws its nonce before.
fn generators(number: u64) -> [ChaCha20Rng; 2] {
    [rng(1000 + 2 * number), rng(1001 + 2 * number)]
}

/// The parts of `message` that are not computed from other parts.
fn hello_of(message: &[u8]) -> Vec<u8> {
    let body = &message[if message[0] == 2 { 35 } else { 3 }..];
    Hello::split(body).unwrap().0.to_vec()
}

/// Everything between the inputs and the three messages, computed step by step beside the handshake
/// itself.
fn steps(context: &Context, password: &[u8], number: u64, messages: [&[u8]; 3]) -> (Case, Keys) {
    let hellos = [hello_of(messages[0]), hello_of(messages[1])];
    let mut case = Case::new();
    let (mut exchanges, mut nonce) = (Vec::new(), [0; 32]);
    for ((mut rng, role), name) in generators(number)
        .into_iter()
        .zip([Role::Host, Role::Joiner])
        .zip(["scalar_host", "scalar_joiner"])
    {
        if (role, context.purpose) == (Role::Host, Purpose::Code) {
            rng.fill_bytes(&mut nonce);
            case.push(("nonce", hex(&nonce)));
        }
        rng.fill_bytes(&mut [0; 16]);
        case.push((name, hex(Scalar::random(&mut rng.clone()).as_bytes())));
        exchanges.push(Exchange::start(role, password, &context.bytes, &mut rng));
    }
    let [host, joiner] = <[Exchange; 2]>::try_from(exchanges).unwrap_or_else(|_| panic!());
    let (x, y) = (host.share().to_vec(), joiner.share().to_vec());
    let output = host.finish(y.as_slice().try_into().unwrap()).unwrap();
    assert_eq!(*output, *joiner.finish(x.as_slice().try_into().unwrap()).unwrap());
    let transcript = transcript(&context.bytes, &hellos[0], &hellos[1], &x, &y);
    let (prk, _) = Hkdf::<Sha256>::extract(Some(&transcript), &output);
    let keys = Keys::extract(&transcript, &output);
    let tags = [keys.confirmation(Role::Host), keys.confirmation(Role::Joiner)];
    assert_eq!(messages[2][3..], *tags[0].expose());
    assert!(messages[1].ends_with(tags[1].expose()) && messages[0].ends_with(&x));
    case.extend([
        ("hello_host", hex(&hellos[0])),
        ("hello_joiner", hex(&hellos[1])),
        ("id_host", hex(&[APP, &[1], &context.bytes].concat())),
        ("id_joiner", hex(&[APP, &[2], &context.bytes].concat())),
        ("share_host", hex(&x)),
        ("share_joiner", hex(&y)),
        ("spake2", hex(&output)),
        ("transcript", hex(&transcript)),
        ("prk", hex(&prk)),
        ("confirm_host", hex(tags[0].expose())),
        ("confirm_joiner", hex(tags[1].expose())),
        ("host_to_joiner", hex(keys.records(Direction::HostToJoiner).expose())),
        ("joiner_to_host", hex(keys.records(Direction::JoinerToHost).expose())),
        ("message_1", hex(messages[0])),
        ("message_2", hex(messages[1])),
        ("message_3", hex(messages[2])),
    ]);
    let verifier: SecretBytes<32> = expand(&SecretBytes::new(prk.into()), &[b"verifier", &nonce]);
    case.push(("verifier", hex(verifier.expose())));
    (case, keys)
}

/// A code's handshake, and its conversation's link `number` + 1.
fn cases(code: &str, number: u64) -> [Case; 2] {
    let (password, nameplate) = secret(code);
    let canonical = password.canonical().to_string();
    let context = Context::code(nameplate, &password, CAPABILITIES);
    let [mut host_rng, mut joiner_rng] = generators(number);
    let judge = Judge::new(password, nameplate);
    let (pending, message1) = judge.begin(&mut host_rng);
    let Ok((tagged, message2)) = joiner(code).confirm(&frame(&message1), &mut joiner_rng) else {
        panic!()
    };
    let (message3, host) = confirmed(judge.judge(pending, &frame(&message2)));
    let guest = tagged.finish(&frame(&message3)).unwrap_or_else(|fault| panic!("{fault:?}"));
    assert!(same(&host, &guest));
    let (computed, keys) =
        steps(&context, canonical.as_bytes(), number, [&message1, &message2, &message3]);
    assert_eq!(keys.resume().secret(), host.resume.secret());
    let conversation = ("conversation", hex(host.resume.conversation()));
    let resume = ("resume", hex(host.resume.secret()));
    let mut first: Case = [("nameplate", nameplate.to_string()), ("password", canonical)].into();
    first.extend(computed);
    let words = guest.commitment.open(host.commitment.nonce()).unwrap().words().join(" ");
    first.extend([resume.clone(), conversation.clone(), ("verifier_words", words)]);

    let index = u32::try_from(number).unwrap() + 1;
    let linked = number % 2 == 1;
    let [mut host_rng, mut joiner_rng] = generators(number + 100);
    let (pending, message1) = host.resume.host(index, &mut host_rng);
    let Ok((_, message2)) = guest.resume.join(linked, &frame(&message1), &mut joiner_rng) else {
        panic!()
    };
    let Ok((_, message3)) = pending.judge(&frame(&message2)) else { panic!() };
    let mut second: Case = [resume, conversation, ("index", index.to_string())].into();
    let place = u8::try_from(number).unwrap();
    let random = [0xa0 | place; 8];
    let direct = |sender| hex(&host.resume.direct_of(sender, random).bytes());
    second.extend([
        ("place", place.to_string()),
        ("slot_relay", hex(&host.resume.slot(place).bytes())),
        ("random", hex(&random)),
        ("direct_host", direct(Role::Host)),
        ("direct_joiner", direct(Role::Joiner)),
        ("proof_host", hex(host.resume.proof(Role::Host).expose())),
        ("proof_joiner", hex(host.resume.proof(Role::Joiner).expose())),
    ]);
    let (computed, _) = steps(
        &Context::link(&host.resume, index),
        host.resume.secret(),
        number + 100,
        [&message1, &message2, &message3],
    );
    // The verifier is the code handshake's alone.
    second.extend(computed.into_iter().filter(|(name, _)| *name != "verifier"));
    [first, second]
}

fn json(cases: &[Case]) -> String {
    let case = |case: &Case| {
        let fields: Vec<String> =
            case.iter().map(|(name, value)| format!("      \"{name}\": \"{value}\"")).collect();
        format!("    {{\n{}\n    }}", fields.join(",\n"))
    };
    cases.iter().map(case).collect::<Vec<String>>().join(",\n")
}

#[test]
fn the_vectors_are_what_this_code_computes() {
    let (codes, links): (Vec<Case>, Vec<Case>) = CODES
        .iter()
        .zip(0..)
        .map(|(code, number)| <(Case, Case)>::from(cases(code, number)))
        .unzip();
    let computed = format!(
        "{{\n  \"codes\": [\n{}\n  ],\n  \"links\": [\n{}\n  ]\n}}\n",
        json(&codes),
        json(&links)
    );
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/handshake.json");
    if env::var_os("PINHOLE_WRITE_VECTORS").is_some() {
        fs::write(&file, &computed).unwrap();
    }
    assert!(
        fs::read_to_string(&file).unwrap() == computed,
        "handshake.json differs from what this code computes"
    );
}
