//! The agents that are set up: where each looks for skills and for MCP servers. The paths are those
//! of their documentation in autumn 2026 (code.claude.com/docs, developers.openai.com/codex,
//! cursor.com/docs, opencode.ai/docs, geminicli.com/docs).

use std::path::{Path, PathBuf};

/// An agent program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// Claude Code.
    Claude,
    /// Codex.
    Codex,
    /// Cursor.
    Cursor,
    /// OpenCode.
    OpenCode,
    /// Gemini CLI.
    Gemini,
}

/// The directory in which an agent is set up.
#[derive(Debug)]
pub struct Home {
    /// This user's home, or the one that was named instead.
    pub path: PathBuf,
    /// True if it is this user's, so that variables say where an agent keeps its files.
    pub own: bool,
}

impl Home {
    fn place(&self, variable: &str, below: &str) -> PathBuf {
        let set =
            || std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
        self.own.then(set).flatten().unwrap_or_else(|| self.path.join(below))
    }
}

impl Client {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Claude, Self::Codex, Self::Cursor, Self::OpenCode, Self::Gemini];

    /// Name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Claude => "Claude Code",
            Self::Codex => "Codex",
            Self::Cursor => "Cursor",
            Self::OpenCode => "OpenCode",
            Self::Gemini => "Gemini CLI",
        }
    }

    /// Name on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::Cursor => "cursor",
            Self::OpenCode => "opencode",
            Self::Gemini => "gemini",
        }
    }

    /// Words by which its user calls the skill.
    pub const fn call(self) -> &'static str {
        match self {
            Self::Codex => "$pinhole",
            _ => "/pinhole",
        }
    }

    /// The directory that is there if it is in use here.
    pub fn directory(self, home: &Home) -> PathBuf {
        match self {
            Self::Claude => home.place("CLAUDE_CONFIG_DIR", ".claude"),
            Self::Codex => home.place("CODEX_HOME", ".codex"),
            Self::Cursor => home.path.join(".cursor"),
            Self::OpenCode => home.place("XDG_CONFIG_HOME", ".config").join("opencode"),
            Self::Gemini => self.base(home).join(".gemini"),
        }
    }

    /// The home that it goes by.
    fn base(self, home: &Home) -> PathBuf {
        match self {
            Self::Gemini => home.place("GEMINI_CLI_HOME", ""),
            _ => home.path.clone(),
        }
    }

    /// Folder of its user's skills. All but Claude Code read the one that agents share, so one copy
    /// serves them. Folders that they read besides (OpenCode and Cursor the one of Claude Code,
    /// each one of its own) get no copy.
    pub fn skills(self, home: &Home) -> PathBuf {
        match self {
            Self::Claude => self.directory(home).join("skills"),
            _ => self.base(home).join(".agents/skills"),
        }
    }

    /// Folder of the copy that earlier versions made, which it would read beside the shared one.
    pub fn former_skills(self, home: &Home) -> Option<PathBuf> {
        matches!(self, Self::Cursor | Self::OpenCode).then(|| self.directory(home).join("skills"))
    }

    /// The file that names its MCP servers.
    pub fn configuration(self, home: &Home) -> PathBuf {
        let directory = self.directory(home);
        match self {
            // Beside the directory, unless the variable has moved both.
            Self::Claude if directory == home.path.join(".claude") => {
                home.path.join(".claude.json")
            }
            Self::Claude => directory.join(".claude.json"),
            Self::Codex => directory.join("config.toml"),
            Self::Cursor => directory.join("mcp.json"),
            Self::Gemini => directory.join("settings.json"),
            Self::OpenCode => {
                let commented = directory.join("opencode.jsonc");
                if is_there(&commented) { commented } else { directory.join("opencode.json") }
            }
        }
    }
}

/// True if something is there, a broken link included.
pub fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
