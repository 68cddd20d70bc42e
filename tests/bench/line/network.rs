//! Two machines, or three with a relay in the middle, in namespaces of their own, and the lines
//! between them.

use crate::options::Line;
use crate::table::not_here;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

/// The giver's address where nobody is between.
pub const GIVER: &str = "10.77.0.1";
/// The relay's address, the same from both sides.
pub const RELAY: &str = "10.78.0.1";
/// The socket buffers of an ordinary Linux machine; a namespace begins with those of this one.
const BUFFERS: [(&str, &str); 2] =
    [("tcp_rmem", "4096 131072 6291456"), ("tcp_wmem", "4096 16384 4194304")];
/// Bytes of a packet.
const MTU: u32 = 1500;
/// The least that the queue before a line holds.
const QUEUE: f64 = 64.0 * 1024.0;

/// A machine: a process that does nothing but keep its network, until its standard input closes.
pub struct Machine(Child);

/// All of them, and what carries packets between them. They end with it.
pub struct Network {
    pub giver: Machine,
    pub taker: Machine,
    pub relay: Option<Machine>,
    emulators: Vec<Child>,
}

impl Machine {
    pub fn new() -> io::Result<Self> {
        let child = Command::new("unshare")
            .args(["--net", "--", "sh", "-c", "echo ready; exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| not_here(format!("unshare of util-linux: {error}")))?;
        let machine = Self(ready(child, "unshare of util-linux")?);
        machine.ip("link set lo up")?;
        machine.there(|| {
            BUFFERS.iter().try_for_each(|(name, value)| {
                std::fs::write(Path::new("/proc/sys/net/ipv4").join(name), value)
            })
        })??;
        Ok(machine)
    }

    fn path(&self) -> String {
        format!("/proc/{}/ns/net", self.0.id())
    }

    /// The command that runs another one there.
    pub fn enter(&self) -> Vec<OsString> {
        vec!["nsenter".into(), format!("--net={}", self.path()).into(), "--".into()]
    }

    /// Output of a command there, which has to end well.
    pub fn run(&self, command: &str) -> io::Result<String> {
        let output = Command::new("nsenter")
            .arg(format!("--net={}", self.path()))
            .arg("--")
            .args(command.split(' '))
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .output()?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            Err(io::Error::other(format!("{command}: {said}")))
        }
    }

    fn ip(&self, args: &str) -> io::Result<()> {
        self.run(&format!("ip {args}")).map(drop)
    }

    /// Does `work` there. A socket that it makes stays there.
    pub fn there<T: Send>(&self, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        let namespace = File::open(self.path())?;
        thread::scope(|threads| {
            let thread = threads.spawn(move || {
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
                io::Result::Ok(work())
            });
            thread.join().map_err(|_| io::Error::other("a thread there panicked"))?
        })
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Network {
    /// Builds it; the emulator is compiled in `place`.
    pub fn new(options: &Line, place: &Path) -> io::Result<Self> {
        let (giver, taker) = (Machine::new()?, Machine::new()?);
        let relay = options.relay.then(Machine::new).transpose()?;
        let mut network = Self { giver, taker, relay, emulators: Vec::new() };
        let emulator = if options.rtt > 0.0 { Some(compile(place)?) } else { None };
        let legs = match &network.relay {
            None => vec![(&network.giver, &network.taker)],
            Some(relay) => vec![(&network.giver, relay), (relay, &network.taker)],
        };
        // A pair of devices is a local network, while a line leads to another.
        let mask = if emulator.is_none() { 24 } else { 32 };
        let (mut emulators, rtt) = (Vec::new(), options.rtt / legs.len() as f64);
        // Locked, a route refuses every other choice of a program, root's too. So nothing needs to
        // be set for the whole machine, as the names that are allowed to ordinary users are.
        let control = if options.as_user { "congctl lock cubic" } else { "congctl cubic" };
        for (number, (left, right)) in legs.iter().enumerate() {
            let device = format!("leg{number}");
            if emulator.is_none() {
                left.ip(&format!(
                    "link add {device} type veth peer name {device} netns {}",
                    right.0.id()
                ))?;
            }
            for (machine, own) in [(left, 1), (right, 2)] {
                if emulator.is_some() {
                    machine.ip(&format!("tuntap add dev {device} mode tun"))?;
                }
                machine.ip(&format!("link set {device} mtu {MTU} txqueuelen 10000 up"))?;
                let net = format!("10.77.{number}");
                machine
                    .ip(&format!("address add {net}.{own}/{mask} dev {device} noprefixroute"))?;
                machine.ip(&format!("route add {net}.0/24 dev {device} {control}"))?;
            }
            if let Some(emulator) = &emulator {
                let queue = options.rate * 1e6 / 8.0 * rtt / 1e3;
                let child = Command::new(emulator)
                    .args([left.path(), right.path(), device, MTU.to_string()])
                    .arg((rtt / 2.0 * 1e3).to_string())
                    .arg(options.rate.to_string())
                    .arg((options.loss * 1e4).to_string())
                    .arg(queue.max(QUEUE).to_string())
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .spawn()?;
                emulators.push(ready(child, "the emulator of the line")?);
            }
        }
        if let Some(relay) = &network.relay {
            relay.ip(&format!("address add {RELAY}/32 dev lo"))?;
            for (machine, via) in
                [(&network.giver, "10.77.0.2 dev leg0"), (&network.taker, "10.77.1.1 dev leg1")]
            {
                machine.ip(&format!("route add {RELAY}/32 via {via} {control}"))?;
            }
        }
        network.emulators = emulators;
        Ok(network)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for emulator in &mut self.emulators {
            // It says what it has carried, lost and dropped in each direction, and ends.
            drop(emulator.stdin.take());
            let mut said = String::new();
            if let Some(mut output) = emulator.stdout.take() {
                let _ = output.read_to_string(&mut said);
            }
            let _ = emulator.wait();
            eprintln!("the line: {}", said.trim().replace('\n', "; "));
        }
    }
}

/// Waits for a process's first word.
fn ready(mut child: Child, what: &str) -> io::Result<Child> {
    let mut word = [0; 6];
    let read = child.stdout.as_mut().map(|output| output.read_exact(&mut word));
    if matches!(read, Some(Ok(()))) {
        return Ok(child);
    }
    let _ = child.kill();
    let _ = child.wait();
    Err(not_here(what))
}

fn compile(place: &Path) -> io::Result<PathBuf> {
    let emulator = place.join("emulator");
    let mut compiler = Command::new("cc")
        .args(["-O2", "-Wall", "-x", "c", "-", "-o"])
        .arg(&emulator)
        .stdin(Stdio::piped())
        .spawn()
        .map_err(|error| not_here(format!("a C compiler: {error}")))?;
    let mut source = compiler.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
    source.write_all(include_bytes!("emulator.c"))?;
    drop(source);
    if compiler.wait()?.success() {
        Ok(emulator)
    } else {
        Err(io::Error::other("emulator.c could not be compiled"))
    }
}
