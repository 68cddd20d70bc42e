//! The one form that an item has on the wire (SPEC 5): what a decoder would also take is no item of
//! this protocol.

/// Arrays and maps within each other. This version has six, an entry's path.
const LEVELS: usize = 16;

/// True if `bytes` are one item in its form and nothing more.
pub(super) fn is_item(bytes: &[u8]) -> bool {
    matches!(after_item(bytes, LEVELS), Some([]))
}

/// The rest of `bytes` after the item at the front; `None` if that is not in its form.
fn after_item(bytes: &[u8], levels: usize) -> Option<&[u8]> {
    let (kind, argument, rest) = head(bytes)?;
    match (kind, argument) {
        (NUMBER | NEGATIVE, _) | (SIMPLE, FALSE | TRUE) => Some(rest),
        (BYTES, length) => rest.get(usize::try_from(length).ok()?..),
        (TEXT, length) => {
            let (text, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            core::str::from_utf8(text).ok().map(|_| rest)
        }
        (ARRAY, count) => {
            let levels = levels.checked_sub(1)?;
            // Whatever count is said: each element has a byte at least.
            (0..count).try_fold(rest, |rest, _| after_item(rest, levels))
        }
        (MAP, count) => {
            let levels = levels.checked_sub(1)?;
            let mut last = None;
            (0..count).try_fold(rest, |rest, _| {
                let (kind, key, rest) = head(rest)?;
                let ascends = kind == NUMBER && last.replace(key).is_none_or(|last| last < key);
                if ascends && key <= LAST_FIELD { after_item(rest, levels) } else { None }
            })
        }
        _ => None,
    }
}

// Major types of RFC 8949, 3.1, and the two simple values that are used.
const NUMBER: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const SIMPLE: u8 = 7;
const FALSE: u64 = 20;
const TRUE: u64 = 21;

/// The highest number of a field.
const LAST_FIELD: u64 = u32::MAX as u64;

/// The major type and argument at the front of `bytes`, in the shortest form, and what follows
/// them. An indefinite length has no argument.
fn head(bytes: &[u8]) -> Option<(u8, u64, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let (least, (argument, rest)) = match first & 0x1f {
        short @ 0..24 => (0, (u64::from(short), rest)),
        24 => (24, split(rest, |[byte]: [u8; 1]| u64::from(byte))?),
        25 => (1 << 8, split(rest, |bytes| u64::from(u16::from_be_bytes(bytes)))?),
        26 => (1 << 16, split(rest, |bytes| u64::from(u32::from_be_bytes(bytes)))?),
        27 => (1 << 32, split(rest, u64::from_be_bytes)?),
        _ => return None,
    };
    (argument >= least).then_some((first >> 5, argument, rest))
}

fn split<const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> u64) -> Option<(u64, &[u8])> {
    bytes.split_first_chunk().map(|(bytes, rest)| (read(*bytes), rest))
}
