//! Control and messages: what can be read can be written, and then reads the same (SPEC 5).
#![no_main]

use libfuzzer_sys::fuzz_target;
use minicbor::{Decode, Encode};
use pinhole_protocol::wire::{Control, Message};

fn again<T: for<'a> Decode<'a, ()> + Encode<()>>(bytes: &[u8]) {
    let Ok(value) = minicbor::decode::<T>(bytes) else { return };
    let written = minicbor::to_vec(&value).unwrap();
    let read: T = minicbor::decode(&written).unwrap_or_else(|_| panic!("our own bytes cannot be read: {written:?}"));
    assert_eq!(minicbor::to_vec(&read).unwrap(), written);
}

fuzz_target!(|bytes: &[u8]| {
    again::<Control>(bytes);
    again::<Message>(bytes);
});
