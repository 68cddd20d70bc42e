//! Lines of a dotenv file (`.env`): a value written so that `sh` and the usual readers of such
//! files read the same bytes back, and put in place of an older one.
//!
//! There is no standard. What is written here is what POSIX sh, bash, python-dotenv, the dotenv of
//! Node and dotenvy all read alike: a bare word, or one pair of quotes in which nothing is special
//! to any of them; single ones if it has several lines. A value for which there is no such form is
//! refused.

use std::ops::Range;
use zeroize::Zeroizing;

/// Characters that any reader takes as they are, without quotes. `~` is not among them: sh puts a
/// home directory in its place.
const BARE: &[u8] = b"_-./:@%+,=";

/// The value that a secret has as a variable: without the line end that most files and `echo` put
/// behind it, as `$(cat FILE)` is.
#[must_use]
pub fn as_variable(secret: &[u8]) -> &[u8] {
    let line = secret.strip_suffix(b"\n").unwrap_or(secret);
    line.strip_suffix(b"\r").filter(|_| line.len() < secret.len()).unwrap_or(line)
}

/// `value` as it stands behind the `=`.
///
/// # Errors
/// Why there is no form that all readers read alike, in words that go on after "it".
pub fn quoted(value: &[u8]) -> Result<Zeroizing<String>, &'static str> {
    let text = std::str::from_utf8(value).map_err(|_| "is not UTF-8 text")?;
    if text.is_empty() {
        return Err("is only a line end");
    }
    // Readers that take a file as text make a line feed of a carriage return.
    if text.chars().any(|letter| letter.is_control() && letter != '\n') {
        return Err("contains a carriage return or another control character");
    }
    if text.contains("${") {
        // python-dotenv puts a variable in its place, whatever the quotes.
        return Err("contains ${");
    }
    let has = |any: &[char]| text.contains(any);
    let quote = if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || BARE.contains(&byte)) {
        ""
    } else if !has(&['\'']) {
        // sh knows no escapes inside; some readers take \' for a quote and \\ for one backslash.
        if text.contains("\\\\") || text.ends_with('\\') {
            return Err("has two backslashes in a row, or ends with one");
        }
        "'"
    } else if has(&['\n']) {
        return Err("contains a line break and a '");
    } else if !has(&['"', '\\', '$', '`']) {
        "\""
    } else {
        return Err("contains a ' and one of \" \\ $ `");
    };
    // Large enough from the start: a string that grows leaves copies behind that nobody wipes.
    let mut written = Zeroizing::new(String::with_capacity(text.len() + 2));
    [quote, text, quote].into_iter().for_each(|piece| written.push_str(piece));
    Ok(written)
}

/// The file with `name` set to `quoted`: in the place of its first assignment, without any later
/// one, or else at the end. Everything else is as it was, byte for byte.
#[must_use]
pub fn set(old: &[u8], name: &str, quoted: &str) -> Zeroizing<Vec<u8>> {
    let part = |range: Range<usize>| old.get(range).unwrap_or_default();
    // Never grows, as above: beside the old content there are at most `=` and two line ends.
    let mut new = Zeroizing::new(Vec::with_capacity(old.len() + name.len() + quoted.len() + 3));
    let mut kept = 0;
    let line = |new: &mut Vec<u8>, before: &[u8], end: &[u8]| {
        for piece in [before, name.as_bytes(), b"=", quoted.as_bytes(), end] {
            new.extend_from_slice(piece);
        }
    };
    let mut is_set = false;
    for assignment in
        assignments(old).filter(|assignment| part(assignment.name.clone()) == name.as_bytes())
    {
        new.extend_from_slice(part(kept..assignment.whole.start));
        kept = assignment.whole.end;
        if !std::mem::replace(&mut is_set, true) {
            let whole = part(assignment.whole.clone());
            let end: &[u8] = if whole.ends_with(b"\r\n") { b"\r\n" } else { b"\n" };
            line(&mut new, part(assignment.whole.start..assignment.name.start), end);
        }
    }
    new.extend_from_slice(part(kept..old.len()));
    if !is_set {
        let before: &[u8] = if new.is_empty() || new.ends_with(b"\n") { b"" } else { b"\n" };
        line(&mut new, before, b"\n");
    }
    new
}

/// True if the file assigns anything to `name`.
#[must_use]
pub fn has(old: &[u8], name: &str) -> bool {
    assignments(old).any(|assignment| old.get(assignment.name) == Some(name.as_bytes()))
}

/// True if every quoted value of the file ends. Anything added behind an open one would be taken
/// for its rest.
#[must_use]
pub fn is_closed(old: &[u8]) -> bool {
    assignments(old).all(|assignment| assignment.closed)
}

/// An assignment in a file: the bytes of all its lines, line end included, and those of its name.
struct Assignment {
    whole: Range<usize>,
    name: Range<usize>,
    /// True if a quote that begins its value is closed.
    closed: bool,
}

/// All assignments of a file. What stands inside a quoted value of several lines is none.
fn assignments(text: &[u8]) -> impl Iterator<Item = Assignment> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < text.len() {
            let start = at;
            let Some((name, value)) = head(text, start) else {
                at = line_end(text, start);
                continue;
            };
            let end = value_end(text, value);
            at = line_end(text, end.unwrap_or(value));
            return Some(Assignment { whole: start..at, name, closed: end.is_some() });
        }
        None
    })
}

/// If the line at `start` is `[export ]NAME=value`: where its name is, and where its value begins.
fn head(text: &[u8], start: usize) -> Option<(Range<usize>, usize)> {
    let spaces = |at: usize| after(text, at, |byte| matches!(byte, b' ' | b'\t'));
    let mut from = spaces(start);
    let exported = from + "export".len();
    if text.get(from..exported) == Some(b"export") && spaces(exported) > exported {
        from = spaces(exported);
    }
    let name = from..after(text, from, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')
    });
    let equals = spaces(name.end);
    (!name.is_empty() && text.get(equals) == Some(&b'=')).then(|| (name, spaces(equals + 1)))
}

/// A place in the last line of the value that begins at `at`: that of the quote that closes it if
/// one opens it. Nothing if that is never closed.
fn value_end(text: &[u8], at: usize) -> Option<usize> {
    let Some(quote) = text.get(at).copied().filter(|byte| matches!(byte, b'\'' | b'"' | b'`'))
    else {
        return Some(at);
    };
    let mut place = at + 1;
    loop {
        let byte = *text.get(place)?;
        if byte == quote {
            return Some(place);
        }
        // Only double quotes have escapes in sh.
        place += if byte == b'\\' && quote == b'"' { 2 } else { 1 };
    }
}

/// The first place from `at` on at which `more` does not hold.
fn after(text: &[u8], at: usize, more: impl Fn(u8) -> bool) -> usize {
    at + text.get(at..).unwrap_or_default().iter().take_while(|byte| more(**byte)).count()
}

/// The place behind the line end that follows `at`, or the end.
fn line_end(text: &[u8], at: usize) -> usize {
    text.len().min(after(text, at, |byte| byte != b'\n') + 1)
}

#[cfg(test)]
mod tests;
