//! Names by which programs act unasked: what stands in a file called so is run, built or obeyed by whoever works in its folder.

use std::ffi::OsStr;
use std::path::{Component, Path};

/// Such names, alone or below others, each with all that is in it; lower case.
const NAMES: &[&str] = &[
    // Shells: bash(1), zsh(1), ksh(1), tcsh(1), fish(1); readline and direnv, which they start.
    ".bashrc",
    ".bash_profile",
    ".bash_login",
    ".bash_logout",
    ".bash_aliases",
    ".profile",
    ".zshrc",
    ".zshenv",
    ".zprofile",
    ".zlogin",
    ".zlogout",
    ".kshrc",
    ".mkshrc",
    ".cshrc",
    ".tcshrc",
    ".login",
    ".logout",
    ".config/fish",
    ".config/nushell",
    ".inputrc",
    ".envrc",
    // Logins and desktops: pam_env(8), X, environment.d(5), autostart, units of the user, ssh(1).
    ".pam_environment",
    ".xprofile",
    ".xinitrc",
    ".xsession",
    ".xsessionrc",
    ".config/environment.d",
    ".config/autostart",
    ".config/systemd",
    ".ssh",
    // Programs that are found before others.
    "bin",
    "sbin",
    ".local/bin",
    // Hooks, aliases and tasks: git(1), editors, debuggers, terminals.
    ".git",
    ".gitconfig",
    ".gitattributes",
    ".gitmodules",
    ".config/git",
    ".husky",
    ".pre-commit-config.yaml",
    "lefthook.yml",
    ".vimrc",
    ".nvimrc",
    ".nvim.lua",
    ".config/nvim",
    ".exrc",
    ".emacs",
    ".emacs.d",
    ".dir-locals.el",
    ".vscode",
    ".idea",
    ".devcontainer",
    ".gdbinit",
    ".lldbinit",
    ".tmux.conf",
    ".screenrc",
    // Agents: what they are told, and the programs that they start.
    "claude.md",
    "claude.local.md",
    "agents.md",
    "agents.override.md",
    "agent.md",
    "gemini.md",
    "qwen.md",
    "skill.md",
    ".agents",
    ".claude",
    ".claude.json",
    ".codex",
    ".cursor",
    ".cursorrules",
    ".gemini",
    ".windsurf",
    ".windsurfrules",
    ".clinerules",
    ".roo",
    ".opencode",
    "opencode.json",
    "opencode.jsonc",
    ".aider.conf.yml",
    ".mcp.json",
    ".github",
    ".gitlab-ci.yml",
    // Builds and tests, which read what they find: make(1), just, task, CMake, Cargo, Go, npm, Python, Ruby, Gradle, Maven, Nix, containers.
    "makefile",
    "gnumakefile",
    "bsdmakefile",
    "justfile",
    ".justfile",
    "taskfile.yml",
    "taskfile.yaml",
    "cmakelists.txt",
    "meson.build",
    "cargo.toml",
    "build.rs",
    ".cargo",
    "rust-toolchain",
    "rust-toolchain.toml",
    "go.mod",
    "go.work",
    "package.json",
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    ".pnpmfile.cjs",
    "deno.json",
    "bunfig.toml",
    "node_modules",
    "conftest.py",
    "sitecustomize.py",
    "usercustomize.py",
    "setup.py",
    "setup.cfg",
    "pyproject.toml",
    "pytest.ini",
    "tox.ini",
    "noxfile.py",
    ".python-version",
    ".pythonrc",
    ".pdbrc",
    "rakefile",
    "gemfile",
    ".irbrc",
    ".rprofile",
    "build.gradle",
    "build.gradle.kts",
    "gradlew",
    "mvnw",
    ".mvn",
    "pom.xml",
    "flake.nix",
    "shell.nix",
    "default.nix",
    "vagrantfile",
    "dockerfile",
    "jenkinsfile",
];

/// Ends of such names: configurations that are programs.
const ENDS: [&str; 5] = [".config.js", ".config.cjs", ".config.mjs", ".config.ts", ".config.mts"];

/// The name by which programs act on what is at this path, if there is one in it.
#[must_use]
pub fn acting(path: &Path) -> Option<String> {
    among(NAMES, path).or_else(|| names(path).into_iter().find(|name| ENDS.iter().any(|end| name.ends_with(end))))
}

/// The first of these places that the path is in: names alone or below others, or with a slash in front from the root on.
pub(super) fn among(places: &[&str], path: &Path) -> Option<String> {
    let whole = format!("/{}/", names(path).join("/"));
    let is_in = |place: &&&str| match place.strip_prefix('/') {
        Some(rest) => path.is_absolute() && whole.starts_with(&format!("/{rest}/")),
        None => whole.contains(&format!("/{place}/")),
    };
    places.iter().find(is_in).map(|place| (*place).to_owned())
}

/// The components of a path, folded.
pub(super) fn names(path: &Path) -> Vec<String> {
    let normal = |part| match part {
        Component::Normal(name) => Some(folded(&OsStr::to_string_lossy(name))),
        _ => None,
    };
    path.components().filter_map(normal).collect()
}

/// A name as file systems that ignore case, or letters without a shape, may read it: `.ſSH` and `.ss\u{200d}h` open `.ssh` there.
fn folded(name: &str) -> String {
    name.to_uppercase().to_lowercase().chars().filter(char::is_ascii).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_by_which_programs_act_are_known_however_they_are_written() {
        for path in ["CLAUDE.md", "a/agents.md", "MakeFile", "conftest.py", "x/.git/hooks", "vite.config.ts", "/home/mo/bin/x"] {
            assert!(acting(Path::new(path)).is_some(), "{path}");
        }
        for path in ["report.pdf", "notes.md", "token", ".env", "make", "claude", "cabinet", "a.py"] {
            assert_eq!(acting(Path::new(path)), None, "{path}");
        }
    }
}
