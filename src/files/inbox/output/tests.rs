use super::*;
use crate::failure::Kind;
use pinhole_protocol::wire::{Entry, ItemId, PeerText};
use proptest::prelude::*;
use std::sync::mpsc::SyncSender;

type Reports = Receiver<Result<Range<u64>, Refusal>>;

/// A sink that hands on what it is given, and waits where a reader would not read.
struct Pipe(SyncSender<Vec<u8>>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes.to_vec()).map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn offer(items: &[(&str, ItemKind, Option<u64>)]) -> Offer {
    let items = items.iter().map(|(name, kind, size)| Item {
        name: PeerText::new((*name).to_owned()),
        kind: *kind,
        size: *size,
        exact: None,
    });
    Offer {
        item: ItemId(1),
        items: items.collect(),
        bytes: 0,
        entries: 0,
        counted: false,
        allocated: None,
    }
}

fn part(name: &str, size: Option<u64>) -> Part {
    // Any other item is not in the offer.
    let entry = Entry { size, ..Entry::of_item(u32::from(name != "f"), EntryKind::File) };
    Part { item: ItemId(1), first: 0, entries: vec![entry] }
}

fn begin(
    kind: ItemKind,
    size: Option<u64>,
    max: Option<u64>,
    sink: impl Write + Send + 'static,
) -> (Output, Reports) {
    let (report, reports) = mpsc::channel();
    let output = Output::begin(&offer(&[("f", kind, size)]), max, sink, move |range| {
        drop(report.send(range))
    })
    .unwrap();
    output.register(&part("f", size)).unwrap();
    (output, reports)
}

#[test]
fn chunks_come_out_in_order_and_are_told_once_written() {
    let (sink, out) = mpsc::sync_channel(10);
    let (output, reports) = begin(ItemKind::File, Some(6), None, Pipe(sink));
    output.write(0, 4, b"56").unwrap();
    output.write(0, 2, b"34").unwrap();
    assert!(out.try_recv().is_err() && reports.try_recv().is_err());
    output.write(0, 0, b"12").unwrap();
    let told: Vec<_> = reports.iter().take(3).map(Result::unwrap).collect();
    assert_eq!(told, [0..2, 2..4, 4..6]);
    let saved = output.commit_counted(1, 6).unwrap();
    assert_eq!((saved.name.as_str(), saved.size, saved.path), ("f", 6, None));
    drop(output);
    assert_eq!(out.iter().flatten().collect::<Vec<_>>(), b"123456");
}

#[test]
fn only_one_file_or_stream_goes_to_an_output() {
    let file = ("f", ItemKind::File, Some(1));
    for items in [&[("d", ItemKind::Folder, None)][..], &[file, ("g", ItemKind::File, Some(1))]] {
        let refusal = Output::begin(&offer(items), None, io::sink(), |_| {}).unwrap_err();
        assert_eq!(
            (refusal.reason, refusal.failure.next.as_deref()),
            (Reason::NotWanted, Some("take into a folder instead: -o DIR"))
        );
    }
    let too_large = Output::begin(&offer(&[file]), Some(0), io::sink(), |_| {}).unwrap_err();
    assert_eq!(too_large.reason, Reason::TooLarge);

    let output = Output::begin(&offer(&[file]), None, io::sink(), |_| {}).unwrap();
    let folder = Entry { kind: EntryKind::Folder, size: None, ..part("f", None).entries.remove(0) };
    let two = [part("f", Some(1)).entries, part("f", Some(1)).entries].concat();
    let wrong = [
        part("g", Some(1)),
        part("f", None),
        Part { first: 1, ..part("f", Some(1)) },
        Part { entries: vec![folder], ..part("f", Some(1)) },
        Part { entries: two, ..part("f", Some(1)) },
    ];
    for wrong in wrong {
        assert_eq!(output.register(&wrong).unwrap_err().reason, Reason::Protocol);
    }
    assert_eq!(output.write(0, 0, b"1").unwrap_err().reason, Reason::Protocol);
    assert_eq!(output.register(&part("f", Some(2))).unwrap_err().reason, Reason::SourceChanged);
    output.register(&part("f", Some(1))).unwrap();
    assert_eq!(output.register(&part("f", Some(1))).unwrap_err().reason, Reason::Protocol);
}

#[test]
fn a_reader_that_pauses_holds_nobody_up_and_at_most_the_credit_in_memory() {
    let (sink, out) = mpsc::sync_channel(0);
    let (output, reports) = begin(ItemKind::Stream, None, None, Pipe(sink));
    let chunk = vec![1; 65_536];
    let chunks = CREDIT / 65_536;
    for number in 0..chunks {
        output.write(0, number * 65_536, &chunk).unwrap();
    }
    // Bytes that are sent again after a lost link are no more than there were.
    output.write(0, 0, &chunk).unwrap();
    output.write(0, CREDIT - 100, &chunk[..100]).unwrap();
    assert!(reports.try_recv().is_err());
    assert_eq!(output.write(0, CREDIT, b"1").unwrap_err().reason, Reason::Protocol);
    let reader = thread::spawn(move || out.iter().map(|bytes| length(&bytes)).sum::<u64>());
    assert_eq!(reports.iter().take(256).map(Result::unwrap).last(), Some(CREDIT - 65_536..CREDIT));
    drop(output);
    assert!(reader.join().unwrap() >= CREDIT);
}

#[test]
fn a_closed_output_is_told_to_both_sides() {
    let (sink, out) = mpsc::sync_channel(0);
    drop(out);
    let (output, reports) = begin(ItemKind::File, Some(4), None, Pipe(sink));
    output.write(0, 0, b"12").unwrap();
    assert_eq!(reports.recv().unwrap().unwrap_err().reason, Reason::OutputClosed);
    assert_eq!(output.write(0, 2, b"34").unwrap_err().failure.kind, Kind::OutputClosed);
    assert_eq!(output.commit_counted(1, 4).unwrap_err().reason, Reason::OutputClosed);

    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let (output, reports) = begin(ItemKind::File, Some(4), None, full);
    output.write(0, 0, b"12").unwrap();
    assert_eq!(reports.recv().unwrap().unwrap_err().reason, Reason::NoSpace);
}

#[test]
fn more_or_less_than_declared_is_refused() {
    for (offset, bytes) in [(4, &b"1"[..]), (0, b"12345"), (u64::MAX, b"1"), (1 << 63, b"1")] {
        let (output, _) = begin(ItemKind::File, Some(4), None, io::sink());
        assert_eq!(
            output.write(0, offset, bytes).unwrap_err().reason,
            Reason::Protocol,
            "{offset}"
        );
        assert_eq!(output.write(1, 0, b"1").unwrap_err().reason, Reason::Protocol);
    }
    for (entries, bytes) in [(1, 4), (1, 3), (1, 2), (2, 4), (0, 0), (1, u64::MAX)] {
        let (output, reports) = begin(ItemKind::File, Some(4), None, io::sink());
        output.write(0, 0, b"12").unwrap();
        reports.recv().unwrap().unwrap();
        assert_eq!(
            output.commit_counted(entries, bytes).unwrap_err().reason,
            Reason::Protocol,
            "{entries} {bytes}"
        );
    }
    let (output, _reports) = begin(ItemKind::Stream, None, Some(3), io::sink());
    output.write(0, 0, b"12").unwrap();
    output.write(0, 0, b"123").unwrap();
    assert_eq!(output.write(0, 2, b"34").unwrap_err().reason, Reason::TooLarge);
    assert_eq!(output.commit_counted(1, 3).unwrap().size, 3);
    let (nothing, _) = begin(ItemKind::File, Some(0), None, io::sink());
    assert_eq!(nothing.commit_counted(1, 0).unwrap().size, 0);
}

#[test]
fn what_is_discarded_goes_nowhere() {
    let (sink, out) = mpsc::sync_channel(1);
    let (output, _reports) = begin(ItemKind::File, Some(4), None, Pipe(sink));
    output.write(0, 2, b"34").unwrap();
    output.discard();
    output.write(0, 0, b"12").unwrap();
    assert_eq!(output.commit_counted(1, 4).unwrap_err().reason, Reason::Protocol);
    assert!(out.recv().is_err());

    // Nor what waits while the sink is busy with the chunk before.
    let (sink, out) = mpsc::sync_channel(0);
    let (output, _reports) = begin(ItemKind::File, Some(4), None, Pipe(sink));
    output.write(0, 0, b"1").unwrap();
    output.write(0, 1, b"234").unwrap();
    output.discard();
    assert!(out.iter().flatten().count() <= 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Any overlapping pieces in any order come out as the content, each byte once.
    #[test]
    fn pieces_in_any_order_come_out_as_the_whole(
        pieces in proptest::collection::vec((0..50usize, 1..20usize), 0..40),
    ) {
        let content: Vec<u8> = (0..60).collect();
        let (sink, out) = mpsc::sync_channel(200);
        let (output, _reports) = begin(ItemKind::File, Some(60), None, Pipe(sink));
        for (start, length) in pieces.into_iter().chain([(0, 60)]) {
            let end = (start + length).min(60);
            output.write(0, start as u64, &content[start..end]).unwrap();
            prop_assert!(lock(&output.state).held <= 60);
        }
        output.commit_counted(1, 60).unwrap();
        drop(output);
        prop_assert_eq!(out.iter().flatten().collect::<Vec<_>>(), content);
    }
}
