//! What a walk leaves out although nobody asked for that.

use super::held;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// How many are named; the others are only counted, so that a folder of a million links costs no memory.
pub const NAMED: usize = 1_000;

/// Something in a named folder that is not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Where it is.
    pub path: PathBuf,
    /// Why not.
    pub why: Why,
}

/// Why something is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// A symbolic link, and links are not followed.
    Link,
    /// A folder that is reached through a link inside itself.
    Loop,
    /// A device, a socket or a pipe.
    Special,
    /// It cannot be read, or a link leads nowhere.
    Unreadable,
    /// Its name, or its path, is longer than a transfer carries.
    TooLong,
    /// It lies in more folders than a transfer carries.
    TooDeep,
    /// There are more entries than a transfer carries.
    TooMany,
    /// It is reached through a link and lies where the fence lets nothing out.
    Outside,
    /// It commonly holds secrets, and the fence lets that not out.
    Sensitive,
    /// It has another name, perhaps where the fence lets nothing out.
    Linked,
}

impl Why {
    /// The reason as it reads after "not sent:".
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Link => "a link (--links follow sends what it points to)",
            Self::Loop => "a link back into its own folder",
            Self::Special => "a device, socket or pipe",
            Self::Unreadable => "cannot be read",
            Self::TooLong => "its name or path is too long",
            Self::TooDeep => "it lies too deep",
            Self::TooMany => "there are more than a million entries",
            Self::Outside => "it is outside of what the sending fence lets out (--allow PATH)",
            Self::Linked => "it has another name (a hard link), perhaps outside of what the sending fence lets out (--allow-sensitive)",
            Self::Sensitive => "it commonly holds secrets, which the sending fence keeps in (--allow-sensitive)",
        }
    }
}

/// Everything a walk has left out so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skips {
    /// The first 1,000.
    pub first: Vec<Skipped>,
    /// How many there are in all.
    pub count: u64,
}

/// The list while the walk adds to it and others read it.
#[derive(Default)]
pub(super) struct SkipList(Mutex<Skips>);

impl SkipList {
    pub fn add(&self, path: &Path, why: Why) {
        let mut skips = held(&self.0);
        skips.count = skips.count.saturating_add(1);
        if skips.first.len() < NAMED {
            skips.first.push(Skipped { path: path.to_owned(), why });
        }
    }

    pub fn so_far(&self) -> Skips {
        held(&self.0).clone()
    }
}
