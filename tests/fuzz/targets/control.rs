//! Control and messages: what can be read can be written, and then reads the same (SPEC 5).
#![no_main]

use libfuzzer_sys::fuzz_target;
use minicbor::{Decode, Encode};
use pinhole_protocol::wire::{Control, Message, read};

fn again<T: for<'a> Decode<'a, ()> + Encode<()>>(bytes: &[u8]) {
    let Some(value) = read::<T>(bytes) else { return };
    let written = minicbor::to_vec(&value).unwrap();
    let again: T =
        read(&written).unwrap_or_else(|| panic!("our own bytes cannot be read: {written:?}"));
    assert_eq!(minicbor::to_vec(&again).unwrap(), written);
}

fuzz_target!(|bytes: &[u8]| {
    again::<Control>(bytes);
    again::<Message>(bytes);
});
