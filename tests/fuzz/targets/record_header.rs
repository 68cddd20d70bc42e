//! The length field of a record: between the shortest and the longest, or refused (SPEC 4.1).
#![no_main]

use libfuzzer_sys::fuzz_target;
use pinhole_protocol::limits::RECORD_CIPHERTEXT;
use pinhole_protocol::records::record_length;

fuzz_target!(|header: [u8; 4]| {
    let says = u32::from_be_bytes(header);
    let allowed = (272..=RECORD_CIPHERTEXT as u32).contains(&says);
    assert_eq!(record_length(header).ok(), allowed.then_some(says as usize));
});
