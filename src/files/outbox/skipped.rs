//! Things that a walk leaves out although nobody asked for that.

use super::held;
use pinhole_protocol::wire::{Differences, Fate, Reason};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Most that are named. The others are only counted, so that a folder of a million links costs no
/// memory.
pub const NAMED: usize = 1_000;
/// Most bytes of the paths of those that are named.
pub const NAMED_BYTES: usize = 8 << 10;

/// Something in a named folder that is not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its path.
    pub path: PathBuf,
    /// Why not.
    pub why: Why,
}

/// Why something is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// A symbolic link, and links are not sent.
    Link,
    /// A symbolic link that leads out of the named folder.
    Outward,
    /// A folder that is reached through a link inside itself.
    Loop,
    /// A device, a socket or a pipe.
    Special,
    /// It cannot be read, or a link leads nowhere.
    Unreadable,
    /// It is made up as it is read, and no end of it came.
    Endless,
    /// It changed or was removed before it was sent whole.
    Changed,
    /// Another folder has come in the place of its own.
    Replaced,
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
            Self::Outward => {
                "a link out of the folder (--links follow sends what it points to, --links all the \
                link itself)"
            }
            Self::Loop => "a link back into its own folder",
            Self::Special => "a device, socket or pipe",
            Self::Unreadable => "cannot be read",
            Self::Endless => {
                "it is generated as it is read, and does not end within 16 MiB and 5 seconds"
            }
            Self::Changed => "it changed or was removed before it was sent whole",
            Self::Replaced => "its folder was replaced by another",
            Self::TooLong => "its name or path is too long",
            Self::TooDeep => "it lies too deep",
            Self::TooMany => "there are more than a million entries",
            Self::Outside => "it is outside the sending fence (--allow PATH)",
            Self::Linked => {
                "it has another name (a hard link), perhaps outside the sending fence \
                 (--allow-sensitive)"
            }
            Self::Sensitive => {
                "it commonly holds secrets, which the sending fence holds back \
                 (--allow-sensitive)"
            }
        }
    }
}

impl Why {
    /// True if the peer gets the name.
    pub(super) fn is_told(self) -> bool {
        self.fate().is_some()
    }

    /// Its fate as sent to the peer; `None` if the peer gets the count alone.
    const fn fate(self) -> Option<Fate> {
        match self {
            Self::Link | Self::Outward | Self::Loop => Some(Fate::LeftOut(Reason::Link)),
            Self::Special => Some(Fate::LeftOut(Reason::Special)),
            Self::TooLong | Self::TooDeep | Self::TooMany => {
                Some(Fate::LeftOut(Reason::OverLimits))
            }
            Self::Unreadable | Self::Endless => Some(Fate::Missing(Reason::SourceUnreadable)),
            Self::Changed | Self::Replaced => Some(Fate::Missing(Reason::SourceChanged)),
            Self::Outside | Self::Sensitive | Self::Linked => None,
        }
    }
}

/// Everything a walk has left out so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skips {
    /// The first 1,000, as long as their paths are at most 8 KiB.
    pub first: Vec<Skipped>,
    /// Number of all of them.
    pub count: u64,
}

/// The list while the walk adds to it and others read it, and what of it the peer is told.
#[derive(Default)]
pub(super) struct SkipList(Mutex<Noted>);

#[derive(Default)]
struct Noted {
    skips: Skips,
    /// Bytes of the paths that are named.
    bytes: usize,
    /// Those that the peer takes back by name alone: no gap in what was sent shows them.
    needed: Differences,
    differences: Differences,
    /// Number of others, of which the peer gets the count alone.
    unnamed: Differences,
}

/// Fate that the peer gets for things kept back.
const KEPT_BACK: Fate = Fate::LeftOut(Reason::Declined);

impl Noted {
    fn note(&mut self, path: &Path, why: Why) {
        let Self { skips: Skips { first, count }, bytes, .. } = self;
        let named = bytes.saturating_add(path.as_os_str().len());
        // Once one was not, none is: what is named is what came first.
        if first.len() < NAMED && named <= NAMED_BYTES && first.len() as u64 == *count {
            first.push(Skipped { path: path.to_owned(), why });
            *bytes = named;
        }
        *count = count.saturating_add(1);
    }
}

impl SkipList {
    /// Notes that the thing at `path`, with the names `said` for the peer, is left out.
    pub fn add(&self, path: &Path, said: &[u8], why: Why) {
        self.add_to(|noted| &mut noted.differences, path, said, why);
    }

    /// The same of something that the peer knows to be missing by its name alone, as a file that
    /// was sent whole.
    pub fn add_needed(&self, path: &Path, said: &[u8], why: Why) {
        self.add_to(|noted| &mut noted.needed, path, said, why);
    }

    fn add_to(&self, told: fn(&mut Noted) -> &mut Differences, path: &Path, said: &[u8], why: Why) {
        let Some(fate) = why.fate() else { return self.add_unnamed(path, why) };
        let noted = &mut *held(&self.0);
        noted.note(path, why);
        told(noted).add(said, fate);
    }

    /// The same of something of which the peer hears the count alone.
    pub fn add_unnamed(&self, path: &Path, why: Why) {
        let noted = &mut *held(&self.0);
        noted.note(path, why);
        noted.unnamed.count_one(&why.fate().unwrap_or(KEPT_BACK));
    }

    /// Something is kept back because the user said so, which is listed for nobody.
    pub fn keep_back(&self) {
        held(&self.0).unnamed.count_one(&KEPT_BACK);
    }

    pub fn so_far(&self) -> Skips {
        held(&self.0).skips.clone()
    }

    /// Differences for the peer, beginning with those that it needs.
    ///
    /// # Errors
    /// The number of those that it needs, if they are more than can be named.
    pub fn differences(&self) -> Result<Differences, u32> {
        let noted = held(&self.0);
        let mut differences = noted.needed.clone();
        if !differences.unnamed().is_empty() {
            return Err(differences.missing());
        }
        differences.extend(&noted.differences);
        differences.extend(&noted.unnamed);
        Ok(differences)
    }
}
