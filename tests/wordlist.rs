//! The word list is the one that `wordlists/README.md` describes, and the protocol is compiled from
//! it.

use sha2::{Digest, Sha256};

const LIST: &[u8] = include_bytes!("../wordlists/eff-short-2.txt");
const SUMS: &str = include_str!("../wordlists/SHA256SUMS");

#[test]
fn the_protocol_is_compiled_from_this_list() {
    assert_eq!(LIST, include_bytes!("../src/protocol/words.txt"));
}

#[test]
fn the_list_has_the_checksum_written_beside_it() {
    let (sum, name) = SUMS.trim_end().split_once("  ").expect("one line of sha256sum");
    assert_eq!(name, "eff-short-2.txt");
    let found: String = Sha256::digest(LIST).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(found, sum);
}
