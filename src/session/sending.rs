//! The driver's side of what is sent: wares become texts, secrets and offers; grants are served elsewhere, from what is opened here.

use super::driver::Driver;
use super::event::{Event, Ours as Told, Sent, Way};
use super::plan::Ware;
use crate::control::Follower;
use crate::failure::{Exit, Failure};
use crate::files::outbox::{Next, Outgoing, Selection};
use crate::report::escape;
use crate::report::sentences::failure_from;
use pinhole_protocol::conversation::Input;
use pinhole_protocol::messages::Body;
use pinhole_protocol::wire::{EntryKind, ItemId, Reason, Want};
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
        let each = skips.first.iter().map(|one| format!("{} was left out: {}", escape::name(&one.path.to_string_lossy()), one.why.text()));
        let more = skips.count.saturating_sub(skips.first.len() as u64);
        each.chain((more > 0).then(|| format!("{more} more were left out"))).collect()
    }

    fn told(&self, id: ItemId) -> Told {
        let left_out = self.source.as_ref().map_or(0, |source| source.skipped().count);
        Told { id, what: self.what.clone(), size: self.size, files: (self.files > 0).then_some(self.files), left_out }
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
            self.next.push_back(Input::Leave);
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
        let ours = |size| Ours { what: what.clone(), size, files: 0, selection: None, source: None, follower: follower.clone() };
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
        let offer = selection.offer(id);
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
        if let Some(count) = selection.count_in_background() {
            let (desk, selection) = (self.desk.clone(), Arc::clone(selection));
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(COUNTING).await;
                    let (done, offer) = (count.done(), selection.offer(id));
                    let counted = move |driver: &mut Driver<'_>| {
                        driver.count(id, Some(offer.bytes));
                        driver.input(Input::Counted { transfer: id, bytes: offer.bytes, entries: offer.entries, counted: offer.counted });
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
        let Some(ours) = self.ours.get_mut(&id) else { return };
        let Some(selection) = &ours.selection else { return };
        let desk = self.desk.clone();
        let told = move |available: crate::files::outbox::Available| {
            desk.put(move |driver| driver.input(Input::Available(id, available.bytes)));
        };
        match selection.open(told) {
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
                    let files = entries.iter().filter(|entry| entry.kind == EntryKind::File).count();
                    if let Some(ours) = driver.ours.get_mut(&id) {
                        ours.files = ours.files.saturating_add(u32::try_from(files).unwrap_or(u32::MAX));
                    }
                    driver.input(Input::Part(id, entries));
                }
                Ok(Next::End { bytes, .. }) => {
                    driver.count(id, Some(bytes));
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
                Ok(()) => driver.input(Input::Unchanged(id)),
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
    pub(super) fn delivered(&mut self, id: ItemId) {
        let Some(ours) = self.forget(id) else { return };
        self.delivered += 1;
        let details = ours.left_out();
        if let Some(follower) = &ours.follower {
            // Before "delivered", which is the last that it hears.
            details.iter().for_each(|detail| follower.left_out(detail.clone()));
        }
        self.say(&Event::Delivered(ours.told(id)));
        ours.follower.as_ref().inspect(|follower| follower.delivered());
        let strict = self.plan.strict && !details.is_empty();
        details.into_iter().for_each(|detail| self.say(&Event::Trouble(left_out(detail))));
        if strict {
            self.fail(left_out_strictly());
        }
    }

    /// The peer declined it, it failed there, or it was withdrawn here.
    pub(super) fn failed(&mut self, id: ItemId, reason: Reason) {
        if let Some(ours) = self.forget(id) {
            let failure = failure_from(reason, self.side);
            let detail = format!("{} was not delivered: {}", ours.what, failure.detail);
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

/// That something was left out of a folder, which ends no command by itself.
pub(crate) fn left_out(detail: String) -> Failure {
    Failure::new(Exit::Done, "skipped", detail)
}

/// That it does, with `--strict`.
pub(crate) fn left_out_strictly() -> Failure {
    Failure::new(Exit::Other, "skipped", "something was left out, and --strict makes that a failure")
}

/// What a transcript has of a ware: a text whole, a secret never.
fn sent(id: ItemId, ware: &Ware) -> Sent<'_> {
    match ware {
        Ware::Text(text) => Sent { id, what: ware.describe(), size: Some(text.len() as u64), body: Some(text) },
        Ware::Secret(label, secret) => {
            let what = label.as_ref().map_or_else(|| ware.describe(), |label| format!("the secret {}", escape::name(label)));
            Sent { id, what, size: Some(secret.len() as u64), body: None }
        }
        Ware::Files(_) => Sent { id, what: ware.describe(), size: None, body: None },
    }
}

fn too_long(what: &str) -> Failure {
    Failure::new(Exit::Usage, "too-long", format!("{what} is longer than the {} bytes of one message", Body::MAX)).next("send it as a file")
}
