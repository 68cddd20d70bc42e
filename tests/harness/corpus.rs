//! Names, and things that have them, of every kind that a folder can hold: to see that they arrive
//! as they were.

use std::ffi::OsString;
use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

/// Names that are kept, whatever they look like: more than 600, no two of them the same.
pub fn kept() -> Vec<OsString> {
    let mut names: Vec<Vec<u8>> = Vec::new();
    let texts =
        PLAIN.iter().chain(&WORDS).chain(&PAIRS).chain(&EMOJI).map(|name| name.as_bytes().to_vec());
    names.extend(texts);
    // Every character of ASCII that may be one, alone and at both ends.
    for byte in (b' '..=b'~').filter(|byte| !b"/.".contains(byte)) {
        names.extend([vec![byte], vec![b'a', byte], vec![byte, b'a']]);
    }
    // Joiners, marks and what else is not seen, but for what turns text around.
    let unseen = "\u{ad}\u{34f}\u{61c}\u{115f}\u{180e}\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\
                  \u{2028}\u{2029}\u{2060}\u{3164}\u{feff}\u{ffa0}";
    names.extend(
        unseen
            .chars()
            .chain('\u{fe00}'..='\u{fe0f}')
            .chain(['\u{e0001}', '\u{e0100}', '\u{e007f}', '\u{10ffff}', '\u{e000}'])
            .flat_map(|unseen| {
                [format!("{unseen}").into_bytes(), format!("ن{unseen}❤{unseen}").into_bytes()]
            }),
    );
    // Latin-1, and whatever else is no UTF-8.
    names.extend((0x80..=0xff).map(|byte| vec![b'c', b'a', b'f', byte]));
    names.extend(NO_TEXT.map(<[u8]>::to_vec));
    for device in
        ["con", "PRN", "Aux", "NUL", "COM1", "COM9", "LPT1", "lpt9", "CONIN$", "CONOUT$", "COM¹"]
    {
        names.extend([
            device.into(),
            format!("{device}.txt").into_bytes(),
            format!("{device}.tar.gz").into_bytes(),
        ]);
    }
    for letter in ["x", "é", "漢", "😀", "ی", "क", "ש"] {
        let fill = "x".repeat(255 % letter.len());
        names.push(format!("{}{fill}", letter.repeat(255 / letter.len())).into_bytes());
    }
    names.push(vec![0xff; 255]);
    names.sort();
    names.dedup();
    names.into_iter().map(OsString::from_vec).collect()
}

/// True if a name has none of the characters that no receiver keeps.
pub fn is_safe(name: &str) -> bool {
    !name.contains(|c: char| {
        c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    })
}

/// Names that have another at the receiver, and what it is made of; where two come to one, the
/// second has a number.
pub fn changed() -> Vec<(OsString, OsString)> {
    let unsafe_ones = ('\u{1}'..='\u{1f}')
        .chain('\u{7f}'..='\u{9f}')
        .chain('\u{202a}'..='\u{202e}')
        .chain('\u{2066}'..='\u{2069}');
    let each =
        unsafe_ones.map(|c| (format!("{:x}{c}x", u32::from(c)), format!("{:x}_x", u32::from(c))));
    let more =
        [("\u{1b}[2J", "_[2J"), ("\n", "_"), ("\r\n..", "__.."), ("gpj.\u{202e}exe", "gpj._exe")];
    let more = more.map(|(name, safe)| (name.to_owned(), safe.to_owned()));
    let mut all: Vec<(OsString, OsString)> =
        each.chain(more).map(|(name, safe)| (name.into(), safe.into())).collect();
    all.push((
        OsString::from_vec(b"\xff\x01\xfe".to_vec()),
        OsString::from_vec(b"\xff_\xfe".to_vec()),
    ));
    all.push(("\u{1}".repeat(255).into(), "_".repeat(255).into()));
    all
}

/// Names that become one when they are rewritten, beside one that has that name already.
pub const COLLIDING: [&str; 5] = ["one\u{1}", "one\u{2}", "one\u{202e}", "one_", "one_ (1)"];

const PLAIN: [&str; 64] = [
    ".git",
    ".hg",
    ".env",
    ".ssh",
    ".bashrc",
    ".a",
    "..a",
    "...a",
    "...",
    "....",
    "-rf",
    "--",
    "-",
    "--help",
    "-n",
    "~",
    "~root",
    "~x",
    "$(id)",
    "`id`",
    "$HOME",
    "${x}",
    ";ls",
    "a&&b",
    "a|b",
    "'",
    "\"",
    "'\"'",
    "a\\b",
    "..\\..\\x",
    "\\\\server\\share",
    "C:\\x",
    "C:",
    "C:x",
    "a:b:c",
    "file.txt::$DATA",
    "*",
    "?",
    "a*b?c",
    "<in>",
    "\"quoted\"",
    "dots.",
    "dots..",
    "dots...",
    "space ",
    "spaces  ",
    " space",
    ". ",
    " .",
    "a. . ",
    "%00",
    "%2e%2e%2f",
    "%s%n",
    "{a,b}",
    "[a-z]",
    "!x",
    "#x",
    "@x",
    "=x",
    "+x",
    "a b  c",
    "x.tar.gz",
    ".pinhole-0123456789abcdef.part",
    "{{7*7}}",
];

const WORDS: [&str; 56] = [
    "می\u{200c}خواهم",
    "نامه\u{200c}ها.txt",
    "کتاب",
    "گزارش ۱۴۰۵.pdf",
    "پرونده",
    "السلام عليكم",
    "ملف",
    "مُحَمَّد",
    "قائمة",
    "לשלום",
    "שָׁלוֹם",
    "קובץ",
    "हिन्दी",
    "क्\u{200d}ष",
    "र्\u{200c}य",
    "नमस्ते",
    "ภาษาไทย",
    "ที่",
    "น้ำ",
    "漢字",
    "汉字",
    "日本語.txt",
    "ファイル",
    "ﾌｧｲﾙ",
    "한국어",
    "가",
    "葛\u{e0100}",
    "𠮷野家",
    "தமிழ்",
    "বাংলা",
    "ਪੰਜਾਬੀ",
    "తెలుగు",
    "ಕನ್ನಡ",
    "മലയാളം",
    "සිංහල",
    "မြန်မာ",
    "ខ្មែរ",
    "ລາວ",
    "བོད་ཡིག",
    "አማርኛ",
    "ქართული",
    "Հայերեն",
    "Ελληνικά",
    "Русский",
    "Українська",
    "ᠮᠣᠩᠭᠣᠯ",
    "ᏣᎳᎩ",
    "ߒߞߏ",
    "𞤀𞤣𞤤𞤢𞤥",
    "𐰚𐰇𐰚",
    "𐌲𐌿𐍄",
    "ⵜⴰⵎⴰⵣⵉⵖⵜ",
    "ئۇيغۇرچە",
    "اردو",
    "tiếng Việt",
    "žluťoučký kůň",
];

/// Names that differ by their form or by case alone, side by side.
const PAIRS: [&str; 44] = [
    "\u{e9}",
    "e\u{301}",
    "\u{fc}",
    "u\u{308}",
    "\u{e5}",
    "a\u{30a}",
    "\u{212b}",
    "\u{1ec7}",
    "e\u{323}\u{302}",
    "ê\u{323}",
    "\u{ac01}",
    "\u{1100}\u{1161}\u{11a8}",
    "\u{304c}",
    "\u{304b}\u{3099}",
    "\u{958}",
    "\u{915}\u{93c}",
    "\u{2126}",
    "\u{3a9}",
    "\u{fb01}",
    "fi",
    "README",
    "readme",
    "Readme",
    "ReadMe",
    "Straße",
    "strasse",
    "STRASSE",
    "STRAẞE",
    "İ",
    "i\u{307}",
    "ı",
    "σ",
    "ς",
    "Σ",
    "ǅ",
    "ǆ",
    "Ǆ",
    "Кофе",
    "кофе",
    "ДОМ",
    "дом",
    "\u{212a}b",
    "kb",
    "Kb",
];

const EMOJI: [&str; 22] = [
    "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
    "\u{2764}\u{fe0f}",
    "\u{2764}\u{fe0e}",
    "\u{2764}",
    "\u{1f1ee}\u{1f1f7}",
    "\u{1f44d}\u{1f3fd}",
    "1\u{fe0f}\u{20e3}",
    "\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
    "\u{1f3f3}\u{fe0f}\u{200d}\u{1f308}",
    "\u{1f9d1}\u{1f3ff}\u{200d}\u{1f4bb}",
    "\u{1f600}",
    "\u{1f600}.txt",
    "\u{1f469}\u{200d}\u{2764}\u{fe0f}\u{200d}\u{1f48b}\u{200d}\u{1f468}",
    "\u{1f43b}\u{200d}\u{2744}\u{fe0f}",
    "\u{26a7}",
    "\u{1faf1}\u{1f3fb}\u{200d}\u{1faf2}\u{1f3ff}",
    "\u{1f1e6}",
    "\u{200d}\u{1f600}",
    "\u{1f600}\u{200d}",
    "\u{fe0f}\u{2764}",
    "\u{2b50}\u{fe0f}",
    "\u{1f57a}",
];

/// Shift JIS, EUC, GBK, UTF-16, halves of surrogate pairs, forms that are too long, and what was
/// cut.
const NO_TEXT: [&[u8]; 18] = [
    b"\x93\xfa\x96\x7b\x8c\xea.txt",
    b"\xc7\xd1\xb1\xdb",
    b"\xba\xba\xd7\xd6",
    b"\xcf\xf0\xe8\xe2\xe5\xf2",
    b"\xff\xfea",
    b"\xfe\xff",
    b"\xed\xa0\x80",
    b"a\xed\xa0\x80",
    b"\xed\xbf\xbf",
    b"\xed\xa0\xbd\xed\xb8\x80",
    b"\xc0\xaf",
    b"\xe0\x80\xaf",
    b"\xc0\x80",
    b"\xf0\x9f\x98",
    b"\xf4\x90\x80\x80",
    b"\xf8\x88\x80\x80\x80",
    b"\xc3",
    b"ok\xc3(",
];

/// Makes a file with its content, its permissions and its time.
fn file(path: &Path, content: &[u8], mode: u32, time: SystemTime) {
    fs::write(path, content).unwrap();
    let file = File::options().write(true).open(path).unwrap();
    file.set_times(FileTimes::new().set_modified(time)).unwrap();
    file.set_permissions(Permissions::from_mode(mode)).unwrap();
}

/// When number `number` was last changed: before 1970, long after, with and without nanoseconds.
fn time(number: usize) -> SystemTime {
    let seconds =
        [1, 1_000_000_000, 4_000_000_000, 10_000_000_000, 86_400][number % 5] + number as u64;
    let after = Duration::new(seconds, [0, 1, 123_456_789, 999_999_999][number % 4]);
    // A file system that begins in 1901, as most do, has these.
    if number % 7 == 3 {
        SystemTime::UNIX_EPOCH - after.min(Duration::new(2_000_000_000, 1))
    } else {
        SystemTime::UNIX_EPOCH + after
    }
}

/// Permissions of number `number` that its owner can read, whoever this is.
fn mode(number: usize) -> u32 {
    let mode = u32::try_from(number % 0o1000).unwrap();
    if rustix::process::geteuid().is_root() { mode } else { mode | 0o400 }
}

/// Folders of everything that arrives as it was.
pub fn make_kept(root: &Path) {
    for folder in ["files", "empty", "links", "folders", "modes", "holes"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    for (number, name) in kept().iter().enumerate() {
        file(
            &root.join("files").join(name),
            &name.as_bytes().repeat(number % 9),
            mode(number * 37),
            time(number),
        );
        fs::write(root.join("empty").join(name), "").unwrap();
        symlink(Path::new("../files").join(name), root.join("links").join(name)).unwrap();
        let folder = root.join("folders").join(name);
        fs::create_dir_all(folder.join("empty")).unwrap();
        file(&folder.join(name), name.as_bytes(), mode(number), time(number + 1));
        let bits = [0o755, 0o700, 0o2755, 0o1777, 0o555, 0o500][number % 6];
        fs::set_permissions(&folder, Permissions::from_mode(bits)).unwrap();
        File::open(&folder).unwrap().set_modified(time(number + 2)).unwrap();
    }
    for number in 0..0o1000 {
        file(&root.join("modes").join(format!("{number:04o}")), b"x", mode(number), time(number));
    }
    for (name, bits) in
        [("setuid", 0o4755), ("setgid", 0o2755), ("sticky", 0o1755), ("all", 0o7777)]
    {
        file(&root.join("modes").join(name), b"#!/bin/sh\n", bits, time(0));
    }
    for (name, size, at) in [
        ("none", 1 << 24, &[][..]),
        ("end", 1 << 24, &[0][..]),
        ("begin", 1 << 24, &[(1 << 24) - 4096]),
        ("large", 1 << 28, &[1 << 27]),
    ] {
        let sparse = File::create(root.join("holes").join(name)).unwrap();
        sparse.set_len(size).unwrap();
        at.iter().for_each(|at| sparse.write_all_at(&[7; 4096], *at).unwrap());
    }
    let mut deep = root.join("deep");
    (0..900).for_each(|_| deep.push("d"));
    fs::create_dir_all(&deep).unwrap();
    file(&deep.join("least"), b"deep", 0o644, time(0));
    for (link, target) in [
        ("to a folder", "files"),
        ("dangling", "no/where"),
        ("round", "round"),
        ("here", "."),
        ("in and out", "files/../empty"),
        ("slashes", "files//"),
    ] {
        symlink(target, root.join(link)).unwrap();
    }
    symlink(format!("files/{}", "./".repeat(2_000)), root.join("long")).unwrap();
    symlink("to a folder/..", root.join("by a link")).unwrap();
    fs::hard_link(root.join("modes/0644"), root.join("another name")).unwrap();
    File::open(root).unwrap().set_modified(time(4)).unwrap();
}

/// Makes entries that have no place at a receiver, or another name there. Returns those that are
/// left out, by their names in `root`.
pub fn make_changed(root: &Path) -> Vec<&'static str> {
    fs::create_dir_all(root).unwrap();
    for (number, (name, _)) in changed().iter().enumerate() {
        file(&root.join(name), name.as_bytes(), 0o644, time(number));
    }
    let outward = [
        ("up", "../x"),
        ("absolute", "/etc/passwd"),
        ("climbs", "a/../../x"),
        ("to renamed", "\n"),
        ("to itself outside", "../changed/up"),
    ];
    for (link, target) in outward {
        symlink(target, root.join(link)).unwrap();
    }
    assert!(Command::new("mkfifo").arg(root.join("pipe")).status().unwrap().success());
    // Its name stays when it is closed.
    drop(UnixListener::bind(root.join("socket")).unwrap());
    outward.map(|(link, _)| link).into_iter().chain(["pipe", "socket"]).collect()
}

/// A small folder of those that become one, each with what it is in it; a folder, a file and a link
/// of each.
pub fn make_colliding(root: &Path) {
    for name in COLLIDING {
        for kind in ["files", "folders", "links"] {
            fs::create_dir_all(root.join(kind)).unwrap();
        }
        fs::write(root.join("files").join(name), name).unwrap();
        fs::create_dir(root.join("folders").join(name)).unwrap();
        fs::write(root.join("folders").join(name).join("in"), name).unwrap();
        symlink("../files", root.join("links").join(name)).unwrap();
    }
}
