//! Sentences about what the fence keeps in: why, and what lets it out.

use super::{Fence, Keeper, Slip};
use crate::failure::{Advice, Failure, Kind};
use crate::files::outbox::skipped::Why;
use crate::platform::file::WHEREABOUTS;
use crate::platform::places::advice_on_made_up;
use std::io;
use std::path::Path;

/// Advice for a person on opening the fence of an MCP server.
const STARTED: &str = "a person can have the server started as: pinhole mcp";

impl Fence {
    /// `slip` is what is against it here, `opened` what flags have to allow.
    pub(super) fn barred(&self, path: &Path, named: &Path, slip: &Slip, opened: &Slip) -> Barred {
        let same = std::path::absolute(named).is_ok_and(|named| named == path);
        let what =
            if same { format!("{path:?}") } else { format!("{named:?}, which is {path:?},") };
        let roots: Vec<_> = self.roots.iter().map(|root| format!("{root:?}")).collect();
        let reasons = [
            slip.outside.then(|| {
                if roots.is_empty() {
                    "is not in an allowed place".into()
                } else {
                    format!("is not in {}", roots.join(", "))
                }
            }),
            slip.telling.as_ref().map(|telling| format!("commonly holds secrets ({telling})")),
            slip.linked.then(|| {
                "has other names (hard links), perhaps in places that are not allowed".to_owned()
            }),
        ];
        let typed = typed(path);
        let sensitive = opened.telling.is_some() || opened.linked;
        let flags = [
            opened.outside.then(|| format!("--allow {typed}")),
            sensitive.then(|| "--allow-sensitive".to_owned()),
        ];
        let detail = format!(
            "{what} {}: {} holds it back ({})",
            listed(&reasons, " and "),
            self.keeper.fence(),
            self.why
        );
        let flags = listed(&flags, " ");
        let opens = match self.keeper {
            Keeper::Command => self.typed.with(&flags),
            Keeper::Channel => format!("with a code of its own: pinhole {flags} give {typed}"),
            Keeper::Server => format!("{STARTED} {flags}"),
        };
        // Nobody opens the fence to the made-up files of the system for one thing to send.
        let next = advice_on_made_up(path).map_or_else(|| if_wanted(&opens), Advice::from);
        let why = match slip {
            Slip { outside: true, .. } => Why::Outside,
            Slip { telling: Some(_), .. } => Why::Sensitive,
            _ => Why::Linked,
        };
        Barred { why, detail, next }
    }

    /// The refusal if the system does not tell where something is.
    pub(super) fn unknown(&self, named: &Path, error: &io::Error) -> Barred {
        let (from, next) = WHEREABOUTS;
        let detail = format!(
            "where {named:?} really is cannot be found out, and {} lets nothing else out ({}): \
            {from}: {error}",
            self.keeper.fence(),
            self.why
        );
        Barred { why: Why::Outside, detail, next: next.into() }
    }
}

/// Why the fence keeps something in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Barred {
    /// Reason to list for it inside of a folder.
    pub(in crate::files::outbox) why: Why,
    detail: String,
    next: Advice,
}

impl Barred {
    /// The failure shown to the user here.
    #[must_use]
    pub fn failure(&self) -> Failure {
        Failure::new(Kind::Fenced, self.detail.clone()).next(self.next.clone())
    }
}

/// Advice to send something by what `opens` the fence to it.
pub(super) fn if_wanted(opens: &str) -> Advice {
    Advice::for_user(format!(
        "if you want to send it, and not only because the other side asked: {opens}"
    ))
}

/// Those that there are, with words between them.
fn listed(words: &[Option<String>], between: &str) -> String {
    words.iter().flatten().map(String::as_str).collect::<Vec<_>>().join(between)
}

/// Advice to let files out of this folder, or this file, through an MCP server.
#[must_use]
pub fn allowing(place: &Path) -> String {
    format!("{STARTED} --allow {}", typed(place))
}

/// A path as it is typed into a shell; one with letters that a terminal could take for something
/// else as it is quoted everywhere.
pub(super) fn typed(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    shlex::try_quote(&text).ok().filter(|_| plain).map_or_else(|| format!("{path:?}"), Into::into)
}
