//! The flags.

use std::path::PathBuf;

const HELP: &str = "\
Everything runs on loopback, with PINHOLE_NETWORK=loopback. The disk needs room for the file twice.

  cargo run --release -p pinhole-bench
  cargo run --release -p pinhole-bench -- --size 256M --rounds 3 --no-start";

/// Measures the release build of pinhole: a direct transfer beside a plain TCP copy, the time until the code, peak memory.
#[derive(clap::Parser)]
#[command(name = "pinhole-bench", max_term_width = 100, after_help = HELP)]
pub struct Options {
    /// Bytes of the file that is moved; K, M, G for powers of 1024
    #[arg(long, default_value = "2G", value_parser = bytes)]
    pub size: u64,
    /// Rounds, each with one copy of both kinds
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// Go on with rounds for at least so many seconds
    #[arg(long)]
    pub seconds: Option<u64>,
    /// Where the files are; a temporary directory unless given
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// The pinhole to measure; the release build of this workspace, which is built first, unless given
    #[arg(long, value_name = "PATH")]
    pub program: Option<PathBuf>,
    /// Bytes of the sparse file, and files of the folder, of which only the code is waited for
    #[arg(long, default_value = "100G", value_parser = bytes, value_name = "SIZE")]
    pub sparse: u64,
    /// Files of the folder of which only the code is waited for
    #[arg(long, default_value_t = 100_000)]
    pub files: u32,
    /// Leave the transfers out
    #[arg(long)]
    pub no_transfer: bool,
    /// Leave the times until the code out
    #[arg(long)]
    pub no_start: bool,
}

fn bytes(text: &str) -> Result<u64, String> {
    let (digits, power) = match text.as_bytes().last() {
        Some(b'K' | b'k') => (&text[..text.len() - 1], 10),
        Some(b'M' | b'm') => (&text[..text.len() - 1], 20),
        Some(b'G' | b'g') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let count: u64 = digits.parse().map_err(|_| "a number, with K, M or G after it".to_owned())?;
    count.checked_mul(1 << power).filter(|bytes| *bytes > 0).ok_or_else(|| "too large, or nothing".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn flags_are_sound_and_sizes_are_read() {
        Options::command().debug_assert();
        assert_eq!((bytes("2G"), bytes("7"), bytes("64k")), (Ok(2 << 30), Ok(7), Ok(65_536)));
        assert!(bytes("").is_err() && bytes("G").is_err() && bytes("0").is_err() && bytes("99999999999G").is_err());
    }
}
