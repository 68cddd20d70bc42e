//! Proxies that people use, from Debian's packages: tinyproxy and microsocks.

use super::wait;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

/// A proxy at work, which wants the user `me` and the password `hunter2`. Killed when dropped.
pub struct Proxy {
    child: Child,
    pub port: u16,
    /// Its configuration, if it has one.
    _dir: tempfile::TempDir,
}

impl Proxy {
    /// A proxy for CONNECT, to this port alone.
    pub fn tinyproxy(allowed: u16) -> Self {
        Self::start(|port, dir| {
            let file = dir.join("tinyproxy.conf");
            let limits = "Timeout 60\nMaxClients 20\nLogFile \"/dev/null\"\n";
            std::fs::write(
                &file,
                format!(
                    "Port {port}\nListen 127.0.0.1\nBasicAuth me hunter2\n\
                     ConnectPort {allowed}\n{limits}"
                ),
            )
            .unwrap();
            let mut command = Command::new("tinyproxy");
            command.arg("-d").arg("-c").arg(file);
            command
        })
    }

    /// A SOCKS5 proxy.
    pub fn microsocks() -> Self {
        Self::start(|port, _| {
            let mut command = Command::new("microsocks");
            command.args(["-i", "127.0.0.1", "-p", &port.to_string(), "-u", "me", "-P", "hunter2"]);
            command
        })
    }

    /// Starts it on a port that the kernel chose. Somebody else may take that first; then another
    /// is tried.
    fn start(command: impl Fn(u16, &std::path::Path) -> Command) -> Self {
        loop {
            let (port, dir) = (free_port(), tempfile::tempdir().unwrap());
            let mut command = command(port, dir.path());
            let child =
                command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
            let mut proxy = Self {
                child: child.expect("apt-get install tinyproxy-bin microsocks"),
                port,
                _dir: dir,
            };
            let listens = wait("listening", || {
                let ended = proxy.child.try_wait().unwrap().is_some();
                let listens = TcpStream::connect(("127.0.0.1", port)).is_ok();
                (ended || listens).then_some(listens && !ended)
            });
            if listens {
                return proxy;
            }
        }
    }

    /// Its address for a variable.
    pub fn at(&self, scheme: &str, credentials: &str) -> String {
        format!("{scheme}://{credentials}127.0.0.1:{}", self.port)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nothing listens on, unless by a rare accident.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
