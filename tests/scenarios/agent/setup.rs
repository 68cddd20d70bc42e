//! `pinhole setup`: the agents of a home get the skill and the server, and lose them again without
//! a trace.

use crate::harness::{Machine, PROGRAM};
use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Output;

/// Everything below a directory: a text for a file, nothing for a directory.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Option<String>> {
    let mut all = BTreeMap::new();
    for path in folder.read_dir().unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            all.extend(tree(&path));
        }
        let text = std::fs::read_to_string(&path).ok();
        all.insert(path, text);
    }
    all
}

/// Writes a file below the home.
fn write(here: &Machine, name: &str, text: &str) -> PathBuf {
    let path = here.home().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path
}

/// A home with all agents, each with a configuration of somebody who cares for it.
fn full() -> Machine {
    let here = Machine::new();
    write(&here, ".claude/settings.json", "{}");
    write(
        &here,
        ".claude.json",
        "{\n  \"numStartups\": 34,\n  \"mcpServers\": {\n    \
         \"other\": {\n      \"command\": \"x\"\n    }\n  }\n}\n",
    );
    write(
        &here,
        ".codex/config.toml",
        "# mine\nmodel = 'x' # good\n\n[mcp_servers.other]\ncommand = 'x'",
    );
    write(&here, ".cursor/mcp.json", "{\"mcpServers\":{}}");
    write(
        &here,
        ".config/opencode/opencode.jsonc",
        "{\n  // my models\n  \"model\": \"a/b\", // the small one\n}\n",
    );
    write(&here, ".gemini/settings.json", "{\n  \"ui\": {\"theme\": \"x\"}\n}\n");
    here
}

#[track_caller]
fn failed(here: &Machine, args: &[&str], exit: i32, says: &str) {
    let output = here.command(args).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(exit), "{said}");
    assert!(output.stdout.is_empty() && said.contains(says), "{said}");
}

fn text(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

const ALL: [&str; 5] = ["claude", "codex", "cursor", "opencode", "gemini"];

#[test]
fn every_agent_is_set_up_once_and_left_as_it_was() {
    for agents in
        [&[][..], &["all"], &["claude"], &["codex"], &["cursor"], &["opencode"], &["gemini"]]
    {
        let here = full();
        let before = tree(&here.home());
        let with = |flag: &str| here.run_plain([&["setup"], agents, &[flag]].concat());
        let said = with("--print");
        assert!(
            said.contains("Nothing has been changed yet.") && tree(&here.home()) == before,
            "{said}"
        );
        let done = with("--apply");
        assert!(done.contains("Try it: ") && done.contains("+ "), "{done}");
        let after = tree(&here.home());
        let again = with("--apply");
        assert!(
            again.contains("nothing to do")
                && !again.contains("made")
                && tree(&here.home()) == after,
            "{again}"
        );
        // It wrote what it had announced.
        let written: Vec<_> = after
            .keys()
            .filter(|path| path.is_file() && after[*path] != *before.get(*path).unwrap_or(&None))
            .collect();
        assert!(
            written.len() >= 4 && written.iter().all(|path| said.contains(path.to_str().unwrap())),
            "{said}\n{written:?}"
        );
        assert!(with("--remove").contains("That was everything that setup had done."));
        assert_eq!(tree(&here.home()), before, "{agents:?}");
        assert!(with("--remove").contains("nothing to do"));
    }
}

#[test]
fn what_each_agent_gets_is_what_it_reads() {
    let here = full();
    here.run_plain(["setup", "--apply"]);
    let home = here.home();
    let program = PROGRAM;
    // One copy for Claude Code, one for all who read the folder that agents share, and no third
    // that any of them would read besides.
    let skills: Vec<_> =
        tree(&home).into_iter().filter(|(path, _)| path.ends_with("SKILL.md")).collect();
    let places = [".agents/skills/pinhole/SKILL.md", ".claude/skills/pinhole/SKILL.md"]
        .map(|place| home.join(place));
    assert_eq!(
        skills.iter().map(|(path, _)| path).collect::<Vec<_>>(),
        places.iter().collect::<Vec<_>>()
    );
    assert!(
        skills.iter().all(|(_, skill)| skill.as_ref().unwrap().starts_with("---\nname: pinhole\n"))
    );
    let read = |name: &str| std::fs::read_to_string(home.join(name)).unwrap();
    let json = |name: &str| serde_json::from_str::<serde_json::Value>(&read(name)).unwrap();
    let entry = serde_json::json!({ "type": "stdio", "command": program, "args": ["mcp"] });
    assert_eq!(json(".claude.json")["mcpServers"]["pinhole"], entry);
    assert_eq!(json(".claude.json")["mcpServers"]["other"]["command"], "x");
    assert_eq!(json(".cursor/mcp.json")["mcpServers"]["pinhole"]["command"], program);
    let codex = read(".codex/config.toml");
    assert!(
        codex.contains(&format!(
            "\n\n[mcp_servers.pinhole]\ncommand = \"{program}\"\nargs = [\"mcp\"]\nenv_vars = "
        )),
        "{codex}"
    );
    assert_eq!(json(".gemini/settings.json")["mcpServers"]["pinhole"]["command"], program);
    let opencode = read(".config/opencode/opencode.jsonc");
    assert!(
        opencode.contains(&format!(
            "\"pinhole\": {{\"type\": \"local\", \"command\": [\"{program}\", \"mcp\"]}}"
        )),
        "{opencode}"
    );
    assert!(
        opencode.contains("\"model\": \"a/b\", // the small one\n  \"mcp\": {\n"),
        "{opencode}"
    );
}

/// Codex hands its servers no variable that is not named, and asks about each tool that is not
/// approved.
#[test]
fn codex_gets_the_variables_and_only_the_approvals_of_what_sends_nothing() {
    let here = full();
    let said = here.run_plain(["setup", "codex", "--print"]);
    let lines = [
        "env_vars = [\"PINHOLE_NETWORK\", \"PINHOLE_RELAY\"]",
        "tools.open.approval_mode = \"approve\"",
        "Codex calls those tools without asking",
    ];
    assert!(lines.iter().all(|line| said.contains(line)), "{said}");
    here.run_plain(["setup", "codex", "--apply"]);
    let path = here.home().join(".codex/config.toml");
    let config = || std::fs::read_to_string(&path).unwrap();
    let mut approved: Vec<_> = config()
        .lines()
        .filter_map(|line| Some(line.strip_prefix("tools.")?.split('.').next()?.to_owned()))
        .collect();
    approved.sort();
    assert_eq!(approved, ["close", "connect", "doctor", "open", "receive", "status"]);
    // The user's answers there are no change of the entry, and go with it.
    let answered = config()
        + "\n\n[mcp_servers.pinhole.tools.send]\napproval_mode = \"approve\"\n\n[tui]\nx = 1\n";
    std::fs::write(&path, &answered).unwrap();
    assert!(here.run_plain(["setup", "codex", "--apply"]).contains("nothing to do"));
    assert_eq!(config(), answered);
    here.run_plain(["setup", "codex", "--remove"]);
    assert!(
        !config().contains("pinhole")
            && config().contains("# mine\n")
            && config().ends_with("\n[tui]\nx = 1\n"),
        "{}",
        config()
    );
    // One that is asked about again is its user's doing.
    here.run_plain(["setup", "codex", "--apply"]);
    std::fs::write(
        &path,
        config().replace(
            "tools.open.approval_mode = \"approve\"",
            "tools.open.approval_mode = \"prompt\"",
        ),
    )
    .unwrap();
    assert!(
        here.run_plain(["setup", "codex", "--apply"])
            .contains("has a server pinhole that setup did not write")
    );
}

#[test]
fn an_entry_of_an_earlier_version_is_brought_to_this_one() {
    let here = full();
    let path = here.home().join(".codex/config.toml");
    let before = std::fs::read_to_string(&path).unwrap();
    std::fs::write(
        &path,
        format!("{before}\n\n[mcp_servers.pinhole]\ncommand = \"pinhole\"\nargs = [\"mcp\"]"),
    )
    .unwrap();
    let said = here.run_plain(["setup", "codex", "--apply"]);
    assert!(
        said.contains("- command = \"pinhole\"")
            && said.contains("+ tools.close.approval_mode = \"approve\""),
        "{said}"
    );
    here.run_plain(["setup", "codex", "--remove"]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
}

#[test]
fn a_skill_that_agents_share_goes_with_the_last_of_them() {
    let here = full();
    let before = tree(&here.home());
    here.run_plain(["setup", "--apply"]);
    let shared = here.home().join(".agents/skills/pinhole/SKILL.md");
    let said = here.run_plain(["setup", "codex", "--remove"]);
    assert!(
        said.contains("stays: Cursor, OpenCode, Gemini CLI uses it too") && shared.is_file(),
        "{said}"
    );
    for agent in ["cursor", "gemini", "claude"] {
        here.run_plain(["setup", agent, "--remove"]);
        assert!(shared.is_file(), "{agent}");
    }
    here.run_plain(["setup", "opencode", "--remove"]);
    assert_eq!(tree(&here.home()), before);
}

/// An earlier version gave each agent a copy of its own, which it would read beside the shared one.
#[test]
fn copies_of_an_earlier_version_go() {
    for flag in ["--apply", "--remove"] {
        let here = full();
        let before = tree(&here.home());
        here.run_plain(["setup", "claude", "--apply"]);
        for agent in [".cursor", ".config/opencode"] {
            let skills = here.home().join(agent).join("skills");
            std::fs::create_dir_all(&skills).unwrap();
            let record = here.home().join(".claude/skills/pinhole/.pinhole-setup");
            let skill = skills.join("pinhole");
            std::fs::create_dir(&skill).unwrap();
            let text = std::fs::read_to_string(record).unwrap();
            std::fs::write(skill.join(".pinhole-setup"), text.replace("made 2", "made 1")).unwrap();
            for (path, text) in tree(&here.home().join(".claude/skills/pinhole")) {
                let to = skill
                    .join(path.strip_prefix(here.home().join(".claude/skills/pinhole")).unwrap());
                match text {
                    Some(text) if !to.exists() => std::fs::write(to, text).unwrap(),
                    None => std::fs::create_dir_all(to).unwrap(),
                    Some(_) => {}
                }
            }
        }
        here.run_plain(["setup", flag]);
        let left: Vec<_> =
            tree(&here.home()).into_keys().filter(|path| path.ends_with("SKILL.md")).collect();
        assert_eq!(left.len(), if flag == "--apply" { 2 } else { 0 }, "{left:?}");
        here.run_plain(["setup", "--remove"]);
        for agent in [".cursor/skills", ".config/opencode/skills"] {
            std::fs::remove_dir(here.home().join(agent)).unwrap();
        }
        assert_eq!(tree(&here.home()), before);
    }
}

/// Removing offers nothing to do, and finds what was done for an agent that is gone.
#[test]
fn removing_offers_nothing_to_apply() {
    let here = Machine::new();
    for flags in [&["--remove"][..], &["--remove", "--print"]] {
        let said = here.run_plain([&["setup"], flags].concat());
        assert!(!said.contains("--apply") && said.contains("there is nothing to undo"), "{said}");
    }
    let here = full();
    for agents in [&[][..], &["all"], &["codex"], &["gemini"]] {
        for flags in [&["--remove"][..], &["--remove", "--print"]] {
            let said = here.run_plain([&["setup"], agents, flags].concat());
            assert!(
                !said.contains("--apply")
                    && !said.contains("allow")
                    && said.contains("nothing to do"),
                "{said}"
            );
        }
        here.run_plain([&["setup"], agents, &["--apply"]].concat());
        let said = here.run_plain([&["setup"], agents, &["--remove", "--print"]].concat());
        assert!(
            !said.contains("--apply") && !said.contains("+ ") && said.contains("--remove"),
            "{said}"
        );
        assert!(!here.run_plain([&["setup"], agents, &["--remove"]].concat()).contains("--apply"));
    }
    std::fs::remove_dir_all(here.home().join(".gemini")).unwrap();
    here.run_plain(["setup", "gemini", "--apply"]);
    std::fs::remove_dir_all(here.home().join(".gemini")).unwrap();
    here.run_plain(["setup", "--remove"]);
    assert!(!here.home().join(".agents").exists());
}

/// The rules are for the user: what an agent reads has none.
#[test]
fn safe_rules_are_shown_for_each_agent_and_only_to_its_user() {
    let here = full();
    let said = here.run_plain(["setup", "--print"]);
    for rule in [
        "Bash(pinhole receive:*)",
        "mcp__pinhole__open",
        "prefix_rule(",
        "mcpAllowlist",
        "pinhole_receive",
        "commandPrefix",
    ] {
        assert!(said.contains(rule), "{rule}: {said}");
    }
    for sends in ["pinhole send", "pinhole ask", "pinhole give", "__send", ":send", "_send", "_ask"]
    {
        assert!(!said.contains(sends), "{sends}: {said}");
    }
    assert!(!here.run_plain(["setup"]).contains("Rules with which"));
}

#[test]
fn the_program_is_named_as_it_is_found() {
    let here = full();
    let folder = here.path("bin");
    std::fs::create_dir(&folder).unwrap();
    symlink(PROGRAM, folder.join("pinhole")).unwrap();
    let with_path =
        |args: &[&str], path: &str| text(here.command(args).env("PATH", path).output().unwrap());
    let entry = || std::fs::read_to_string(here.home().join(".cursor/mcp.json")).unwrap();
    with_path(&["setup", "cursor", "--apply"], &format!("/nowhere:{}", folder.display()));
    assert_eq!(
        entry(),
        "{\"mcpServers\":{\"pinhole\": {\"command\": \"pinhole\", \"args\": [\"mcp\"]}}}"
    );
    // Another pinhole comes first on the path: that is not the one that is meant.
    let other = here.write("other/pinhole", "#!/bin/sh\n");
    let said = with_path(
        &["setup", "cursor", "--apply"],
        &format!("{}:{}", other.parent().unwrap().display(), folder.display()),
    );
    assert!(
        said.contains("- mcpServers.pinhole: {\"command\": \"pinhole\"")
            && entry().contains(PROGRAM),
        "{said}"
    );
    with_path(&["setup", "cursor", "--remove"], "/nowhere");
    assert_eq!(entry(), "{\"mcpServers\":{}}");
}

#[test]
fn piped_to_an_agent_it_says_what_to_run() {
    let here = full();
    let before = tree(&here.home());
    let program = PROGRAM;
    let said = here.run_plain(["setup", "claude"]);
    assert!(said.starts_with("The user has run `pinhole setup`"), "{said}");
    assert!(
        said.contains(&format!(
            "Please run this, and then tell the user what it printed:\n\n  {program} setup claude \
             --apply\n\n"
        )),
        "{said}"
    );
    assert!(
        said.contains(here.home().join(".claude.json").to_str().unwrap())
            && said.contains("and no others (nothing has been changed")
    );
    let said = here.run_plain(["setup"]);
    for agent in ALL {
        assert!(said.contains(&format!("\n  {program} setup {agent} --apply\n")), "{said}");
    }
    let mut command = here.command(["setup", "codex"]);
    let said = text(command.env("PINHOLE_HOME", here.home()).output().unwrap());
    assert!(
        said.contains(&format!("  {program} setup codex --home {} --apply", here.home().display())),
        "{said}"
    );
    assert_eq!(tree(&here.home()), before);
    here.run_plain(["setup", "claude", "--apply"]);
    assert!(
        here.run_plain(["setup", "claude"])
            .ends_with("There is nothing left to do; please tell them so.\n")
    );
}

#[test]
fn nobody_here_is_no_failure_and_one_that_is_named_is_set_up_all_the_same() {
    let here = Machine::new();
    let said = here.run_plain(["setup", "--apply"]);
    assert!(said.starts_with("No agent that setup knows was found"), "{said}");
    assert!(tree(&here.home()).is_empty());
    for agent in ALL {
        let home = here.path(agent);
        std::fs::create_dir(&home).unwrap();
        let home = home.to_str().unwrap();
        here.run_plain(["setup", agent, "--apply", "--home", home]);
        assert!(tree(Path::new(home)).len() >= 6);
        here.run_plain(["setup", agent, "--remove", "--home", home]);
        let files: Vec<_> =
            tree(Path::new(home)).into_keys().filter(|path| !path.is_dir()).collect();
        assert!(files.is_empty(), "{files:?}");
    }
    assert!(tree(&here.home()).is_empty());
}

#[test]
fn what_somebody_has_made_theirs_stays() {
    let here = full();
    // A server with an environment of its own, and a skill that was changed.
    let own = "{\"mcpServers\":{\"pinhole\":{\"command\":\"pinhole\",\"args\":[\"mcp\"],\
               \"env\":{\"PINHOLE_RELAY\":\"wss://r\"}}}}";
    let path = write(&here, ".cursor/mcp.json", own);
    let said = here.run_plain(["setup", "cursor", "--apply"]);
    assert!(said.contains("has a server pinhole that setup did not write"), "{said}");
    let skill = here.home().join(".agents/skills/pinhole/SKILL.md");
    std::fs::write(&skill, "mine").unwrap();
    failed(&here, &["setup", "cursor", "--apply"], 8, "is not as setup wrote it");
    let said = here.run_plain(["setup", "cursor", "--remove"]);
    assert!(
        said.contains(&format!("{} was changed since then, and stays", skill.display())),
        "{said}"
    );
    assert_eq!(
        (
            std::fs::read_to_string(path).unwrap().as_str(),
            std::fs::read_to_string(skill).unwrap().as_str()
        ),
        (own, "mine")
    );
    // Nothing at all is done where something is in the way of one.
    let before = tree(&here.home());
    failed(&here, &["setup", "--apply"], 8, "is not as setup wrote it");
    assert_eq!(tree(&here.home()), before);
}

#[test]
fn what_is_not_understood_is_not_touched() {
    for (agent, name, content, says) in [
        ("claude", ".claude.json", "{\"a\": 1,, }".to_owned(), "is not JSON, line 1"),
        ("claude", ".claude.json", String::new(), "has no JSON in it"),
        (
            "cursor",
            ".cursor/mcp.json",
            "{\"mcpServers\": {}, \"mcpServers\": {}}".to_owned(),
            "has the key \"mcpServers\" twice",
        ),
        ("cursor", ".cursor/mcp.json", "[]".to_owned(), "is not a JSON object"),
        ("codex", ".codex/config.toml", "model = \"x\nb = 1\n".to_owned(), "is not TOML, line 1"),
        (
            "codex",
            ".codex/config.toml",
            "mcp_servers = { a = { command = 'x' } }\n".to_owned(),
            "in a form that setup cannot change",
        ),
        (
            "opencode",
            ".config/opencode/opencode.json",
            "{\"mcp\": [1]}".to_owned(),
            "something other than an object as \"mcp\"",
        ),
        (
            "opencode",
            ".config/opencode/opencode.json",
            " ".repeat(33 << 20),
            "too long for a configuration",
        ),
    ] {
        let here = Machine::new();
        write(&here, name, &content);
        let before = tree(&here.home());
        for flags in [&["--apply"][..], &["--remove"], &["--print"], &[]] {
            if flags == ["--remove"] && content.starts_with("mcp_servers") {
                continue;
            }
            failed(&here, &[&["setup", agent], flags].concat(), 2, says);
        }
        assert!(tree(&here.home()) == before, "{name}");
    }
    let here = Machine::new();
    let path = write(&here, ".cursor/mcp.json", "");
    std::fs::write(&path, b"\xff\xfe{\x00}\x00").unwrap();
    failed(&here, &["setup", "cursor", "--apply"], 2, "is not text");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    failed(&here, &["setup", "cursor", "--apply"], 2, "is not a file");
}

#[test]
fn links_are_followed_modes_are_kept_and_nothing_else_is_written_through() {
    let here = Machine::new();
    let kept = write(&here, "dotfiles/mcp.json", "{\n}\n");
    std::fs::set_permissions(&kept, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::fs::create_dir(here.home().join(".cursor")).unwrap();
    let link = here.home().join(".cursor/mcp.json");
    symlink(&kept, &link).unwrap();
    here.run_plain(["setup", "cursor", "--apply"]);
    assert!(link.is_symlink() && std::fs::read_to_string(&kept).unwrap().contains("\"pinhole\""));
    assert_eq!(kept.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    here.run_plain(["setup", "cursor", "--remove"]);
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "{\n}\n");
    std::fs::set_permissions(&kept, std::fs::Permissions::from_mode(0o440)).unwrap();
    failed(&here, &["setup", "cursor", "--apply"], 8, "it is read-only");
    std::fs::remove_file(&kept).unwrap();
    failed(&here, &["setup", "cursor", "--apply"], 2, "is a broken link");
    std::fs::remove_file(&link).unwrap();
    let skills = here.home().join(".agents/skills");
    std::fs::create_dir_all(&skills).unwrap();
    let _ = std::fs::remove_dir_all(skills.join("pinhole"));
    symlink(here.home().join("dotfiles"), skills.join("pinhole")).unwrap();
    failed(&here, &["setup", "cursor", "--apply"], 2, "is a link, and its target is left alone");
}

#[test]
fn a_home_that_cannot_be_used_is_said() {
    let here = Machine::new();
    here.write("file", "");
    failed(&here, &["setup", "claude", "--apply", "--home", "missing"], 2, "cannot be used");
    failed(&here, &["setup", "claude", "--apply", "--home", "file"], 2, "is not a directory");
    for args in [&["setup", "claude", "--apply", "--remove"][..], &["setup", "emacs"]] {
        assert_eq!(here.run(args).expect(2).failure()["error"], "usage");
    }
    // A home of somebody else: root can give one away, and anybody else meets root's.
    let theirs = here.path("theirs");
    std::fs::create_dir(&theirs).unwrap();
    let given = std::os::unix::fs::chown(&theirs, Some(65_534), None).is_ok();
    let theirs = if given { theirs.to_str().unwrap() } else { "/" };
    failed(&here, &["setup", "claude", "--apply", "--home", theirs], 2, "belongs to another user");
    // Nothing can be written there, even by root.
    failed(
        &here,
        &["setup", "claude", "--apply", "--home", "/proc/self/fdinfo"],
        8,
        "cannot be written",
    );
}

#[test]
fn the_plugin_can_be_had_as_a_directory() {
    let here = Machine::new();
    let folder = here.path("plugin");
    assert_eq!(here.run_plain(["setup", "--unpack", "plugin"]), "plugin\n");
    let manifest: serde_json::Value = serde_json::from_str(
        &std::fs::read_to_string(folder.join(".claude-plugin/plugin.json")).unwrap(),
    )
    .unwrap();
    assert_eq!(manifest["version"], env!("CARGO_PKG_VERSION"));
    assert!(folder.join("skills/pinhole/SKILL.md").is_file() && folder.join(".mcp.json").is_file());
    failed(&here, &["setup", "--unpack", "plugin"], 8, "plugin is not empty");
}
