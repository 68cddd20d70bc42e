//! Time until the code is there, whatever is given, and the amount read by then.

use crate::options::Options;
use crate::program::Program;
use crate::report;
use std::fs::File;
use std::io;
use std::path::Path;

/// Rounds of each; the median counts.
const ROUNDS: usize = 5;
/// Files of one subfolder.
const FILES: u32 = 1_000;

/// Gives a sparse file and a large folder, each only until the code is shown.
pub fn measure(options: &Options, program: &Program, place: &Path) -> io::Result<()> {
    println!("\nfrom the start of give to its code, median of {ROUNDS}");
    let sparse = place.join("sparse.bin");
    File::create(&sparse)?.set_len(options.sparse)?;
    one(program, &sparse, place, &format!("a sparse file of {}", report::size(options.sparse)))?;
    let folder = place.join("folder");
    write_folder(&folder, options.files, |number| number.to_string())?;
    one(program, &folder, place, &format!("a folder of {} files", options.files))
}

/// Makes a folder of so many files, in subfolders.
pub fn write_folder<B: AsRef<[u8]>>(
    folder: &Path,
    files: u32,
    content: impl Fn(u32) -> B,
) -> io::Result<()> {
    for number in 0..files {
        let inner = folder.join(format!("{:04}", number / FILES));
        if number % FILES == 0 {
            std::fs::create_dir_all(&inner)?;
        }
        std::fs::write(inner.join(format!("{number}.txt")), content(number))?;
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

fn one(program: &Program, path: &Path, place: &Path, what: &str) -> io::Result<()> {
    let (mut times, mut most_read) = (Vec::new(), 0);
    for _ in 0..ROUNDS {
        let mut giving = program.give(path, place, None)?;
        // At once: what is read later is not read for the code.
        let io = std::fs::read_to_string(format!("/proc/{}/io", giving.child.id()))?;
        giving.child.kill()?;
        giving.child.wait()?;
        let read = io.lines().find_map(|line| line.strip_prefix("rchar: ")?.parse::<u64>().ok());
        most_read = most_read.max(read.ok_or(io::ErrorKind::InvalidData)?);
        times.push(giving.time.as_secs_f64());
    }
    println!(
        "  {what}: {:.0} ms, read at most {}",
        report::median(times) * 1000.0,
        report::size(most_read)
    );
    Ok(())
}
