//! The sending fence: what a command that an agent runs sends, and what it does not.

use crate::harness::{Machine, Running};
use serde_json::Value;
use std::os::unix::fs::symlink;
use std::path::Path;

/// A value that must never get out.
const CANARY: &str = "canary-3141592653";

/// A machine with something to send in its working directory, and something to keep in its home.
fn machine() -> Machine {
    let here = Machine::new();
    here.write("report", "report");
    here.write(".env", CANARY);
    here.write("folder/plain", "plain");
    here.write("folder/.env", CANARY);
    std::fs::create_dir(here.home().join(".ssh")).unwrap();
    std::fs::write(here.home().join(".ssh/id_rsa"), CANARY).unwrap();
    std::fs::write(here.home().join("notes"), CANARY).unwrap();
    symlink("../home/notes", here.path("link")).unwrap();
    symlink("../../home", here.path("folder/home")).unwrap();
    here
}

/// Starts the program as an agent does.
fn start(here: &Machine, args: &[&str]) -> Running {
    let mut command = here.command(args);
    command.env("CLAUDECODE", "1");
    Running::start(command)
}

fn refused(running: Running) -> Value {
    let ended = running.end().expect(5);
    assert!(
        !ended.everything().contains(CANARY) && ended.all("status").is_empty(),
        "refused before a code is shown"
    );
    let failure = ended.failure();
    assert_eq!(failure["error"], "fenced");
    failure
}

/// Takes from `giver`: the names of the files below the private directory.
fn taken(mut giver: Running) -> Vec<String> {
    let there = Machine::new();
    let code = giver.code();
    let saved =
        there.run(["take", &code]).expect(0).one("file")["saved_to"].as_str().unwrap().to_owned();
    giver.end().expect(0);
    let top = Path::new(&saved);
    if top.is_file() {
        return vec![std::fs::read_to_string(top).unwrap()];
    }
    let mut names: Vec<_> = top
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn what_lies_outside_or_holds_secrets_is_refused_before_there_is_a_code() {
    let here = machine();
    let home = here.home();
    let through_root =
        Path::new("/proc/self/root").join(home.join("notes").strip_prefix("/").unwrap());
    let (key, notes) = (home.join(".ssh/id_rsa"), home.join("notes"));
    let outside = [
        &*key,
        &notes,
        &home,
        &through_root,
        Path::new("../home/notes"),
        Path::new("link"),
        Path::new("folder/home/notes"),
    ];
    for path in outside {
        let path = path.to_str().unwrap();
        for args in [
            vec!["give", path],
            vec!["send", path],
            vec!["give", "--secret-file", path],
            vec!["give", "report", path],
        ] {
            if path == home.to_str().unwrap() && args.contains(&"--secret-file") {
                continue;
            }
            let failure = refused(start(&here, &args));
            assert!(
                failure["detail"]
                    .as_str()
                    .unwrap()
                    .contains("(CLAUDECODE shows that Claude Code runs this command)"),
                "{failure}"
            );
            assert!(failure["next"].as_str().unwrap().contains("--allow /"), "{failure}");
        }
    }
    for args in [["give", ".env"], ["give", "./folder/.env"], ["send", "../work/.env"]] {
        let whole = format!(": pinhole --allow-sensitive {}", args.join(" "));
        assert!(refused(start(&here, &args))["next"].as_str().unwrap().ends_with(&whole));
    }
    refused(start(&here, &["give", "--secret-file", ".env"]));
}

/// Files in which programs keep their owner's logins, as in a copy of a home.
const KEPT: [&str; 48] = [
    ".gemini/oauth_creds.json",
    ".config/gh/hosts.yml",
    ".config/github-copilot/apps.json",
    ".config/github-copilot/hosts.json",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".m2/settings.xml",
    "terraform.tfstate",
    "infra/terraform.tfstate.backup",
    "prod.auto.tfvars",
    ".terraform.d/credentials.tfrc.json",
    ".terraform.d/checkpoint_signature",
    ".config/op/config",
    ".docker/config.json",
    ".kube/config",
    ".netrc",
    ".pypirc",
    ".npmrc",
    ".mozilla/firefox/x.default/logins.json",
    "profile/key4.db",
    ".config/google-chrome/Default/Login Data",
    ".config/google-chrome-beta/Default/Cookies",
    ".config/chromium/Default/Cookies",
    ".config/vivaldi/Default/Cookies",
    ".var/app/org.mozilla.firefox/x",
    "snap/firefox/common/x",
    ".librewolf/x/cookies.sqlite",
    ".password-store/a.gpg",
    ".local/share/gopass/a",
    ".local/share/keyrings/login.keyring",
    ".local/share/kwalletd/kdewallet.kwl",
    ".config/Bitwarden CLI/data.json",
    "secrets.kdbx",
    ".bitcoin/wallet.dat",
    ".electrum/wallets/default_wallet",
    ".config/solana/id.json",
    ".ethereum/keystore/x",
    ".bash_history",
    ".zsh_history",
    ".local/share/fish/fish_history",
    ".python_history",
    ".histfile",
    ".lesshst",
    ".local/share/atuin/history.db",
    ".azure/msal_token_cache.json",
    ".oci/config",
    ".authinfo",
    "service-account.json",
];

#[test]
fn the_places_of_logins_keys_and_histories_are_known() {
    let here = Machine::new();
    for path in KEPT {
        here.write(path, CANARY);
        let failure = refused(start(&here, &["give", path]));
        assert!(
            failure["next"].as_str().unwrap().contains(": pinhole --allow-sensitive give "),
            "{path}: {failure}"
        );
    }
    // Files of such programs without a login in them.
    for path in [".cargo/config.toml", ".docker/daemon.json", "main.tf", "history.md", "cookies.rs"]
    {
        here.write(path, "plain");
        assert_eq!(taken(start(&here, &["give", path])), ["plain"], "{path}");
    }
}

/// Whoever may write in the working directory can give a second name there to a file of its
/// owner's, and it lies inside then.
#[test]
fn a_file_with_another_name_is_kept_in() {
    let here = machine();
    std::fs::hard_link(here.home().join("notes"), here.path("innocent")).unwrap();
    std::fs::hard_link(here.home().join("notes"), here.path("folder/innocent")).unwrap();
    for args in [
        ["give", "innocent"].as_slice(),
        &["send", "innocent"],
        &["give", "--secret-file", "innocent"],
    ] {
        let failure = refused(start(&here, args));
        assert!(
            failure["detail"].as_str().unwrap().contains("has other names (hard links)"),
            "{failure}"
        );
        assert!(
            failure["next"]
                .as_str()
                .unwrap()
                .ends_with(&format!(": pinhole --allow-sensitive {}", args.join(" "))),
            "{failure}"
        );
    }
    assert_eq!(taken(start(&here, &["give", "folder"])), ["plain"]);
    assert_eq!(taken(start(&here, &["--allow-sensitive", "give", "innocent"])), [CANARY]);
    // Without a fence it is a file like others.
    assert_eq!(taken(here.start(["give", "innocent"])), [CANARY]);
}

#[test]
fn what_is_allowed_is_sent() {
    let here = machine();
    let (home, notes, key) =
        (here.home(), here.home().join("notes"), here.home().join(".ssh/id_rsa"));
    let (home, notes, key) =
        (home.to_str().unwrap(), notes.to_str().unwrap(), key.to_str().unwrap());
    assert_eq!(taken(start(&here, &["give", "report"])), ["report"]);
    assert_eq!(taken(start(&here, &["--allow", "../home", "give", notes])), [CANARY]);
    assert_eq!(taken(start(&here, &["--allow", notes, "give", "link"])), [CANARY]);
    assert_eq!(taken(start(&here, &["--allow-sensitive", "give", ".env"])), [CANARY]);
    assert_eq!(taken(start(&here, &["--allow", home, "--allow-sensitive", "give", key])), [CANARY]);
    refused(start(&here, &["--allow", home, "give", key]));
    refused(start(&here, &["--allow-sensitive", "give", key]));
    // Only that file, although another beside it is named as well.
    refused(start(&here, &["--allow", notes, "give", notes, key]));
    let missing = start(&here, &["--allow", "nowhere", "give", "report"]).end().expect(2).failure();
    assert_eq!(missing["error"], "no-such-file");
}

#[test]
fn in_a_folder_it_is_left_out_and_said() {
    let here = machine();
    let mut giver = start(&here, &["give", "folder", "--links", "follow", "--strict"]);
    let code = giver.code();
    let there = Machine::new();
    let saved =
        there.run(["take", &code]).expect(0).one("file")["saved_to"].as_str().unwrap().to_owned();
    let given = giver.end().expect(1);
    assert_eq!(
        (&given.failure()["error"], &given.one("delivered")["left_out"]),
        (&"skipped".into(), &2.into())
    );
    let said: Vec<_> = given
        .all("error")
        .iter()
        .map(|error| error["detail"].as_str().unwrap().to_owned())
        .collect();
    let left_out = |name: &str, why: &str| {
        said.iter().any(|detail| detail.contains(name) && detail.contains(why))
    };
    assert!(
        left_out("folder/.env", "--allow-sensitive") && left_out("folder/home", "--allow PATH"),
        "{said:#?}"
    );
    assert_eq!(std::fs::read_dir(&saved).unwrap().count(), 1, "the plain file alone");
    assert_eq!(taken(start(&here, &["--allow-sensitive", "give", "folder"])), [".env", "plain"]);
}

#[test]
fn it_is_on_where_an_agent_runs_the_command_and_nowhere_else() {
    let here = machine();
    // As Claude Code, Codex, OpenCode, Gemini CLI and others set them for their commands.
    for (variable, value) in [
        ("CLAUDECODE", "1"),
        ("CODEX_SANDBOX", "seatbelt"),
        ("CODEX_THREAD_ID", "01a22a86-2002-75f3-bc3a-1f3d9b537c41"),
        ("CODEX_SESSION_ID", "01a22a86-2002-75f3-bc3a-1f3d9b537c41"),
        ("CURSOR_AGENT", "1"),
        ("OPENCODE", "1"),
        ("GEMINI_CLI", "1"),
        ("AGENT", "1"),
        ("AI_AGENT", "claude-code_2-1-332_agent"),
        ("PINHOLE_AGENT", "1"),
    ] {
        let mut command = here.command(["give", "link"]);
        command.env(variable, value);
        let failure = refused(Running::start(command));
        assert!(
            failure["detail"].as_str().unwrap().contains(&format!("({variable} shows that ")),
            "{failure}"
        );
    }
    for args in [["give", "link", "--fence"].as_slice(), &["give", "link", "--allow", "report"]] {
        assert!(refused(here.start(args))["detail"].as_str().unwrap().contains("(--fence)"));
    }
    // There is no terminal here either.
    assert_eq!(taken(here.start(["give", "link"])), [CANARY]);
    let mut command = here.command(["give", "link"]);
    command
        .env("CLAUDECODE", "")
        .env("PINHOLE_AGENT", "0")
        .env("CURSOR_AGENT", "")
        .env("OPENCODE", "false")
        .env("AI_AGENT", "0");
    command.env("AGENT", "False").env("GEMINI_CLI", "").env("CODEX_SESSION_ID", "");
    assert_eq!(taken(Running::start(command)), [CANARY]);
    // A working directory that holds everything is no fence.
    let mut command = here.command(["give", here.path("report").to_str().unwrap()]);
    command.env("CLAUDECODE", "1").current_dir("/");
    let failure = refused(Running::start(command));
    assert!(
        failure["detail"].as_str().unwrap().contains("is not in an allowed place"),
        "{failure}"
    );
}

#[test]
fn standard_input_and_what_a_shell_has_opened_are_not_looked_at() {
    let here = machine();
    let mut command = here.command(["give", "-"]);
    command.env("CLAUDECODE", "1").stdin(std::fs::File::open(here.path("link")).unwrap());
    assert_eq!(taken(Running::start(command)), [CANARY]);
}

#[test]
fn a_channel_keeps_the_fence_of_its_sender_and_its_own() {
    let (here, there) = (machine(), machine());
    let mut host = start(&here, &["host"]);
    let code = host.code();
    let mut peer = there.start(["connect", &code]);
    for side in [&mut host, &mut peer] {
        side.until("status", "connected");
    }
    let number = &code[..4];
    let notes = here.home().join("notes");
    let notes = notes.to_str().unwrap();
    // Its own: whoever sends, and whatever that command allows.
    for allow in [vec![], vec!["--allow", notes]] {
        let args = [vec!["send", number, "--file", "link"], allow].concat();
        let failure = refused(here.start(&args));
        assert!(
            failure["detail"].as_str().unwrap().contains("this channel was opened with"),
            "{failure}"
        );
        assert!(
            failure["next"]
                .as_str()
                .unwrap()
                .ends_with(&format!("pinhole --allow {notes} give {notes}")),
            "{failure}"
        );
    }
    // If both keep it in, what opens one of them alone is not named.
    let failure = refused(start(&here, &["send", number, "--file", "link"]));
    assert!(
        failure["next"]
            .as_str()
            .unwrap()
            .ends_with(&format!("pinhole --allow {notes} give {notes}")),
        "{failure}"
    );
    assert_eq!(taken(start(&here, &["--allow", notes, "give", notes])), [CANARY]);
    // The sender's own fence, into a channel without one.
    for path in ["link", "../home/notes", ".env"] {
        let failure = refused(there.start(["send", number, "--file", path, "--fence"]));
        assert!(failure["next"].as_str().unwrap().contains(": pinhole --allow"), "{failure}");
    }
    refused(there.start(["send", number, "--secret-file", ".env", "--fence"]));
    there.run(["send", number, "--file", "link"]).expect(0);
    let notes = there.home().join("notes");
    there.run(["send", number, "--file", "link", "--allow", notes.to_str().unwrap()]).expect(0);
    there.run(["send", number, "--file", "report", "--fence"]).expect(0);
    // Entries left out of a folder are listed to the sender, for whom that may be a failure.
    for (strict, exit) in [(None, 0), (Some("--strict"), 1)] {
        let args =
            ["send", number, "--file", "folder"].into_iter().chain(strict).collect::<Vec<_>>();
        let sent = start(&here, &args).end().expect(exit);
        assert!(
            sent.all("error")[0]["detail"].as_str().unwrap().contains("folder/.env was left out"),
            "{:#?}",
            sent.lines
        );
        assert_eq!(
            (sent.all("delivered").len(), sent.all("error").len()),
            (1, 2 + usize::from(strict.is_some()))
        );
    }
    // The channel is none the worse.
    start(&here, &["send", number, "--file", "report", "--text", "hello"]).end().expect(0);
    assert_eq!(peer.until("text", "")["body"], "hello");
    here.run(["close", number]).expect(0);
    assert!(!peer.end().expect(0).everything().contains(CANARY));
}

#[test]
fn a_variable_is_sent_only_if_it_was_named_beforehand() {
    let (here, there) = (machine(), machine());
    let started = |args: &[&str], agent: bool| {
        let mut command = here.command(args);
        command.envs(["API_KEY", "API_SECRET", "ANTHROPIC_API_KEY"].map(|name| (name, CANARY)));
        if agent {
            command.env("CLAUDECODE", "1");
        }
        Running::start(command)
    };
    let next = |args: &[&str]| refused(started(args, true))["next"].as_str().unwrap().to_owned();
    assert!(
        next(&["give", "--secret-env", "API_KEY"])
            .ends_with(": pinhole --allow-env API_KEY give --secret-env API_KEY")
    );
    // One that is allowed lets out no other.
    assert!(
        next(&[
            "--allow-env",
            "API_KEY",
            "give",
            "--secret-env",
            "API_KEY",
            "--secret-env",
            "API_SECRET"
        ])
        .contains(": pinhole --allow-env API_SECRET --allow-env API_KEY give --secret-env API_KEY")
    );
    assert!(
        next(&["--allow-env", "API", "send", "--secret-env", "API_KEY"])
            .contains(": pinhole --allow-env API_KEY --allow-env API send")
    );
    // Nobody learns if it is set.
    refused(started(&["give", "--secret-env", "NOT_SET"], true));
    let there_is = |args: &[&str], agent| {
        let mut giver = started(args, agent);
        let code = giver.code();
        let taken = there.run(["take", &code]).expect(0).all("secret").len();
        giver.end().expect(0);
        taken
    };
    let both = ["give", "--secret-env", "API_KEY", "--secret-env", "API_SECRET"];
    assert_eq!(
        there_is(
            &[&["--allow-env", "API_SECRET", "--allow-env", "API_KEY"], &both[..]].concat(),
            true
        ),
        2
    );
    assert_eq!(there_is(&both, false), 2);
    assert_eq!(there_is(&["give", "--secret-env", "ANTHROPIC_API_KEY"], false), 1);
    // Naming one turns the fence on.
    let after = started(&["give", "--secret-env", "API_KEY", "--allow-env", "OTHER"], false);
    assert!(refused(after)["detail"].as_str().unwrap().contains("(--fence)"));
    // Into a channel too.
    let mut host = start(&here, &["host"]);
    let code = host.code();
    let mut peer = there.start(["connect", &code]);
    peer.until("status", "connected");
    refused(started(&["send", &code, "--secret-env", "API_KEY"], true));
    started(&["--allow-env", "API_KEY", "send", &code, "--secret-env", "API_KEY"], true)
        .end()
        .expect(0);
    assert_eq!(peer.until("secret", "")["name"], "API_KEY");
    // A word that is no name may be the value.
    let mistaken =
        started(&["--allow-env", "sk-live-1234", "give", "--secret-env", "API_KEY"], true)
            .end()
            .expect(2);
    assert!(mistaken.failure()["error"] == "usage" && !mistaken.everything().contains("sk-live"));
}

#[test]
fn variables_of_pinhole_and_of_agents_are_sent_by_no_agent() {
    let here = machine();
    for name in [
        "PINHOLE_HOST_TOKEN",
        "PINHOLE_CODE",
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "CLAUDE_CODE_OAUTH_TOKEN",
        "OPENAI_API_KEY",
        "CODEX_API_KEY",
        "CURSOR_API_KEY",
        "GEMINI_API_KEY",
        "GOOGLE_API_KEY",
        "anthropic_api_key",
    ] {
        let mut command = here.command(["--allow-env", name, "give", "--secret-env", name]);
        command.env(name, CANARY).env("CLAUDECODE", "1");
        if name == "PINHOLE_CODE" {
            command.env(name, "");
        }
        let failure = refused(Running::start(command));
        assert!(!failure["next"].as_str().unwrap().contains("--allow-env"), "{failure}");
    }
}
