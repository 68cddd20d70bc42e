use super::*;
use crate::files::outbox::Read;
use crate::files::outbox::outgoing::Available;
use pinhole_protocol::limits;
use pinhole_protocol::wire::Reason;
use std::sync::mpsc::{Receiver, channel};

/// Standard input made of `input`, opened, and what is told about it.
fn stream(input: impl io::Read + Send + 'static) -> (Outgoing, Receiver<Available>) {
    let (told, hears) = channel();
    let selection = Selection::check(&["-".into()], &Options::default(), input).unwrap();
    let outgoing =
        selection.open(true, move |available| told.send(available).unwrap_or_default()).unwrap();
    let Next::Part(entries) = outgoing.next_part().unwrap() else {
        panic!("the stream's own entry comes first")
    };
    assert_eq!((entries.len(), entries[0].item, entries[0].size), (1, Some(0), None));
    (outgoing, hears)
}

/// Gives the pieces that are sent to it, and fails or ends when there are no more.
struct Pieces(Receiver<io::Result<Vec<u8>>>);

impl io::Read for Pieces {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let Ok(piece) = self.0.recv() else { return Ok(0) };
        let piece = piece?;
        buf[..piece.len()].copy_from_slice(&piece);
        Ok(piece.len())
    }
}

#[test]
fn what_is_typed_slowly_can_be_sent_at_once() {
    let (types, input) = channel();
    let (outgoing, hears) = stream(Pieces(input));
    assert_eq!(outgoing.read(0, &mut [0; 9]).unwrap(), None);
    types.send(Ok(b"one".to_vec())).unwrap();
    types.send(Err(io::ErrorKind::Interrupted.into())).unwrap();
    assert_eq!(hears.recv().unwrap(), Available { bytes: 3, ended: false });
    assert_eq!(
        outgoing.read(1, &mut [0; 9]).unwrap(),
        Some(Read::Bytes { entry: 0, offset: 1, len: 2 })
    );
    types.send(Ok(b"two".to_vec())).unwrap();
    assert_eq!(hears.recv().unwrap(), Available { bytes: 6, ended: false });
    assert_eq!(bytes_from(&outgoing, 0, 4).unwrap(), b"onetwo");
    drop(types);
    assert_eq!(hears.recv().unwrap(), Available { bytes: 6, ended: true });
    assert_eq!(outgoing.next_part().unwrap(), Next::End { entries: 1, bytes: 6 });
    outgoing.finish().unwrap();
}

/// Bytes that count up, without end, and a note of how many were asked for.
struct Endless(u64);

impl io::Read for Endless {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = buf.len().min(10_007);
        for byte in &mut buf[..len] {
            *byte = (self.0 % 251) as u8;
            self.0 += 1;
        }
        Ok(len)
    }
}

#[test]
fn no_more_is_read_ahead_than_may_be_under_way() {
    let (outgoing, hears) = stream(Endless(0));
    let until = |bytes| hears.iter().find(|available| available.bytes >= bytes).unwrap().bytes;
    assert_eq!(until(limits::CREDIT), limits::CREDIT);
    // It waits now: what it tells next can only follow from the release.
    assert!(hears.try_recv().is_err());
    outgoing.release(100_000);
    assert_eq!(until(limits::CREDIT + 100_000), limits::CREDIT + 100_000);
    let mut buf = [0; 3];
    assert_eq!(outgoing.read(99_999, &mut buf).unwrap(), None, "released");
    for position in [100_000, 7_777_777, limits::CREDIT + 99_997] {
        assert_eq!(
            outgoing.read(position, &mut buf).unwrap(),
            Some(Read::Bytes { entry: 0, offset: position, len: 3 })
        );
        assert_eq!(u64::from(buf[0]), position % 251);
    }
    assert_eq!(outgoing.read(limits::CREDIT + 100_000, &mut buf).unwrap(), None, "not yet read");
    outgoing.release(u64::MAX);
    until(2 * limits::CREDIT + 100_000);
    outgoing.stop();
    assert_eq!(outgoing.next_part().unwrap(), Next::Stopped);
    outgoing.release(u64::MAX);
    // The thread has ended and dropped its side.
    assert!(hears.iter().all(|available| !available.ended));
}

#[test]
fn a_stream_that_fails_is_no_stream_that_ends() {
    let (types, input) = channel();
    let (outgoing, hears) = stream(Pieces(input));
    types.send(Ok(b"half".to_vec())).unwrap();
    types.send(Err(io::Error::other("the disk is on fire"))).unwrap();
    let failure = outgoing.next_part().unwrap_err();
    assert_eq!(failure.reason(), Reason::SourceUnreadable);
    assert_eq!(failure.failure().detail, "\"stdin\" cannot be read: the disk is on fire");
    assert_eq!(hears.iter().collect::<Vec<_>>(), [Available { bytes: 4, ended: false }]);
}

#[test]
fn nothing_is_read_before_the_stream_is_opened() {
    let (types, input) = channel();
    let selection = Selection::check(&["-".into()], &Options::default(), Pieces(input)).unwrap();
    types.send(Ok(vec![1])).unwrap();
    drop(selection);
    assert!(types.send(Ok(vec![2])).is_err(), "the input is dropped, and no thread holds it");
}

#[test]
fn a_named_pipe_is_read_to_its_writer_s_end() {
    let place = Place::new();
    let pipe = place.pipe("pipe");
    let selection = select(std::slice::from_ref(&pipe));
    let outgoing = open(&selection);
    assert!(
        matches!(outgoing.next_part().unwrap(), Next::Part(entries) if entries[0].item == Some(0))
    );
    std::thread::scope(|scope| {
        scope.spawn(|| fs::write(&pipe, "through the pipe").unwrap());
        assert_eq!(outgoing.next_part().unwrap(), Next::End { entries: 1, bytes: 16 });
    });
    assert_eq!(bytes_from(&outgoing, 0, 5).unwrap(), b"through the pipe");
    assert!(!selection.reusable());
}
