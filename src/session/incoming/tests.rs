use super::*;
use crate::files::inbox::{Conflict, Output, Policy};
use crate::log::Said;
use crate::report::prompt;
use crate::session::effects::Fed;
use crate::session::happened::Text;
use crate::session::plan::SecretPlace;
use crate::session::question::SecretAnswer;
use pinhole_protocol::limits::{CREDIT, FILE_CREDIT};
use pinhole_protocol::wire::{Item, ItemKind};
use tempfile::TempDir;

/// A folder, and what is received in it.
struct Received {
    dir: TempDir,
    incoming: Incoming,
}

impl Received {
    /// In a session of these terms, whose rules are changed by `rules`.
    fn new(terms: Terms, rules: impl FnOnce(&mut Taking)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let policy = Policy { keep_free: 0.0, ..Policy::default() };
        let inbox = Inbox::open(dir.path(), policy).unwrap();
        let mut taking = Taking {
            to: Destination::Folder(inbox, None),
            policy,
            person: true,
            ask: true,
            fenced: false,
            sink: None,
            secret: SecretPlace::Held,
            long_texts_to_file: false,
        };
        rules(&mut taking);
        let mut incoming = Incoming::new(terms, Some(taking), None, Tables::default());
        incoming.connected(Want::Both);
        Self { dir, incoming }
    }

    /// In a channel that stays open.
    fn channel() -> Self {
        Self::new(Terms::of(Want::Both), |_| {})
    }

    /// Gives the folder's name to what comes.
    fn named(mut self, name: &str) -> Self {
        let taking = self.incoming.taking.as_mut().unwrap();
        if let Destination::Folder(_, chosen) = &mut taking.to {
            *chosen = Some(FileName::parse(name.as_bytes()).unwrap().name);
        }
        self
    }
}

fn offer(id: u32) -> Offer {
    let name = PeerText::new(format!("{id}.txt"));
    Offer {
        item: ItemId(id),
        items: vec![Item { name, kind: ItemKind::File, size: Some(4), exact: None }],
        bytes: 4,
        entries: 1,
        counted: true,
        allocated: None,
    }
}

fn text(body: &str) -> PeerText {
    PeerText::new(body.into())
}

fn accepted() -> Result<Answer, Failure> {
    Ok(Answer::Offer(Some(Vec::new())))
}

/// The one input to the conversation.
fn input(effects: &Effects) -> &Input<'static> {
    match effects.inputs.as_slice() {
        [Fed::Input(input)] => input,
        inputs => panic!("{} inputs", inputs.len()),
    }
}

/// The place of an offer, made as [`Work::Begin`] makes it.
fn begin(effects: Effects) -> (ItemId, Result<Arc<Receiving>, Refusal>) {
    match effects.work.into_iter().next() {
        Some(Work::Begin(id, inbox, plan)) => {
            (id, inbox.begin(plan).map(Receiving::Files).map(Arc::new))
        }
        _ => panic!("nothing is begun"),
    }
}

#[test]
fn an_offer_while_a_question_is_open_is_said_and_asked_about_on_its_own() {
    let Received { mut incoming, dir: _dir } = Received::channel();
    for id in [1, 2] {
        let offered = incoming.offered(offer(id), false);
        assert!(matches!(offered.said.as_slice(), [Say::Event(Event::Offer(_))]));
        assert!(matches!(
            offered.then.as_slice(),
            [Happened::Ask(ItemId(about), Question::Offer(_))] if *about == id
        ));
    }
    let declined = incoming.decided(ItemId(1), Ok(Answer::Offer(None)));
    assert!(matches!(input(&declined), Input::Refuse(ItemId(1), Reason::Declined)));
    let (id, begun) = begin(incoming.decided(ItemId(2), accepted()));
    assert!(matches!(input(&incoming.begun(id, begun)), Input::Accept(ItemId(2), CREDIT)));
}

#[test]
fn files_of_a_striping_peer_may_be_written_further_ahead_and_an_output_never() {
    for striping in [false, true] {
        let terms = Terms { striping, ..Terms::of(Want::Both) };
        let Received { mut incoming, dir: _dir } = Received::new(terms, |_| {});
        let _ = incoming.offered(offer(1), false);
        let (id, begun) = begin(incoming.decided(ItemId(1), accepted()));
        let most = if striping { FILE_CREDIT } else { CREDIT };
        let begun = incoming.begun(id, begun);
        assert!(matches!(input(&begun), Input::Accept(ItemId(1), credit) if *credit == most));
        let _ = incoming.offered(offer(2), false);
        let output = Output::begin(&offer(2), None, std::io::sink(), |_| {}).unwrap();
        let begun = incoming.begun(ItemId(2), Ok(Arc::new(Receiving::Output(output))));
        assert!(matches!(input(&begun), Input::Accept(ItemId(2), CREDIT)));
    }
}

#[test]
fn nothing_follows_from_an_answer_about_an_offer_that_was_withdrawn() {
    let Received { mut incoming, dir: _dir } = Received::channel();
    let _ = incoming.offered(offer(1), false);
    let gone = incoming.cancelled(ItemId(1), Reason::SourceChanged, (Side::There, false));
    assert!(matches!(gone.then.as_slice(), [Happened::Trouble(_)]));
    assert!(incoming.decided(ItemId(1), accepted()).is_none());
    assert_eq!(incoming.under_way().count(), 0);
}

#[test]
fn a_place_that_is_made_too_late_is_removed_again() {
    let Received { mut incoming, dir } = Received::channel();
    let _ = incoming.offered(offer(1), false);
    let (id, begun) = begin(incoming.decided(ItemId(1), accepted()));
    let _ = incoming.cancelled(id, Reason::SourceChanged, (Side::There, false));
    let late = incoming.begun(id, begun);
    let [Work::Discard(receiving, rest)] = late.work.as_slice() else { panic!("it is kept") };
    assert!(receiving.discard(*rest).is_empty());
    assert_eq!(dir.path().read_dir().unwrap().count(), 0);
}

#[test]
fn whatever_is_not_delivered_is_removed_at_the_end_or_once_it_is_withdrawn() {
    let Received { mut incoming, dir: _dir } = Received::channel();
    for id in [1, 2] {
        let _ = incoming.offered(offer(id), false);
        let (id, begun) = begin(incoming.decided(ItemId(id), accepted()));
        let _ = incoming.begun(id, begun);
        assert!(incoming.tables.sink(id).is_some());
    }
    let gone = incoming.cancelled(ItemId(1), Reason::SourceChanged, (Side::There, false));
    assert!(matches!(gone.work.as_slice(), [Work::Discard(..)]));
    assert!(incoming.tables.sink(ItemId(1)).is_none());
    // As after a lost link.
    assert!(matches!(incoming.end().work.as_slice(), [Work::Discard(..)]));
}

#[test]
fn a_chunk_that_cannot_be_written_refuses_its_transfer_once() {
    let Received { mut incoming, dir: _dir } = Received::channel();
    let _ = incoming.offered(offer(1), false);
    let (id, begun) = begin(incoming.decided(ItemId(1), accepted()));
    let _ = incoming.begun(id, begun);
    let full = || Refusal { reason: Reason::NoSpace, failure: Failure::new(Kind::Disk, "full") };
    let refused = incoming.refused(id, full());
    assert!(matches!(input(&refused), Input::Refuse(ItemId(1), Reason::NoSpace)));
    assert!(matches!(refused.then.as_slice(), [Happened::Trouble(_)]));
    assert!(matches!(refused.work.as_slice(), [Work::Discard(..)]));
    // Work on it that ends later does nothing, and what another link brings cannot be written
    // either.
    assert!(incoming.gap(id, 0..1, None).is_none());
    assert!(incoming.refused(id, full()).is_none());
    assert!(incoming.registered(id, Err(full())).is_none());
}

#[test]
fn a_text_is_said_then_for_the_handler_and_kept_if_there_is_none() {
    let Received { mut incoming, dir: _dir } = Received::channel();
    let mut said = incoming.text(ItemId(1), text("hi"), false).said;
    let Some(Say::Text(text)) = said.pop() else { panic!("it is not said") };
    let effects = incoming.said(text, Ok(None));
    assert!(matches!(
        effects.then.as_slice(),
        [Happened::Turn, Happened::ForHandler(Text { id: ItemId(1), .. }, None)]
    ));
    let line = Said { seq: 7, line: "{}".into() };
    let kept = incoming.unhandled(ItemId(1), Some(line));
    assert!(matches!(input(&kept), Input::Kept(ItemId(1))));
}

#[test]
fn where_nobody_reads_a_text_is_held_until_its_line_is_received_or_gone() {
    let terms = Terms { unread: true, ..Terms::of(Want::Both) };
    let Received { mut incoming, dir: _dir } = Received::new(terms, |_| {});
    for (id, seq) in [(1, 10), (2, 11), (3, 12)] {
        let held = incoming.unhandled(ItemId(id), Some(Said { seq, line: "{}".into() }));
        assert!(matches!(input(&held), Input::Held(ItemId(held)) if *held == id));
    }
    let received = incoming.collected(&[11, 99], 0);
    assert!(matches!(input(&received), Input::Collected(ItemId(2))));
    assert!(matches!(received.then.as_slice(), [Happened::Room]));
    let gone = incoming.collected(&[], 12);
    assert!(matches!(input(&gone), Input::Collected(ItemId(1))));
}

#[test]
fn a_text_that_nobody_can_see_is_refused() {
    let Received { mut incoming, dir: _dir } = Received::channel();
    let mut said = incoming.text(ItemId(1), text("hi"), false).said;
    let Some(Say::Text(text)) = said.pop() else { panic!("it is not said") };
    let refused = incoming.said(text, Err(std::io::ErrorKind::BrokenPipe.into()));
    assert!(matches!(input(&refused), Input::Refuse(ItemId(1), Reason::OutputClosed)));
}

#[test]
fn while_the_backlog_is_full_everything_waits_in_its_order() {
    let Received { mut incoming, dir: _dir } = Received::channel();
    assert!(incoming.text(ItemId(1), text("first"), true).is_none());
    // It is behind the first, although there is room now.
    assert!(incoming.offered(offer(2), false).is_none());
    assert!(incoming.secret(ItemId(3), None, SecretVec::new(vec![7]), false).is_none());
    assert!(incoming.counted(ItemId(2), 9, 1, true).is_none());
    assert!(incoming.room(true).is_none());
    let first = incoming.room(false);
    assert!(matches!(first.said.as_slice(), [Say::Text(_)]));
    assert!(matches!(first.then.as_slice(), [Happened::Room]));
    let second = incoming.room(false);
    assert!(matches!(
        second.said.as_slice(),
        [Say::Event(Event::Offer(offered))] if offered.size == Some(9)
    ));
    let third = incoming.room(false);
    assert!(matches!(third.said.as_slice(), [Say::Held(ItemId(3), None, _)]));
    assert!(incoming.room(false).is_none());
}

#[test]
fn a_text_that_is_withdrawn_while_it_waits_is_never_said() {
    let Received { mut incoming, dir: _dir } = Received::channel();
    let _ = incoming.text(ItemId(1), text("first"), true);
    let _ = incoming.cancelled(ItemId(1), Reason::SourceChanged, (Side::There, false));
    assert!(incoming.room(false).is_none());
}

#[test]
fn a_take_on_a_channel_leaves_after_the_first_thing_and_wants_no_second() {
    let Received { mut incoming, dir: _dir } = Received::new(Terms::of(Want::Take), |_| {});
    let first = incoming.kept(ItemId(1));
    assert!(matches!(
        first.inputs.as_slice(),
        [Fed::Input(Input::Kept(ItemId(1))), Fed::Input(Input::Leave)]
    ));
    let second = incoming.text(ItemId(2), text("more"), false);
    assert!(matches!(input(&second), Input::Refuse(ItemId(2), Reason::NotWanted)));
    assert_eq!(incoming.received(), 1);
}

#[test]
fn nothing_is_taken_without_rules_for_it() {
    let mut incoming = Incoming::new(Terms::of(Want::Give), None, None, Tables::default());
    let offered = incoming.offered(offer(1), false);
    assert!(matches!(input(&offered), Input::Refuse(ItemId(1), Reason::NotWanted)));
    assert!(offered.said.is_empty());
}

#[test]
fn a_text_whose_name_is_taken_waits_for_the_person() {
    let rules = |taking: &mut Taking| taking.policy.conflict = Conflict::Ask;
    let Received { mut incoming, dir } = Received::new(Terms::of(Want::Take), rules).named("a.txt");
    incoming.connected(Want::Give);
    std::fs::write(dir.path().join("a.txt"), "old").unwrap();
    let asked = incoming.text(ItemId(1), text("new"), false);
    assert!(matches!(asked.then.as_slice(), [Happened::Ask(_, Question::TextName(_))]));
    let answer = Ok(Answer::TextName(prompt::Conflict::Overwrite));
    let stored = incoming.decided(ItemId(1), answer);
    assert!(matches!(stored.said.as_slice(), [Say::Text(text)] if text.saved.is_some()));
    assert_eq!(std::fs::read(dir.path().join("a.txt")).unwrap(), b"new");
}

#[test]
fn of_a_question_the_first_text_after_it_arrived_is_the_answer() {
    let terms = Terms { asking: true, ..Terms::of(Want::Both) };
    let Received { mut incoming, dir: _dir } = Received::new(terms, |_| {});
    let answers = |incoming: &mut Incoming| {
        let mut said = incoming.text(ItemId(1), text("hi"), false).said;
        matches!(said.pop(), Some(Say::Text(Text { answers: true, .. })))
    };
    assert!(!answers(&mut incoming), "before it has arrived");
    assert!(incoming.ours_arrived().is_none());
    assert!(answers(&mut incoming));
    assert!(!answers(&mut incoming), "a second");
}

#[test]
fn a_secret_goes_where_the_person_says() {
    let rules = |taking: &mut Taking| taking.secret = SecretPlace::Ask;
    let Received { mut incoming, dir } = Received::new(Terms::of(Want::Both), rules);
    let asked = incoming.secret(ItemId(1), None, SecretVec::new(b"x".to_vec()), false);
    assert!(matches!(asked.then.as_slice(), [Happened::Ask(_, Question::Secret(None, _))]));
    let file = SecretAnswer::File(SecretVec::new(b"x".to_vec()));
    let stored = incoming.decided(ItemId(1), Ok(Answer::Secret(file)));
    assert!(matches!(input(&stored), Input::Kept(ItemId(1))));
    assert_eq!(dir.path().read_dir().unwrap().count(), 1);
    let _ = incoming.secret(ItemId(2), None, SecretVec::new(vec![0xff]), false);
    let declined = incoming.decided(ItemId(2), Ok(Answer::Secret(SecretAnswer::NotText)));
    assert!(matches!(input(&declined), Input::Refuse(ItemId(2), Reason::Declined)));
}

#[test]
fn without_an_answer_an_item_is_refused() {
    let Received { mut incoming, dir: _dir } = Received::channel();
    let _ = incoming.offered(offer(1), false);
    let failure = Failure::new(Kind::NoAnswer, "nobody is there");
    let refused = incoming.decided(ItemId(1), Err(failure));
    assert!(matches!(input(&refused), Input::Refuse(ItemId(1), Reason::NoAnswer)));
}
