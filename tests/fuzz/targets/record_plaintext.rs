//! A decrypted record: one content, which only these bytes can be (SPEC 4.3).
#![no_main]

use libfuzzer_sys::fuzz_target;
use pinhole_protocol::limits::{PADDED, PADDING_STEP};
use pinhole_protocol::records::Opened;

fuzz_target!(|bytes: &[u8]| {
    let Ok(opened) = Opened::parse(bytes) else { return };
    let (kind, body) = match opened {
        Opened::Control(body) => (1, body.to_vec()),
        Opened::Chunk(head, data) => {
            let head = [
                &head.transfer.0.to_be_bytes()[..],
                &head.entry.to_be_bytes(),
                &head.offset.to_be_bytes(),
            ]
            .concat();
            (2, [&head, data].concat())
        }
    };
    let mut again = [&[kind][..], &(body.len() as u32).to_be_bytes(), &body].concat();
    if again.len() <= PADDED {
        again.resize(again.len().next_multiple_of(PADDING_STEP), 0);
    }
    assert_eq!(again, bytes);
});
