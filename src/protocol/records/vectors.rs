//! `tests/vectors/records.json`: what a second implementation of SPEC 4 is compared with.
//! `records.py` beside it is one.

use super::tests::{BOTH, HEAD, Said, bytes, epoch_key, open};
use super::{Direction, Opener, RecordBuf, Sealer};
use crate::limits::CHUNK_DATA;
use crate::secret::SecretBytes;
use sha2::{Digest, Sha256};
use std::string::String;
use std::{env, format, fs, vec, vec::Vec};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/records.json");
const LAST: u64 = (1 << 20) - 1;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every form of record, and both sides of the end of an epoch, each with the epoch and counter it
/// is sealed at.
fn records() -> Vec<(&'static str, u32, u64, Said)> {
    vec![
        ("control, the first record", 0, 0, Said::Control(b"\xa0".to_vec())),
        ("control, the longest that is padded", 0, 1, Said::Control(bytes(4_347))),
        ("control, the shortest that is not", 0, 2, Said::Control(bytes(4_348))),
        ("control, the longest", 0, 3, Said::Control(bytes(65_595))),
        ("chunk, small", 0, 4, Said::Chunk(HEAD, bytes(2))),
        ("chunk, full", 0, 5, Said::Chunk(HEAD, bytes(CHUNK_DATA))),
        ("chunk, the last record of epoch 0", 0, LAST, Said::Chunk(HEAD, bytes(300))),
        ("control, the first record of epoch 1", 1, 0, Said::Control(bytes(40))),
    ]
}

/// One record as a JSON object. Bodies and data are given by their length: byte i is i mod 251,
/// except that the first body is `a0`.
fn object(
    name: &str,
    direction: Direction,
    key: [u8; 32],
    epoch: u32,
    counter: u64,
    said: &Said,
    wire: &[u8],
) -> String {
    let content = match said {
        Said::Control(body) if body.len() == 1 => {
            format!(r#""kind": "control", "body": "{}""#, hex(body))
        }
        Said::Control(body) => format!(r#""kind": "control", "length": {}"#, body.len()),
        Said::Chunk(head, data) => format!(
            r#""kind": "chunk", "transfer": {}, "entry": {}, "offset": "{}", "length": {}"#,
            head.transfer.0,
            head.entry,
            head.offset,
            data.len()
        ),
    };
    let sealed = if wire.len() < 1_000 {
        format!(r#""wire": "{}""#, hex(wire))
    } else {
        format!(r#""wire_length": {}, "wire_sha256": "{}""#, wire.len(), hex(&Sha256::digest(wire)))
    };
    format!(
        "    {{\n      \"name\": \"{name}\",\n      \"direction\": {}, \"key\": \"{}\",\n      \
         {content},\n      \"epoch\": {epoch}, \"counter\": {counter}, \
         \"epoch_key\": \"{}\",\n      {sealed}\n    }}",
        direction as u8,
        hex(&key),
        hex(&epoch_key(key, epoch)),
    )
}

/// The file's text, made by real sealers and read by real openers on the way.
fn generated() -> String {
    let mut objects = Vec::new();
    for direction in BOTH {
        // Keys of 32 ascending bytes, another for each direction.
        let key = core::array::from_fn(|i| u8::try_from(i).unwrap() + 32 * (direction as u8));
        let mut sealer = Sealer::new(SecretBytes::new(key), direction);
        let mut opener = Opener::new(SecretBytes::new(key), direction);
        let mut buf = RecordBuf::default();
        for (name, epoch, counter, said) in records() {
            if counter == LAST {
                (sealer.0.counter, opener.keys.counter) = (LAST, LAST);
            }
            let frame = said.sealed(&mut sealer, &mut buf);
            assert_eq!(open(&mut opener, &frame).as_ref(), Ok(&said), "{name}");
            objects.push(object(name, direction, key, epoch, counter, &said, buf.wire()));
        }
    }
    format!(
        "{{\n  \"about\": \"Records of SPEC 4. Byte i of a body or of data is i mod 251 where only \
         a length is given; what is long is given by its SHA-256.\",\n  \
         \"records\": [\n{}\n  ]\n}}\n",
        objects.join(",\n")
    )
}

/// `PINHOLE_WRITE_VECTORS=1 cargo test -p pinhole-protocol records::vectors` writes the file anew,
/// after a change of SPEC 4.
#[test]
fn vectors_are_those_of_the_file() {
    if env::var_os("PINHOLE_WRITE_VECTORS").is_some() {
        fs::write(FILE, generated()).unwrap();
    }
    assert!(
        fs::read_to_string(FILE).unwrap() == generated(),
        "tests/vectors/records.json is not what this code makes"
    );
}
