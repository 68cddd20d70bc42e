//! Hosts found on the local network, and again when a side has moved, between network namespaces that each test makes for itself.
//! Nothing here runs in the machine's own.
//!
//! Needs `unshare` and `nsenter` (util-linux), `ip` (iproute2), and a system that lets this user
//! make user namespaces. No root.

#[allow(dead_code, reason = "each test target uses its own part")]
#[path = "../harness/mod.rs"]
mod harness;

mod announcing;
mod doctor;
mod finding;
mod hostile;
mod moving;
mod world;
