use super::kept::{BOUND, LINE_SHARE, MOST};
use super::*;
use crate::events::samples;
use crate::failure::{Failure, Kind};

fn all() -> Wanted {
    Wanted::default()
}

fn log(lines: u64) -> Log {
    let log = Log::new(false);
    (1..=lines).for_each(|seq| log.keep(seq, LineType::Status, &format!("line {seq}")));
    log
}

fn numbers(piece: &Piece) -> Vec<u64> {
    piece.lines.iter().map(|line| line.seq).collect()
}

/// Returns the lines for a `receive` that does not acknowledge them.
fn look(log: &Log, wanted: impl Into<Wanted>) -> Vec<u64> {
    let (piece, _) = log.piece(&wanted.into(), usize::MAX);
    log.give_back(&piece.lent);
    numbers(&piece)
}

#[test]
fn what_was_returned_is_not_returned_again_unless_asked_for() {
    let log = log(3);
    let (piece, _) = log.piece(&all(), 1_000);
    assert_eq!((numbers(&piece), &piece.lent), (vec![1, 2, 3], &vec![1, 2, 3]));
    // Nobody else gets it meanwhile, and it may not have arrived.
    assert_eq!((look(&log, None), log.unreceived()), (vec![], 3));
    log.received(&[1, 2]);
    log.give_back(&[3]);
    assert_eq!((look(&log, None), log.unreceived()), (vec![3], 1));
    assert_eq!(look(&log, Some(0)), [1, 2, 3]);
    assert_eq!(look(&log, Some(9)), [0; 0]);
    // A received line stays so.
    log.give_back(&[1]);
    log.received(&[1]);
    assert_eq!((look(&log, None), log.unreceived()), (vec![3], 1));
}

#[test]
fn an_answer_holds_whole_lines_and_at_least_one() {
    let log = log(3);
    // Six letters and an end each.
    for (bytes, expected) in [(0, 1), (7, 1), (13, 1), (14, 2), (20, 2), (21, 3)] {
        let (piece, _) = log.piece(&all(), bytes);
        assert_eq!((piece.lines.len(), piece.more), (expected, expected < 3), "{bytes}");
        log.give_back(&piece.lent);
    }
}

#[test]
fn what_is_passed_over_stays_where_it_is() {
    let log = Log::new(true);
    for (seq, line_type) in
        [(1, LineType::Text), (2, LineType::File), (3, LineType::Text), (4, LineType::Delivered)]
    {
        log.keep(seq, line_type, "line");
    }
    let texts = Wanted { after: None, only: Some([LineType::Text].into()) };
    let (piece, _) = log.piece(&texts, 1_000);
    assert_eq!(numbers(&piece), [1, 3]);
    log.received(&piece.lent);
    assert_eq!((look(&log, None), log.unreceived()), (vec![2, 4], 2));
    // Those after a number, of these types.
    assert_eq!(look(&log, Wanted { after: Some(1), ..texts }), [3]);
    log.received(&[2, 4]);
    log.end();
    assert!(log.is_done());
}

#[test]
fn the_oldest_lines_go_when_there_are_too_many() {
    let log = Log::new(false);
    let long = "x".repeat(MOST / 4 - LINE_SHARE);
    (1..=6).for_each(|seq| log.keep(seq, LineType::Status, &long));
    assert_eq!(look(&log, None), [3, 4, 5, 6]);
    assert!(!log.is_full());
    assert_eq!((log.unreceived(), log.first_seq()), (4, 3));
}

#[test]
fn every_kind_of_line_is_bounded_however_short_and_whoever_reads() {
    for only in [false, true] {
        let log = Log::new(only);
        let lines = 2 * BOUND / LINE_SHARE;
        (1..=lines as u64).for_each(|seq| log.keep(seq, LineType::Status, ""));
        let kept = log.kept.look();
        assert_eq!(kept.lines.len(), if only { BOUND } else { MOST } / LINE_SHARE);
        assert_eq!(
            (kept.bytes, kept.unreceived_bytes),
            (kept.lines.len() * LINE_SHARE, kept.lines.len() * LINE_SHARE)
        );
        assert_eq!(kept.unreceived, kept.lines.len() as u64);
    }
}

#[test]
fn no_line_goes_that_nobody_has_read() {
    let log = Log::new(true);
    let long = "x".repeat(MOST / 4 - LINE_SHARE);
    (1..=6).for_each(|seq| log.keep(seq, LineType::Status, &long));
    assert_eq!(look(&log, None), [1, 2, 3, 4, 5, 6]);
    assert!(log.is_full());
    // Also one that was passed over when others were read.
    log.received(&[2, 3]);
    assert!(!log.is_full());
    (7..=8).for_each(|seq| log.keep(seq, LineType::Status, &long));
    assert_eq!(look(&log, Some(0)), [1, 4, 5, 6, 7, 8]);
    assert!(log.is_full());
}

#[tokio::test]
async fn whoever_waits_hears_of_a_line_and_of_the_end() {
    let log = log(0);
    let nobody_yet = tokio::time::timeout(std::time::Duration::ZERO, log.wait(&all())).await;
    assert!(nobody_yet.is_err());
    let wanted = all();
    tokio::join!(log.wait(&wanted), async { log.keep(1, LineType::Status, "one") });
    let later = Some(1).into();
    tokio::join!(log.wait(&later), async { log.end() });
}

/// A question that the other side has.
fn question(log: &Log) -> oneshot::Receiver<Numbered> {
    let (question, answer) = oneshot::channel();
    log.expect(question);
    answer
}

#[tokio::test]
async fn an_answer_that_did_not_arrive_is_received_by_others_alone() {
    let log = Log::new(true);
    let answer = question(&log);
    log.keep(1, LineType::Text, "answer");
    log.keep(2, LineType::Text, "later");
    assert_eq!(answer.await.unwrap().seq, 1);
    assert_eq!(look(&log, None), [2]);
    log.received(&[2]);
    log.give_back(&[1]);
    assert_eq!(look(&log, None), [1]);
    assert_eq!(log.kept.look().unreceived_bytes, "answer".len() + LINE_SHARE);
}

#[tokio::test]
async fn answers_hold_nothing_back() {
    let log = Log::new(true);
    for seq in 1..=6 {
        let answer = question(&log);
        log.keep(seq, LineType::Text, &"x".repeat(MOST / 4));
        log.received(&[answer.await.unwrap().seq]);
    }
    assert!(!log.is_full());
}

#[tokio::test]
async fn a_text_answers_one_question_and_is_not_returned_as_well() {
    let log = log(2);
    log.keep(3, LineType::Text, "before");
    let (first, gone, second) = (question(&log), question(&log), question(&log));
    drop(gone);
    log.keep(4, LineType::Status, "no text");
    log.keep(5, LineType::Text, "one");
    log.keep(6, LineType::Text, "two");
    assert_eq!((first.await.unwrap().seq, second.await.unwrap().seq), (5, 6));
    assert_eq!(look(&log, None), [1, 2, 3, 4]);
    assert_eq!(look(&log, Some(4)), [5, 6]);
    // Whoever waits for more is not woken by them.
    log.received(&[1, 2, 3, 4, 5]);
    let nothing = tokio::time::timeout(std::time::Duration::ZERO, log.wait(&all())).await;
    assert!(nothing.is_err());
    log.give_back(&[6]);
    assert_eq!((look(&log, None), log.unreceived()), (vec![6], 1));
    // The oldest text is taken alone, once.
    assert_eq!(log.take_text().unwrap().unwrap().seq, 6);
    assert!(log.take_text().is_none());
    let none = question(&log);
    log.end();
    assert!(none.await.is_err() && question(&log).await.is_err());
    assert!(log.take_text().unwrap().is_none());
}

/// Returns the lines for the command that follows, which acknowledges each.
fn followed(log: &Log) -> Vec<u64> {
    std::iter::from_fn(|| log.next())
        .map(|(line, lent)| {
            log.received(&lent);
            line.seq
        })
        .collect()
}

#[test]
fn who_follows_gets_each_line_once_and_no_results_of_others() {
    let log = log(3);
    log.print(2, Printed::Yes);
    log.follow(all());
    assert_eq!(followed(&log), [1, 3]);
    // A line that a command has printed was received by that.
    assert_eq!(log.unreceived(), 0);
    log.keep(4, LineType::Status, "result");
    log.print(4, Printed::Soon);
    log.keep(5, LineType::Status, "line");
    assert_eq!(followed(&log), [5]);
    log.print(4, Printed::Yes);
    assert_eq!((followed(&log), log.unreceived()), (vec![], 0));
    // One that could not print it has not had it.
    log.keep(6, LineType::Status, "result");
    log.print(6, Printed::Soon);
    log.end();
    assert!(!log.is_over() && !log.has_next());
    log.print(6, Printed::No);
    assert!(log.is_over());
    assert_eq!(followed(&log), [6]);
    // A plain `receive` has them all the same, where nobody follows.
    let log = super::tests::log(2);
    log.print(1, Printed::Yes);
    assert_eq!(look(&log, None), [1, 2]);
}

#[test]
fn what_who_follows_does_not_acknowledge_comes_again_and_what_it_passes_over_stays() {
    let log = Log::new(true);
    let keep = |seq, line_type| log.keep(seq, line_type, "line");
    keep(1, LineType::Text);
    keep(2, LineType::File);
    keep(3, LineType::Text);
    log.follow(Wanted { after: None, only: Some([LineType::Text].into()) });
    let (line, lent) = log.next().unwrap();
    assert_eq!((line.seq, &lent), (1, &vec![1]));
    assert_eq!(look(&log, None), [2, 3]);
    assert_eq!(followed(&log), [3]);
    log.give_back(&lent);
    assert_eq!(followed(&log), [1]);
    log.unfollow();
    assert!(log.next().is_none());
    assert_eq!(look(&log, None), [2]);
}

#[test]
fn who_follows_from_a_number_on_has_what_was_received_once_more() {
    let log = log(5);
    log.received(&[1, 2, 3]);
    log.follow(Some(1).into());
    let (line, lent) = log.next().unwrap();
    assert_eq!((line.seq, lent.is_empty()), (2, true));
    // One of those that come back in between.
    let taken = log.piece(&all(), 1).0.lent;
    assert_eq!(taken, [4]);
    assert_eq!(log.next().unwrap().0.seq, 3);
    log.give_back(&taken);
    log.keep(6, LineType::Status, "line");
    assert_eq!(followed(&log), [4, 5, 6]);
    assert_eq!(log.unreceived(), 0);
}

#[test]
fn a_bell_has_something_to_ring_for_once_until_something_is_received() {
    let log = log(2);
    let rung = log.news(None);
    assert_eq!(rung.unwrap().lines, 2);
    assert!(log.news(rung).is_none());
    log.keep(3, LineType::Status, "line");
    assert!(log.news(rung).is_none());
    // Something was received, and something new is left.
    log.received(&[1, 2]);
    let rung = log.news(rung);
    assert_eq!(rung.unwrap().lines, 1);
    // Lines left of those that it rang for are nothing new.
    log.keep(4, LineType::Status, "line");
    log.received(&[4]);
    assert!(log.news(rung).is_none());
    // A line that somebody did not get is.
    log.keep(5, LineType::Text, "answer");
    assert_eq!(log.take_text().unwrap().unwrap().seq, 5);
    assert!(log.news(rung).is_none());
    log.give_back(&[5]);
    assert_eq!(log.news(rung).unwrap().lines, 2);
}

#[test]
fn no_bell_rings_for_what_another_command_prints() {
    let log = Log::new(true);
    log.keep(1, LineType::Delivered, "delivered");
    log.print(1, Printed::Soon);
    assert!(log.news(None).is_none());
    log.print(1, Printed::Yes);
    assert!(log.news(None).is_none());
    // But what is received with it is counted.
    log.keep(2, LineType::Text, "text");
    assert_eq!(log.news(None).unwrap().lines, 2);
    log.follow(Wanted { after: None, only: Some([LineType::Text].into()) });
    assert!(log.news(None).is_none());
    log.keep(3, LineType::File, "file");
    assert_eq!(log.news(None).unwrap().lines, 2);
    log.received(&[3]);
    log.unfollow();
    assert_eq!(log.news(None).unwrap().lines, 1);
    // A `send` that was ended before has printed nothing.
    log.received(&[2]);
    log.keep(4, LineType::Delivered, "delivered");
    log.print(4, Printed::Soon);
    log.print(4, Printed::No);
    assert_eq!(log.news(None).unwrap().lines, 1);
}

#[test]
fn what_is_said_is_numbered_if_it_is_a_line_of_the_session() {
    let log = Log::default();
    let said = [
        Event::Waiting,
        Event::Trouble(Failure::new(Kind::Failed, "x")),
        samples::text("hello"),
        Event::End { failed: None, more: false },
    ]
    .map(|event| log.say(&event).map(|said| (said.seq, said.line.to_string())));
    let text =
        r#"{"v":1,"seq":2,"type":"text","id":1,"from":"peer","trust":"untrusted","body":"hello"}"#;
    let waiting = r#"{"v":1,"seq":1,"type":"status","event":"waiting"}"#;
    assert_eq!(said, [Some((1, waiting.into())), None, Some((2, text.into())), None]);
    assert_eq!((look(&log, None), log.is_over()), (vec![1, 2], true));
}

#[test]
fn a_code_is_said_once_and_not_kept() {
    let log = Log::default();
    let said = log.say(&Event::Channel(samples::channel())).unwrap();
    let (piece, _) = log.piece(&all(), usize::MAX);
    assert!(said.line.contains("walrus") && !piece.lines[0].line.contains("walrus"));
    assert_eq!(piece.lines[0].seq, said.seq);
}
