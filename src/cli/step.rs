//! The processes of `--detach`: which of them this is, and what was typed for all of them.

use clap::ValueEnum;
use std::ffi::OsString;

/// The option by which a process knows its step.
const STEP: &str = "--detached";

/// The processes between a command with `--detach` and its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Step {
    /// The one that starts the session and ends.
    Start,
    /// The session.
    Session,
}

/// The arguments that were typed, for a process that is another step.
pub(super) fn words(step: Step) -> Vec<OsString> {
    with_step(step, std::env::args_os().skip(1))
}

fn with_step(step: Step, typed: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let step = match step {
        Step::Start => "start",
        Step::Session => "session",
    };
    [STEP, step].map(OsString::from).into_iter().chain(without_step(typed)).collect()
}

/// Arguments that were typed, without the option by which a process knows its step.
pub(super) fn typed() -> Vec<OsString> {
    without_step(std::env::args_os().skip(1)).collect()
}

fn without_step(words: impl IntoIterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    let mut words = words.into_iter().peekable();
    if words.next_if(|word| word == STEP).is_some() {
        words.next();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_has_the_same_words_and_its_own_name() {
        let typed =
            ["--allow-exec", "take", "--detach", "--secret-exec", "--", "prog", "--detached", "x"]
                .map(OsString::from);
        let start = with_step(Step::Start, typed.clone());
        assert_eq!(
            (&start[..2], &start[2..]),
            (&["--detached", "start"].map(OsString::from)[..], &typed[..])
        );
        let session = with_step(Step::Session, start);
        assert_eq!(
            (&session[..2], &session[2..]),
            (&["--detached", "session"].map(OsString::from)[..], &typed[..])
        );
    }
}
