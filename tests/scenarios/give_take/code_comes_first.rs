//! The code is there before anything is read.

use crate::harness::Machine;
use crate::harness::content::in_full;
use crate::harness::process::bytes_read;
use std::fs::File;

/// Bytes that a giver may have read when its code appears.
const LITTLE: u64 = 1 << 20;

#[test]
fn before_a_file_of_a_hundred_gibibytes_is_read() {
    let here = Machine::new();
    File::create(here.path("vast")).unwrap().set_len(100 << 30).unwrap();
    let mut giver = here.start(["give", "vast"]);
    giver.code();
    let read = bytes_read(giver.child.id());
    println!("{read} bytes read when the code appears");
    assert!(read < LITTLE, "{read}");
}

#[test]
fn before_a_folder_of_many_files_is_read() {
    let here = Machine::new();
    let many = if in_full() { 100_000 } else { 10_000 };
    for number in 0..many {
        here.write(&format!("folder/{:03}/{number}", number % 100), [b'x'; 200]);
    }
    let mut giver = here.start(["give", "folder"]);
    giver.code();
    let read = bytes_read(giver.child.id());
    println!("{read} bytes read when the code appears");
    assert!(read < LITTLE, "{read}");
}
