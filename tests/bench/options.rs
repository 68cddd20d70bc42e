//! The flags.

use std::path::PathBuf;

const HELP: &str = "\
Everything but `line` runs on loopback, with PINHOLE_NETWORK=loopback. The disk needs room for the file twice.

  cargo run --release -p pinhole-bench
  cargo run --release -p pinhole-bench -- --size 256M --rounds 3 --no-start
  cargo run --release -p pinhole-bench -- relay
  cargo run --release -p pinhole-bench -- relay --only waiting
  cargo run --release -p pinhole-bench -- control
  cargo run --release -p pinhole-bench -- folder --rounds 20 --against \
../before/target/release/pinhole
  cargo run --release -p pinhole-bench -- line --size 64M --loss 0.1 --rounds 7";

/// Measures the release build of pinhole: a direct transfer beside a plain TCP copy, the time until
/// the code, peak memory.
#[derive(clap::Parser)]
#[command(name = "pinhole-bench", max_term_width = 100, after_help = HELP)]
pub struct Options {
    /// Measurement to run; transfers and starts unless given
    #[command(subcommand)]
    pub what: Option<What>,
    /// Bytes of the file that is moved; K, M, G for powers of 1024
    #[arg(long, default_value = "2G", value_parser = bytes, global = true)]
    pub size: u64,
    /// Rounds, each with one copy of both kinds
    #[arg(long, default_value_t = 5, global = true)]
    pub rounds: usize,
    /// Go on with rounds for at least so many seconds
    #[arg(long)]
    pub seconds: Option<u64>,
    /// Directory of the files; a temporary one unless given
    #[arg(long, value_name = "DIR", global = true)]
    pub dir: Option<PathBuf>,
    /// The pinhole to measure; the release build of this workspace, which is built first, unless
    /// given
    #[arg(long, value_name = "PATH", global = true)]
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

/// Other measurements.
#[derive(clap::Subcommand)]
pub enum What {
    /// One relay, in a process of its own, with thousands of connections
    Relay(Relay),
    /// Commands at a channel that is open in another process
    Control(Control),
    /// A folder of many small files, beside tar
    Folder(Folder),
    /// A long line that loses packets, in namespaces of its own, beside raw TCP streams
    Line(Line),
}

/// The line, and what goes over it.
#[derive(clap::Args)]
pub struct Line {
    /// Mbit/s of the line
    #[arg(long, default_value_t = 1000.0)]
    pub rate: f64,
    /// Milliseconds of a round trip; 0 for a pair of network devices with neither rate nor loss
    #[arg(long, default_value_t = 50.0)]
    pub rtt: f64,
    /// Packets of 100 that are lost, in each direction
    #[arg(long, default_value_t = 0.0)]
    pub loss: f64,
    /// Put a relay in the middle: half of the round trip, and all of the loss, on each side of it
    #[arg(long)]
    pub relay: bool,
    /// Have cubic alone, as most ordinary users: the kernel refuses BBR to every socket
    #[arg(long)]
    pub as_user: bool,
    /// Fix the number of pinhole's connections, but not of the one to compare with
    #[arg(long)]
    pub links: Option<u8>,
    /// Texts to send while a file is on its way
    #[arg(long, default_value_t = 20)]
    pub texts: usize,
    /// Move a folder of so many files of 4 KiB beside one file of their size, and nothing else
    #[arg(long, value_name = "FILES")]
    pub files: Option<u32>,
    /// Another pinhole, of an earlier commit for example, that takes its turns too
    #[arg(long, value_name = "PATH")]
    pub against: Option<PathBuf>,
}

/// Contents of the folder, and another pinhole to compare with.
#[derive(clap::Args)]
pub struct Folder {
    /// Files in it
    #[arg(long = "count", default_value_t = 10_000, value_name = "FILES")]
    pub files: u32,
    /// Bytes of each
    #[arg(long, default_value = "4K", value_parser = bytes)]
    pub bytes: u64,
    /// Another pinhole, of an earlier commit for example, that takes its turns too
    #[arg(long, value_name = "PATH")]
    pub against: Option<PathBuf>,
}

/// Counts and times of the relay's measurements.
#[derive(clap::Args)]
pub struct Relay {
    /// Measure only these
    #[arg(long, value_delimiter = ',', value_name = "PART")]
    pub only: Vec<Part>,
    /// Hosts that wait
    #[arg(long, default_value_t = 10_000)]
    pub hosts: u32,
    /// Joins while they wait, one after another and eight at a time
    #[arg(long, default_value_t = 2_000)]
    pub joins: u32,
    /// Seconds for which the processor is watched while nothing happens
    #[arg(long, default_value_t = 30)]
    pub idle: u64,
    /// Pairs that are idle and then move 1 MiB each
    #[arg(long, default_value_t = 9_900)]
    pub pairs: u32,
    /// Pairs that move data while others do not read
    #[arg(long, default_value_t = 1_000)]
    pub good: u32,
    /// Pairs of which one side reads a byte a second
    #[arg(long, default_value_t = 100)]
    pub slow: u32,
    /// Hosts that flood the attempt which a joiner holds that does not read
    #[arg(long, default_value_t = 1_000)]
    pub hostile: u32,
    /// Connections beside them that ping, send empty frames or half of one, or read a byte a second
    #[arg(long, default_value_t = 1_000)]
    pub others: u32,
    /// Seconds of the attack
    #[arg(long, default_value_t = 60)]
    pub flood: u64,
}

/// Count of commands.
#[derive(clap::Args)]
pub struct Control {
    /// Commands of each kind
    #[arg(long, default_value_t = 200)]
    pub commands: usize,
}

/// A part of what is measured of a relay.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// Hosts that wait, and joins meanwhile
    Waiting,
    /// Idle pairs, before and after each has moved data
    Paired,
    /// Slow readers among others
    Slow,
    /// Floods of many kinds
    Hostile,
    /// One pair, and a file through the relay beside the direct way
    Through,
}

fn bytes(text: &str) -> Result<u64, String> {
    let (digits, power) = match text.as_bytes().last() {
        Some(b'K' | b'k') => (&text[..text.len() - 1], 10),
        Some(b'M' | b'm') => (&text[..text.len() - 1], 20),
        Some(b'G' | b'g') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let count: u64 = digits.parse().map_err(|_| "a number, with K, M or G after it".to_owned())?;
    count
        .checked_mul(1 << power)
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| "too large, or nothing".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn flags_are_sound_and_sizes_are_read() {
        Options::command().debug_assert();
        assert_eq!((bytes("2G"), bytes("7"), bytes("64k")), (Ok(2 << 30), Ok(7), Ok(65_536)));
        assert!(
            bytes("").is_err()
                && bytes("G").is_err()
                && bytes("0").is_err()
                && bytes("99999999999G").is_err()
        );
    }
}
