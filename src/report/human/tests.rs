use super::*;
use crate::escape::tests::functions;
use crate::events::samples as given;
use crate::events::{Acting, Channel, Join, Offered, Reach, SetAside};
use crate::failure::{Failure, Kind};
use crate::report::Format;
use crate::report::captured::Captured;
use pinhole_protocol::wire::{Differences, ItemId, PeerName, Reason};
use std::num::NonZeroU16;
use std::path::PathBuf;

const ROOMY: Style = Style { cursor: true, colour: false, ascii: false, width: || 80 };
const NARROW: Style = Style { cursor: true, colour: false, ascii: false, width: || 40 };
const COLOURED: Style = Style { cursor: true, colour: true, ascii: false, width: || 80 };

fn human(style: Style, once: bool) -> (Human<Captured>, Captured) {
    let out = Captured::default();
    let settings = Settings {
        format: Format::Human,
        style,
        once,
        progress_every: Some(Duration::from_secs(10)),
    };
    (Human::new(out.clone(), settings), out)
}

/// All that is written when the events come 100 ms after one another.
fn written(style: Style, once: bool, events: &[Event]) -> String {
    let ((mut human, out), start) = (human(style, once), Instant::now());
    for (tenth, event) in events.iter().enumerate() {
        human
            .event(event, start + Duration::from_millis(100) * u32::try_from(tenth).unwrap())
            .unwrap();
    }
    out.text()
}

/// Returns the final content of a screen of `columns` columns.
fn on_screen(bytes: &str, columns: u16) -> String {
    let mut screen =
        vt100::Parser::new(NonZeroU16::new(60).unwrap(), NonZeroU16::new(columns).unwrap(), 0);
    screen.process(bytes.replace('\n', "\r\n").as_bytes());
    screen.screen().contents()
}

const DOWN: Option<u64> = Some(38_200_000);

#[test]
fn giving_a_file() {
    let events = [
        Event::Channel(given::channel()),
        Event::Waiting,
        Event::Paired,
        Event::Connected(Path::Direct),
        given::progress(Way::Out, 0, DOWN),
        given::progress(Way::Out, 23_300_000, DOWN),
        Event::Delivered(given::ours()),
        Event::PeerLeft(Reason::Done),
        Event::Closed,
        Event::End { failed: None, more: false },
    ];
    let before = "\
Giving report.pdf, 38.2 MB
Through the relay wss://relay.example/ (from --relay).

Code: 417-walrus-clipboard-mango

On the other machine, run:

  pinhole take 417-walrus-clipboard-mango

Good for one guest and 1 hour.
Waiting for the other side …
Somebody is there; checking the code …
Connected (direct). The code is used up now.
";
    let delivered = "✓ Delivered report.pdf, 38.2 MB in 0.2 s, direct";
    assert_eq!(written(Style::PLAIN, true, &events), format!("{before}{delivered}\n"));
    assert_eq!(on_screen(&written(ROOMY, true, &events), 80), format!("{before}{delivered}"));
    let bar = " 60% ████████████████████▋              23.3 MB of 38.2 MB  233.0 MB/s  1 s left";
    let drawn = written(ROOMY, true, &events[..6]);
    assert_eq!(on_screen(&drawn, 80), format!("{before}{bar}"));
    assert_eq!(drawn.matches(" 60%").count(), 1, "one picture for each progress");
}

#[test]
fn a_narrow_window() {
    let events = [
        Event::Channel(given::channel()),
        Event::Connected(Path::Loopback),
        given::progress(Way::Out, 0, DOWN),
        given::progress(Way::Out, 23_300_000, DOWN),
    ];
    let screen = "\
Giving report.pdf, 38.2 MB
Through the relay wss://relay.example/
  (from --relay).

Code: 417-walrus-clipboard-mango

On the other machine, run:

  pinhole take 417-walrus-clipboard-mango

Good for one guest and 1 hour.
Connected (this machine). The code is
  used up now.
 60% ████████▌      233.0 MB/s  1 s left";
    assert_eq!(on_screen(&written(NARROW, true, &events), 40), screen);
}

#[test]
fn a_host_without_a_relay() {
    let join =
        |place: &'static str, command: &str| Join { place: place.into(), command: command.into() };
    let channel = Channel {
        number: 9_417,
        code: "9417-walrus-clipboard-mango".into(),
        join: vec![
            join("on this network", "pinhole take 9417-walrus-clipboard-mango"),
            join("on the tailnet", "pinhole take 9417-walrus-clipboard-mango@100.64.0.7"),
        ],
        reach: Reach::Announced,
        ..given::channel()
    };
    let alone = Channel {
        reach: Reach::Machine,
        join: vec![join("on this machine", "pinhole take 9417-walrus-clipboard-mango")],
        link: Some("https://relay.example/#417-a-b-c".into()),
        offering: None,
        ..channel.clone()
    };
    assert_eq!(
        written(ROOMY, true, &[Event::Channel(channel)]),
        "\
Giving report.pdf, 38.2 MB
The code works on this machine and this local network.
For someone elsewhere: --relay URL, with a relay of your own, or --tunnel.

Code: 9417-walrus-clipboard-mango

The other side runs one of these:

  on this network:
    pinhole take 9417-walrus-clipboard-mango

  on the tailnet:
    pinhole take 9417-walrus-clipboard-mango@100.64.0.7

Good for one guest and 1 hour.
"
    );
    assert_eq!(
        written(ROOMY, true, &[Event::Channel(alone)]),
        "\
The code works only on this machine.

Code: 9417-walrus-clipboard-mango

On this machine, run:

  pinhole take 9417-walrus-clipboard-mango

Or with this link. Opening it in a browser trusts its relay with the whole code.

  https://relay.example/#417-a-b-c

Good for one guest and 1 hour.
"
    );
}

#[test]
fn a_host_that_is_not_announced() {
    let reach = |reach| {
        let channel = Channel { number: 9_417, reach, offering: None, ..given::channel() };
        written(ROOMY, true, &[Event::Channel(channel)])
            .split_once("\n\nCode:")
            .unwrap()
            .0
            .to_owned()
    };
    let elsewhere = "For someone elsewhere: --relay URL, with a relay of your own, or --tunnel.";
    assert_eq!(
        reach(Reach::Silent(None)),
        format!(
            "The code alone works on this machine; other machines need its address, and must\n  \
             be able to reach it.\n{elsewhere}"
        )
    );
    assert_eq!(
        reach(Reach::Silent(Some("no\u{1b}way".into()))),
        format!(
            "The code alone works on this machine; other machines need its address, because\n  it \
             cannot be announced on the local network (no\\u{{1b}}way).\n{elsewhere}"
        )
    );
}

fn arrived(name: &str) -> Arrived {
    let (saved_to, original_name) = (Some(PathBuf::from(name)), None);
    Arrived {
        id: ItemId(1),
        name: PeerName::new(name.into()),
        original_name,
        saved_to,
        size: 38_200_000,
        files: 1,
        folder: false,
        merged: false,
        replaced: 0,
        differences: Differences::default(),
        acts: Acting::default(),
        set_aside: None,
    }
}

#[test]
fn taking_files() {
    let offer = Offered {
        id: ItemId(1),
        names: vec!["report.pdf".into(), "logs".into()],
        names_more: 0,
        size: Some(12_300_000_000),
        count: Some(15),
        counted: false,
        acts: Acting::default(),
        asked: false,
    };
    let folder =
        Arrived { id: ItemId(1), size: 1_200_000, files: 13, folder: true, ..arrived("logs") };
    let acting = Acting::read(
        ["logs/.git", "logs/a b/bin", "c", "d", "e", "f"].map(str::to_owned).to_vec(),
        7,
    );
    let renamed = Arrived {
        original_name: Some(PeerName::new(b"../\x1b[2J".to_vec())),
        ..arrived("report (1).pdf")
    };
    let events = [
        Event::Connected(Path::Lan),
        Event::Offer(offer),
        given::progress(Way::In, 0, None),
        given::progress(Way::In, 1_000, DOWN),
        Event::File(arrived("report.pdf")),
        Event::File(folder.clone()),
        Event::File(renamed),
        Event::File(Arrived { saved_to: None, ..arrived("report.pdf") }),
        Event::File(Arrived {
            acts: Acting::read(vec!["Makefile".into()], 0),
            ..arrived("Makefile")
        }),
        Event::File(Arrived { acts: acting, set_aside: Some(SetAside::Acts), ..folder }),
        Event::PeerLeft(Reason::Done),
        Event::End { failed: None, more: false },
    ];
    assert_eq!(
        written(Style::PLAIN, true, &events),
        "\
Connected (local network). The code is used up now.
Receiving 2 items (report.pdf, logs), at least 12.3 GB, still counting
✓ Received report.pdf, 38.2 MB in 0.2 s, local network
✓ Received logs, 13 files, 1.2 MB, local network
✓ Received \"report (1).pdf\", 38.2 MB, local network
  the other side calls it \"../\\u{1b}[2J\"
✓ Received report.pdf, 38.2 MB, local network, to the output
✓ Received Makefile, 38.2 MB, local network
  programs act on these unasked: Makefile
✓ Received logs, 13 files, 1.2 MB, local network
  programs act on these unasked: logs/.git, \"logs/a b/bin\", c, d, e and 8 more
  so it is in a private folder, not where the rest goes
"
    );
}

#[test]
fn an_offer_that_is_asked_about_is_left_to_the_question() {
    let offer = Offered {
        id: ItemId(1),
        names: vec!["a".into()],
        names_more: 0,
        size: None,
        count: None,
        counted: false,
        acts: Acting::default(),
        asked: true,
    };
    assert_eq!(written(ROOMY, true, &[Event::Offer(offer.clone())]), "");
    assert_eq!(
        written(ROOMY, true, &[Event::Offer(Offered { asked: false, ..offer })]),
        "Receiving a, of unknown size\n"
    );
}

#[test]
fn taking_a_text() {
    let events = [
        Event::Connected(Path::Relay),
        given::text("make test\n\tand \x1b[31mwait\n"),
        Event::PeerLeft(Reason::Done),
    ];
    assert_eq!(
        written(ROOMY, true, &events),
        "Connected (relay). The code is used up now.\nFrom the other side:\n\n| make test\n| \tand \
        \\u{1b}[31mwait\n"
    );
}

#[test]
fn no_line_of_a_text_begins_as_one_of_ours() {
    // Neither after a line break nor where the window ends, be it inside of a word.
    let word = "x".repeat(38);
    let text = given::text(&format!(
        "{word}✓\u{2800}Received\u{2800}all, 3 bytes\n✓ Received all, 3 bytes\n\n"
    ));
    for (once, mark) in [(true, "| "), (false, "> ")] {
        let shown = written(NARROW, once, std::slice::from_ref(&text));
        let quoted = format!(
            "{mark}{word}\n{mark}✓\u{2800}Received\u{2800}all, 3 bytes\n{mark}✓ Received all, 3 \
            bytes\n{mark}\n"
        );
        assert!(shown.ends_with(&quoted) && !shown.contains("\n✓"), "{shown}");
    }
}

#[test]
fn talking_in_a_channel() {
    let events = [
        given::text("hi\n✓ Received pwned\n"),
        Event::Delivered(SentItem { what: "text".into(), size: Some(5), ..given::ours() }),
    ];
    assert_eq!(
        written(ROOMY, false, &events),
        "> hi\n> ✓ Received pwned\n✓ Delivered text, 5 bytes\n"
    );
    let wide = format!("{} ✓ Received pwned", "全".repeat(19));
    assert_eq!(
        written(NARROW, false, &[given::text(&wide)]),
        format!("> {}\n> ✓ Received pwned\n", "全".repeat(19))
    );
}

#[test]
fn a_wrong_code_at_the_giver_and_at_the_taker() {
    let giver = written(ROOMY, true, &[Event::Paired, Event::HandshakeFailed { guesses: 2 }]);
    let detail = "the code is wrong, and it is used up now: codes work once";
    let failure = Failure::new(Kind::CodeWrong, detail).next("ask the other side for a new code");
    let taker = written(
        ROOMY,
        true,
        &[Event::Trouble(failure), Event::End { failed: Some(Kind::CodeWrong), more: false }],
    );
    assert_eq!(
        giver,
        "\
Somebody is there; checking the code …
✗ a wrong code was used, by mistake or as a guess: this code is dead and nothing
  was sent (2 wrong codes so far)
"
    );
    assert_eq!(
        taker,
        "✗ the code is wrong, and it is used up now: codes work once\n  → ask the other side for a \
        new code\n"
    );
}

#[test]
fn declined_and_out_of_space() {
    let ended = |reason| {
        let failure =
            crate::failure::sentences::failure_from(reason, crate::failure::sentences::Side::There);
        let end = Event::End { failed: Some(failure.kind), more: false };
        let progress = [0, 11_400_000].map(|done| given::progress(Way::Out, done, DOWN));
        let events =
            progress.into_iter().chain([Event::PeerLeft(reason), Event::Trouble(failure), end]);
        on_screen(&written(ROOMY, true, &events.collect::<Vec<_>>()), 80)
    };
    assert_eq!(ended(Reason::Declined), "✗ the other side said no");
    assert_eq!(
        ended(Reason::NoSpace),
        "✗ the other side is out of disk space\n  → when there is room, give again with a new code"
    );
}

#[test]
fn steps_of_several_lines_stay_under_their_failure() {
    let failure = Failure::new(Kind::AmbiguousArgument, "`./a` could be a text or a file")
        .next("pinhole send 9417 --text ./a\npinhole send 9417 --file ./a");
    assert_eq!(
        written(ROOMY, true, &[Event::Trouble(failure)]),
        "✗ `./a` could be a text or a file\n  → pinhole send 9417 --text ./a\n    pinhole send \
        9417 --file ./a\n"
    );
}

#[test]
fn without_a_cursor_progress_is_a_line_now_and_then() {
    let events: Vec<Event> =
        (0..210).map(|tenth| given::progress(Way::Out, tenth * 100_000, DOWN)).collect();
    assert_eq!(
        written(Style::PLAIN, true, &events),
        "26 %, 10.0 MB of 38.2 MB, 1.0 MB/s, 28 s left\n52 %, 20.0 MB of 38.2 MB, 1.0 MB/s, 18 s \
        left\n"
    );
}

#[test]
fn the_bar_of_a_stream_has_no_end() {
    let events = [0, 1_000_000].map(|done| given::progress(Way::In, done, None));
    assert_eq!(on_screen(&written(ROOMY, true, &events), 80).trim_end(), "1.0 MB  10.0 MB/s");
}

#[test]
fn the_bar_stays_below_what_is_said_and_goes_for_a_question() {
    let ((mut human, out), now) = (human(ROOMY, false), Instant::now());
    human.event(&given::progress(Way::Out, 1, Some(2)), now).unwrap();
    human.event(&given::text("one"), now).unwrap();
    human.event(&given::text("two"), now).unwrap();
    let screen = on_screen(&out.text(), 80);
    assert!(screen.starts_with("> one\n> two\n 50% "), "{screen}");
    human.suspend();
    human.event(&given::progress(Way::Out, 2, Some(2)), now + Duration::from_secs(1)).unwrap();
    assert_eq!(on_screen(&out.text(), 80), "> one\n> two");
    human.resume();
    human.event(&given::progress(Way::Out, 2, Some(2)), now + Duration::from_secs(2)).unwrap();
    assert!(on_screen(&out.text(), 80).starts_with("> one\n> two\n100% "));
}

#[test]
fn the_end_leaves_no_bar() {
    for last in [
        Event::Disconnected,
        Event::Closed,
        Event::End { failed: Some(Kind::Interrupted), more: false },
    ] {
        let screen =
            on_screen(&written(ROOMY, true, &[given::progress(Way::Out, 1, Some(2)), last]), 80);
        assert!(!screen.contains('%'), "{screen}");
    }
}

/// Every event that is only written; one about a lost connection is drawn as a bar is.
fn lines_of(peer: &str) -> Vec<Event> {
    let mut events = given::every(peer);
    events.retain(|event| !matches!(event, Event::Reconnecting));
    events
}

const HOSTILE: &str = "a\x1b[2J\x1b]0;title\x07\r\u{9b}31m\u{202e}\u{200b}\u{2028}b";

#[test]
fn nothing_of_the_peers_reaches_the_terminal_unescaped() {
    for (style, once) in
        [(Style::PLAIN, true), (Style::PLAIN, false), (NARROW, true), (NARROW, false)]
    {
        let said = written(style, once, &lines_of(HOSTILE));
        let hidden: Vec<char> =
            said.chars().filter(|c| *c != '\n' && crate::escape::is_hidden(*c)).collect();
        assert!(hidden.is_empty(), "{hidden:?} in {said}");
    }
}

/// Text that is random but for what terminals act on, which is more often in it than by chance.
fn random_text(state: &mut u64) -> String {
    const PIECES: [&str; 12] = [
        "\x1b[", "\x1b]0;", "\x1bP", "\x1b", "\u{9b}", "\u{9c}", "\x07", "\x08", "\r", "\n", "\t",
        "\u{202e}",
    ];
    let mut next = || {
        // Xorshift, by Marsaglia.
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state >> 16
    };
    let mut text = String::new();
    for _ in 0..next() % 24 {
        let (kind, any) = (next() % 4, u32::try_from(next() % 0x11_0000).unwrap());
        match kind {
            0 => text.push_str(PIECES[any as usize % PIECES.len()]),
            1 => text.extend(char::from_u32(any % 0xa0)),
            2 => text.extend(char::from_u32(0x2000 + any % 0x80)),
            _ => text.extend(char::from_u32(any)),
        }
    }
    text
}

/// TESTPLAN C11: a million with `PINHOLE_FULL=1`.
#[test]
fn random_text_is_letters_wherever_it_is_shown() {
    let full = std::env::var_os("PINHOLE_FULL").is_some_and(|value| value == "1");
    let mut state = 0x9e37_79b9_7f4a_7c15;
    let mut screen =
        vt100::Parser::new(NonZeroU16::new(60).unwrap(), NonZeroU16::new(80).unwrap(), 0);
    for _ in 0..if full { 1_000_000 } else { 20_000 } {
        let text = random_text(&mut state);
        let name =
            given::every(&text).into_iter().find(|event| matches!(event, Event::File(_))).unwrap();
        let failure = Failure::new(Kind::PeerFailed, text.clone()).next(text.clone());
        let shown =
            written(Style::PLAIN, false, &[given::text(&text), name, Event::Trouble(failure)]);
        let functions = functions(&shown);
        assert!(
            functions.iter().all(|function| function == "control 0xa" || function == "control 0x9"),
            "{text:?} {functions:?}"
        );
        screen.process(shown.as_bytes());
    }
    let after = screen.screen();
    assert!(
        !after.alternate_screen()
            && !after.hide_cursor()
            && !after.bracketed_paste()
            && !after.application_keypad()
    );
    assert_eq!(
        (after.fgcolor(), after.bgcolor(), after.bold(), after.inverse()),
        (vt100::Color::Default, vt100::Color::Default, false, false)
    );
}

#[test]
fn what_the_peer_says_cannot_begin_a_line() {
    // A text that is taken once is bare, so that it can be copied; all else belongs visibly to a
    // line of ours.
    for length in 0..45 {
        let said =
            written(NARROW, false, &given::every(&format!("{} PWNED\nPWNED", "x".repeat(length))));
        assert!(
            said.contains("PWNED") && !said.lines().any(|line| line.starts_with("PWNED")),
            "{said}"
        );
    }
}

#[test]
fn colours_only_where_they_are_welcome() {
    let events = lines_of("x");
    assert!(written(COLOURED, true, &events).contains("\x1b[1m417-walrus-clipboard-mango\x1b[0m"));
    assert!(!written(ROOMY, true, &events).contains('\x1b'));
}

#[test]
fn in_a_narrow_window_only_what_is_copied_is_wider() {
    for line in
        written(NARROW, false, &lines_of("x")).lines().filter(|line| line.chars().count() > 40)
    {
        assert!(line.contains("-walrus-") || line.starts_with("  → "), "{line}");
    }
}

#[test]
fn all_of_it_is_only_all() {
    assert_eq!(
        [
            part(99, 100, 10),
            part(100, 100, 10),
            part(200, 100, 10),
            part(0, 0, 10),
            part(u64::MAX, u64::MAX, 10)
        ],
        [9, 10, 10, 10, 10]
    );
}

#[test]
fn a_lost_connection_is_one_line_that_counts_seconds_until_it_is_back() {
    let ((mut human, out), start) = (human(ROOMY, true), Instant::now());
    let at = |seconds| start + Duration::from_millis(seconds * 1_000 + 20);
    let shown = |out: &Captured| {
        let screen = on_screen(&out.text(), 80);
        screen.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    };
    human.event(&given::progress(Way::In, 0, DOWN), start).unwrap();
    assert_eq!(human.changes_at(start), None);
    human.event(&Event::Reconnecting, start).unwrap();
    assert_eq!(shown(&out), "Connection lost; trying again (0 s). Ctrl-C gives up.");
    for seconds in [1, 2, 59, 75] {
        assert_eq!(human.changes_at(at(seconds - 1)), Some(start + Duration::from_secs(seconds)));
        assert!(human.redraw(at(seconds)));
    }
    let line = "Connection lost; trying again (1 min 15 s). Ctrl-C gives up.";
    assert_eq!(shown(&out), line);
    // Lines that come meanwhile are above it, and a bar does not take its place.
    human.event(&Event::Stalled, at(76)).unwrap();
    human.event(&given::progress(Way::In, 1_000, DOWN), at(76)).unwrap();
    let stalled = "Nothing is coming through; still trying …";
    assert_eq!(shown(&out), format!("{stalled}\n{line}"));
    human.event(&Event::Reconnected(Some(Path::Relay)), at(77)).unwrap();
    let back = format!("{stalled}\nConnected again after 1 min 17 s (relay); it goes on.");
    assert_eq!(shown(&out), back);
    assert!(human.changes_at(at(78)).is_none() && !human.redraw(at(78)));
    human.event(&given::progress(Way::In, 2_000, DOWN), at(79)).unwrap();
    assert!(shown(&out).contains("2.0 kB of 38.2 MB"));
}

#[test]
fn a_lost_connection_is_a_line_once_where_nothing_can_be_drawn_over() {
    let events = [Event::Reconnecting, Event::Stalled, Event::Reconnected(None)];
    let said = "The connection is lost; trying to get it back (Ctrl-C gives up) …\n\
                Nothing is coming through; still trying …\nConnected again after 0.2 s.\n";
    assert_eq!(written(Style::PLAIN, true, &events), said);
    let (mut human, out) = human(Style::PLAIN, true);
    human.event(&Event::Reconnecting, Instant::now()).unwrap();
    assert!(human.changes_at(Instant::now()).is_none());
    // Neither while a question is on the screen.
    let (mut asked, shown) = self::human(ROOMY, true);
    asked.suspend();
    asked.event(&Event::Reconnecting, Instant::now()).unwrap();
    assert_eq!(shown.text(), out.text());
    asked.resume();
    assert!(asked.redraw(Instant::now()));
}

#[test]
fn an_interrupt_takes_the_line_about_a_lost_connection_away() {
    let interrupted = Event::Trouble(Failure::new(Kind::Interrupted, "interrupted"));
    let events = [Event::Reconnecting, interrupted, Event::End { failed: None, more: false }];
    for columns in [40, 80] {
        let style = if columns == 40 { NARROW } else { ROOMY };
        assert_eq!(on_screen(&written(style, true, &events), columns), "\n✗ interrupted");
    }
}
