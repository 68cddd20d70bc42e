//! One of every event, for the tests of both renderers.

use crate::events::{
    About, Acting, Arrived, Channel, Check, Event, Join, Offered, Partial, Path, Reach, SentItem,
    SetAside, State, Stored, Way,
};
use crate::failure::{Advice, Failure, Kind, Run};
use crate::role::Role;
use pinhole_protocol::wire::{Differences, Fate, ItemId, PeerName, PeerText, Reason, Want};
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

/// A channel at a relay, that gives `report.pdf`.
pub fn channel() -> Channel {
    Channel {
        code: "417-walrus-clipboard-mango".into(),
        number: 417,
        reach: Reach::Relay("the relay wss://relay.example/ (from --relay)".into()),
        join: vec![Join {
            place: "anywhere".into(),
            command: "pinhole take 417-walrus-clipboard-mango".into(),
        }],
        link: None,
        // 2026-11-21 10:00:00 UTC
        expires_at: UNIX_EPOCH + Duration::from_secs(1_795_255_200),
        lasts: Duration::from_secs(3_600),
        offering: Some("report.pdf, 38.2 MB".into()),
    }
}

/// A session that is connected.
pub fn about() -> About {
    About {
        session: "0123abcd".into(),
        number: Some(417),
        role: Role::Host,
        label: None,
        state: State::Connected,
        want: Want::Both,
        path: Some(Path::Direct),
        expires_at: Some(1_795_255_200),
        unreceived: Some(2),
        secrets_held: Some(0),
        end: None,
        diagnostics: None,
        matches: true,
        code: None,
    }
}

/// `report.pdf`, as its sender calls it.
pub fn ours() -> SentItem {
    SentItem {
        id: ItemId(1),
        what: "report.pdf".into(),
        size: Some(38_200_000),
        files: Some(1),
        differences: Differences::default(),
    }
}

/// Progress of the transfer 1.
pub fn progress(way: Way, done: u64, total: Option<u64>) -> Event {
    Event::Progress { id: ItemId(1), way, done, total }
}

/// A received text.
pub fn text(body: &str) -> Event {
    Event::Text { id: ItemId(1), body: PeerText::new(body.into()), saved_to: None }
}

/// One of every event but `Progress` and `End`, with `peer` wherever a peer or a file name of its
/// choosing has a say.
pub fn every(peer: &str) -> Vec<Event> {
    let id = ItemId(7);
    let said = || PeerText::new(peer.into());
    let mut differences = Differences::default();
    let named = || PeerName::new(peer.into());
    differences.add(peer.as_bytes(), Fate::Renamed(named()));
    differences.add(peer.as_bytes(), Fate::LeftOut(Reason::Link));
    differences.add_unnamed([3, 0, 5]);
    let mut incomplete = differences.clone();
    incomplete.add(peer.as_bytes(), Fate::Missing(Reason::SourceChanged));
    incomplete.add_unnamed([0, 2, 0]);
    let acts = || Acting::read(vec![peer.into()], 2);
    let file = |folder, saved_to: Option<&str>| {
        let (saved_to, original_name) = (saved_to.map(PathBuf::from), Some(named()));
        Event::File(Arrived {
            id,
            name: PeerName::new(peer.into()),
            original_name,
            saved_to,
            size: 5,
            files: 1,
            folder,
            merged: folder,
            replaced: if folder { 3 } else { 0 },
            differences: differences.clone(),
            acts: acts(),
            set_aside: folder.then_some(SetAside::Acts),
        })
    };
    let secret = |stored, name| Event::Secret { id, name, size: 32, stored };
    let offer = |names, size, counted, asked| {
        Event::Offer(Offered {
            id,
            names,
            names_more: 0,
            size,
            count: Some(9),
            counted,
            acts: acts(),
            asked,
        })
    };
    let direct = Channel {
        number: 9_417,
        link: Some("https://relay.example/#417-walrus-clipboard-mango".into()),
        join: vec![
            Join {
                place: "on this network".into(),
                command: "pinhole take 9417-walrus-clipboard-mango".into(),
            },
            Join {
                place: "by name".into(),
                command: "pinhole take 9417-walrus-clipboard-mango@desk.example".into(),
            },
        ],
        offering: Some(peer.into()),
        ..channel()
    };
    let check = Check { name: "relay", ok: true, detail: "it answers".into(), next: None };
    vec![
        Event::Opening { tunnel: peer.into() },
        Event::Channel(channel()),
        Event::Channel(direct),
        Event::Channel(Channel { join: vec![], offering: None, ..channel() }),
        Event::Waiting,
        Event::Paired,
        Event::Connected(Path::Loopback),
        Event::Moved(Path::Lan),
        Event::Moved(Path::Direct),
        Event::Moved(Path::Relay),
        Event::Verify { words: "apple river stone lamp".into() },
        Event::Stalled,
        Event::Reconnecting,
        Event::Reconnected(None),
        Event::Reconnected(Some(Path::Direct)),
        Event::Tampered(Path::Relay),
        Event::Continued { id: ItemId(2), here: 3_100_000_000, total: Some(5_100_000_000) },
        Event::Continued { id: ItemId(2), here: 3_100_000_000, total: None },
        Event::Expiring { left: Duration::from_secs(300) },
        Event::PeerLeft(Reason::Done),
        Event::PeerLeft(Reason::NoSpace),
        Event::Disconnected,
        Event::HandshakeFailed { guesses: 1 },
        Event::HandshakeFailed { guesses: 2 },
        Event::Closed,
        Event::Holding {
            secrets: 2,
            left: Duration::from_secs(3_600),
            take: "pinhole receive 417 --secret-to-file FILE".into(),
        },
        text(peer),
        Event::Text { id, body: said(), saved_to: Some(peer.into()) },
        file(false, Some(peer)),
        file(true, Some(peer)),
        file(false, None),
        secret(Stored::File(peer.into()), Some(said())),
        secret(Stored::EnvFile(peer.into(), "API_KEY".into()), Some(said())),
        secret(Stored::Program(None), None),
        secret(Stored::Program(Some("API_KEY".into())), Some(said())),
        secret(Stored::Held("pinhole receive 417 --secret-to-file FILE".into()), Some(said())),
        secret(Stored::Shown, None),
        secret(Stored::Declined, Some(said())),
        offer(vec![peer.into()], Some(5), true, false),
        offer(vec![peer.into(), peer.into(), peer.into()], Some(5), false, false),
        offer(vec![peer.into()], None, false, true),
        Event::Queued(SentItem { what: peer.into(), ..ours() }),
        Event::Pending {
            id: Some(ItemId(1)),
            what: "report.pdf".into(),
            size: Some(38_200_000),
            next: Run::receive(Some(417), Role::Host).into(),
        },
        Event::Delivered(SentItem {
            what: peer.into(),
            files: Some(14),
            differences: differences.clone(),
            ..ours()
        }),
        Event::Delivered(SentItem {
            what: peer.into(),
            files: Some(14),
            differences: incomplete.clone(),
            ..ours()
        }),
        Event::File(Arrived {
            id,
            name: named(),
            original_name: None,
            saved_to: None,
            size: 5,
            files: 1,
            folder: true,
            merged: false,
            replaced: 0,
            differences: incomplete,
            acts: Acting::default(),
            set_aside: Some(SetAside::Device),
        }),
        Event::Trouble(Failure::new(Kind::Failed, peer).next(peer)),
        Event::Session(about()),
        Event::Session(About {
            secrets_held: Some(3),
            number: None,
            label: Some(peer.into()),
            path: None,
            expires_at: None,
            ..about()
        }),
        Event::Session(About {
            state: State::Ended,
            end: Some((0, "done".into())),
            diagnostics: Some(peer.into()),
            ..about()
        }),
        Event::Session(About {
            state: State::Waiting,
            code: Some(crate::events::Words("417-walrus-clipboard-mango".into())),
            ..about()
        }),
        Event::Session(About {
            state: State::NotAnswering,
            unreceived: None,
            secrets_held: None,
            ..about()
        }),
        Event::Detached(about()),
        Event::Partial(partial(1, false)),
        Event::Partial(partial(3, true)),
        Event::Check(check.clone()),
        Event::Check(Check { ok: false, next: Some(Advice::for_user("set --relay URL")), ..check }),
    ]
}

/// Remains of a transfer of so many items.
fn partial(items: usize, used: bool) -> Partial {
    Partial {
        name: PeerName::new(b"photos\xff".to_vec()),
        items,
        bytes: 23_300_000,
        size: used.then_some(38_200_000),
        grown: std::time::SystemTime::UNIX_EPOCH,
        in_use: used,
        removed: !used,
        path: PathBuf::from("/tmp/.pinhole-0123456789abcdef.part"),
    }
}
