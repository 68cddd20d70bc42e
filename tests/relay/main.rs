//! The real relay and the real program at both ends of it, all on loopback.

#[allow(dead_code, reason = "each test target uses its own part")]
#[path = "../harness/mod.rs"]
mod harness;

mod doctor;
mod ending;
mod floods;
mod instead;
mod joiner;
mod meeting;
mod nginx;
mod numbers;
mod operator;
mod own;
mod pressure;
mod proxies;
mod restart;
mod returns;
mod scans;
mod secrecy;
mod settings;
mod silence;
mod tls;
mod tunnel;
mod wire;

/// The number of repetitions: `full` if all is asked for, else `reduced`.
fn count(full: usize, reduced: usize) -> usize {
    if std::env::var_os("PINHOLE_FULL").is_some() { full } else { reduced }
}

/// The code with its last word replaced by another of the list.
fn wrong(code: &str) -> String {
    let (rest, last) = code.rsplit_once('-').unwrap();
    format!("{rest}-{}", if last == "walrus" { "mango" } else { "walrus" })
}
