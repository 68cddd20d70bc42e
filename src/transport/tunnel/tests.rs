//! Stand-ins for tunnel programs: what they say, how they end, and what is made of that.

use super::*;
use crate::failure::Kind;
use rustix::process::{Pid, test_kill_process};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;

/// A script that stands in for a tunnel program.
struct StandIn {
    folder: tempfile::TempDir,
    name: &'static str,
}

impl StandIn {
    fn new(name: &'static str, script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        Self { folder, name }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// It as a program, with these arguments.
    fn program(&self, arguments: &[&str]) -> Program {
        let path = self.path(self.name).to_str().unwrap().to_owned();
        Program::Command(
            std::iter::once(path)
                .chain(arguments.iter().map(|&argument| argument.to_owned()))
                .collect(),
        )
    }

    async fn open(&self) -> Result<Tunnel, Failure> {
        Tunnel::open(&self.program(&[]), 8765, false).await
    }
}

async fn failure(script: &str) -> Failure {
    let Err(failure) = StandIn::new("lt", script).open().await else { panic!("there is a tunnel") };
    assert_eq!(failure.kind, Kind::TunnelFailed);
    assert!(failure.next.as_ref().unwrap().contains("--relay URL"), "{failure:?}");
    failure
}

/// The number that the script wrote.
fn pid(stand_in: &StandIn) -> Pid {
    let text = std::fs::read_to_string(stand_in.path("pid")).unwrap();
    Pid::from_raw(text.trim().parse().unwrap()).unwrap()
}

/// True if a process is there and runs. One that has ended, and that nobody has waited for, does
/// not.
fn runs(pid: Pid) -> bool {
    let stat =
        std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    test_kill_process(pid).is_ok()
        && !stat.rsplit(')').next().unwrap().trim_start().starts_with('Z')
}

#[test]
fn what_is_named_is_a_known_program_or_a_command_line() {
    let parsed = |text: &str| Program::parse(text).ok();
    assert!(
        parsed("auto") == Some(Program::Auto)
            && parsed(" cloudflared ") == Some(Program::Cloudflared)
    );
    assert!(parsed("tailscale") == Some(Program::Tailscale));
    let words = |words: &[&str]| {
        Some(Program::Command(words.iter().map(|&word| word.to_owned()).collect()))
    };
    assert!(parsed("lt --port {port}") == words(&["lt", "--port", "{port}"]));
    assert!(parsed("'my tunnel' \"$HOME\" a\\ b;c") == words(&["my tunnel", "$HOME", "a b;c"]));
    for none in ["", "  ", "'", "a \"b", "''"] {
        assert!(parsed(none).is_none(), "{none}");
    }
    let line = |text: &str| {
        parsed(text)
            .unwrap()
            .candidates(8765)
            .into_iter()
            .map(|line| line.0.join(" "))
            .collect::<Vec<_>>()
    };
    let known =
        ["cloudflared tunnel --no-autoupdate --url http://127.0.0.1:8765", "tailscale funnel 8765"];
    assert_eq!(line("auto"), known);
    assert_eq!([line("cloudflared"), line("tailscale")].concat(), known);
    assert_eq!(
        line("/opt/x -R 80:{url} {port}{port}"),
        ["/opt/x -R 80:http://127.0.0.1:8765 87658765"]
    );
    assert_eq!(
        ["auto", "tailscale", "/opt/x y"].map(|text| parsed(text).unwrap().name()),
        ["cloudflared or tailscale", "tailscale", "x"]
    );
}

#[tokio::test]
async fn the_address_is_read_from_either_stream_and_the_port_is_known() {
    for redirect in ["", ">&2"] {
        let stand_in = StandIn::new(
            "lt",
            &format!(
                "echo starting; echo \"url: https://$1.$PORT.example/\" {redirect}; exec sleep 600"
            ),
        );
        let tunnel = Tunnel::open(&stand_in.program(&["{port}"]), 8765, false).await.ok().unwrap();
        assert_eq!((tunnel.name(), tunnel.url().host()), ("lt", "8765.8765.example"));
        tunnel.close().await;
    }
}

#[tokio::test]
async fn a_program_that_is_not_there_is_said_to_be_missing() {
    for (program, name) in [
        (Program::Command(vec!["/no/such/lt".into()]), "lt"),
        (Program::parse("no-such-program-here").ok().unwrap(), "no-such"),
    ] {
        let Err(failure) = Tunnel::open(&program, 1, false).await else {
            panic!("there is a tunnel")
        };
        assert_eq!(failure.kind, Kind::TunnelFailed);
        assert!(
            failure.detail.contains("which is not installed here") && failure.detail.contains(name),
            "{failure}"
        );
    }
    // A folder is there, and is no program.
    let Err(failure) = Tunnel::open(&Program::Command(vec!["/".into()]), 1, false).await else {
        panic!("there is a tunnel")
    };
    assert!(failure.detail.contains("cannot be started"), "{failure}");
}

#[tokio::test]
async fn a_program_that_ends_is_quoted_with_its_last_line_made_harmless() {
    let ended = failure("echo first; printf 'account: \\033[2Jno\\n\\n' >&2; exit 3").await;
    assert!(
        ended.detail.contains("lt ended (exit status: 3); its last line: account: \\u{1b}[2Jno"),
        "{ended}"
    );
    // One without an end of its last line, and one with a long one.
    assert!(
        failure("printf 'not logged in'; exit 1").await.detail.ends_with("line: not logged in")
    );
    let long = failure("head -c 100000 /dev/zero | tr '\\0' x; exit 1").await;
    assert!(long.detail.ends_with(&"x".repeat(SHOWN)) && long.detail.len() < 2 * SHOWN, "{long}");
    // Silent to the end.
    assert!(failure("exit 0").await.detail.ends_with("ended (exit status: 0)"));
    assert!(failure("kill -9 $$").await.detail.contains("signal: 9"));
}

#[tokio::test]
async fn a_program_that_says_no_address_is_given_up_and_ended() {
    let stand_in = StandIn::new(
        "lt",
        "echo $$ > \"${0%/*}/pid\"; echo 'visit http://a.example to log in'; exec sleep 600",
    );
    let Err(failure) =
        Tunnel::open_within(Duration::from_secs(1), &stand_in.program(&[]), 1, false).await
    else {
        panic!("there is a tunnel")
    };
    assert!(
        failure.detail.contains(
            "no tunnel address within 1 s; its last line: visit http://a.example to log in"
        ),
        "{failure}"
    );
    assert!(!runs(pid(&stand_in)));
}

#[tokio::test]
async fn a_mebibyte_without_an_address_is_enough() {
    let endless = failure("yes 'https:// is not an address'").await;
    assert!(endless.detail.contains("a mebibyte"), "{endless}");
    let one_line = failure("yes | tr -d '\\n'").await;
    assert!(one_line.detail.contains("a mebibyte"), "{one_line}");
}

#[tokio::test]
async fn megabytes_after_the_address_never_hold_the_program_up() {
    let stand_in = StandIn::new(
        "lt",
        "echo https://a.example; head -c 5000000 /dev/zero; echo; echo all said; exit 7",
    );
    let mut tunnel = stand_in.open().await.ok().unwrap();
    let failure = tunnel.ended().await;
    assert!(
        failure.detail.contains("exit status: 7") && failure.detail.ends_with("all said"),
        "{failure}"
    );
}

#[tokio::test]
async fn known_programs_are_understood_by_their_names() {
    let said = [
        (
            "cloudflared",
            "echo https://www.cloudflare.com/website-terms/; echo https://a-b.trycloudflare.com; \
            echo Registered tunnel connection",
        ),
        ("tailscale", "echo https://login.tailscale.com/f/funnel; echo https://a-b.ts.net/"),
    ];
    for (name, script) in said {
        let stand_in = StandIn::new(name, &format!("{script} >&2; exec sleep 600"));
        let mut process = Process::start(
            &program::CommandLine(vec![stand_in.path(name).to_str().unwrap().into()]),
            1,
            false,
        )
        .unwrap();
        assert!(process.address().await.ok().unwrap().host().starts_with("a-b."));
        process.end().await;
    }
}

#[tokio::test]
async fn a_program_is_asked_before_it_is_made_to_end() {
    let stand_in = StandIn::new(
        "lt",
        "trap 'echo > \"${0%/*}/asked\"; exit' TERM; echo https://a.example; while :; do sleep 600 \
        & wait; done",
    );
    stand_in.open().await.ok().unwrap().close().await;
    assert!(stand_in.path("asked").exists());
}

#[tokio::test]
async fn what_it_started_ends_with_it_and_who_ignores_that_is_killed() {
    // The first ends when it is asked to; the second, and what it started, do not.
    for trap in ["", "trap '' TERM;"] {
        let stand_in = StandIn::new(
            "lt",
            &format!(
                "{trap} sleep 600 & echo $! > \"${{0%/*}}/pid\"; echo https://a.example; wait; wait"
            ),
        );
        let tunnel = stand_in.open().await.ok().unwrap();
        let child = pid(&stand_in);
        assert!(runs(child));
        tunnel.close().await;
        gone(child).await;
    }
}

#[tokio::test]
async fn a_tunnel_that_is_dropped_is_killed() {
    let stand_in =
        StandIn::new("lt", "sleep 600 & echo $! > \"${0%/*}/pid\"; echo https://a.example; wait");
    let tunnel = stand_in.open().await.ok().unwrap();
    let child = pid(&stand_in);
    drop(tunnel);
    gone(child).await;
}

#[tokio::test]
async fn what_outlives_a_program_that_has_ended_is_killed() {
    let stand_in = StandIn::new(
        "lt",
        "sleep 600 > /dev/null 2>&1 & echo $! > \"${0%/*}/pid\"; echo https://a.example",
    );
    if let Ok(mut tunnel) = stand_in.open().await {
        tunnel.ended().await;
    }
    gone(pid(&stand_in)).await;
}

#[tokio::test]
async fn no_code_and_no_token_goes_to_a_tunnel_program() {
    // The program gets this process's environment, so one of ours has to be in that. The test
    // starts itself again with one.
    if std::env::var_os("PINHOLE_CODE").is_none() {
        let mut again = tokio::process::Command::new(std::env::current_exe().unwrap());
        again.args([
            "--exact",
            "transport::tunnel::tests::no_code_and_no_token_goes_to_a_tunnel_program",
        ]);
        again
            .env("PINHOLE_CODE", "417-walrus-clipboard-mango")
            .env("PINHOLE_HOST_TOKEN", "0123456789abcdef");
        let status = again.stdout(Stdio::null()).stderr(Stdio::null()).status().await.unwrap();
        return assert!(status.success());
    }
    let stand_in =
        StandIn::new("lt", "env > \"${0%/*}/env\"; echo https://a.example; exec sleep 600");
    let tunnel = stand_in.open().await.ok().unwrap();
    let seen = std::fs::read_to_string(stand_in.path("env")).unwrap();
    assert!(seen.contains("PORT=8765") && !seen.contains("PINHOLE_"), "{seen}");
    tunnel.close().await;
}

/// Waits until a process runs no more: a signal takes its time.
async fn gone(pid: Pid) {
    let all = async {
        while runs(pid) {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(60), all).await.unwrap();
}
