//! The real relay and the real program at both ends of it, all on loopback.

#[allow(dead_code, reason = "each test target uses its own part")]
#[path = "../harness/mod.rs"]
mod harness;

mod joiner;
mod meeting;
mod nginx;
mod operator;
mod own;
mod proxies;
mod returns;
mod secrecy;
mod settings;
mod silence;
mod tls;
mod tunnel;

/// The code with its last word replaced by another of the list.
fn wrong(code: &str) -> String {
    let (rest, last) = code.rsplit_once('-').unwrap();
    format!("{rest}-{}", if last == "walrus" { "mango" } else { "walrus" })
}
