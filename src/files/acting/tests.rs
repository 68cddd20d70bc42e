use super::*;
use proptest::prelude::*;
use std::os::unix::ffi::OsStrExt as _;

#[test]
fn names_by_which_programs_act_are_known() {
    for name in [
        ".bashrc",
        ".zshenv",
        ".profile",
        ".config.fish/.profile",
        ".git",
        ".hg",
        ".svn",
        ".bzr",
        ".jj",
        ".envrc",
        ".mise.toml",
        "mise.toml",
        ".tool-versions",
        ".vscode",
        ".idea",
        ".fleet",
        ".zed",
        ".devcontainer",
        ".devcontainer.json",
        "x.code-workspace",
        ".claude",
        ".codex",
        ".cursor",
        ".mcp.json",
        ".continue",
        ".kiro",
        ".github/copilot-instructions.md",
        "copilot-instructions.md",
        "x.instructions.md",
        "CLAUDE.md",
        "AGENTS.md",
        "GEMINI.md",
        ".cursorrules",
        ".npmrc",
        ".cargo",
        "bin",
        "Makefile",
        "GNUmakefile",
        "justfile",
        "Procfile",
        "Dockerfile",
        "Dockerfile.dev",
        "docker-compose.yml",
        "compose.yaml",
        ".eslintrc",
        ".eslintrc.cjs",
        ".prettierrc.js",
        "lefthook.yml",
        ".lefthook.toml",
        "lefthook-local.yml",
        ".husky",
        ".pre-commit-config.yaml",
        "evil.pth",
        "x.desktop",
        "autostart",
        "desktop.ini",
        "autorun.inf",
        "conftest.py",
        "vite.config.ts",
        "webpack.config.prod.js",
        "a/agents.md",
        "x/.git/hooks",
        "/home/mo/bin/x",
        "a/.config/fish/config.fish",
        "HEAD",
    ] {
        assert!(acting(Path::new(name)).is_some(), "{name}");
    }
    for name in [
        "report.pdf",
        "notes.md",
        "token",
        ".env",
        "make",
        "claude",
        "claude.md.pdf",
        "cabinet",
        "a.py",
        "bin.tar",
        "my bin",
        ".config",
        ".local",
        "config.js",
        "dockerfiles",
        "eslintrc",
        "heads",
        "pth",
        "desktop",
        "…",
        "...",
        " ",
        "x~1",
        "~1",
        "setup~1.py",
        "日本bin",
        "Übin",
        "µ.git",
        "git~",
        "git~x",
        "git~1234567",
        "compose.pdf",
        "a:b",
        "10:30 bin",
    ] {
        assert_eq!(acting(Path::new(name)), None, "{name}");
    }
}

#[test]
fn other_spellings_that_open_the_same_file_are_the_same_name() {
    for (spelt, name) in [
        ("MakeFile", "makefile"),
        (".gIt", ".git"),
        (".g\u{131}t", ".git"),
        (".\u{17f}SH", ".ssh"),
        (".\u{df}h", ".ssh"),
        (".vs\u{212a}", ".vsk"),
        ("ma\u{212a}efile", "makefile"),
        ("CLA\u{200d}UDE.md", "claude.md"),
        ("\u{feff}CLAUDE.md\u{fe0f}", "claude.md"),
        ("CLAUDE\u{e0041}.md", "claude.md"),
        (".g\u{ad}it\u{34f}", ".git"),
        (".git.", ".git"),
        (".git . .", ".git"),
        (".git::$INDEX_ALLOCATION", ".git"),
        ("CLAUDE.md::$data", "claude.md"),
        (".git\u{200c}...", ".git"),
        ("GIT~1", ".git"),
        ("git~2.", ".git"),
        ("GITMOD~1", ".gitmodules"),
        ("GITMO~12", ".gitmodules"),
        ("GI7EBA~1", ".git"),
        ("MCP~1.JSO", ".mcp.json"),
        ("CLAUDE~1", ".claude"),
        ("AGENTS~1.MD", ".agents.md"),
    ] {
        if name == ".vsk" {
            assert_eq!(folded(spelt), name);
        } else {
            assert_eq!(acts(OsStr::new(spelt)).as_deref(), Some(name), "{spelt}");
        }
    }
}

#[test]
fn names_of_any_bytes_are_compared() {
    assert_eq!(acts(OsStr::from_bytes(b"caf\xe9.desktop")).as_deref(), Some("caf\u{fffd}.desktop"));
    assert_eq!(acts(OsStr::from_bytes(b".git\xff")), None);
    assert_eq!(acts(OsStr::from_bytes(b"\xff")), None);
}

#[test]
fn the_lists_are_in_the_form_that_names_are_brought_into() {
    assert!(NAMES.len() > 600);
    let text = include_str!("names.txt");
    let all: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(str::split_whitespace)
        .collect();
    assert_eq!(all.len(), NAMES.len(), "one of them stands there twice");
    for name in all.iter().chain(BEGINNINGS).chain(ENDS) {
        assert!(folded(name) == **name && !name.contains(['/', '"', ',']), "{name}");
    }
    for path in BELOW {
        assert_eq!(names(Path::new(path)).join("/"), **path);
    }
}

proptest! {
    #[test]
    fn any_name_is_survived_and_folding_is_done_once(
        bytes: Vec<u8>,
        near in "[.a-cA-C~:$0-9 \u{200d}\u{212a}ſ]{0,12}",
    ) {
        let _ = acts(OsStr::from_bytes(&bytes));
        let _ = acting(Path::new(OsStr::from_bytes(&bytes)));
        let once = folded(&near);
        prop_assert_eq!(acts(OsStr::new(&near)), acts(OsStr::new(&once)));
    }
}

#[test]
fn folders_that_lead_to_names_that_act_are_known() {
    for name in [".config", ".Config", ".local", "share"] {
        assert!(leads(OsStr::new(name)), "{name}");
    }
    for name in ["config", "fish", ".git", ""] {
        assert!(!leads(OsStr::new(name)), "{name}");
    }
}
