//! A program at work: its process group, its output, its end.

use super::address::Search;
use super::program::CommandLine;
use crate::platform::process::{Group, lead_group};
use crate::program::another;
use crate::settings::agent::VARIABLE;
use pinhole_protocol::code::RelayUrl;
use std::ffi::OsString;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStdin};
use tokio::sync::watch;
use tokio::time::timeout;

/// Bytes of a line that are kept; the rest is dropped.
const LINE: usize = 64 << 10;
/// Bytes of output in which an address is looked for: cloudflared says it within 4 KiB, and what
/// prints this much is no tunnel program.
const ALL: usize = 1 << 20;
/// Time limit for a program to end when asked, and for its output to come after its end.
/// cloudflared would wait up to 30 s for requests under way; at this point none of them matters.
const GOODBYE: Duration = Duration::from_secs(2);

/// The end of a program: its status, or the error of waiting for it.
pub(super) type Ended = io::Result<ExitStatus>;

/// A program in a process group of its own. Dropped, all of the group is killed.
pub(super) struct Process {
    child: Child,
    /// Nothing once it has ended and was waited for.
    group: Option<Group>,
    /// Held open, because some programs end with their input.
    input: Option<ChildStdin>,
    heard: watch::Receiver<Heard>,
}

/// Why there is no address.
pub(super) enum Silence {
    /// It ended.
    Ended(Ended),
    /// It said too much else.
    TooMuch,
}

/// The output of a program so far.
#[derive(Default)]
struct Heard {
    url: Option<RelayUrl>,
    /// The last line that is not blank.
    last: Vec<u8>,
    bytes: usize,
}

impl Process {
    /// Starts it, for a tunnel to `port`; `fenced` says if that is behind a fence.
    pub(super) fn start(line: &CommandLine, port: u16, fenced: bool) -> io::Result<Self> {
        let (program, arguments) = line.0.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut command = another(program, fenced);
        lead_group(command.args(arguments).env("PORT", port.to_string()));
        // `PINHOLE_AGENT` stays, because it is set for the program; our other variables are
        // settings of this process.
        let ours =
            |name: &OsString| name.as_encoded_bytes().starts_with(b"PINHOLE_") && name != VARIABLE;
        for (name, _) in std::env::vars_os().filter(|(name, _)| ours(name)) {
            command.env_remove(name);
        }
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let group = Group::of(&child);
        let (told, heard) = watch::channel(Heard::default());
        let search = Arc::new(Mutex::new(Search::of(line.name())));
        if let Some(stream) = child.stdout.take() {
            tokio::spawn(follow(stream, Arc::clone(&search), told.clone()));
        }
        if let Some(stream) = child.stderr.take() {
            tokio::spawn(follow(stream, search, told));
        }
        Ok(Self { input: child.stdin.take(), child, group, heard })
    }

    /// Waits for the address in what it says, for as long as it goes on without one.
    pub(super) async fn address(&mut self) -> Result<RelayUrl, Silence> {
        let Self { child, heard, .. } = self;
        let said = async {
            match heard.wait_for(|heard| heard.url.is_some() || heard.bytes > ALL).await {
                Ok(heard) => heard.url.clone(),
                // All of its output has ended, and its end is about to be seen; or it never says
                // anything any more.
                Err(_) => std::future::pending().await,
            }
        };
        let status = tokio::select! {
            biased;
            url = said => return url.ok_or(Silence::TooMuch),
            status = child.wait() => status,
        };
        Err(Silence::Ended(self.after(status).await))
    }

    /// Waits until it has ended and everything that it said was read. Nothing is lost if the wait
    /// is given up.
    pub(super) async fn ended(&mut self) -> Ended {
        let status = self.child.wait().await;
        self.after(status).await
    }

    /// It has ended.
    async fn after(&mut self, status: Ended) -> Ended {
        // Processes that it may have started do not outlive it.
        drop(self.group.take());
        let _ = timeout(GOODBYE, self.heard.wait_for(|_| false)).await;
        status
    }

    /// Its last line so far.
    pub(super) fn last_line(&self) -> String {
        String::from_utf8_lossy(&self.heard.borrow().last).trim().to_owned()
    }

    /// Asks it to end, then makes it.
    pub(super) async fn end(mut self) {
        drop(self.input.take());
        if let Some(group) = &self.group {
            group.ask_to_end();
        }
        let _ = timeout(GOODBYE, self.child.wait()).await;
        drop(self.group.take());
        let _ = self.child.wait().await;
    }
}

/// Reads a stream to its end, whatever becomes of what it says, so that whoever writes it never
/// waits.
async fn follow(
    mut stream: impl AsyncRead + Unpin,
    search: Arc<Mutex<Search>>,
    told: watch::Sender<Heard>,
) {
    let (mut chunk, mut line) = ([0; 4096], Vec::new());
    while let Ok(read @ 1..) = stream.read(&mut chunk).await {
        for part in chunk
            .get(..read)
            .unwrap_or_default()
            .split_inclusive(|byte| matches!(byte, b'\n' | b'\r'))
        {
            let room = LINE.saturating_sub(line.len());
            line.extend(part.iter().take(room));
            if part.ends_with(b"\n") || part.ends_with(b"\r") {
                hear(std::mem::take(&mut line), &search, &told);
            }
        }
        told.send_modify(|heard| heard.bytes = heard.bytes.saturating_add(read));
    }
    hear(line, &search, &told);
}

/// Takes note of a line.
fn hear(line: Vec<u8>, search: &Mutex<Search>, told: &watch::Sender<Heard>) {
    if line.trim_ascii().is_empty() {
        return;
    }
    let url =
        search.lock().unwrap_or_else(PoisonError::into_inner).line(&String::from_utf8_lossy(&line));
    told.send_modify(|heard| {
        heard.last = line;
        if heard.url.is_none() && heard.bytes <= ALL {
            heard.url = url;
        }
    });
}
