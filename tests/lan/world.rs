//! Machines on one network: a namespace for each, joined by a bridge in a namespace of its own.

use crate::harness::{Ended, Machine, PROGRAM, Running};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use socket2::{Domain, Protocol, Socket, Type};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Set where a test runs inside its own namespaces.
const INSIDE: &str = "PINHOLE_TEST_INSIDE";
/// The name that the machines here have, which is in no packet.
pub const TELLTALE: &str = "talebearer";
/// The group of multicast DNS (RFC 6762, 3).
pub const GROUP: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(224, 0, 0, 251), 5353);

/// Runs the test `name` of this target in namespaces of its own: its network is empty, and it is
/// root there, whoever it is here.
#[track_caller]
pub fn apart(name: &str, test: fn()) {
    if std::env::var_os(INSIDE).is_some() {
        rustix::system::sethostname(TELLTALE.as_bytes()).unwrap();
        return test();
    }
    let inside = Command::new("unshare")
        .args(["--user", "--map-root-user", "--net", "--uts", "--"])
        .arg(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .expect("unshare of util-linux");
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&inside.stdout),
        String::from_utf8_lossy(&inside.stderr)
    );
    assert!(
        inside.status.success() && said.contains("1 passed"),
        "{name} apart (may this user make user namespaces?): {said}"
    );
}

/// Nothing more comes after as much silence: twice the second that hosts leave between two
/// messages, for a machine that is busy.
const SILENCE: Duration = Duration::from_secs(2);

/// A network, and the namespaces on it. They end with it.
pub struct World {
    bridge: Holder,
    machines: usize,
}

/// A process that does nothing but keep a namespace, until its standard input closes.
struct Holder(Child);

impl Holder {
    fn new() -> Self {
        let mut child = Command::new("unshare")
            .args(["--net", "--", "sh", "-c", "echo ready; exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare of util-linux");
        let mut ready = [0; 6];
        child.stdout.as_mut().unwrap().read_exact(&mut ready).expect("a network namespace");
        Self(child)
    }

    fn path(&self) -> String {
        format!("/proc/{}/ns/net", self.0.id())
    }

    /// The option of `nsenter` for it.
    fn network(&self) -> String {
        format!("--net={}", self.path())
    }

    /// Runs `ip` there.
    #[track_caller]
    fn ip(&self, args: &str) {
        let done = Command::new("nsenter")
            .args([&self.network(), "--", "ip"])
            .args(args.split(' '))
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .output()
            .unwrap();
        assert!(
            done.status.success(),
            "ip {args} (iproute2): {}",
            String::from_utf8_lossy(&done.stderr)
        );
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl World {
    pub fn new() -> Self {
        let bridge = Holder::new();
        bridge.ip("link add wire type bridge");
        bridge.ip("link set wire up");
        Self { bridge, machines: 0 }
    }

    /// A machine with these addresses, each with its subnet, on `eth0`.
    pub fn machine(&mut self, addresses: &[&str]) -> Neighbour {
        let holder = Holder::new();
        self.machines += 1;
        let port = format!("port{}", self.machines);
        self.bridge
            .ip(&format!("link add {port} type veth peer name eth0 netns {}", holder.0.id()));
        self.bridge.ip(&format!("link set {port} master wire up"));
        holder.ip("link set lo up");
        holder.ip("link set eth0 up");
        for address in addresses {
            let v6 = if address.contains(':') { " nodad" } else { "" };
            holder.ip(&format!("address add {address} dev eth0{v6}"));
        }
        let first =
            addresses.first().map_or("", |address| address.split('/').next().unwrap()).to_owned();
        Neighbour { holder, machine: Machine::new(), first }
    }
}

/// A machine on the network, where the program runs without `PINHOLE_NETWORK`: everything that it
/// can reach is the test's.
pub struct Neighbour {
    holder: Holder,
    machine: Machine,
    /// Its first address, if it has any.
    first: String,
}

impl Neighbour {
    /// Starts the program there.
    pub fn start(&self, args: &[&str]) -> Running {
        Running::start(self.command(args))
    }

    /// The program there with these arguments, not yet started.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = self.machine.other("nsenter");
        command.args([&self.holder.network(), "--", PROGRAM]).args(args);
        command.env_remove("PINHOLE_NETWORK");
        command
    }

    /// A path below its working directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.machine.path(name)
    }

    /// Runs the program there to its end.
    pub fn run(&self, args: &[&str]) -> Ended {
        self.start(args).end()
    }

    /// Runs `ip` there.
    #[track_caller]
    pub fn ip(&self, args: &str) {
        self.holder.ip(args);
    }

    /// Does `work` there. A socket that it makes stays there.
    pub fn there<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(self.holder.path()).unwrap();
        std::thread::scope(|scope| {
            let thread = scope.spawn(move || {
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                    .unwrap();
                work()
            });
            thread.join().unwrap()
        })
    }

    /// Hears, and can say, what is said to the group of multicast DNS, at its first address.
    pub fn ear(&self) -> Ear {
        self.ear_at(&self.first)
    }

    /// The same at another IPv4 address of its own.
    pub fn ear_at(&self, own: &str) -> Ear {
        let own = own.parse().expect("an IPv4 address");
        Ear(self.there(|| {
            let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
            socket.set_reuse_address(true).unwrap();
            socket.bind(&GROUP.into()).unwrap();
            socket.join_multicast_v4(GROUP.ip(), &own).unwrap();
            socket.set_multicast_if_v4(&own).unwrap();
            socket.into()
        }))
    }
}

/// A member of the group.
pub struct Ear(UdpSocket);

impl Ear {
    /// The next datagram; nothing if none comes within `patience`.
    pub fn hear(&self, patience: Duration) -> Option<Vec<u8>> {
        self.0.set_read_timeout(Some(patience)).unwrap();
        let mut bytes = vec![0; 9_000];
        match self.0.recv(&mut bytes) {
            Ok(length) => Some(bytes[..length].to_vec()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// The next datagram that `is` such.
    #[track_caller]
    pub fn until(&self, is: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        loop {
            let heard = self.hear(crate::harness::PATIENCE).expect("nothing of the kind was said");
            if is(&heard) {
                return heard;
            }
        }
    }

    /// Listens until the hosts have announced themselves twice, a second apart, and may answer
    /// again. Returns all that was said.
    pub fn quiet(&self) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.hear(SILENCE)).collect()
    }

    pub fn say(&self, message: &[u8]) {
        self.0.send_to(message, GROUP).unwrap();
    }
}

pub fn is_response(message: &[u8]) -> bool {
    message[2] & 0x80 != 0
}

/// True for a response whose records are gone: the TTL of the first, after its name of 21 bytes,
/// type and class, is 0.
pub fn is_goodbye(message: &[u8]) -> bool {
    is_response(message) && message[12 + 21 + 4..][..4] == [0; 4]
}

/// The port of an IPv4 host's code.
pub fn number(code: &str) -> u16 {
    code.split('-').next().unwrap().parse().unwrap()
}
