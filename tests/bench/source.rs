//! Things to be moved, and an empty directory for them to arrive in.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Files of one subfolder.
const FILES: u32 = 1_000;

/// Makes a file of bytes that no file system can store in less.
pub fn write_file(path: &Path, size: u64) -> io::Result<()> {
    let mut file = File::create(path)?;
    let (mut state, mut block, mut left) = (0x9e37_79b9_7f4a_7c15_u64, vec![0; 1 << 20], size);
    while left > 0 {
        for word in block.chunks_exact_mut(8) {
            // xorshift64 (Marsaglia, 2003): fast, and random enough for a disk.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            word.copy_from_slice(&state.to_le_bytes());
        }
        let now = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
        file.write_all(&block[..now])?;
        left -= now as u64;
    }
    file.sync_all()
}

/// Makes a folder of so many files, in subfolders.
pub fn write_folder(folder: &Path, files: u32, bytes: usize) -> io::Result<()> {
    for number in 0..files {
        let inner = folder.join(format!("{:04}", number / FILES));
        if number % FILES == 0 {
            std::fs::create_dir_all(&inner)?;
        }
        std::fs::write(inner.join(format!("{number}.txt")), vec![number as u8; bytes])?;
    }
    Ok(())
}

/// The files in the subfolders of such a folder.
pub fn count_files(folder: &Path) -> io::Result<u32> {
    let mut files = 0;
    for inner in folder.read_dir()? {
        files += u32::try_from(inner?.path().read_dir()?.count()).map_err(io::Error::other)?;
    }
    Ok(files)
}

/// Does `work` in an empty directory, with nothing left to be written from before, and removes it.
pub fn fresh<T>(place: &Path, work: impl FnOnce(PathBuf) -> io::Result<T>) -> io::Result<T> {
    let target = tempfile::tempdir_in(place)?;
    rustix::fs::sync();
    work(target.path().to_owned())
}
