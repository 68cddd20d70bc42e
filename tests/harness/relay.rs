//! The real relay at work.

use super::{Machine, Running};
use rustix::process::Signal;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};

/// `pinhole relay` on a loopback port that the system chose. Ended when dropped.
pub struct Relay {
    pub port: u16,
    pub running: Running,
    machine: Machine,
}

impl Relay {
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// With these options.
    pub fn with(options: &[&str]) -> Self {
        Self::at("127.0.0.1:0", options)
    }

    /// At this address.
    pub fn at(listen: &str, options: &[&str]) -> Self {
        let machine = Machine::new();
        let mut running = machine.start(["relay", "--listen", listen].iter().chain(options));
        let port = listening(&mut running);
        Self { port, running, machine }
    }

    /// The address that clients are given.
    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }

    /// A number among its metrics.
    #[track_caller]
    pub fn metric(&self, name: &str) -> u64 {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let line =
            text.lines().find_map(|line| line.strip_prefix(&format!("pinhole_relay_{name} ")));
        line.unwrap_or_else(|| panic!("no {name}: {text}")).parse().unwrap()
    }

    /// Ends it at once, as a crash would, and starts another in its place.
    pub fn crash_and_restart(&mut self, options: &[&str]) {
        self.running.signal(Signal::KILL);
        self.again(options);
    }

    /// Waits for its end, and starts another in its place.
    pub fn again(&mut self, options: &[&str]) {
        self.running.child.wait().unwrap();
        let listen = format!("127.0.0.1:{}", self.port);
        self.running = self.machine.start(["relay", "--listen", &listen].iter().chain(options));
        listening(&mut self.running);
    }
}

/// Waits for the line that says where it listens.
fn listening(running: &mut Running) -> u16 {
    loop {
        let line = running.error_line().unwrap_or_else(|| panic!("it ended: {:?}", running.seen));
        let value: Value =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"));
        if value["event"] == "listening" {
            return u16::try_from(value["port"].as_u64().unwrap()).unwrap();
        }
    }
}
