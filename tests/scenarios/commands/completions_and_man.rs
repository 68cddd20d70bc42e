//! Completions and manual pages: made from the description of the command line, and of use.

use crate::harness::Machine;
use std::process::Command;

#[test]
fn bash_takes_its_completions_and_completes_a_command_and_an_option() {
    let here = Machine::new();
    here.write("pinhole.bash", here.run_plain(["completions", "bash"]));
    let complete = |words: &str, current: &str, before: &str| {
        let script = format!(
            "set -eu; . ./pinhole.bash; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - \
             1)); _pinhole pinhole '{current}' '{before}'; echo \"${{COMPREPLY[@]}}\""
        );
        let output = Command::new("bash")
            .args(["--norc", "-c", &script])
            .current_dir(here.dir())
            .output()
            .unwrap();
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(complete("pinhole giv", "giv", "pinhole"), "give");
    assert_eq!(complete("pinhole give --secret-e", "--secret-e", "give"), "--secret-env");
    assert_eq!(complete("pinhole take --conflict o", "o", "--conflict"), "overwrite");
}

#[test]
fn every_shell_has_completions_and_an_unknown_one_is_said() {
    let here = Machine::new();
    for (shell, sign) in [
        ("bash", "complete -F"),
        ("elvish", "edit:completion"),
        ("fish", "complete -c pinhole"),
        ("powershell", "ArgumentCompleter"),
        ("zsh", "#compdef pinhole"),
    ] {
        let script = here.run_plain(["completions", shell]);
        assert!(script.contains(sign) && script.contains("secret-env"), "{shell}");
    }
    assert_eq!(here.run(["completions", "tcsh"]).expect(2).failure()["error"], "usage");
}

#[test]
fn the_manual_has_a_page_for_the_program_and_one_for_a_command() {
    let here = Machine::new();
    let page = here.run_plain(["man"]);
    assert!(
        page.contains(".TH pinhole 1")
            && page.contains(r"pinhole\-give(1)")
            && page.contains("Exit status"),
        "{page}"
    );
    let page = here.run_plain(["man", "take"]);
    assert!(
        page.contains(".TH pinhole-take 1")
            && page.contains(r"\-\-max\-size")
            && page.contains("pinhole take"),
        "{page}"
    );
    let unknown = here.command(["man", "tkae"]).output().unwrap();
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8(unknown.stderr).unwrap().contains("there is no command \"tkae\""));
}
