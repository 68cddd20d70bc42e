//! The plugin directory, which is in the program too, so that the skill is always of the version
//! that runs its commands.

/// A file of the plugin: its path below the plugin's directory, and its text.
pub type File = (&'static str, &'static str);

macro_rules! files {
    ($($path:literal),* $(,)?) => { &[$(($path, include_str!(concat!("plugin/", $path)))),*] };
}

/// All of them. The directory is a plugin of Claude Code with a marketplace of its own, a plugin of
/// Codex, and an Agent Plugin 1.0.0.
pub const FILES: &[File] = files![
    ".claude-plugin/marketplace.json",
    ".claude-plugin/plugin.json",
    ".codex-plugin/mcp.json",
    ".codex-plugin/plugin.json",
    ".mcp.json",
    "README.md",
    "mcp.json",
    "plugin.json",
    "skills/pinhole/SKILL.md",
    "skills/pinhole/references/files.md",
    "skills/pinhole/references/network.md",
    "skills/pinhole/references/sandbox.md",
    "skills/pinhole/references/secrets.md",
    "skills/pinhole/references/talk.md",
    "skills/pinhole/references/trouble.md",
];

/// Folder of the skill among them.
const SKILL: &str = "skills/pinhole/";

/// The files of the skill, with their paths below its directory.
pub fn skill() -> impl Iterator<Item = File> {
    FILES.iter().filter_map(|(path, text)| Some((path.strip_prefix(SKILL)?, *text)))
}

#[cfg(test)]
mod tests;
