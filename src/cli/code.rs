//! Sources of a code: the command line, standard input, the environment, or a question.

use super::pasted::pasted;
use crate::failure::{Failure, Kind};
use crate::report::prompt::read_code;
use pinhole_protocol::code::{CodeAddress, CodeFault};
use pinhole_protocol::wordlist;
use std::io::{BufRead, Read};
use zeroize::Zeroizing;

/// Longest line that can hold a code with its place.
const LONGEST: u64 = 4096;

/// A code that was typed or pasted.
pub(super) struct Given {
    /// The code with its place.
    pub address: CodeAddress,
    /// The code with its place, without what was pasted around it.
    pub typed: Zeroizing<String>,
    /// Notice about options that were pasted with it.
    pub aside: Option<Failure>,
}

/// The code that was typed: `-` reads it from standard input.
pub(super) fn given(text: &str) -> Result<Given, Failure> {
    if text == "-" {
        return parse(&from_stdin()?);
    }
    parse(text)
}

/// The code that was typed as one argument or, as it is said, word by word; nothing if none was.
pub(super) fn spoken(words: &[String]) -> Option<String> {
    (!words.is_empty()).then(|| words.join(" "))
}

/// The code of `PINHOLE_CODE`, or of the question `Code:` where a person is; nothing if that is
/// answered with Enter alone, or nobody is asked.
pub(super) fn asked(person: bool) -> Result<Option<Given>, Failure> {
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
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(Failure::new(Kind::CodeMalformed, "PINHOLE_CODE is not text"))
        }
    }
}

/// Reads a code with whatever was pasted around it.
pub(super) fn parse(text: &str) -> Result<Given, Failure> {
    let pasted = pasted(text);
    let address = CodeAddress::parse(&pasted.code).map_err(|error| {
        // The sentence may hold the mistyped word; it is for the user who typed it, here and now.
        let kind = if error.fault() == CodeFault::UnknownWord {
            Kind::CodeUnknownWord
        } else {
            Kind::CodeMalformed
        };
        Failure::new(kind, error.explain())
            .next("check the code with the other side; nothing was sent, so it is still good")
    })?;
    let aside = (!pasted.unheeded.is_empty()).then(|| {
        let detail = format!(
            "only the code of the pasted line is used, not its options: {}",
            pasted.unheeded.join(", ")
        );
        Failure::notice(Kind::OptionsIgnored, detail).next("write the ones you want after the code")
    });
    Ok(Given { address, typed: pasted.code, aside })
}

pub(super) fn from_stdin() -> Result<Zeroizing<String>, Failure> {
    let mut line = Zeroizing::new(String::with_capacity(LONGEST as usize));
    let read = std::io::stdin().lock().take(LONGEST).read_line(&mut line);
    match read {
        Ok(0) => Err(Failure::new(Kind::CodeMalformed, "there is no code on standard input")
            .next("write the code to standard input, or put it in place of the -")),
        Ok(_) => Ok(line),
        Err(error) => Err(Failure::new(
            Kind::CodeMalformed,
            format!("the code cannot be read from standard input: {error}"),
        )),
    }
}

/// Words that could complete the last word of `line`.
fn candidates(prefix: &str) -> Vec<String> {
    wordlist::complete(prefix).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "9471-walrus-clipboard-mango";

    fn read(line: &str) -> Option<(String, Option<String>)> {
        let given = parse(line).ok()?;
        Some((given.address.code.reveal().to_string(), given.aside.map(|aside| aside.detail)))
    }

    #[test]
    fn what_is_copied_with_a_code_does_no_harm() {
        for line in [
            "CODE",
            "CODE.",
            " CODE\n",
            "`CODE`",
            "/pinhole connect CODE",
            "pinhole take CODE.",
            "connect CODE",
            "\"/pinhole receive CODE\"",
            "\u{201c}CODE\u{201d}",
            "\u{201e}CODE\u{201c},",
            "'CODE'!",
            "«CODE»",
            "(CODE)",
            "[CODE].",
            "<CODE>",
            "**CODE**",
            "*CODE*?",
            "_CODE_",
            "~CODE~",
            "||CODE||",
            "> CODE",
            "- CODE",
            "\u{1f449} CODE",
            "Code: CODE",
            "code:CODE",
            "cOdE: `CODE`",
            "Code: **CODE**",
            "$ pinhole take CODE",
            "pinhole rx CODE",
            "pinhole give --code CODE PATH...",
            "pinhole give --code=CODE",
            "/usr/local/bin/pinhole take CODE",
            "pinhole take \"9471 walrus clipboard mango\"",
            "9471_walrus_clipboard_mango",
            "9471.walrus.clipboard.mango",
            "9471. walrus, clipboard, mango",
            "\u{feff}9471\u{200b}-walrus\u{2060}-clip\u{ad}board-mango\u{200f}",
            "\u{ff19}\u{ff14}\u{ff17}\u{ff11}-walrus-clipboard-mango",
            "\u{ff19}\u{ff14}\u{ff17}\u{ff11}\u{ff0d}walrus\u{3000}clipboard\u{ff3f}mango",
        ] {
            assert_eq!(read(&line.replace("CODE", CODE)), Some((CODE.to_owned(), None)), "{line}");
        }
        for line in [
            "pinhole",
            "/pinhole connect",
            "pinhole host CODE",
            "..",
            "connect connect CODE",
            "CODE CODE",
            "CODE and so on",
            "see CODE",
        ] {
            assert!(read(&line.replace("CODE", CODE)).is_none(), "{line}");
        }
        for (line, word) in [
            ("9471-walrus-clipboard-", "dash"),
            ("\"9471-walrus-clipboard-\"", "dash"),
            ("9471 walrus clipboard \u{2013}", "dash"),
            ("9471_walrus_clipboard", "missing"),
            ("pinhole take 9471-walrus-clipboard -o x", "missing"),
            ("pinhole take 9471-walrus-clipbord-mango", "clipboard"),
        ] {
            let detail = parse(line).map(|_| ()).unwrap_err().detail;
            assert!(detail.contains(word), "{line}: {detail}");
        }
    }

    #[test]
    fn options_that_are_pasted_with_a_code_are_named_and_do_not_count() {
        for (line, options) in [
            ("pinhole take CODE -o /etc --relay=wss://other.example/x -y", "-o, --relay, -y"),
            ("pinhole take --words 4 --relay wss://other.example CODE", "--words, --relay"),
            ("pinhole --allow-exec take CODE --secret-exec -- sh", "--allow-exec, --secret-exec"),
            ("pinhole --allow / --allow-env=API_KEY connect CODE -y", "--allow, --allow-env, -y"),
            (
                "pinhole take --port 9000 9471 walrus clipboard mango --insecure-relay",
                "--port, --insecure-relay",
            ),
            ("pinhole give --code 9471 walrus clipboard mango --exclude a", "--exclude"),
            ("pinhole take CODE --\u{1b}[2J\u{7}evil", "--2Jevil"),
        ] {
            let (code, aside) =
                read(&line.replace("CODE", CODE)).unwrap_or_else(|| panic!("{line}"));
            assert_eq!(code, CODE, "{line}");
            assert!(
                aside.as_ref().is_some_and(|aside| aside.ends_with(&format!(": {options}"))),
                "{line}: {aside:?}"
            );
        }
    }

    #[test]
    fn a_place_is_left_as_it_is() {
        for (line, typed) in [
            ("CODE@host.example.", "CODE@host.example."),
            ("`CODE@host_1.example:9000`,", "CODE@host_1.example:9000"),
            ("(CODE@[fe80::1%eth0]:9000)", "CODE@[fe80::1%eth0]:9000"),
            ("CODE@[::1]", "CODE@[::1]"),
            ("pinhole take 9471 walrus clipboard mango@box.local --no-lan", "CODE@box.local"),
            (
                "<https://relay.example/a_b.c/#417-walrus-clipboard-mango>.",
                "https://relay.example/a_b.c/#417-walrus-clipboard-mango",
            ),
            (
                "pinhole take https://relay.example/#417_walrus_clipboard_mango -y",
                "https://relay.example/#417-walrus-clipboard-mango",
            ),
        ] {
            assert_eq!(
                pasted(&line.replace("CODE", CODE)).code.as_str(),
                typed.replace("CODE", CODE),
                "{line}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn anything_may_be_pasted(
            text in "\\PC*",
            line in "(pinhole )?(take |give )?([-a-z0-9@#.:/_=\\[\\]]{0,9} ){0,9}",
        ) {
            for text in [text, line] {
                if let Ok(given) = parse(&text) {
                    assert_eq!(
                        given.address.code.reveal(),
                        parse(&given.typed).ok().unwrap().address.code.reveal()
                    );
                }
            }
        }
    }
}
