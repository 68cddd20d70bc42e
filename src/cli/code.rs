//! Where a code comes from: the command line, standard input, the environment, or a question.

use crate::failure::{Exit, Failure};
use crate::report::prompt::read_code;
use pinhole_protocol::code::{CodeAddress, CodeFault};
use pinhole_protocol::wordlist;
use std::io::{BufRead, Read};
use zeroize::Zeroizing;

/// Longest line that can hold a code with its place.
const LONGEST: u64 = 4096;

/// The code that was typed: `-` reads it from standard input.
pub(super) fn given(text: &str) -> Result<CodeAddress, Failure> {
    if text == "-" {
        return parse(&from_stdin()?);
    }
    parse(text)
}

/// The code of `PINHOLE_CODE`, or of the question `Code:` where a person is; nothing if that is answered with Enter alone, or nobody is
/// asked.
pub(super) fn asked(person: bool) -> Result<Option<CodeAddress>, Failure> {
    if let Some(code) = from_environment()? {
        return parse(&code).map(Some);
    }
    if !person {
        return Ok(None);
    }
    read_code(candidates)?.map(|text| parse(&text)).transpose()
}

/// The code of `PINHOLE_CODE`, if it is set.
pub(super) fn from_environment() -> Result<Option<Zeroizing<String>>, Failure> {
    match std::env::var("PINHOLE_CODE") {
        Ok(code) if code.trim().is_empty() => Ok(None),
        Ok(code) => Ok(Some(Zeroizing::new(code))),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(Failure::new(Exit::Usage, "code-malformed", "PINHOLE_CODE is not text")),
    }
}

pub(super) fn parse(text: &str) -> Result<CodeAddress, Failure> {
    CodeAddress::parse(bare(text)).map_err(|error| {
        // The sentence may hold the mistyped word; it is for the user who typed it, here and now.
        let word = if error.fault() == CodeFault::UnknownWord { "code-unknown-word" } else { "code-malformed" };
        Failure::new(Exit::Usage, word, error.explain()).next("check the code with the other side; nothing was sent, so it is still good")
    })
}

/// A code without what is easily copied with it: quotes, the command before it, the full stop of its sentence. No code and no link begins
/// with the name of a command, and a full stop after CODE@HOST is left to the name of the host.
fn bare(text: &str) -> &str {
    let text = text.trim().trim_matches(['"', '\'', '`']).trim();
    let line = text.strip_prefix('/').unwrap_or(text);
    let line = line.strip_prefix("pinhole ").unwrap_or(line).trim_start();
    let verbs = ["connect ", "take ", "receive "];
    let text = verbs.iter().find_map(|verb| line.strip_prefix(verb)).map_or(text, str::trim);
    text.strip_suffix('.').filter(|text| !text.contains('@')).unwrap_or(text)
}

pub(super) fn from_stdin() -> Result<Zeroizing<String>, Failure> {
    let mut line = Zeroizing::new(String::with_capacity(LONGEST as usize));
    let read = std::io::stdin().lock().take(LONGEST).read_line(&mut line);
    match read {
        Ok(0) => Err(Failure::new(Exit::Usage, "code-malformed", "standard input holds no code")
            .next("write the code to standard input, or name it in place of the -")),
        Ok(_) => Ok(line),
        Err(error) => Err(Failure::new(Exit::Usage, "code-malformed", format!("no code can be read from standard input: {error}"))),
    }
}

/// Words that could complete the last word of `line`.
fn candidates(prefix: &str) -> Vec<String> {
    wordlist::complete(prefix).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_copied_with_a_code_does_no_harm() {
        let code = "9471-walrus-clipboard-mango";
        for line in [
            "CODE",
            "CODE.",
            " CODE\n",
            "`CODE`",
            "/pinhole connect CODE",
            "pinhole take CODE.",
            "connect CODE",
            "\"/pinhole receive CODE\"",
        ] {
            let read = parse(&line.replace("CODE", code)).map(|address| address.code.reveal().to_string());
            assert_eq!(read.ok().as_deref(), Some(code), "{line}");
        }
        assert_eq!(bare("CODE@host.example."), "CODE@host.example.");
        for line in ["pinhole", "/pinhole connect", "pinhole host CODE", "..", "connect connect CODE"] {
            assert!(parse(&line.replace("CODE", code)).is_err(), "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn anything_may_be_pasted(text in "\\PC*") {
            let _ = parse(&text);
        }
    }
}
