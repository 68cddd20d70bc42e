//! Nothing else names an operating system.

use std::path::Path;

/// Names of what one system has, in code and in sentences: its crates and modules, options and
/// paths that others lack.
const MARKS: [&str; 24] = [
    "std::os::",
    "cfg(unix",
    "target_os",
    "target_family",
    "rustix",
    "cap_std",
    "libc::",
    "nix::",
    "net::Unix",
    "net::unix",
    "signal::unix",
    "process_group(",
    "set_tcp_notsent_lowat",
    "set_tcp_congestion",
    "set_reuse_port",
    "set_multicast_all",
    "/proc",
    "/sys/",
    "/run/",
    "/dev/fd",
    "/dev/null",
    "/dev/shm",
    "/dev/std",
    "/dev/tty",
];

/// Lines of program code below a folder that name a system, by their files. What only tests have is
/// none, and neither is this folder.
fn named(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if !matches!(name, "tests" | "platform") {
                named(&path, found);
            }
        } else if name.ends_with(".rs") && !name.ends_with("tests.rs") && name != "platform.rs" {
            let text = std::fs::read_to_string(&path).unwrap();
            let marked = program_code(&text)
                .into_iter()
                .filter(|(_, line)| MARKS.iter().any(|mark| line.contains(mark)));
            found.extend(
                marked
                    .map(|(number, line)| format!("{}:{number}: {}", path.display(), line.trim())),
            );
        }
    }
}

/// Lines with their numbers, without items that only tests have.
fn program_code(text: &str) -> Vec<(usize, &str)> {
    let mut in_tests = false;
    let mut lines = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        in_tests |= line == "#[cfg(test)]";
        if !in_tests {
            lines.push((number, line));
        }
        // Of an item at the beginning of a line, the end is there too.
        let one_line = !line.starts_with([' ', '#', '/']) && line.ends_with(';');
        in_tests &= !(line == "}" || one_line);
    }
    lines
}

#[test]
fn no_other_file_names_a_system() {
    let mut found = Vec::new();
    named(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.is_empty(), "this belongs to src/platform:\n{}", found.join("\n"));
}

#[test]
fn what_only_tests_have_is_no_program_code() {
    let text = "a\n#[cfg(test)]\nmod tests;\nb\n#[cfg(test)]\n/// c;\nfn c() {\n    c;\n}\nd\n";
    let lines: Vec<_> = program_code(text).into_iter().map(|(_, line)| line).collect();
    assert_eq!(lines, ["a", "b", "d"]);
}
