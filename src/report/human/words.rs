//! The longer sentences for people.

use crate::amounts::{count, roughly, size, took};
use crate::escape::{name, terminal};
use crate::events::{
    About, Acting, Channel, Offered, Partial, Path, Reach, SetAside, WantWord, Words,
};
use crate::failure::sentences::{Side, sentence};
use crate::report::style::{Ink, Style};
use pinhole_protocol::wire::{Difference, Differences, Fate, Reason};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The code and the line for the other machine, which stands between blank lines so that it can be
/// seen and copied.
pub fn channel(style: Style, channel: &Channel) -> String {
    let mut lines = Vec::new();
    lines.extend(
        channel
            .offering
            .as_ref()
            .map(|what| style.fold(&format!("Giving {}", terminal(what)), "  ")),
    );
    lines.extend(reach(&channel.reach).iter().map(|sentence| style.fold(sentence, "  ")));
    lines.push(String::new());
    lines.push(format!("Code: {}\n", style.paint(Ink::Bold, &channel.code)));
    match channel.join.as_slice() {
        [] => {}
        [join] => {
            let place = if join.place == "on this machine" {
                "On this machine"
            } else {
                "On the other machine"
            };
            lines.push(format!("{place}, run:\n\n  {}\n", join.command));
        }
        joins => {
            lines.push("The other side runs one of these:\n".into());
            lines.extend(
                joins.iter().map(|join| format!("  {}:\n    {}\n", join.place, join.command)),
            );
        }
    }
    if let Some(link) = &channel.link {
        lines.push(style.fold(
            "Or with this link. Opening it in a browser trusts its relay with the whole code.",
            "  ",
        ));
        lines.push(format!("\n  {link}\n"));
    }
    lines.push(style.fold(&format!("Good for one guest and {}.", roughly(channel.lasts)), "  "));
    lines.join("\n")
}

/// Sentences on the machines that reach the host, and on the two ways for everybody else.
fn reach(reach: &Reach) -> Vec<String> {
    let first = match reach {
        Reach::Relay(relay) => return vec![format!("Through {relay}.")],
        Reach::Machine => return vec!["The code works only on this machine.".into()],
        Reach::Announced => "The code works on this machine and this local network.".into(),
        Reach::Silent(None) => {
            "The code alone works on this machine; other machines need its address, and must be \
             able to reach it."
                .into()
        }
        Reach::Silent(Some(why)) => format!(
            "The code alone works on this machine; other machines need its address, because it \
             cannot be announced on the local network ({}).",
            terminal(why)
        ),
    };
    vec![first, "For someone elsewhere: --relay URL, with a relay of your own, or --tunnel.".into()]
}

/// A transfer goes on with what is here.
pub fn continued(here: u64, total: Option<u64>) -> String {
    let are_here = format!("{} are here", crate::amounts::size(here));
    match total.filter(|total| *total > 0) {
        Some(total) => {
            let percent = here.min(total).saturating_mul(100).checked_div(total).unwrap_or(100);
            format!("Going on at {percent} % ({are_here}).")
        }
        None => format!("Going on where it had ended ({are_here})."),
    }
}

/// A session that lives on for its secrets.
pub fn holding(secrets: usize, left: Duration) -> String {
    let (what, they) = if secrets == 1 {
        ("A secret is".to_owned(), "it")
    } else {
        (format!("{secrets} secrets are"), "they")
    };
    format!(
        "{what} held here for {}, or until {they} {} taken:",
        roughly(left),
        if secrets == 1 { "is" } else { "are" }
    )
}

/// Name of an unfinished transfer: its first item, and how many more.
pub fn partial_name(partial: &Partial) -> String {
    match partial.items {
        1 => bytes(partial.name.raw()),
        several => format!("{} and {} more", bytes(partial.name.raw()), several.saturating_sub(1)),
    }
}

/// One line for what an unfinished transfer has left.
pub fn partial(partial: &Partial, now: SystemTime) -> String {
    let what = partial_name(partial);
    let of = partial.size.map(|all| format!(" of {}", size(all))).unwrap_or_default();
    let ago = now.duration_since(partial.grown).unwrap_or_default();
    let state = match (partial.removed, partial.in_use) {
        (true, _) => ", removed",
        (false, true) => ", in use",
        (false, false) => "",
    };
    format!(
        "{what}: {}{of} here, {} ago{state}; {}",
        size(partial.bytes),
        roughly(ago),
        name(&partial.path.to_string_lossy())
    )
}

/// A session of this machine.
pub fn session(about: &About, now: SystemTime) -> String {
    let number =
        about.number.map_or_else(|| "no number yet".to_owned(), |number| number.to_string());
    let label = about.label.as_ref().map(|label| format!(" {}", name(label))).unwrap_or_default();
    let expires_at = about.expires_at.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds));
    let left = expires_at
        .and_then(|end| end.duration_since(now).ok())
        .map(|left| format!(", {} left", roughly(left)))
        .unwrap_or_default();
    let unreceived = about
        .unreceived
        .filter(|lines| *lines > 0)
        .map(|lines| format!(", {lines} not received"))
        .unwrap_or_default();
    let held = match about.secrets_held.unwrap_or(0) {
        0 => String::new(),
        1 => ", a secret held".into(),
        several => format!(", {several} secrets held"),
    };
    let end = about
        .end
        .as_ref()
        .map(|(exit, reason)| format!(" with {exit}, {}", terminal(reason)))
        .unwrap_or_default();
    let diagnostics = about
        .diagnostics
        .as_ref()
        .map(|path| format!("; errors are in {}", name(path)))
        .unwrap_or_default();
    let (want, role, state) =
        (WantWord::of(about.want), about.role.word(), about.state.word().replace('-', " "));
    let code = about.code.as_ref().map(|Words(code)| format!(", under {code}")).unwrap_or_default();
    format!(
        "{number}{label}: {want} ({role}), {state}{code}{end}{left}{unreceived}{held}{diagnostics}"
    )
}

/// A session that goes on in the background, and how to reach it.
pub fn detached(about: &About) -> String {
    let number = about.number.map(|number| format!(" {number}")).unwrap_or_default();
    format!(
        "It goes on in the background. Next: pinhole receive{number}, pinhole status{number} or \
        pinhole close{number}."
    )
}

/// Which way the bytes go.
pub const fn path(path: Path) -> &'static str {
    match path {
        Path::Loopback => "this machine",
        Path::Lan => "local network",
        Path::Direct => "direct",
        Path::Relay => "relay",
    }
}

/// A connection that has been lost for so long, in one line of so many columns; 0 for no end.
pub fn lost(time: Duration, columns: u16) -> String {
    let time = match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds => took(Duration::from_secs(seconds)),
    };
    let line = format!("Connection lost; trying again ({time}).");
    [format!("{line} Ctrl-C gives up."), line]
        .into_iter()
        .find(|line| columns == 0 || line.len() <= usize::from(columns))
        .unwrap_or_else(|| format!("Lost; trying ({time})."))
}

/// A connection is back, by a new link if there is a path, after it was lost for so long.
pub fn again(path: Option<Path>, lost: Option<Duration>) -> String {
    let after = lost.map(|lost| format!(" after {}", took(lost))).unwrap_or_default();
    match path {
        Some(way) => format!("Connected again{after} ({}); it goes on.", self::path(way)),
        None => format!("Connected again{after}."),
    }
}

/// The peer's goodbye.
pub fn left(reason: Reason) -> String {
    match reason {
        Reason::Done => "The other side has left.".into(),
        reason => format!("Ended: {}.", sentence(reason, Side::There)),
    }
}

/// Somebody used a wrong code.
pub fn wrong_code(guesses: u32) -> String {
    let sentence =
        "a wrong code was used, by mistake or as a guess: this code is dead and nothing was sent";
    if guesses > 1 {
        format!("{sentence} ({guesses} wrong codes so far)")
    } else {
        sentence.to_owned()
    }
}

/// An offer in one line: `3 items (report.pdf, logs, …), at least 12.3 GB, still counting`.
pub fn offer(offer: &Offered) -> String {
    let what = match offer.names.as_slice() {
        [one] => name(one),
        names => {
            let mut first: Vec<String> = names.iter().take(2).map(|name_| name(name_)).collect();
            if names.len() > 2 {
                first.push("…".into());
            }
            format!("{} ({})", count(names.len() as u64, "item"), first.join(", "))
        }
    };
    format!("{what}, {}", total(offer))
}

/// The size of an offer: `38.2 MB`, `at least 12.3 GB, still counting`, `still counting`,
/// `of unknown size`.
pub fn total(offer: &Offered) -> String {
    match (offer.size, offer.counted) {
        (Some(bytes), true) => size(bytes),
        (Some(0), false) => "still counting".into(),
        (Some(bytes), false) => format!("at least {}, still counting", size(bytes)),
        (None, _) => "of unknown size".into(),
    }
}

/// `logs, 13 files, 38.2 MB`.
pub fn amount(what: &str, files: Option<u32>, bytes: Option<u64>) -> String {
    let files = files.map(|files| count(files.into(), "file"));
    [Some(what.to_owned()), files, bytes.map(size)]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ")
}

/// A name or path of any bytes, for a terminal.
pub fn bytes(bytes: &[u8]) -> String {
    // Bytes that are no UTF-8 are shown escaped, so that no two names look alike.
    let shown: String = bytes
        .utf8_chunks()
        .flat_map(|chunk| [chunk.valid().to_owned(), chunk.invalid().escape_ascii().to_string()])
        .collect();
    name(&shown)
}

/// A sentence about a folder that was joined with one that was here.
pub fn merged(replaced: u32) -> String {
    let files = if replaced == 0 { "no file".to_owned() } else { count(replaced.into(), "file") };
    format!("it was merged into the folder that was here, and replaced {files} in it")
}

/// Names that act which people are told.
const ACTING: usize = 5;

/// The names in something received on which programs act, if there are any.
pub fn acting(found: &Acting) -> Option<String> {
    let told: Vec<String> = found.names().iter().take(ACTING).map(|path| name(path)).collect();
    let rest = found.names().len().saturating_sub(told.len()) as u64;
    let more = match rest.saturating_add(found.more().into()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!found.is_empty()).then(|| format!("programs act on these unasked: {}{more}", told.join(", ")))
}

/// Why something is in a private folder.
pub const fn set_aside(why: SetAside) -> &'static str {
    match why {
        SetAside::Acts => "so it is in a private folder, not where the rest goes",
        SetAside::Place => {
            "it is in a private folder: programs act unasked on everything in the place where it \
             would go"
        }
        SetAside::Device => {
            "it is in a private folder: behind a fence, a folder is moved to its place only once \
             it is checked, and it could not be moved there"
        }
    }
}

/// Differences that people are told by name.
const TOLD: usize = 20;

/// The differences of what arrived, a sentence each, without the name of `itself`: a line says that
/// already.
pub fn differing(all: &Differences, itself: Option<&[u8]>) -> impl Iterator<Item = String> {
    let renamed = all.renamed().saturating_sub(u32::from(itself.is_some()));
    let count = u64::from(renamed) + u64::from(all.missing()) + u64::from(all.left_out());
    first_of(all, count, Side::There, move |one| {
        !matches!(one.fate, Fate::Renamed(_)) || itself != Some(one.path.raw())
    })
}

/// The same for who sent it, who has heard already of what was left out here.
pub fn not_as_sent(all: &Differences) -> impl Iterator<Item = String> {
    let count = u64::from(all.renamed()) + u64::from(all.missing());
    first_of(all, count, Side::Here, |one| !matches!(one.fate, Fate::LeftOut(_)))
}

/// The first of `count` that are `told`, a sentence each, and how many more there are.
fn first_of(
    all: &Differences,
    count: u64,
    sender: Side,
    told: impl Fn(&Difference) -> bool,
) -> impl Iterator<Item = String> {
    let first: Vec<_> = all
        .first()
        .iter()
        .filter(|one| told(one))
        .take(TOLD)
        .map(|one| difference(one, sender))
        .collect();
    let more = count.saturating_sub(first.len() as u64);
    first.into_iter().chain((more > 0).then(|| format!("{more} more differ")))
}

/// One of them; `sender` is the side that sent it, which answers for its sources as the other does
/// for its disk.
fn difference(one: &Difference, sender: Side) -> String {
    let path = bytes(one.path.raw());
    let why = |reason: Reason| match (reason, sender) {
        (Reason::SourceChanged | Reason::SourceUnreadable, sender) => sentence(reason, sender),
        (_, Side::Here) => sentence(reason, Side::There),
        (_, Side::There) => sentence(reason, Side::Here),
    };
    match &one.fate {
        Fate::Renamed(stored) => format!("{path} is stored as {}", bytes(stored.raw())),
        Fate::Missing(reason) => format!("{path} is missing: {}", why(*reason)),
        Fate::LeftOut(reason) => format!("{path} was left out: {}", why(*reason)),
    }
}
