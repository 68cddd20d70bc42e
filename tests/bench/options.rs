//! The flags.

use std::path::PathBuf;

const HELP: &str = "\
Traffic stays on loopback and in network namespaces made for it. Figures in tests/bench/README.md.

  cargo run --release -p pinhole-bench -- table
  cargo run --release -p pinhole-bench -- table --quick --only direct,line-0.1
  cargo run --release -p pinhole-bench -- line --size 64M --loss 0.1 --against \
../before/target/release/pinhole
  cargo run --release -p pinhole-bench -- relay --only waiting";

/// Measures the release build of pinhole.
#[derive(clap::Parser)]
#[command(name = "pinhole-bench", max_term_width = 100, after_help = HELP)]
pub struct Options {
    /// Measurement to make
    #[command(subcommand)]
    pub what: What,
    /// Rounds, each with one turn of everything that is compared
    #[arg(long, global = true)]
    pub rounds: Option<usize>,
    /// Directory for files on a disk; a temporary one unless given
    #[arg(long, value_name = "DIR", global = true)]
    pub dir: Option<PathBuf>,
    /// The pinhole to measure; the release build of this workspace, which is built first, unless
    /// given
    #[arg(long, value_name = "PATH", global = true)]
    pub program: Option<PathBuf>,
}

/// Measurement to make.
#[derive(clap::Subcommand)]
pub enum What {
    /// Everything beside its reference, as one Markdown table
    Table(Table),
    /// One long line that loses packets, beside raw TCP streams
    Line(Line),
    /// One relay, in a process of its own, with thousands of connections
    Relay(Relay),
}

/// Rows of the table.
#[derive(clap::Args)]
pub struct Table {
    /// Move little in few rounds: shows that everything works, but no figures to keep
    #[arg(long)]
    pub quick: bool,
    /// Measure only these; what stands before a hyphen names all that begin with it
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    pub only: Vec<String>,
    /// Directory of peers.py, which measures other tools
    #[arg(long, value_name = "DIR", default_value = "../shared/bench")]
    pub rivals: PathBuf,
    /// Directory in which those tools are installed
    #[arg(long, value_name = "DIR", default_value = "/tmp/peers")]
    pub peers: PathBuf,
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
    /// Bytes of the file that is moved; K, M, G for powers of 1024
    #[arg(long, default_value = "2G", value_parser = bytes)]
    pub size: u64,
    /// Put a relay in the middle: half of the round trip, and all of the loss, on each side of it
    #[arg(long)]
    pub relay: bool,
    /// Have cubic alone, as most ordinary users: the kernel refuses BBR to every socket
    #[arg(long)]
    pub as_user: bool,
    /// Raw streams of each reference; the fastest counts
    #[arg(long, value_delimiter = ',', default_value = "1,4,8", value_name = "COUNT")]
    pub streams: Vec<usize>,
    /// Fix the number of pinhole's connections, but not of the one to compare with
    #[arg(long)]
    pub links: Option<u8>,
    /// Texts to send in each round while a file is on its way
    #[arg(long, default_value_t = 20)]
    pub texts: usize,
    /// Move a folder of so many files of 4 KiB beside one file of their size, and nothing else
    #[arg(long, value_name = "FILES")]
    pub files: Option<u32>,
    /// Another pinhole, of an earlier commit for example, that takes its turns too
    #[arg(long, value_name = "PATH")]
    pub against: Option<PathBuf>,
}

impl Line {
    /// One over which a file is moved, and nothing else.
    pub fn new(rate: f64, rtt: f64, loss: f64, size: u64) -> Self {
        Self {
            rate,
            rtt,
            loss,
            size,
            relay: false,
            as_user: false,
            streams: vec![1, 4, 8],
            links: None,
            texts: 0,
            files: None,
            against: None,
        }
    }
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
