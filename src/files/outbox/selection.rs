//! Things named on the command line, looked at before a code is shown.

mod looking;

use super::chosen::{Chosen, Offered, distinct, too_long};
use super::count::Counted;
use super::first_end::Content;
use super::outgoing::{Available, Outgoing, STDIN};
use super::rules::Rules;
use super::{Options, held};
use crate::failure::{Failure, Kind};
use looking::{Look, Looking, as_they_are};
use pinhole_protocol::limits;
use pinhole_protocol::wire::{Item, ItemId, ItemKind, Offer, PeerText};
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// Advice for more than one offer holds.
const ONE_FOLDER: &str = "put them into one folder and send that";
/// Encoded bytes of an offer and its message beside the items.
const OFFER_BYTES: usize = 64;

/// Files and folders, or one stream, that can be sent. Nothing of them is read yet, and one
/// selection may be offered more than once.
pub struct Selection(What);

enum What {
    Things {
        chosen: Arc<[Chosen]>,
        rules: Arc<Rules>,
        /// For a peer that is not faithful, and for one that is, to which more can be sent.
        counted: Mutex<[Arc<Counted>; 2]>,
        /// Content of each that was read before there was a code, until it is offered.
        read: Mutex<Vec<Option<Content>>>,
        /// Facts of each thing in the last offer.
        offered: Mutex<Vec<Offered>>,
    },
    Stream {
        name: String,
        input: Mutex<Option<Input>>,
    },
}

/// A stream that nobody has read from.
type Input = Box<dyn io::Read + Send>;

/// Size of an offer, as far as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Bytes so far.
    pub bytes: u64,
    /// Entries so far.
    pub entries: u32,
    /// True if that is all.
    pub counted: bool,
}

impl Selection {
    /// Looks at `paths` without reading a byte of content or a name inside a folder; but a file
    /// that has to be read for its length is read, to see that it has one. A named link is
    /// followed. `-` is `input`, which is read only after [`Selection::open`]; it and a named pipe
    /// are streams.
    ///
    /// # Errors
    /// Exit 2 if nothing is there, for devices, sockets and `/`, for a stream beside something
    /// else, for names over 255 bytes, for more paths or names than an offer holds, for more to be
    /// read than is held in memory, and for a pattern that is none; exit 5 for what the fence keeps
    /// in; exit 8 for what this user may not read.
    pub fn check(
        paths: &[PathBuf],
        options: &Options,
        input: impl io::Read + Send + 'static,
    ) -> Result<Self, Failure> {
        let rules = Rules::new(options)?;
        if paths.is_empty() {
            return Err(Failure::new(Kind::NothingToGive, "no file or folder was named")
                .next("name at least one"));
        }
        if paths.len() > limits::ITEMS {
            return Err(Failure::new(
                Kind::TooManyItems,
                format!(
                    "{} paths were named, but one offer holds at most {}",
                    paths.len(),
                    limits::ITEMS
                ),
            )
            .next(ONE_FOLDER));
        }
        let mut names = HashMap::new();
        let mut chosen = Vec::new();
        let mut bytes = OFFER_BYTES;
        let (mut input, mut looking, mut read) = (Some(input), Looking::new(&rules), Vec::new());
        for path in paths {
            match looking.at(path)? {
                Look::Thing(mut thing, content) => {
                    thing.name = distinct(thing.name, thing.folder, &mut names);
                    if thing.name.len() > limits::NAME_BYTES {
                        return Err(too_long(&thing.name));
                    }
                    bytes = bytes.saturating_add(thing.offered_bytes());
                    if bytes > limits::MESSAGE {
                        return Err(Failure::new(
                            Kind::TooManyItems,
                            format!(
                                "the names of the {} paths are too long for one offer",
                                paths.len()
                            ),
                        )
                        .next(ONE_FOLDER));
                    }
                    chosen.push(thing);
                    read.push(content);
                }
                Look::Stream(..) if paths.len() > 1 => {
                    return Err(Failure::new(
                        Kind::StreamAlone,
                        format!("{path:?} has no known end, so it is sent alone"),
                    )
                    .next("send it with a separate command"));
                }
                Look::Stream(name, pipe) => {
                    let input = pipe.or_else(|| input.take().map(|input| Box::new(input) as Input));
                    return Ok(Self(What::Stream { name, input: Mutex::new(input) }));
                }
            }
        }
        let (chosen, read) = (chosen.into(), Mutex::new(read));
        Ok(Self(What::Things {
            chosen,
            rules: Arc::new(rules),
            counted: Default::default(),
            read,
            offered: Mutex::default(),
        }))
    }

    /// Describes it in a few words for people, such as `report.pdf`, `3 items` or `standard input`.
    /// Unprintable characters are escaped.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.0 {
            What::Stream { name, .. } if name == STDIN => "standard input".into(),
            What::Stream { name, .. } => printable(name),
            What::Things { chosen, .. } => match &**chosen {
                [one] => printable(&one.name.to_string_lossy()),
                several => format!("{} items", several.len()),
            },
        }
    }

    /// Number of things that were named.
    #[must_use]
    pub fn items(&self) -> usize {
        match &self.0 {
            What::Stream { .. } => 1,
            What::Things { chosen, .. } => chosen.len(),
        }
    }

    /// Begins to count what is in the folders for a peer that is `faithful` or not, on a thread of
    /// its own, unless that was begun before. It ends with the selection.
    pub fn count_in_background(&self, faithful: bool) -> Option<Arc<Counted>> {
        let What::Things { chosen, rules, counted, .. } = &self.0 else { return None };
        let counted = the_count(counted, faithful);
        counted.begin(
            chosen.iter().filter(|thing| thing.folder).cloned().collect(),
            Arc::clone(rules),
            faithful,
        );
        Some(counted)
    }

    /// True if [`Selection::offer`] looks at files, which may take as long as a disk does, or a
    /// network.
    #[must_use]
    pub fn reads(&self) -> bool {
        matches!(&self.0, What::Things { chosen, .. } if chosen.iter().any(|thing| !thing.folder))
    }

    /// The offer as things are now, to a peer that is `faithful` or not (SPEC 3.2): sizes of files
    /// are asked again, and how much is in folders is not promised, but to be counted again. A file
    /// that has to be read for its length is read, and that is what will be sent of it; for the
    /// first offer that was done before there was a code, and is not done twice: some are empty
    /// once they were read.
    ///
    /// # Errors
    /// Exit 2 if a peer that is not faithful takes less at once.
    pub fn offer(&self, item: ItemId, faithful: bool) -> Result<Offer, Failure> {
        let (chosen, rules, read, offered, counted) = match &self.0 {
            What::Stream { name, .. } => {
                let stream = Item {
                    name: PeerText::new(name.clone()),
                    kind: ItemKind::Stream,
                    size: None,
                    exact: None,
                };
                return Ok(Offer {
                    item,
                    items: vec![stream],
                    bytes: 0,
                    entries: 1,
                    counted: false,
                    allocated: None,
                });
            }
            What::Things { chosen, rules, read, offered, counted } => {
                (chosen, rules, read, offered, counted)
            }
        };
        if !faithful && chosen.len() > limits::PATH_ITEMS {
            let detail = format!(
                "{} paths were named, but the other side's older pinhole takes {}",
                chosen.len(),
                limits::PATH_ITEMS
            );
            return Err(Failure::new(Kind::TooManyItems, detail).next(ONE_FOLDER));
        }
        let things = as_they_are(chosen, std::mem::take(&mut *held(read)), rules);
        let holes = things.iter().fold(0_u64, |sum, thing| sum.saturating_add(thing.holes));
        let mut names = HashMap::new();
        let mut items = Vec::new();
        for (thing, now) in chosen.iter().zip(&things) {
            let (kind, size) = if thing.folder {
                (ItemKind::Folder, None)
            } else {
                (ItemKind::File, Some(now.size))
            };
            let (name, exact) =
                if faithful { thing.said() } else { (thing.said_plainly(&mut names)?, None) };
            items.push(Item { name: PeerText::new(name), kind, size, exact });
        }
        *held(offered) = things;
        for before in held(counted).iter_mut().filter(|before| before.has_begun()) {
            before.stop();
            *before = Arc::default();
        }
        let Totals { bytes, entries, counted } = self.totals(faithful);
        let allocated = (faithful && holes > 0).then(|| bytes.saturating_sub(holes));
        Ok(Offer { item, items, bytes, entries, counted, allocated })
    }

    /// Size of the last offer, as far as it is counted by now.
    #[must_use]
    pub fn totals(&self, faithful: bool) -> Totals {
        let What::Things { chosen, counted, offered, .. } = &self.0 else {
            return Totals { bytes: 0, entries: 1, counted: false };
        };
        let counted = the_count(counted, faithful);
        let things = u32::try_from(chosen.len()).unwrap_or(u32::MAX);
        let folders =
            u32::try_from(chosen.iter().filter(|thing| thing.folder).count()).unwrap_or(u32::MAX);
        let bytes = held(offered).iter().fold(0_u64, |sum, thing| sum.saturating_add(thing.size));
        if folders == 0 {
            return Totals { bytes, entries: things, counted: true };
        }
        // First, because what is read after it was true is the whole.
        let done = counted.done();
        Totals {
            bytes: bytes.saturating_add(counted.bytes()),
            // Before the count has come to them, the folders themselves are known to be there.
            entries: things.saturating_sub(folders).saturating_add(counted.entries().max(folders)),
            counted: done,
        }
    }

    /// The walk has come to its end, so that nothing is to be counted any more: true if something
    /// was, because there are folders.
    #[must_use]
    pub fn end_count(&self, faithful: bool) -> bool {
        let What::Things { chosen, counted, .. } = &self.0 else { return false };
        the_count(counted, faithful).stop();
        chosen.iter().any(|thing| thing.folder)
    }

    /// Begins to send, once the offer is accepted, to a peer that is `faithful` or not. For a
    /// stream, `told` hears how far it is read; a stream can be opened only once.
    ///
    /// # Errors
    /// A stream that was opened before, exit 2; no thread to be had for a stream, exit 1.
    pub fn open(
        &self,
        faithful: bool,
        told: impl Fn(Available) + Send + 'static,
    ) -> Result<Outgoing, Failure> {
        match &self.0 {
            What::Things { chosen, rules, offered, .. } => {
                // Content that was read is let go as it is sent.
                let said =
                    |thing: &mut Offered| Offered { read: thing.read.take(), ..thing.clone() };
                let said = held(offered).iter_mut().map(said).collect();
                Ok(Outgoing::of_things(Arc::clone(chosen), said, Arc::clone(rules), faithful))
            }
            What::Stream { name, input } => {
                let input = held(input).take().ok_or_else(|| {
                    Failure::new(
                        Kind::StreamSpent,
                        format!("{} was read once and cannot be sent again", self.describe()),
                    )
                    .next("run the command again")
                })?;
                Outgoing::of_stream(name, input, told)
            }
        }
    }

    /// True if it can still be opened: always for files, for a stream until something of it was
    /// asked for.
    #[must_use]
    pub fn reusable(&self) -> bool {
        match &self.0 {
            What::Things { .. } => true,
            What::Stream { input, .. } => held(input).is_some(),
        }
    }
}

#[cfg(test)]
impl Selection {
    /// The parts of a walk, for tests of the walk.
    pub(super) fn things(&self) -> Option<(Arc<[Chosen]>, Arc<Rules>)> {
        match &self.0 {
            What::Things { chosen, rules, .. } => Some((Arc::clone(chosen), Arc::clone(rules))),
            What::Stream { .. } => None,
        }
    }
}

impl Drop for Selection {
    fn drop(&mut self) {
        if let What::Things { counted, .. } = &self.0 {
            held(counted).iter().for_each(|counted| counted.stop());
        }
    }
}

/// The count for a peer that is `faithful` or not.
fn the_count(counted: &Mutex<[Arc<Counted>; 2]>, faithful: bool) -> Arc<Counted> {
    let [plain, full] = &*held(counted);
    Arc::clone(if faithful { full } else { plain })
}

/// A name with its unprintable characters escaped.
fn printable(name: &str) -> String {
    let quoted = format!("{name:?}");
    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(&quoted).into()
}
