use super::*;
use crate::pool::LARGE;
use proptest::prelude::*;
use tokio::io::{AsyncWriteExt, duplex};

const LONGEST: usize = 66_048;

fn frames(longest: usize) -> Frames {
    Frames::new(Pool::new(LONGEST + HEAD), longest)
}

/// A frame of a client: its first byte, its payload, and how its length is written: 0, 2 or 8
/// bytes.
fn sent(first: u8, mask: Option<[u8; 4]>, length: u64, width: usize, payload: &[u8]) -> Vec<u8> {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match width {
        0 => bytes.push(masked | length as u8),
        2 => bytes.extend([&[masked | 126], &(length as u16).to_be_bytes()[..]].concat()),
        _ => bytes.extend([&[masked | 127], &length.to_be_bytes()[..]].concat()),
    }
    bytes.extend(mask.unwrap_or_default().iter().take(if mask.is_some() { 4 } else { 0 }));
    bytes.extend(
        payload.iter().zip(mask.unwrap_or_default().iter().cycle()).map(|(byte, mask)| byte ^ mask),
    );
    bytes
}

fn width(length: u64) -> usize {
    match length {
        0..=125 => 0,
        126..=0xffff => 2,
        _ => 8,
    }
}

fn whole(first: u8, mask: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u64;
    sent(first, Some(mask), length, width(length), payload)
}

/// Everything that comes of these bytes: the frames that were forwarded, and what stopped it.
async fn gathered(mut bytes: &[u8], frames: &mut Frames) -> (Vec<u8>, Vec<Stop>) {
    let (mut out, mut stops) = (Vec::new(), Vec::new());
    loop {
        loop {
            let (_, stop) = frames.gather();
            match stop {
                Stop::Incomplete => break,
                Stop::Ping(_) => stops.push(stop),
                Stop::Pong => {}
                Stop::Close(_) | Stop::Broken => {
                    stops.push(stop);
                    out.extend(frames.gathered());
                    return (out, stops);
                }
            }
        }
        out.extend(frames.gathered());
        frames.forwarded();
        if frames.fill(&mut bytes).await.unwrap() == 0 {
            return (out, stops);
        }
    }
}

#[tokio::test]
async fn of_all_heads_only_those_that_a_side_may_send_are_taken() {
    let lengths = [
        0,
        1,
        125,
        126,
        512,
        513,
        1027,
        1028,
        65_535,
        65_536,
        66_048,
        66_049,
        1 << 31,
        1 << 63,
        u64::MAX,
    ];
    let (mut tried, mut taken) = (0, 0);
    for first in 0..=255_u8 {
        for (mask, length) in [None, Some([1, 2, 3, 4])]
            .into_iter()
            .flat_map(|mask| lengths.map(|length| (mask, length)))
        {
            for width in [0, 2, 8].into_iter().filter(|room| *room >= width(length)) {
                for longest in [1027, LONGEST] {
                    // The payload has not come: what is refused is refused from its head.
                    let bytes = sent(first, mask, length, width, &[]);
                    let mut frames = frames(longest);
                    assert_eq!(frames.fill(&mut &bytes[..]).await.unwrap(), bytes.len());
                    let most = match first {
                        0x81 => 512,
                        0x82 => longest as u64,
                        0x88..=0x8a => 125,
                        _ => 0,
                    };
                    let known = matches!(first, 0x81 | 0x82 | 0x88..=0x8a);
                    let may =
                        known && mask.is_some() && length <= most && width == self::width(length);
                    assert_eq!(
                        frames.next().is_ok(),
                        may,
                        "{first:#x} {mask:?} {length} {width} {longest}"
                    );
                    (tried, taken) = (tried + 1, taken + u32::from(may));
                }
            }
        }
    }
    assert!(tried > 4096, "{tried}");
    // Text 10, binary 7 and 11, control 18.
    assert_eq!(taken, 46);
}

#[tokio::test]
async fn a_head_is_refused_only_when_it_is_there_and_judged_at_its_last_byte() {
    for bytes in [
        whole(0x82, [9; 4], &[7; 300]),
        whole(0x82, [9; 4], &[7; 66_000]),
        whole(0x89, [0; 4], b"x"),
    ] {
        for cut in 0..bytes.len().min(40) {
            let mut frames = frames(LONGEST);
            frames.fill(&mut &bytes[..cut]).await.unwrap();
            frames.fill(&mut &bytes[cut.min(HEAD)..cut]).await.unwrap();
            assert_eq!(frames.next().map(|frame| frame.is_some()), Ok(false), "{cut}");
        }
    }
}

#[tokio::test]
async fn a_buffer_is_held_only_while_something_is_in_it() {
    let pool = Pool::new(LONGEST + HEAD);
    let (mut near, mut far) = duplex(1 << 20);
    let mut frames = Frames::new(Arc::clone(&pool), LONGEST);
    let idle = async |frames: &mut Frames, near: &mut tokio::io::DuplexStream| {
        tokio::select! {
            biased;
            _ = frames.fill(near) => panic!("nothing has come"),
            () = core::future::ready(()) => {}
        }
    };
    idle(&mut frames, &mut near).await;
    assert_eq!(pool.held(), 0);
    // A short message takes a small buffer.
    far.write_all(&whole(0x82, [1; 4], b"small")).await.unwrap();
    frames.fill(&mut near).await.unwrap();
    assert_eq!(
        (frames.gather().0, frames.gathered()),
        (Gathered { frames: 1, bytes: 5 }, &b"\x82\x05small"[..])
    );
    assert_eq!(pool.held(), SMALL);
    frames.forwarded();
    idle(&mut frames, &mut near).await;
    assert_eq!(pool.held(), 0);
    // A record takes a large one, and gives it back.
    far.write_all(&whole(0x82, [1; 4], &[3; 65_000])).await.unwrap();
    while frames.gather().0.frames == 0 {
        frames.fill(&mut near).await.unwrap();
    }
    assert_eq!((pool.held(), frames.gathered().len()), (LARGE, 65_004));
    frames.forwarded();
    idle(&mut frames, &mut near).await;
    assert_eq!(pool.held(), 0);
    // Half of one stays.
    let half = whole(0x82, [1; 4], &[3; 65_000]);
    far.write_all(&half[..30_000]).await.unwrap();
    for _ in 0..2 {
        frames.fill(&mut near).await.unwrap();
    }
    idle(&mut frames, &mut near).await;
    assert_eq!(pool.held(), LARGE);
    far.write_all(&half[30_000..]).await.unwrap();
    while frames.gather().0.frames == 0 {
        frames.fill(&mut near).await.unwrap();
    }
    assert_eq!(frames.gathered()[4..], [3; 65_000]);
}

#[tokio::test]
async fn what_waits_before_a_pair_never_takes_more_than_a_small_buffer() {
    let pool = Pool::new(LONGEST + HEAD);
    let mut frames = Frames::new(Arc::clone(&pool), 1027);
    let bytes: Vec<u8> =
        core::iter::repeat_n(whole(0x82, [5; 4], &[1; 1027]), 100).flatten().collect();
    let (mut bytes, mut count) = (&bytes[..], 0);
    while frames.fill(&mut bytes).await.unwrap() > 0 {
        assert_eq!(pool.held(), SMALL);
        while let Some((kind, payload)) = frames.next().unwrap() {
            assert_eq!((kind, &*payload), (Kind::Binary, &[1; 1027][..]));
            count += 1;
        }
    }
    assert_eq!(count, 100);
}

#[tokio::test]
async fn frames_that_are_empty_or_short_never_take_more_than_a_small_buffer() {
    for length in [0, 1, 1000] {
        let pool = Pool::new(LONGEST + HEAD);
        let mut frames = Frames::new(Arc::clone(&pool), LONGEST);
        let bytes: Vec<u8> = whole(0x82, [5; 4], &vec![1; length]).repeat(100_000 / (length + 1));
        let mut bytes = &bytes[..];
        while frames.fill(&mut bytes).await.unwrap() > 0 {
            assert_eq!(pool.held(), SMALL);
            assert_eq!(frames.gather().1, Stop::Incomplete);
            frames.forwarded();
        }
    }
}

#[tokio::test]
async fn what_a_side_said_before_it_broke_the_rules_or_ended_is_forwarded() {
    let good = [whole(0x82, [1, 2, 3, 4], b"one"), whole(0x82, [5; 4], b"two")].concat();
    for (then, stop) in [
        (whole(0x88, [7; 4], &[3, 232]), Stop::Close(Small::new(&[3, 232]))),
        (whole(0x81, [7; 4], b"{}"), Stop::Broken),
        (whole(0x02, [7; 4], b"fragment"), Stop::Broken),
    ] {
        let bytes = [&good[..], &then, &good].concat();
        assert_eq!(
            gathered(&bytes, &mut frames(LONGEST)).await,
            (b"\x82\x03one\x82\x03two".to_vec(), vec![stop])
        );
    }
}

fn any_frame() -> impl Strategy<Value = (u8, [u8; 4], Vec<u8>)> {
    let kind = prop_oneof![6 => Just(0x82_u8), 1 => Just(0x89), 1 => Just(0x8a)];
    let length = prop_oneof![0..126_usize, 126..3000_usize, 60_000..=LONGEST];
    (kind, any::<[u8; 4]>(), length, any::<u8>()).prop_map(|(kind, mask, length, salt)| {
        let length = if kind == 0x82 { length } else { length % 126 };
        (kind, mask, (0..length).map(|index| (index as u8).wrapping_mul(31) ^ salt).collect())
    })
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(
        if std::env::var_os("PINHOLE_FULL").is_some() { 5000 } else { 1000 }
    ))]

    /// However the bytes come, all frames go on as they were sent, in order, and pings are seen.
    #[test]
    fn frames_are_forwarded_whole_and_in_order(
        all in prop::collection::vec(any_frame(), 1..20),
        cuts in prop::collection::vec(1..70_000_usize, 1..20),
    ) {
        let bytes: Vec<u8> =
            all.iter().flat_map(|(kind, mask, payload)| whole(*kind, *mask, payload)).collect();
        let data = all.iter().filter(|(kind, ..)| *kind == 0x82);
        let expected: Vec<u8> =
            data.flat_map(|(_, _, payload)| frame(Kind::Binary, payload)).collect();
        let pings: Vec<Stop> = all
            .iter()
            .filter(|(kind, ..)| *kind == 0x89)
            .map(|(_, _, payload)| Stop::Ping(Small::new(payload)))
            .collect();
        let (out, stops) = run(async {
            let (mut frames, mut rest) = (frames(LONGEST), &bytes[..]);
            let (mut out, mut stops) = (Vec::new(), Vec::new());
            for cut in cuts.iter().cycle() {
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                let (more, stop) = gathered(now, &mut frames).await;
                out.extend(more);
                stops.extend(stop);
                rest = later;
                if rest.is_empty() {
                    return (out, stops);
                }
            }
            unreachable!()
        });
        prop_assert!(out == expected, "what came out differs");
        prop_assert_eq!(stops, pings);
    }

    /// No bytes make it panic, and what it forwards is made of whole frames.
    #[test]
    fn any_bytes_are_taken_or_refused(
        bytes in prop::collection::vec(
            prop_oneof![4 => any::<u8>(), 1 => Just(0x82), 1 => Just(0x81), 1 => Just(0x80)],
            0..600,
        ),
        longest in 0..2000_usize,
    ) {
        let (out, _) = run(gathered(&bytes, &mut frames(longest)));
        let mut rest = &out[..];
        while !rest.is_empty() {
            let mut cursor = Cursor::new(rest);
            let (header, length) = FrameHeader::parse(&mut cursor).unwrap().unwrap();
            prop_assert!(
                header.is_final
                    && header.mask.is_none()
                    && header.opcode == OpCode::Data(Data::Binary)
            );
            rest = &rest[cursor.position() as usize + length as usize..];
        }
        let mut frames = frames(longest);
        run(async { frames.fill(&mut &bytes[..]).await }).unwrap();
        while let Ok(Some(_)) = frames.next() {}
    }

    #[test]
    fn unmasking_twice_changes_nothing(
        bytes in prop::collection::vec(any::<u8>(), 0..100),
        mask in any::<[u8; 4]>(),
    ) {
        let mut twice = bytes.clone();
        unmask(&mut twice, mask);
        let plain: Vec<u8> =
            bytes.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
        prop_assert_eq!(&twice, &plain);
        unmask(&mut twice, mask);
        prop_assert_eq!(twice, bytes);
    }
}
