//! A command line that cannot be understood: what is said of it, and help, which clap prints.

use super::ended::{Ended, end};
use super::options::format;
use crate::failure::{Advice, Exit, Failure, Kind, Run};
use crate::report::style::Style;
use crate::report::{Format, Reporter, Settings};
use crate::stdio::Sink;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::ffi::OsString;
use std::time::Duration;

/// A command line that clap does not take, or help and version, which it prints itself.
pub(super) fn misused(mut error: clap::Error) -> Ended {
    if error.kind() == ErrorKind::TooManyValues {
        // As in --secret=VALUE, which has been said to too many already.
        error.insert(ContextKind::InvalidValue, ContextValue::String("...".into()));
    }
    let typed = |flag: &str| std::env::args().any(|argument| argument == flag);
    let format = format(typed("--json"), typed("--human"), Sink::Stdout);
    if !error.use_stderr() || !matches!(format, Ok(Format::Json)) {
        // Nobody is left to tell if the terminal is gone.
        let _ = error.print();
        return Ended(if error.use_stderr() { Exit::Usage } else { Exit::Done });
    }
    let settings = Settings {
        format: Format::Json,
        style: Style::PLAIN,
        once: true,
        progress_every: Some(Duration::MAX),
    };
    let mut report = Reporter::new(Sink::Stdout.open(), settings);
    Ended(end(&mut report, Err(misuse(&error.render().to_string(), std::env::args_os()))))
}

/// The failure for clap's message to people.
fn misuse(rendered: &str, typed: impl Iterator<Item = OsString>) -> Failure {
    // Its first sentence, with the arguments that it lists below.
    let mut lines = rendered.lines();
    let first =
        lines.next().unwrap_or("the command line cannot be used").trim_start_matches("error: ");
    let listed: Vec<_> = if first.ends_with(':') {
        lines
            .take_while(|line| !line.is_empty())
            .map(|line| line.trim().trim_end_matches("..."))
            .collect()
    } else {
        Vec::new()
    };
    let detail = [first, &listed.join(", ")].join(" ").trim_end().to_owned();
    let usage = rendered.lines().find_map(|line| line.strip_prefix("Usage: ")).unwrap_or("pinhole");
    let is_name = |word: &&str| word.starts_with(|first: char| first.is_ascii_lowercase());
    let command = usage.split_whitespace().take_while(is_name).collect::<Vec<_>>().join(" ");
    // No option is written with a space in it.
    let text = typed
        .filter_map(|word| word.into_string().ok())
        .any(|word| word.starts_with('-') && word.contains(' ') && !word.contains('='));
    let next: Advice = match command.as_str() {
        "pinhole send" if text => "a text that begins with a dash comes last, after --: pinhole \
                                  send CODE -- TEXT; or: --text=TEXT"
            .into(),
        "pinhole host" if text => first_text(&command).into(),
        "pinhole connect" if text => Advice::for_user(first_text(&command)),
        _ => Run::Help(command.strip_prefix("pinhole ").map(str::to_owned)).into(),
    };
    Failure::new(Kind::Usage, detail).next(next)
}

fn first_text(command: &str) -> String {
    format!("a text that begins with a dash: {command} --first=TEXT")
}

#[cfg(test)]
mod tests {
    use super::super::Cli;
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn a_line_that_is_not_understood_says_what_is_missing_and_where_to_read() {
        for (line, missing, next) in [
            (&["connect"][..], "<CODE>", "pinhole connect --help"),
            (&["host", "--max-turns", "3"], "--on-message", "pinhole host --help"),
            (&["no-such"], "no-such", "pinhole --help"),
            (
                &["send", "9471", "-v not a flag"],
                "-v",
                "a text that begins with a dash comes last, after --: pinhole send CODE -- TEXT; \
                or: --text=TEXT",
            ),
            (
                &["host", "--first", "-v not a flag"],
                "-v",
                "a text that begins with a dash: pinhole host --first=TEXT",
            ),
        ] {
            let error =
                Cli::command().try_get_matches_from([&["pinhole"], line].concat()).unwrap_err();
            let failure = misuse(&error.render().to_string(), line.iter().map(OsString::from));
            assert!(
                failure.detail.contains(missing) && !failure.detail.ends_with(':'),
                "{}",
                failure.detail
            );
            assert_eq!(failure.next.as_deref(), Some(next), "{}", error.render());
        }
    }
}
