//! The driver's side of what is sent: wares become texts, secrets and offers; grants are served
//! elsewhere, from what is opened here.

use super::driver::Driver;
use super::event::{Event, Ours as Told, Sent, Way};
use super::plan::Ware;
use crate::control::Follower;
use crate::failure::{Failure, Kind};
use crate::files::outbox::{Next, Options, Outgoing, Selection, Totals};
use crate::report::escape;
use crate::report::sentences::{Side, failure_from};
use pinhole_protocol::conversation::Input;
use pinhole_protocol::messages::Body;
use pinhole_protocol::wire::{Differences, EntryKind, ItemId, Offer, Reason, Want};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How often a folder's count is said while it grows.
const COUNTING: Duration = Duration::from_millis(500);

/// Something of ours that has no result yet.
pub(super) struct Ours {
    what: String,
    size: Option<u64>,
    /// Files among the entries said so far; folders are not counted for people.
    files: u32,
    selection: Option<Arc<Selection>>,
    source: Option<Arc<Outgoing>>,
    /// What of it is not there as it is here.
    differences: Differences,
    /// Another command, which wants to know what becomes of it.
    follower: Option<Follower>,
}

impl Ours {
    /// What it is, in a few words.
    pub(super) fn what(&self) -> &str {
        &self.what
    }

    /// Ends the threads that read for it.
    pub(super) fn stop(&self) {
        if let Some(source) = &self.source {
            source.stop();
        }
    }

    /// Tells whoever wants to know that it failed.
    fn fail(&self, failure: &Failure) {
        if let Some(follower) = &self.follower {
            follower.failed(failure.clone());
        }
    }

    /// What was left out of folders: a sentence each.
    fn left_out(&self) -> Vec<String> {
        let Some(source) = &self.source else { return Vec::new() };
        let skips = source.skipped();
        let each = skips.first.iter().map(|one| {
            format!(
                "{} was left out: {}",
                escape::name(&one.path.to_string_lossy()),
                one.why.text()
            )
        });
        let more = skips.count.saturating_sub(skips.first.len() as u64);
        each.chain((more > 0).then(|| format!("{more} more were left out"))).collect()
    }

    fn told(&self, id: ItemId) -> Told {
        let mut differences = self.differences.clone();
        let skipped = self.source.as_ref().map_or(0, |source| source.skipped().count);
        let skipped = u32::try_from(skipped).unwrap_or(u32::MAX);
        // A peer that is not faithful is told nothing, and people here are all the same.
        differences.add_unnamed([
            0,
            0,
            skipped.saturating_sub(differences.left_out().saturating_add(differences.missing())),
        ]);
        let files = (self.files > 0).then_some(self.files);
        Told { id, what: self.what.clone(), size: self.size, files, differences }
    }
}

impl Driver<'_> {
    /// Sends everything that this process came to send.
    pub(super) fn send_wares(&mut self) {
        let plan = Arc::clone(&self.plan);
        for ware in &plan.wares {
            self.send(ware);
        }
        if plan.want == Want::Give {
            self.say_goodbye();
        }
    }

    /// Sends one thing.
    pub(super) fn send(&mut self, ware: &Ware) {
        self.send_for(ware, None);
    }

    /// Sends one thing for another command.
    pub(super) fn send_for(&mut self, ware: &Ware, follower: Option<Follower>) {
        let id = self.conversation.next_item();
        if let Some(follower) = &follower {
            follower.sent(id);
        }
        self.report.sent(&sent(id, ware), std::time::Instant::now());
        let what = ware.describe();
        let ours = |size| Ours {
            what: what.clone(),
            size,
            files: 0,
            selection: None,
            source: None,
            differences: Differences::default(),
            follower: follower.clone(),
        };
        let body = match ware {
            Ware::Text(text) => {
                self.ours.insert(id, ours(Some(text.len() as u64)));
                Body::text(id, text.clone())
            }
            Ware::Secret(label, secret) => {
                self.ours.insert(id, ours(Some(secret.len() as u64)));
                Body::secret(id, label.clone(), secret.expose())
            }
            Ware::Files(selection) => {
                self.ours.insert(id, Ours { selection: Some(Arc::clone(selection)), ..ours(None) });
                self.offer(id, selection);
                return;
            }
        };
        match body {
            Ok(body) => {
                self.next.push_back(Input::Body(id, body));
                if let Ware::Text(_) = ware {
                    self.turn();
                }
            }
            Err(_) => {
                if let Some(ours) = self.ours.remove(&id) {
                    ours.fail(&too_long(&what));
                }
                self.trouble(too_long(&what));
            }
        }
    }

    fn offer(&mut self, id: ItemId, selection: &Arc<Selection>) {
        let faithful = self.conversation.is_faithful();
        if !selection.reads() {
            return self.offer_made(id, selection, selection.offer(id, faithful));
        }
        let (made, selection) = (Arc::clone(selection), Arc::clone(selection));
        self.before_goodbye(
            move || made.offer(id, faithful),
            move |driver, offer| driver.offer_made(id, &selection, offer),
        );
    }

    /// Looks at these files on the disk, then offers them.
    pub(super) fn send_paths(&mut self, paths: Vec<PathBuf>, options: Options) {
        self.before_goodbye(
            move || Selection::check(&paths, &options, std::io::empty()),
            move |driver, checked| match checked {
                Ok(selection) => driver.send(&Ware::Files(Arc::new(selection))),
                Err(failure) => driver.say(&Event::Trouble(failure)),
            },
        );
    }

    /// Work of which an offer comes, as [`Driver::work`]; a goodbye waits for it.
    fn before_goodbye<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
        then: impl FnOnce(&mut Driver<'_>, T) + Send + 'static,
    ) {
        self.offering = self.offering.saturating_add(1);
        self.work(work, move |driver, came| {
            driver.offering = driver.offering.saturating_sub(1);
            then(driver, came);
            if driver.offering == 0 && std::mem::take(&mut driver.goodbye) {
                driver.say_goodbye();
            }
        });
    }

    /// Finishes what is under way and leaves. What is not offered yet could not be any more, and is
    /// waited for.
    pub(super) fn say_goodbye(&mut self) {
        if self.offering > 0 {
            self.goodbye = true;
        } else {
            self.next.push_back(Input::Leave);
        }
    }

    fn offer_made(
        &mut self,
        id: ItemId,
        selection: &Arc<Selection>,
        offer: Result<Offer, Failure>,
    ) {
        // Withdrawn meanwhile.
        if !self.ours.contains_key(&id) {
            return;
        }
        let faithful = self.conversation.is_faithful();
        let offer = match offer {
            Ok(offer) => offer,
            Err(failure) => {
                if let Some(ours) = self.ours.remove(&id) {
                    ours.fail(&failure);
                }
                self.trouble(failure);
                return;
            }
        };
        self.count(id, (offer.counted || offer.bytes > 0).then_some(offer.bytes));
        let counted = offer.counted;
        if let (Some(ours), false) = (self.ours.get(&id), self.plan.verify) {
            let follower = ours.follower.clone();
            self.say(&Event::Queued(ours.told(id)));
            follower.inspect(Follower::queued);
        }
        self.next.push_back(Input::Offer(offer));
        if counted {
            return;
        }
        // Folders are counted while the other side already reads the offer.
        if let Some(count) = selection.count_in_background(faithful) {
            let (desk, selection) = (self.desk.clone(), Arc::clone(selection));
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(COUNTING).await;
                    if count.stopped() {
                        // It is offered again, and counted for that.
                        return;
                    }
                    let (done, Totals { bytes, entries, counted }) =
                        (count.done(), selection.totals(faithful));
                    let counting = Arc::clone(&count);
                    let counted = move |driver: &mut Driver<'_>| {
                        // The walk may have come to its end since, and knows better.
                        if !counting.stopped() {
                            driver.count(id, Some(bytes));
                            driver.input(Input::Counted { transfer: id, bytes, entries, counted });
                        }
                    };
                    desk.bring(counted).await;
                    if done {
                        return;
                    }
                }
            });
        }
    }

    fn count(&mut self, id: ItemId, size: Option<u64>) {
        if let Some(ours) = self.ours.get_mut(&id) {
            ours.size = size;
        }
    }

    /// The peer wants it: opens the sources.
    pub(super) fn accepted(&mut self, id: ItemId) {
        let faithful = self.conversation.is_faithful();
        let Some(ours) = self.ours.get_mut(&id) else { return };
        let Some(selection) = &ours.selection else { return };
        let desk = self.desk.clone();
        let told = move |available: crate::files::outbox::Available| {
            desk.put(move |driver| driver.input(Input::Available(id, available.bytes)));
        };
        match selection.open(faithful, told) {
            Ok(source) => {
                let source = Arc::new(source);
                ours.source = Some(Arc::clone(&source));
                self.tables.add_source(id, source);
            }
            Err(failure) => self.withdraw(id, Reason::SourceUnreadable, Some(failure)),
        }
    }

    /// Produces the next part of a transfer.
    pub(super) fn next_part(&mut self, id: ItemId) {
        let Some(source) = self.ours.get(&id).and_then(|ours| ours.source.clone()) else { return };
        self.work(
            move || source.next_part(),
            move |driver, next| match next {
                Ok(Next::Part(entries)) => {
                    let files =
                        entries.iter().filter(|entry| entry.kind == EntryKind::File).count();
                    if let Some(ours) = driver.ours.get_mut(&id) {
                        ours.files =
                            ours.files.saturating_add(u32::try_from(files).unwrap_or(u32::MAX));
                    }
                    driver.input(Input::Part(id, entries));
                }
                Ok(Next::End { bytes, entries }) => {
                    driver.count(id, Some(bytes));
                    // A folder may hold more or less than when it was counted.
                    let faithful = driver.conversation.is_faithful();
                    let selection = driver.ours.get(&id).and_then(|ours| ours.selection.as_ref());
                    if selection
                        .is_some_and(|selection| selection.differs(faithful, entries, bytes))
                    {
                        driver.next.push_back(Input::Counted {
                            transfer: id,
                            bytes,
                            entries,
                            counted: true,
                        });
                    }
                    driver.input(Input::Total(id, bytes));
                }
                Ok(Next::Stopped) => {}
                Err(failure) => driver.withdraw(id, failure.reason(), Some(failure.failure())),
            },
        );
    }

    /// The last look at the sources before the end is said.
    pub(super) fn check_sources(&mut self, id: ItemId) {
        let Some(source) = self.ours.get(&id).and_then(|ours| ours.source.clone()) else { return };
        self.work(
            move || source.finish(),
            move |driver, checked| match checked {
                Ok(differences) => {
                    if let Some(ours) = driver.ours.get_mut(&id) {
                        ours.differences = differences.clone();
                    }
                    driver.input(Input::Checked(id, differences));
                }
                Err(failure) => driver.withdraw(id, failure.reason(), Some(failure.failure())),
            },
        );
    }

    /// The receiver has written more.
    pub(super) fn progress_out(&mut self, id: ItemId, done: u64, frontier: u64) {
        let Some(ours) = self.ours.get(&id) else { return };
        let total = ours.size;
        if let Some(source) = &ours.source {
            source.release(frontier);
        }
        self.say(&Event::Progress { id, way: Way::Out, done, total });
    }

    /// Withdraws something of ours, for a reason of this side's.
    pub(super) fn withdraw(&mut self, id: ItemId, reason: Reason, failure: Option<Failure>) {
        // Forgotten before it fails, or it would seem to have failed at the other side.
        let ours = self.forget(id);
        if let Some(failure) = failure {
            if let Some(ours) = ours {
                ours.fail(&failure);
            }
            self.trouble(failure);
        }
        self.input(Input::Cancel(id, reason));
    }

    /// The peer says that it has it.
    pub(super) fn delivered(&mut self, id: ItemId, differences: &Differences) {
        let Some(mut ours) = self.forget(id) else { return };
        ours.differences.extend(differences);
        self.delivered += 1;
        let details = ours.left_out();
        if let Some(follower) = &ours.follower {
            // Before "delivered", which is the last that it hears.
            details.iter().for_each(|detail| follower.left_out(detail.clone()));
        }
        self.say(&Event::Delivered(ours.told(id)));
        if let Some(follower) = &ours.follower {
            match incomplete(&ours.differences, Side::There) {
                Some(failure) => follower.failed(failure),
                None => follower.delivered(),
            }
        }
        let strict = self.plan.strict && !details.is_empty();
        details.into_iter().for_each(|detail| self.say(&Event::Trouble(left_out(detail))));
        if strict {
            self.fail(left_out_strictly());
        }
        self.differ(&ours.differences, Side::There);
    }

    /// Ends with a failure what did not arrive whole, or with `--strict` not under its name; `side`
    /// has it.
    pub(super) fn differ(&mut self, differences: &Differences, side: Side) {
        if let Some(failure) = incomplete(differences, side) {
            self.trouble(failure);
        } else if self.plan.strict && differences.renamed() > 0 {
            self.fail(Failure::new(
                Kind::Renamed,
                "something has another name at its receiver, which is a failure with --strict",
            ));
        }
    }

    /// The peer declined it, it failed there, or it was withdrawn here.
    pub(super) fn failed(&mut self, id: ItemId, reason: Reason) {
        if let Some(ours) = self.forget(id) {
            let failure = failure_from(reason, self.side);
            let detail = format!("could not deliver {}: {}", ours.what, failure.detail);
            let failure = Failure { detail, ..failure };
            ours.fail(&failure);
            self.trouble(failure);
        }
    }

    fn forget(&mut self, id: ItemId) -> Option<Ours> {
        self.tables.remove_source(id);
        let ours = self.ours.remove(&id)?;
        ours.stop();
        Some(ours)
    }
}

/// That not all is where it belongs, if so; `side` has what there is of it.
fn incomplete(differences: &Differences, side: Side) -> Option<Failure> {
    let what = match differences.missing() {
        0 => return None,
        1 => "one of the files is".to_owned(),
        missing => format!("{missing} of the files are"),
    };
    let detail = match side {
        Side::Here => format!("{what} missing or incomplete here; the rest has arrived"),
        Side::There => format!(
            "{what} missing or incomplete on the other side; the rest has \
                                arrived"
        ),
    };
    Some(Failure::new(Kind::Incomplete, detail).next("check what is missing, and send that again"))
}

/// That something was left out of a folder, which ends no command by itself.
pub(crate) fn left_out(detail: String) -> Failure {
    Failure::notice(Kind::Skipped, detail)
}

/// That it does, with `--strict`.
pub(crate) fn left_out_strictly() -> Failure {
    Failure::new(Kind::Skipped, "something was left out, which is a failure with --strict")
}

/// What a transcript has of a ware: a text whole, a secret never.
fn sent(id: ItemId, ware: &Ware) -> Sent<'_> {
    match ware {
        Ware::Text(text) => {
            Sent { id, what: ware.describe(), size: Some(text.len() as u64), body: Some(text) }
        }
        Ware::Secret(label, secret) => {
            let what = label.as_ref().map_or_else(
                || ware.describe(),
                |label| format!("the secret {}", escape::name(label)),
            );
            Sent { id, what, size: Some(secret.len() as u64), body: None }
        }
        Ware::Files(_) => Sent { id, what: ware.describe(), size: None, body: None },
    }
}

fn too_long(what: &str) -> Failure {
    Failure::new(
        Kind::TooLong,
        format!("{what} is longer than the {} bytes of one message", Body::MAX),
    )
    .next("send it as a file")
}
