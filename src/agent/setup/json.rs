//! An entry in a JSON configuration, put in and taken out as text, so that everything around it
//! stays byte for byte, comments too.
//!
//! The form in which it was put in decides what goes with it: directly behind a brace, the braces
//! were there before; with white space between, they came with it.

use super::Fault;
use jsonc_parser::ast::{Object, ObjectProp};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde_json::Value;
use std::ops::Range;

/// Comments and trailing commas are what configurations have; no more of the dialects is taken.
const DIALECT: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_trailing_commas: true,
    allow_loose_object_property_names: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// Text before a member that begins no line.
const BESIDE: &str = " ";

/// The value at the end of `path`, if it is there.
///
/// # Errors
/// If the text is no JSON object, has a key of the path twice, or something else than an object on
/// the way.
pub fn get(text: &str, path: &[&str]) -> Result<Option<Value>, Fault> {
    let root = root(text)?;
    Ok(chain(&root, path)?
        .and_then(|chain| chain.last().map(|(_, found)| found.value.clone().into())))
}

/// The text with `value`, which is JSON, at the end of `path`; without a text, that of a new file.
///
/// # Errors
/// As for [`get`].
pub fn put(text: Option<&str>, path: &[&str], value: &str) -> Result<String, Fault> {
    let Some(text) = text else {
        return Ok(format!("{{\n  {}\n}}\n", nested(path, value, "\n  ")));
    };
    let root = root(text)?;
    let mut object = &root;
    let mut rest = path;
    while let [key, deeper @ ..] = rest {
        let Some(found) = member(object, key)? else { break };
        if deeper.is_empty() {
            return Ok(splice(text, &[(range(&found.value), value)]));
        }
        object = inside(found, key)?;
        rest = deeper;
    }
    let Some(last) = object.properties.last() else {
        let behind_brace = object.start() + 1;
        return Ok(splice(text, &[(behind_brace..behind_brace, &nested(rest, value, BESIDE))]));
    };
    let lead = lead(text, last.start());
    let own_line = lead.contains('\n');
    let end = last.end();
    let comma = comma(text, end);
    let behind = comma.map_or(end, |comma| comma + 1);
    // A comment on the last member's line stays with it.
    let at = if own_line { comments_of_line(text, behind) } else { behind };
    let lead = if own_line { lead } else { BESIDE };
    let mut new = format!("{lead}{}", nested(rest, value, lead));
    Ok(match comma {
        Some(_) => {
            new.push(',');
            splice(text, &[(at..at, &new)])
        }
        None => splice(text, &[(end..end, ","), (at..at, &new)]),
    })
}

/// The text without what is at the end of `path`, and without the objects around it that came with
/// it; nothing if the file came with it. The text as it is if nothing is there.
///
/// # Errors
/// As for [`get`].
pub fn take(text: &str, path: &[&str]) -> Result<Option<String>, Fault> {
    let root = root(text)?;
    let Some(chain) = chain(&root, path)? else { return Ok(Some(text.to_owned())) };
    for (object, gone) in chain.into_iter().rev() {
        let [open, close] = [object.start() + 1, object.end().saturating_sub(1)];
        let comma = comma(text, gone.end());
        let behind = comma.map_or(gone.end(), |comma| comma + 1);
        let start = gone.start();
        let lead = start - lead(text, start).len();
        let [before, after] = [part(text, open..start), part(text, behind..close)];
        if object.properties.len() == 1 {
            let around = if std::ptr::eq(object, &root) {
                [part(text, 0..open - 1), part(text, close + 1..text.len())]
            } else {
                ["", ""]
            };
            let blank = |text: &str| text.chars().all(char::is_whitespace);
            if before.is_empty() || ![before, after, around[0], around[1]].into_iter().all(blank) {
                return Ok(Some(splice(text, &[(lead..behind, "")])));
            }
            continue;
        }
        let before = object.properties.iter().rev().find(|other| other.end() <= start);
        let is_last = object.properties.last().is_some_and(|last| last.start() == start);
        return Ok(Some(match (before, comma) {
            (Some(before), None) if is_last => {
                let comma = self::comma(text, before.end()).unwrap_or(lead);
                splice(text, &[(comma..comma + 1, ""), (lead.max(comma + 1)..gone.end(), "")])
            }
            _ => splice(text, &[(lead..behind, "")]),
        }));
    }
    Ok(None)
}

fn root(text: &str) -> Result<Object<'_>, Fault> {
    let parsed = parse_to_ast(text, &CollectOptions::default(), &DIALECT).map_err(|error| {
        Fault(format!("is not JSON, line {}: {}", error.line_display(), error.kind()))
    })?;
    match parsed.value {
        Some(jsonc_parser::ast::Value::Object(object)) => Ok(object),
        Some(_) => Err(Fault("is not a JSON object".to_owned())),
        None => Err(Fault("has no JSON in it".to_owned())),
    }
}

/// Each object on the way, with its member of the path; nothing if one of them is not there.
fn chain<'o, 'a>(
    root: &'o Object<'a>,
    path: &[&str],
) -> Result<Option<Vec<(&'o Object<'a>, &'o ObjectProp<'a>)>>, Fault> {
    let (mut object, mut chain) = (root, Vec::new());
    for (level, key) in path.iter().enumerate() {
        let Some(found) = member(object, key)? else { return Ok(None) };
        chain.push((object, found));
        if level + 1 < path.len() {
            object = inside(found, key)?;
        }
    }
    Ok(Some(chain))
}

fn member<'o, 'a>(object: &'o Object<'a>, key: &str) -> Result<Option<&'o ObjectProp<'a>>, Fault> {
    let mut found = object.properties.iter().filter(|member| member.name.as_str() == key);
    match (found.next(), found.next()) {
        // Programs differ in which one they take.
        (_, Some(_)) => Err(Fault(format!("has the key \"{key}\" twice"))),
        (found, None) => Ok(found),
    }
}

fn inside<'o, 'a>(member: &'o ObjectProp<'a>, key: &str) -> Result<&'o Object<'a>, Fault> {
    member
        .value
        .as_object()
        .ok_or_else(|| Fault(format!("has something other than an object as \"{key}\"")))
}

/// The member that leads to `value` by the rest of a path, on lines of its own where `lead` begins
/// one.
fn nested(path: &[&str], value: &str, lead: &str) -> String {
    match path {
        [] => value.to_owned(),
        [key] => format!("\"{key}\": {value}"),
        [key, deeper @ ..] => {
            let inner = if lead.contains('\n') { format!("{lead}  ") } else { lead.to_owned() };
            format!("\"{key}\": {{{inner}{}{lead}}}", nested(deeper, value, &inner))
        }
    }
}

/// Text before the member that starts at `at`: its line's beginning with the line end before it, or
/// a blank beside another.
fn lead(text: &str, at: usize) -> &str {
    let before = part(text, 0..at);
    let line = before
        .rfind('\n')
        .filter(|line| part(before, line + 1..at).chars().all(char::is_whitespace));
    match line {
        Some(line) if part(before, 0..line).ends_with('\r') => part(before, line - 1..at),
        Some(line) => part(before, line..at),
        None if before.ends_with(BESIDE) => BESIDE,
        None => "",
    }
}

/// Place of the comma that follows, if only white space and comments are between.
fn comma(text: &str, from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let rest = text.get(at..)?;
        let skipped = rest.len() - rest.trim_start().len();
        match (skipped, comment(rest)) {
            (1.., _) => at += skipped,
            (0, Some(length)) => at += length,
            (0, None) => return rest.starts_with(',').then_some(at),
        }
    }
}

/// End of the comments that follow on the same line; `from` if there are none.
fn comments_of_line(text: &str, from: usize) -> usize {
    let (mut at, mut end) = (from, from);
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let skipped = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        match comment(rest.get(skipped..).unwrap_or_default()) {
            Some(length) => {
                at += skipped + length;
                end = at;
            }
            None => return end,
        }
    }
}

/// The length of the comment with which the text begins, without the end of its line.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find(['\r', '\n']).unwrap_or(text.len()));
    }
    text.starts_with("/*").then(|| text.find("*/").map_or(text.len(), |end| end + 2))
}

fn range(node: &impl Ranged) -> Range<usize> {
    node.start()..node.end()
}

fn part(text: &str, range: Range<usize>) -> &str {
    text.get(range).unwrap_or_default()
}

/// The text with each of these ranges, ascending, replaced.
fn splice(text: &str, changes: &[(Range<usize>, &str)]) -> String {
    let (mut new, mut at) = (String::with_capacity(text.len()), 0);
    for (range, by) in changes {
        new += part(text, at..range.start);
        new += by;
        at = range.end;
    }
    new + part(text, at..text.len())
}

#[cfg(test)]
mod tests;
