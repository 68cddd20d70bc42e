//! Bytes to send, and ways to see that the same arrived.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::SystemTime;

/// Bytes made at once: no part of what is made is like another, because each has its number in it.
const PIECE: usize = 64 << 10;

/// True if this run counts in full (`PINHOLE_FULL=1`): minutes for the sizes of the issue, in place
/// of CI's.
pub fn in_full() -> bool {
    std::env::var_os("PINHOLE_FULL").is_some_and(|value| value == "1")
}

/// Writes that many bytes, none of them predictable from its neighbours, until nobody takes them
/// any more. Returns how many were taken.
pub fn pour(mut into: impl Write, bytes: u64) -> u64 {
    let mut piece = vec![0; PIECE];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for word in piece.chunks_exact_mut(8) {
        // Xorshift, by Marsaglia.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        word.copy_from_slice(&state.to_le_bytes());
    }
    let mut done = 0;
    while done < bytes {
        piece[..8].copy_from_slice(&done.to_le_bytes());
        let most = piece.len().min(usize::try_from(bytes - done).unwrap_or(PIECE));
        if into.write_all(&piece[..most]).is_err() {
            break;
        }
        done += most as u64;
    }
    done
}

pub fn bytes(count: usize) -> Vec<u8> {
    let mut made = Vec::with_capacity(count);
    pour(&mut made, count as u64);
    made
}

/// The SHA-256 of all that can be read.
pub fn digest(mut from: impl Read) -> String {
    let (mut hash, mut piece) = (Sha256::new(), vec![0; PIECE]);
    loop {
        match from.read(&mut piece).unwrap() {
            0 => return format!("{:x}", hash.finalize()),
            read => hash.update(&piece[..read]),
        }
    }
}

/// The SHA-256 of what [`pour`] makes.
pub fn digest_of(bytes: u64) -> String {
    let mut hash = Sha256::new();
    pour(&mut hash, bytes);
    format!("{:x}", hash.finalize())
}

/// The SHA-256 of a file.
#[track_caller]
pub fn digest_at(path: impl AsRef<Path>) -> String {
    digest(File::open(path).unwrap())
}

/// An entry of a folder, as far as it must arrive.
#[derive(Debug, PartialEq, Eq)]
pub enum Entry {
    Folder,
    File { digest: String, executable: bool, modified: SystemTime },
}

/// Everything below a folder, by its path there.
pub fn tree(root: &Path) -> BTreeMap<String, Entry> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            let about = path.symlink_metadata().unwrap();
            if about.is_dir() {
                found.insert(name, Entry::Folder);
                folders.push(path);
            } else {
                let executable = about.permissions().mode() & 0o100 != 0;
                found.insert(
                    name,
                    Entry::File {
                        digest: digest_at(&path),
                        executable,
                        modified: about.modified().unwrap(),
                    },
                );
            }
        }
    }
    found
}

/// The names in a folder, hidden ones too, in order.
pub fn names(folder: impl AsRef<Path>) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
