//! Modules know only those below them: no circle of folders, and between the files of a folder
//! none but that of a parent and its child.
//!
//! Read are the paths of the source that begin with `crate`, `super` or `self`, in `use` lines and
//! elsewhere. Tests may reach wherever they like.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Source roots with their floors, the highest first: a module reaches into its own floor and into
/// those below. Modules that no floor names are held to the absence of circles alone.
const PACKAGES: &[(&str, &[&[&str]])] = &[
    (
        "src/protocol",
        &[
            &["conversation"],
            &["links", "messages", "transfers"],
            &["wire", "handshake", "records", "rendezvous", "layout", "ranges"],
            &["limits", "secret", "time", "violation", "wordlist"],
        ],
    ),
    (
        "relay",
        &[
            &["server", "forward"],
            &["frames", "request", "pairing", "page", "counters", "settings"],
            &["limits", "owner", "pool", "source"],
        ],
    ),
];

#[test]
fn no_module_reaches_up_or_round() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (root, floors) in PACKAGES {
        let files = sources(&repository.join(root));
        assert!(files.len() > 20, "{root} has its files elsewhere");
        let faults = faults(&files, floors);
        assert!(faults.is_empty(), "{root}:\n{}", faults.join("\n"));
    }
}

#[test]
fn an_arrow_up_or_round_is_found() {
    let files = |changed: &str, text: &str| {
        let all = [
            ("", "mod high; mod low;"),
            ("high", "mod one; mod two; use crate::low::Thing;"),
            ("high::one", "use super::two; fn f() { crate::low::g(); }"),
            ("high::two", "// super::one\nconst S: &str = \"super::one\"; use super::Parent;"),
            ("low", "pub(crate) struct Thing;"),
        ];
        all.into_iter()
            .map(|(name, usual)| (name, if name == changed { text } else { usual }))
            .map(|(name, text)| (path(name), text.to_owned()))
            .collect::<BTreeMap<_, _>>()
    };
    let found = |changed, text| faults(&files(changed, text), &[&["high"], &["low"]]).len();
    assert_eq!(found("", "mod high; mod low;"), 0);
    for (changed, text, expected) in [
        // Round, between two files of a folder and between two folders; the latter is up too.
        ("high::two", "use super::{Parent, one::{A, B}};", 1),
        ("high::two", "fn f(a: super::one::A) {}", 1),
        ("high::two", "mod inner { use super::super::one; }", 1),
        ("low", "use crate::{high::{one::A}, other::B};", 2),
        ("low", "impl A for crate::high::one::B {}", 2),
        // Children and parents, other crates, comments and tests.
        ("high", "mod one; mod two; use one::A; use self::two::B;", 0),
        ("low", "/* crate::high */ use core::high; fn f() -> char { '\"' } // crate::high", 0),
        ("low", "const S: &str = r#\"crate::high \" \"#; fn f<'a>(_: &'a str) {}", 0),
        ("low", "#[cfg(test)] mod tests { use crate::high::one; }", 0),
        ("low", "pub(in crate::low) fn f() {}", 0),
    ] {
        assert_eq!(found(changed, text), expected, "{text}");
    }
}

/// A module's place in its package, by the names from the root down.
type Module = Vec<String>;

fn path(name: &str) -> Module {
    name.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Files of a package by module, other packages within it left out.
fn sources(root: &Path) -> BTreeMap<Module, String> {
    let mut files = BTreeMap::new();
    collect(root, &mut Vec::new(), &mut files);
    files
}

fn collect(folder: &Path, module: &mut Module, files: &mut BTreeMap<Module, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap().path();
        let name = entry.file_stem().unwrap().to_str().unwrap().to_owned();
        if entry.is_dir() && !entry.join("Cargo.toml").exists() {
            module.push(name);
            collect(&entry, module, files);
            module.pop();
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            let is_root = module.is_empty() && (name == "lib" || name == "main");
            let names = module.iter().cloned().chain((!is_root).then_some(name));
            files.insert(names.collect(), fs::read_to_string(&entry).unwrap());
        }
    }
}

/// Arrows that run up or round, a sentence for each.
fn faults(files: &BTreeMap<Module, String>, floors: &[&[&str]]) -> Vec<String> {
    let read: BTreeMap<&Module, Read> =
        files.iter().map(|(module, text)| (module, Read::new(text))).collect();
    let tests: BTreeSet<Module> = read
        .iter()
        .flat_map(|(module, read)| read.tests.iter().map(|test| join(module, test)))
        .collect();
    let is_test = |module: &Module| {
        (1..=module.len()).any(|length| tests.contains(&module[..length]))
            || module.first().is_some_and(|first| first == "tests")
    };
    // Arrows between two children of one module, each with the first place that shows it.
    let mut arrows: BTreeMap<Module, BTreeMap<(String, String), String>> = BTreeMap::new();
    let mut faults = Vec::new();
    for (module, read) in read.iter().filter(|(module, _)| !is_test(module)) {
        for (reference, line) in &read.references {
            let Some(target) = resolve(files, module, reference) else { continue };
            let common = module.iter().zip(&target).take_while(|(one, other)| one == other).count();
            let (Some(from), Some(to)) = (module.get(common), target.get(common)) else { continue };
            let place = format!("{}:{line} names {}", module.join("::"), target.join("::"));
            let floor =
                |name: &String| floors.iter().position(|floor| floor.contains(&name.as_str()));
            if common == 0 && floor(from).zip(floor(to)).is_some_and(|(from, to)| to < from) {
                faults.push(format!("up: {place}"));
            }
            let of_parent = arrows.entry(module[..common].to_vec()).or_default();
            of_parent.entry((from.clone(), to.clone())).or_insert(place);
        }
    }
    for (parent, arrows) in arrows {
        if let Some(circle) = circle(&arrows) {
            faults.push(format!("round in {:?}: {}", parent.join("::"), circle.join("; ")));
        }
    }
    faults
}

fn join(module: &Module, more: &[String]) -> Module {
    module.iter().chain(more).cloned().collect()
}

/// The file's module that a reference leads into.
fn resolve(
    files: &BTreeMap<Module, String>,
    module: &Module,
    reference: &Reference,
) -> Option<Module> {
    let mut names = reference.names.iter().peekable();
    let mut at = if names.next_if(|name| *name == "crate").is_some() {
        Vec::new()
    } else {
        join(module, &reference.inline)
    };
    while let Some(name) = names.next_if(|name| ["self", "super"].contains(&name.as_str())) {
        if name == "super" {
            at.pop()?;
        }
    }
    at.extend(names.cloned());
    while !files.contains_key(&at) {
        at.pop()?;
    }
    Some(at)
}

/// The places that make a circle, if there is one.
fn circle(arrows: &BTreeMap<(String, String), String>) -> Option<Vec<String>> {
    fn visit<'a>(
        arrows: &'a BTreeMap<(String, String), String>,
        node: &'a str,
        way: &mut Vec<(&'a str, &'a str)>,
        done: &mut BTreeSet<&'a str>,
    ) -> Option<Vec<String>> {
        if let Some(start) = way.iter().position(|(visited, _)| *visited == node) {
            return Some(way[start..].iter().map(|(_, place)| (*place).to_owned()).collect());
        }
        if done.contains(node) {
            return None;
        }
        for ((_, to), place) in arrows.iter().filter(|((from, _), _)| from == node) {
            way.push((node, place));
            let found = visit(arrows, to, way, done);
            if found.is_some() {
                return found;
            }
            way.pop();
        }
        done.insert(node);
        None
    }
    let mut done = BTreeSet::new();
    arrows.keys().find_map(|(from, _)| visit(arrows, from, &mut Vec::new(), &mut done))
}

/// A path as it is written, from inside the inline modules around it.
struct Reference {
    names: Vec<String>,
    inline: Module,
}

/// All that matters here of a file.
#[derive(Default)]
struct Read {
    /// References, each with its line.
    references: Vec<(Reference, usize)>,
    /// Modules that are there for tests alone.
    tests: Vec<Module>,
}

impl Read {
    fn new(text: &str) -> Self {
        let tokens = tokens(text);
        let word = |index: usize| tokens.get(index).map_or("", |(token, _)| token.as_str());
        let mut read = Self::default();
        // Inline modules around a token, each with the depth of braces that it ends at.
        let (mut inline, mut depth, mut index): (Vec<(String, usize)>, usize, usize) =
            (Vec::new(), 0, 0);
        let mut for_tests = false;
        while index < tokens.len() {
            match word(index) {
                "#" if (index + 1..).map(word).take(6).eq(["[", "cfg", "(", "test", ")", "]"]) => {
                    for_tests = true;
                    index += 6;
                }
                "mod" if word(index + 2) == "{" && for_tests => {
                    index = block_end(&tokens, index + 2);
                    for_tests = false;
                }
                "mod" if word(index + 2) == "{" => inline.push((word(index + 1).into(), depth)),
                "mod" if for_tests => {
                    read.tests.push(vec![word(index + 1).into()]);
                    for_tests = false;
                }
                "{" => {
                    for_tests = false;
                    depth += 1;
                }
                "}" => {
                    depth = depth.saturating_sub(1);
                    inline.pop_if(|(_, ends)| *ends == depth);
                }
                ";" => for_tests = false,
                "crate" | "super" | "self" if word(index + 1) == "::" => {
                    let line = tokens[index].1;
                    let around: Module = inline.iter().map(|(name, _)| name.clone()).collect();
                    let mut paths = Vec::new();
                    index = tree(&tokens, index, &[], &mut paths) - 1;
                    read.references.extend(
                        paths
                            .into_iter()
                            .map(|names| (Reference { names, inline: around.clone() }, line)),
                    );
                }
                _ => {}
            }
            index += 1;
        }
        read
    }
}

/// The index of the brace that closes the one at `index`.
fn block_end(tokens: &[(String, usize)], index: usize) -> usize {
    let mut depth = 0_usize;
    for (at, (token, _)) in tokens.iter().enumerate().skip(index) {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len()
}

/// Reads a path, or a tree of them in braces, and returns the index after it.
fn tree(
    tokens: &[(String, usize)],
    mut index: usize,
    before: &[String],
    paths: &mut Vec<Vec<String>>,
) -> usize {
    let word = |index: usize| tokens.get(index).map_or("", |(token, _)| token.as_str());
    let mut names = before.to_vec();
    loop {
        match word(index) {
            "{" => {
                index += 1;
                while !["}", ""].contains(&word(index)) {
                    index = tree(tokens, index, &names, paths);
                    // Past `as NAME`, and the comma.
                    while ![",", "}", ""].contains(&word(index)) {
                        index += 1;
                    }
                    index += usize::from(word(index) == ",");
                }
                return index + 1;
            }
            name if name.starts_with(|first: char| first.is_alphabetic() || first == '_') => {
                names.push(name.to_owned());
                index += 1;
            }
            _ => break,
        }
        if word(index) != "::" {
            break;
        }
        index += 1;
    }
    paths.push(names);
    index
}

/// Words and marks of a source text with their lines, without comments and literals.
fn tokens(text: &str) -> Vec<(String, usize)> {
    let (mut tokens, mut rest, mut line) = (Vec::new(), text, 1);
    while let Some(first) = rest.chars().next() {
        let is_word = |character: char| character.is_alphanumeric() || character == '_';
        let word = rest.find(|character| !is_word(character)).unwrap_or(rest.len());
        let raw = rest.trim_start_matches('b').strip_prefix('r').map(|rest| {
            let marks = rest.len() - rest.trim_start_matches('#').len();
            (marks, rest[marks..].starts_with('"'))
        });
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            comment(rest)
        } else if let Some((marks, true)) = raw {
            let open = rest.find('"').unwrap_or(0) + 1;
            let close = format!("\"{}", "#".repeat(marks));
            rest[open..].find(&close).map_or(rest.len(), |end| open + end + close.len())
        } else if first == '"' || rest.starts_with("b\"") {
            string(rest)
        } else if first == '\'' || rest.starts_with("b'") {
            character(rest)
        } else if word > 0 {
            tokens.push((rest[..word].to_owned(), line));
            word
        } else if rest.starts_with("::") {
            tokens.push(("::".to_owned(), line));
            2
        } else {
            if !first.is_whitespace() {
                tokens.push((first.to_string(), line));
            }
            first.len_utf8()
        };
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    tokens
}

/// The length of a comment in `/*`, which may have others in it.
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if text[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

/// The length of a string literal.
fn string(text: &str) -> usize {
    let open = text.find('"').unwrap_or(0) + 1;
    let mut escaped = false;
    for (at, character) in text[open..].char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return open + at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a character's literal, or of a lifetime's mark alone.
fn character(text: &str) -> usize {
    let open = text.find('\'').unwrap_or(0) + 1;
    let mut inside = text[open..].chars();
    match (inside.next(), inside.next()) {
        (Some('\\'), Some(escaped)) => {
            let after = open + 1 + escaped.len_utf8();
            text[after..].find('\'').map_or(text.len(), |end| after + end + 1)
        }
        (Some(one), Some('\'')) => open + one.len_utf8() + 1,
        _ => open,
    }
}
