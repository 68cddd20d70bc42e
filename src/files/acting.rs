//! Names by which programs act unasked: what stands in a file called so is run, built or obeyed by
//! whoever works in its folder. And folders in which programs act on whatever lies there.

mod places;

pub use places::{Marked, Place, Places};

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::path::{Component, Path};
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization as _;

/// Whole names, each with all that is in it.
static NAMES: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    include_str!("acting/names.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(str::split_whitespace)
        .collect()
});

/// Such names below others.
const BELOW: &[&str] = &[
    ".config/autostart",
    ".config/awesome",
    ".config/bash",
    ".config/direnv",
    ".config/elvish",
    ".config/environment.d",
    ".config/fish",
    ".config/git",
    ".config/helix",
    ".config/hypr",
    ".config/i3",
    ".config/mise",
    ".config/nushell",
    ".config/nvim",
    ".config/openbox",
    ".config/plasma-workspace",
    ".config/powershell",
    ".config/sway",
    ".config/systemd",
    ".config/user-tmpfiles.d",
    ".config/zed",
    ".config/zsh",
    ".local/bin",
    ".local/lib",
    ".local/share/applications",
    ".local/share/bash-completion",
    ".local/share/dbus-1",
    ".local/share/kio",
    ".local/share/kservices5",
    ".local/share/nautilus",
    ".local/share/systemd",
];

/// The folders in which the last of those names are.
static LEADING: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let folder = |path: &&'static str| path.rsplit('/').nth(1);
    BELOW.iter().filter_map(folder).collect()
});

/// Beginnings of such names, which go on with `.` or `-`, or not at all: each program takes several
/// endings.
const BEGINNINGS: &[&str] = &[
    ".babelrc",
    ".commitlintrc",
    ".eslintrc",
    ".huskyrc",
    ".lefthook",
    ".lintstagedrc",
    ".mocharc",
    ".nycrc",
    ".postcssrc",
    ".prettierrc",
    ".releaserc",
    ".simple-git-hooks",
    ".stylelintrc",
    "dockerfile",
    "gruntfile",
    "gulpfile",
    "jakefile",
    "karma.conf",
    "knexfile",
    "lefthook",
    "protractor.conf",
    "simple-git-hooks",
    "vitest.workspace",
    "wdio.conf",
];

/// Ends of such names.
const ENDS: &[&str] = &[
    // Python runs each in a folder of its modules, and a desktop what it shows.
    ".pth",
    ".egg-link",
    ".desktop",
    ".lnk",
    ".scf",
    ".library-ms",
    ".searchconnector-ms",
    // Projects that an editor opens, with their tasks.
    ".code-workspace",
    ".sublime-project",
    ".xcodeproj",
    ".xcworkspace",
    ".csproj",
    ".fsproj",
    ".vbproj",
    ".vcxproj",
    ".dockerfile",
    ".nimble",
    // Agents.
    ".instructions.md",
    ".prompt.md",
    ".chatmode.md",
    ".agent.md",
];

/// Part of the names of configurations that are programs, and the ends of these: `vite.config.ts`,
/// `webpack.config.prod.js`.
const CONFIG: &str = ".config.";
const SCRIPTS: &[&str] = &[".js", ".cjs", ".mjs", ".ts", ".cts", ".mts"];

/// The name by which programs act on what is at this path, if there is one in it: its own, or that
/// of a folder that it is in.
#[must_use]
pub fn acting(path: &Path) -> Option<String> {
    acting_below(path).or_else(|| names(path).into_iter().find_map(known))
}

/// The same of one name, of whatever bytes it is.
#[must_use]
pub fn acts(name: &OsStr) -> Option<String> {
    known(folded(&name.to_string_lossy()))
}

/// True if a name is one of these, which are folded.
#[must_use]
pub fn is_among(name: &OsStr, names: &HashSet<String>) -> bool {
    !names.is_empty() && names.contains(&folded(&name.to_string_lossy()))
}

/// The name by which programs act on what is at this path, if it is one that they know below others
/// alone.
#[must_use]
pub fn acting_below(path: &Path) -> Option<String> {
    among(BELOW, path)
}

/// True if programs act on some names only where they are in a folder of this name.
#[must_use]
pub fn leads(name: &OsStr) -> bool {
    LEADING.contains(folded(&name.to_string_lossy()).as_str())
}

/// The listed name that a folded name is, or stands for on FAT and NTFS.
fn known(name: String) -> Option<String> {
    let begins = |begin: &&str| {
        name.strip_prefix(begin).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-']))
    };
    let ends = |end: &&str| name.ends_with(end);
    let listed =
        NAMES.contains(name.as_str()) || BEGINNINGS.iter().any(begins) || ENDS.iter().any(ends);
    if listed || name.contains(CONFIG) && SCRIPTS.iter().any(ends) {
        return Some(name);
    }
    let short = Short::parse(&name)?;
    // A peer can send any number of them, so few are compared with each.
    let alike = LONG.get(&(short.letters.chars().next(), short.end))?;
    alike.iter().filter(|long| short.is_of(long)).min().map(|long| (*long).to_owned())
}

type Alike = HashMap<(Option<char>, &'static str), Vec<&'static str>>;

/// The names that may have a short one, by what that begins with and by its end.
static LONG: LazyLock<Alike> = LazyLock::new(|| {
    let mut all = Alike::new();
    for long in NAMES.iter() {
        let bare = long.trim_start_matches('.');
        let (base, end) = bare.rsplit_once('.').unwrap_or((bare, ""));
        let first = base.chars().find(|letter| *letter != '.');
        all.entry((first, end.get(..3).unwrap_or(end))).or_default().push(*long);
    }
    all
});

/// A name that FAT and NTFS make up for one that is not of their form, and that opens the same:
/// `git~1` for `.git`.
struct Short<'a> {
    letters: &'a str,
    digits: usize,
    end: &'a str,
}

impl<'a> Short<'a> {
    fn parse(name: &'a str) -> Option<Self> {
        let (base, end) = name.rsplit_once('.').unwrap_or((name, ""));
        let (letters, number) = base.rsplit_once('~')?;
        let is_number =
            (1..=6).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then_some(Self { letters, digits: number.len(), end })
    }

    /// True if it can be that of `long`: up to six of its letters, or two and a hash, and three of
    /// its end.
    fn is_of(&self, long: &str) -> bool {
        let bare = long.trim_start_matches('.');
        let (base, end) = bare.rsplit_once('.').unwrap_or((bare, ""));
        let base = base.replace('.', "");
        let own = bare.len() == long.len()
            && base.len() <= 8
            && end.len() <= 3
            && bare.matches('.').count() <= 1;
        let first = |text: &str, letters: usize| text.get(..letters).unwrap_or(text).to_owned();
        let hashed = || {
            let (two, hash) = self.letters.split_at_checked(2).unwrap_or_default();
            hash.len() == 4
                && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
                && first(&base, 2) == two
        };
        // Whoever has eight letters has no such name beside them.
        !own && self.end == first(end, 3)
            && (self.letters == first(&base, 7_usize.saturating_sub(self.digits)) || hashed())
    }
}

/// The first of these places that the path is in: names alone or below others, or with a slash in
/// front from the root on.
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

/// A name as file systems may read it that ignore case, or letters without a shape, or what is
/// behind a name: `.ſSH`, `.ss\u{200d}h`, `.ssh. ` and `.ssh::$INDEX_ALLOCATION` each open `.ssh`
/// somewhere.
fn folded(name: &str) -> String {
    // Names in ASCII, which most are, need no tables.
    let folded = if name.is_ascii() {
        name.to_ascii_lowercase()
    } else {
        let shaped: String = name.nfc().filter(|char| !is_ignorable(*char)).collect();
        shaped.to_uppercase().to_lowercase()
    };
    let whole = match folded.split_once(':') {
        Some((whole, stream)) if stream.contains(":$") => whole,
        _ => &folded,
    };
    whole.trim_end_matches(['.', ' ']).to_owned()
}

/// Letters without a shape, which ext4, F2FS, HFS+ and APFS leave out of account where they ignore
/// case: `Default_Ignorable_Code_Point` of Unicode 16, with those that it leaves to later.
const fn is_ignorable(char: char) -> bool {
    matches!(
        char,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests;
