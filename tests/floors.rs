//! The floors of the house: which folder of each package may know which others.
//!
//! Each floor knows those below it. No two folders know each other, and no two files of a folder,
//! but a parent and what is inside it. Read are the `use` lines and the paths that begin with
//! `crate`, `self` or `super`, in program code; a name that a file passes on leads to its source.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// One package. Cargo forbids that it knows one above it.
struct Package {
    /// The folder of `lib.rs`, from the workspace's root.
    sources: &'static str,
    /// Names of the outermost modules, a floor each, from the top down.
    floors: &'static [&'static [&'static str]],
}

const PACKAGES: [Package; 3] = [
    Package {
        sources: "src",
        floors: &[
            &["cli", "agent"],
            &["doctor"],
            &["session"],
            &["control", "report"],
            &["transport", "handler"],
            &["log"],
            &["files", "settings", "program"],
            &[
                "events", "failure", "escape", "platform", "clock", "typed", "amounts", "replace",
                "role", "spelt", "stdio", "watched",
            ],
        ],
    },
    Package {
        sources: "relay",
        floors: &[
            &["server", "forward"],
            &["frames", "request", "pairing", "page", "counters", "settings", "quotas"],
            &["limits", "owner", "pool", "source"],
        ],
    },
    Package {
        sources: "src/protocol",
        floors: &[
            &["conversation"],
            &["links", "messages", "transfers", "handshake"],
            &["keys"],
            &["rendezvous", "code", "records"],
            &["wire", "layout", "ranges", "aead"],
            &["limits", "secret", "time", "violation", "wordlist", "source", "role"],
        ],
    },
];

/// Names of nested modules, outermost first; the crate itself has none.
type Names = Vec<String>;

/// Paths that a file names, each with the name that a `use` line gives it there.
type Named = Vec<(String, Names)>;

/// All files of a package by the modules that they are.
type Files = BTreeMap<Names, Named>;

/// Arrows between siblings of a folder, and the files that draw each.
type Arrows = BTreeMap<(String, String), BTreeSet<String>>;

fn is_letter(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

fn is_word(token: &str) -> bool {
    token.starts_with(is_letter)
}

/// Program text in words and signs, without comments, strings, characters and lifetimes.
fn tokens(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let word = &rest[..rest.find(|char| !is_letter(char)).unwrap_or(rest.len())];
        let after = &rest[word.len()..];
        let raw = after.trim_start_matches('#');
        if rest.starts_with("//") {
            rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
        } else if rest.starts_with("/*") {
            rest = rest.split_once("*/").map_or("", |(_, rest)| rest);
        } else if ["r", "br", "cr"].contains(&word) && raw.starts_with('"') {
            let end = format!("\"{}", "#".repeat(after.len() - raw.len()));
            rest = raw[1..].split_once(&end).map_or("", |(_, rest)| rest);
        } else if !word.is_empty() {
            found.push(word.to_owned());
            rest = after;
        } else if first == '"' {
            rest = behind(&rest[1..], '"');
        } else if first == '\'' {
            let mut inside = rest[1..].chars();
            let is_char = inside.next() == Some('\\') || inside.next() == Some('\'');
            let lifetime = rest[1..].trim_start_matches(is_letter);
            rest = if is_char { behind(&rest[1..], '\'') } else { lifetime };
        } else {
            let sign = if rest.starts_with("::") { "::" } else { &rest[..first.len_utf8()] };
            found.push(sign.to_owned());
            rest = &rest[sign.len()..];
        }
        rest = rest.trim_start();
    }
    found
}

/// Text behind the next `end` that no backslash is in front of.
fn behind(text: &str, end: char) -> &str {
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        if char == '\\' {
            chars.next();
        } else if char == end {
            break;
        }
    }
    chars.as_str()
}

/// Paths that program text names, and the modules inside it that are files. What only tests have is
/// left out.
fn scan(text: &str) -> (Named, Names) {
    let tokens = tokens(text);
    let token = |at: usize| tokens.get(at).map_or("", String::as_str);
    let (mut named, mut inside, mut at) = (Named::new(), Names::new(), 0);
    while at < tokens.len() {
        match (token(at), token(at + 1), token(at + 2)) {
            ("#", "[", "cfg") if token(at + 4) == "test" => at = behind_item(&tokens, at + 7),
            ("mod", name, ";") => {
                inside.push(name.to_owned());
                at += 3;
            }
            ("use", next, _) if next != "<" => at = tree(&tokens, at + 1, &[], &mut named),
            // Visibility draws no arrow.
            ("pub", "(", "in") => at += 4,
            ("crate" | "self" | "super", "::", _) => {
                let is_end = |at: &usize| token(*at) != "::" || !is_word(token(at + 1));
                let end = (at + 1..).step_by(2).find(is_end).unwrap();
                let path = tokens[at..end].iter().filter(|token| *token != "::");
                named.push((String::new(), path.cloned().collect()));
                at = end;
            }
            _ => at += 1,
        }
    }
    (named, inside)
}

/// The place behind the item that begins at `at`: behind its semicolon or its last brace.
fn behind_item(tokens: &[String], mut at: usize) -> usize {
    let mut depth = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 && [";", "}"].contains(&token.as_str()) {
            break;
        }
    }
    at
}

/// Notes what a `use` tree names, and returns the place behind it.
fn tree(tokens: &[String], mut at: usize, outer: &[String], named: &mut Named) -> usize {
    let mut path = outer.to_vec();
    loop {
        match tokens[at].as_str() {
            "{" => {
                while tokens[at] != "}" {
                    at = tree(tokens, at + 1, &path, named);
                }
                return at + 1;
            }
            "as" => {
                named.push((tokens[at + 1].clone(), path));
                return at + 2;
            }
            "," | ";" | "}" => {
                if path != outer || tokens[at - 1] == "self" {
                    named.push((path.last().unwrap().clone(), path));
                }
                return at;
            }
            word => {
                // The last of `{self, …}` is what is before the brace.
                let counts = is_word(word) && (word != "self" || path.is_empty());
                path.extend((counts || word == "*").then(|| word.to_owned()));
                at += 1;
            }
        }
    }
}

/// Reads a module and those inside it from the file at `path`.
fn read(files: &mut Files, module: &[String], path: &Path) {
    let text = fs::read_to_string(path).unwrap();
    let (named, inside) = scan(&text);
    files.insert(module.to_vec(), named);
    let folder = if module.is_empty() { path.with_file_name("") } else { path.with_extension("") };
    for name in inside {
        let path = folder.join(&name).with_extension("rs");
        read(files, &[module, &[name]].concat(), &path);
    }
}

/// Adds to `found` each file that a path in `module` leads to: the one that it names, and where
/// that has the rest of it from.
fn follow(files: &Files, module: &[String], path: &[String], found: &mut Vec<Names>) {
    let (mut here, mut rest) = (module.to_vec(), path);
    while let [first, after @ ..] = rest {
        let inner = [here.as_slice(), std::slice::from_ref(first)].concat();
        match first.as_str() {
            "crate" => here.clear(),
            "super" => drop(here.pop()),
            "self" => {}
            _ if files.contains_key(&inner) => here = inner,
            _ => break,
        }
        rest = after;
    }
    if rest.len() < path.len() {
        found.push(here.clone());
    }
    let [name, after @ ..] = rest else { return };
    for (_, source) in files[&here].iter().filter(|(it, source)| it == name && source != rest) {
        // No name is passed on so often, but for one that leads round.
        if found.len() < 8 {
            follow(files, &here, &[source, after].concat(), found);
        }
    }
}

/// All arrows of a package. Each stands between two siblings: the outermost folders or files in
/// which the one that names and the one that is named are apart.
fn arrows(files: &Files) -> Arrows {
    let mut arrows = Arrows::new();
    for (module, named) in files {
        let mut found = BTreeSet::new();
        for (_, path) in named {
            let mut led = Vec::new();
            follow(files, module, path, &mut led);
            found.extend(led);
        }
        for other in found {
            let shared = module.iter().zip(&other).take_while(|(one, two)| one == two).count();
            // Parent and child may know each other.
            if shared < module.len().min(other.len()) {
                let sibling = |names: &Names| names[..=shared].join("/");
                let drawn = format!("{} names {}", module.join("/"), other.join("/"));
                arrows.entry((sibling(module), sibling(&other))).or_default().insert(drawn);
            }
        }
    }
    arrows
}

impl Package {
    /// The number of a floor from the top; `None` for what is inside a folder.
    fn floor(&self, name: &str) -> Option<usize> {
        self.floors.iter().position(|floor| floor.contains(&name))
    }

    fn runs_up(&self, from: &str, to: &str) -> bool {
        self.floor(from).zip(self.floor(to)).is_some_and(|(from, to)| from > to)
    }

    /// Sentences about arrows that run up or round.
    fn faults(&self, arrows: &Arrows) -> Vec<String> {
        let mut down: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (from, to) in arrows.keys().filter(|(from, to)| !self.runs_up(from, to)) {
            down.entry(from).or_default().push(to);
        }
        let leads = |from, to| {
            let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
            while let Some(here) = next.pop() {
                let further = down.get(here).into_iter().flatten();
                next.extend(further.filter(|there| seen.insert(**there)));
            }
            seen.contains(to)
        };
        let runs_wrong = |from, to| {
            self.runs_up(from, to).then_some("up").or(leads(to, from).then_some("round"))
        };
        let mut faults = Vec::new();
        for ((from, to), drawn) in arrows {
            if let Some(how) = runs_wrong(from, to) {
                let drawn: String = drawn.iter().map(|by| format!("\n    {by}")).collect();
                faults.push(format!("{from} -> {to} runs {how}:{drawn}"));
            }
            let outermost = [from, to].into_iter().filter(|name| !name.contains('/'));
            let on_none = outermost.filter(|name| self.floor(name).is_none());
            faults.extend(on_none.map(|name| format!("{name} stands on no floor")));
        }
        faults
    }
}

#[test]
fn no_arrow_runs_up_or_round() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut faults = String::new();
    for package in &PACKAGES {
        let mut files = Files::new();
        read(&mut files, &[], &root.join(package.sources).join("lib.rs"));
        assert!(files.len() > 30, "{} files of {}", files.len(), package.sources);
        for fault in package.faults(&arrows(&files)) {
            faults += &format!("{}: {fault}\n", package.sources);
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

#[test]
fn paths_are_read_through_braces_and_not_in_comments_strings_and_tests() {
    let (named, inside) = scan(
        r##"
        mod one;
        #[cfg(test)]
        mod tests;
        pub use one::{self, two::{Three as Four, five}, *};
        // use crate::comment;
        /* crate::comment */
        pub(in crate::visible) fn of<'a>() -> impl Iterator + use<'a> {
            let _ = ("crate::\"string", r#"crate::"raw"#, '"', '\'');
            super::six::<crate::Seven>()
        }
        #[cfg(test)]
        mod within { use crate::test; }
        use {crate::eight};
        "##,
    );
    let named: Vec<_> =
        named.iter().map(|(name, path)| format!("{name}={}", path.join("."))).collect();
    let paths = ["one=one", "Four=one.two.Three", "five=one.two.five", "*=one.*"];
    let paths = [&paths[..], &["=super.six", "=crate.Seven", "eight=crate.eight"]].concat();
    assert_eq!(
        (named, inside),
        (paths.iter().map(ToString::to_string).collect(), vec!["one".into()])
    );
}

#[test]
fn an_arrow_that_runs_up_or_round_is_found() {
    let package = Package { sources: "", floors: &[&["top"], &["left", "right"]] };
    let drawn = |added: &[(&str, &str)]| {
        let all = [("top", ""), ("top/one", ""), ("top/two", ""), ("left", ""), ("right", "")];
        let mut files = Files::from([(Names::new(), Named::new())]);
        for (name, text) in all.iter().chain(added) {
            let names = name.split('/').map(str::to_owned).collect::<Names>();
            files.entry(names).or_default().extend(scan(text).0);
        }
        arrows(&files)
    };
    let found = |added: &[(&str, &str)]| package.faults(&drawn(added)).concat();
    let right = ("left", "use super::right::Right;");
    assert_eq!(found(&[right]), "");
    let round = found(&[right, ("right", "crate::left::left()")]);
    assert!(
        round.contains("left -> right runs round") && round.contains("right -> left"),
        "{round}"
    );
    let up = found(&[right, ("right", "use crate::{top::one::{One}};")]);
    assert_eq!(up, "right -> top runs up:\n    right names top/one");
    // A name that a parent passes on from one of its files is that file's.
    let one = [("top", "use one::One;"), ("top/one", "use super::two::Two;")];
    let passed = found(&[&[("top/two", "use super::One;")], &one[..]].concat());
    assert!(passed.contains("top/one -> top/two runs round"), "{passed}");
    assert!(passed.contains("top/two -> top/one runs round"), "{passed}");
}
