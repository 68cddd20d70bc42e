//! Other tools beside ours, by `peers.py`, which stands outside this repository.

use crate::bench::Bench;
use crate::report;
use crate::table::{Measurement, Round, Row, Sample, Wanted, not_here};
use serde_json::Value;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// Our rows of the table of tools.
const OURS: &str = include_str!("ours.toml");
/// Those that do what pinhole does, by their names in that table.
const RIVALS: &str = "magic-wormhole,wormhole-rs,wormhole-william,croc,croc-plain,sendme";

/// Measurement of `peers.py`: its arguments, its tools, and the figure of it that counts.
struct Asked {
    args: Vec<String>,
    ours: &'static str,
    others: &'static str,
    /// Key of the seconds in a result.
    seconds: &'static str,
    /// Megabytes moved, if the ratio is one of speeds.
    megabytes: Option<f64>,
}

/// A file directly, or through the relay of each tool, beside the fastest of them.
pub fn file<'a>(bench: &'a Bench<'_>, relay: bool, size: u64) -> Measurement<'a> {
    let (name, ours, net, way) = if relay {
        ("rivals-relay", "pinhole-relay", "relay", "through its own relay")
    } else {
        ("rivals-direct", "pinhole", "lo", "direct")
    };
    let figure = format!("{} {way}, tmpfs", report::size(size));
    let row = Row::new(figure, "the fastest rival", Wanted::Least(4.0), "MB/s");
    let args = ["file", "--net", net, "--size", &format!("{}M", size >> 20)].map(str::to_owned);
    let megabytes = Some(size as f64 / 1e6);
    let asked = Asked { args: args.into(), ours, others: RIVALS, seconds: "xfer", megabytes };
    asked.measurement(bench, name.to_owned(), row)
}

/// A folder of small files beside an rsync daemon.
pub fn folder<'a>(bench: &'a Bench<'_>, name: &str, files: u32) -> Measurement<'a> {
    let figure = format!("{files} files of 4 KiB, tmpfs");
    let row = Row::new(figure, "an rsync daemon", Wanted::Most(0.6), "s");
    let args = ["dir", "--files", &files.to_string()].map(str::to_owned).into();
    let asked = Asked { args, ours: "pinhole", others: "rsync", seconds: "xfer", megabytes: None };
    asked.measurement(bench, name.to_owned(), row)
}

/// A short text, both sides started as close together as each tool allows.
pub fn text<'a>(bench: &'a Bench<'_>) -> Measurement<'a> {
    let row = Row::new("a short text, from start to arrival", "sendme", Wanted::Most(1.0), "s");
    let args = vec!["text".to_owned()];
    let asked =
        Asked { args, ours: "pinhole", others: "sendme", seconds: "latency", megabytes: None };
    asked.measurement(bench, "text".to_owned(), row)
}

impl Asked {
    fn measurement<'a>(self, bench: &'a Bench<'_>, name: String, row: Row) -> Measurement<'a> {
        let begin = move || -> io::Result<Round<'a>> {
            self.find(bench)?;
            let place = bench.in_memory()?;
            std::fs::write(place.path().join("ours.toml"), OURS)?;
            Ok(Box::new(move |round| {
                let results = self.run(bench, round, place.path())?;
                let (ours, rivals): (Vec<_>, Vec<_>) =
                    results.iter().partition(|result| result["tool"] == self.ours);
                let fastest = |results: Vec<&Value>| {
                    let times = results.iter().filter_map(|result| result[self.seconds].as_f64());
                    times.min_by(f64::total_cmp)
                };
                for key in ["s_rss", "r_rss", "relay_rss"] {
                    let peaks = ours.iter().filter_map(|result| result[key].as_u64());
                    peaks.for_each(|peak| bench.program.saw_peak(peak >> 10));
                }
                let ours = fastest(ours).ok_or_else(|| io::Error::other("pinhole failed"))?;
                let rival =
                    fastest(rivals).ok_or_else(|| io::Error::other("every rival failed"))?;
                Ok(vec![match self.megabytes {
                    Some(megabytes) => Sample::speed(megabytes, ours, rival),
                    None => Sample::time(ours, rival),
                }])
            }))
        };
        Measurement { name, rows: vec![row], begin: Box::new(begin) }
    }

    /// `Unsupported` unless there is all that is needed.
    fn find(&self, bench: &Bench<'_>) -> io::Result<()> {
        let script = bench.rivals.join("peers.py");
        if !script.is_file() {
            return Err(not_here(format!("no {}", script.display())));
        }
        if !bench.peers.is_dir() {
            let peers = bench.peers.display();
            return Err(not_here(format!("no {peers}, which install-peers.sh makes")));
        }
        let table = std::fs::read_to_string(bench.rivals.join("peers.toml"))?;
        let any = self.others.split(',').any(|tool| installed(&table, tool, &bench.peers));
        if any { Ok(()) } else { Err(not_here(self.others.replace(',', ", "))) }
    }

    /// One round of each tool that is installed; those that failed are left out.
    fn run(&self, bench: &Bench<'_>, round: usize, place: &Path) -> io::Result<Vec<Value>> {
        let tag = format!("pinhole-bench-{}", std::process::id());
        // Ours is found by its name, as those of the system are.
        let folder = bench.program.path().parent().unwrap_or(Path::new("/")).display().to_string();
        let path = std::env::var("PATH").unwrap_or_default();
        // The order changes from round to round.
        let tools = if round.is_multiple_of(2) {
            format!("{},{}", self.ours, self.others)
        } else {
            format!("{},{}", self.others, self.ours)
        };
        let output = Command::new("python3")
            .arg(bench.rivals.join("peers.py"))
            .args(&self.args)
            .args(["--reps", "1", "--tag", &tag, "--tools", &tools, "--table"])
            .arg(place.join("ours.toml"))
            .arg("--prefix")
            .arg(&bench.peers)
            .arg("--work")
            .arg(place)
            .env("PATH", format!("{folder}:{path}"))
            .env("HOME", place)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .output()
            .map_err(|error| not_here(format!("python3: {error}")))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it failed");
            return Err(io::Error::other(format!("peers.py: {last}")));
        }
        let kept = bench.peers.join("results").join(format!("{tag}.jsonl"));
        let lines = std::fs::read_to_string(&kept)?;
        std::fs::remove_file(kept)?;
        let results = lines.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
        for failed in results.iter().filter(|result| result["ok"] == false) {
            eprintln!("{} failed: {}", failed["tool"], failed["err"]);
        }
        Ok(results.into_iter().filter(|result| result["ok"] == true).collect())
    }
}

/// True if the tool's first command is where its row says.
fn installed(table: &str, tool: &str, peers: &Path) -> bool {
    let rows = table.split_once(&format!("[tool.{tool}]\n")).map(|(_, rows)| rows);
    let line = rows.and_then(|rows| rows.lines().find(|line| line.starts_with("send = ")));
    let Some(command) = line.and_then(|line| line.split('"').nth(1)) else { return false };
    let command = command.replace("{bin}", &peers.display().to_string());
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(&command).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_there_if_its_row_names_a_file() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("croc"), "").unwrap();
        let table = "[tool.croc]\nlabel = \"c\"\nsend = [\"{bin}/croc\", \"send\"]\n\n\
                     [tool.other]\nsend = [\"{bin}/other\"]\n[tool.sh]\nsend = [\"sh\"]\n";
        let found = |tool| installed(table, tool, place.path());
        assert_eq!(["croc", "other", "sh", "none"].map(found), [true, false, true, false]);
    }
}
