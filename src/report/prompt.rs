//! Questions to the person at the terminal. They go past standard input and output, which may be
//! carrying data; what the peer named is escaped in them, and nothing of the peer's can answer one.

mod code;
#[cfg(test)]
mod tests;

pub use code::read_code;

use super::human::words;
use super::style::{MARK, ascii, is_ascii_here};
use crate::amounts::{count, exactly, size};
use crate::escape::{LONGEST, name, push_text, terminal};
use crate::events::{Offered, Partial};
use crate::failure::{Advice, Failure, Kind};
use crate::platform::terminal::open as open_terminal;
use pinhole_protocol::secret::SecretVec;
use pinhole_protocol::wire::PeerText;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::PathBuf;
use zeroize::Zeroizing;

/// Alternative to comparing words where nobody is there to do it.
pub const WITHOUT_VERIFY: &str = "leave --verify out, or run it at a terminal";

/// Remains of transfers that one question names.
const REMAINS: usize = 4;

/// Words that answer a question in an open channel, each behind a slash: what is typed there is a
/// text otherwise.
pub const ANSWERS: [&str; 5] = ["yes", "no", "show", "overwrite", "merge"];

/// A terminal with somebody at it.
pub struct Terminal<R, W> {
    input: R,
    output: W,
    /// True where texts are typed too.
    in_channel: bool,
}

/// A question and its answers.
struct Question<'a, T> {
    text: &'a str,
    /// The answers where only answers are typed, whose beginnings do; Enter alone is the default.
    hint: &'a str,
    words: &'a [(&'a str, T)],
    default: T,
    /// Those of [`ANSWERS`], and what each does.
    in_channel: &'a [(&'a str, &'a str, T)],
}

/// The terminal of this process.
pub type OwnTerminal = Terminal<Box<dyn BufRead + Send>, Box<dyn Write + Send>>;

/// The choices for a file whose name is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// Store it under another name.
    Rename,
    /// Do without it.
    Skip,
    /// Replace what is there.
    Overwrite,
    /// Join the folder with the one that is there.
    Merge,
}

/// The choices for a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretTo {
    /// Write it to a file that only this user can read.
    File,
    /// Show it here.
    Terminal,
    /// Do without it.
    Nowhere,
}

/// True if somebody can be asked: one of the three standard streams is a terminal. A controlling
/// terminal alone does not count, because it may not be for this process. Such is the terminal of
/// an agent's user, under which the agent's commands run.
#[must_use]
pub fn somebody_is_there() -> bool {
    io::stdin().is_terminal() || io::stdout().is_terminal() || io::stderr().is_terminal()
}

/// The failure of a question that nobody can be asked: exit 10, with what answers it instead.
#[must_use]
pub fn nobody_to_ask(question: &str, instead: impl Into<Advice>) -> Failure {
    Failure::new(
        Kind::NoAnswer,
        format!("{question} needs an answer, and there is no terminal to ask at"),
    )
    .next(instead)
}

impl OwnTerminal {
    /// Opens the terminal for a question. `question` names it in a few words ("the offer"),
    /// `instead` says what answers it without a terminal ("run it again with --yes").
    ///
    /// # Errors
    /// Exit 10 if there is no terminal.
    pub fn open(question: &str, instead: impl Into<Advice>) -> Result<Self, Failure> {
        let terminal = if somebody_is_there() { Self::reach() } else { None };
        terminal.ok_or_else(|| nobody_to_ask(question, instead))
    }

    fn reach() -> Option<Self> {
        if let Ok(tty) = open_terminal() {
            let input = tty.try_clone().ok()?;
            return Some(Self::new(Box::new(BufReader::new(input)), Box::new(tty)));
        }
        let both = io::stdin().is_terminal() && io::stderr().is_terminal();
        both.then(|| Self::new(Box::new(BufReader::new(io::stdin())), Box::new(io::stderr())))
    }
}

impl<R: BufRead, W: Write> Terminal<R, W> {
    /// A terminal made of its two directions.
    pub const fn new(input: R, output: W) -> Self {
        Self { input, output, in_channel: false }
    }

    /// A terminal at which texts are typed into a channel: of what is typed, `input` has the
    /// answers alone.
    pub const fn in_channel(input: R, output: W) -> Self {
        Self { input, output, in_channel: true }
    }

    /// Asks whether; Enter alone is `default`.
    ///
    /// # Errors
    /// Exit 10 if the terminal ends or fails before there is an answer; so with all questions here.
    pub fn yes(&mut self, question: &str, default: bool) -> Result<bool, Failure> {
        self.choose(&Question {
            text: question,
            hint: if default { "[Y/n]" } else { "[y/N]" },
            words: &[("yes", true), ("no", false)],
            default,
            in_channel: &[("yes", "", true), ("no", "", false)],
        })
    }

    /// Asks whether to receive what is offered, and lists all of it, those first on which programs
    /// act. `into` says where it would go ("the current directory"), and `place` what of the
    /// machine that is, if programs act there on whatever lies there. Then Enter alone is no.
    ///
    /// # Errors
    /// As [`Terminal::yes`].
    pub fn accept(
        &mut self,
        offer: &Offered,
        into: &str,
        place: Option<&str>,
    ) -> Result<bool, Failure> {
        let acting = offer
            .acts
            .names()
            .len()
            .saturating_add(usize::try_from(offer.acts.more()).unwrap_or(usize::MAX));
        if let ([one], 0) = (offer.names.as_slice(), offer.names_more) {
            self.say(&format!(
                "The other side offers {}{}, {}.\n",
                name(one),
                entries(offer),
                words::total(offer)
            ))?;
            if acting > 0 {
                self.say("Programs act on files with such names unasked.\n")?;
            }
        } else {
            let items =
                count((offer.names.len() as u64).saturating_add(offer.names_more.into()), "item");
            let mut list = format!(
                "The other side offers {items}{}, {}:\n\n",
                entries(offer),
                words::total(offer)
            );
            for (at, item) in offer.names.iter().enumerate() {
                list.extend(["  ", &name(item), if at < acting { " (acts)\n" } else { "\n" }]);
            }
            if offer.names_more > 0 {
                list.extend(["  … and ", &exactly(offer.names_more.into(), "item"), " more\n"]);
            }
            self.say(&(list + "\n"))?;
            if acting > 0 {
                self.say("Programs act unasked on those marked (acts).\n")?;
            }
        }
        if let Some(place) = place {
            self.say(&format!(
                "It would go into {place}: programs act unasked on everything there.\n"
            ))?;
        }
        self.yes(&format!("Receive into {}?", terminal(into)), acting == 0 && place.is_none())
    }

    /// Says why something cannot be received where it would go.
    ///
    /// # Errors
    /// As [`Terminal::yes`].
    pub fn tell(&mut self, why: &str) -> Result<(), Failure> {
        self.say(&format!("{}.\n", terminal(why)))
    }

    /// Asks whether these remains of other transfers may go, so that there is room.
    ///
    /// # Errors
    /// As [`Terminal::yes`].
    pub fn make_room(&mut self, spare: &[&Partial]) -> Result<bool, Failure> {
        let total = spare.iter().fold(0, |sum: u64, partial| sum.saturating_add(partial.bytes));
        let names = spare.iter().take(REMAINS).map(|partial| words::partial_name(partial));
        let mut names: Vec<_> = names.collect();
        let others = u64::try_from(spare.len().saturating_sub(REMAINS)).unwrap_or(u64::MAX);
        if others > 0 {
            names.push(count(others, "other"));
        }
        let question = format!(
            "Remove what is left of unfinished transfers ({}: {})?",
            size(total),
            names.join("; ")
        );
        self.yes(&question, false)
    }

    /// Asks for another folder; nothing if Enter alone is pressed.
    ///
    /// # Errors
    /// As [`Terminal::yes`].
    pub fn elsewhere(&mut self) -> Result<Option<PathBuf>, Failure> {
        self.say("Receive into another folder (Enter alone declines): ")?;
        let typed = self.line()?;
        let typed = typed.trim();
        // As a shell would have it, which is not asked.
        let home =
            typed.strip_prefix("~/").and_then(|below| Some(etcetera::home_dir().ok()?.join(below)));
        Ok((!typed.is_empty()).then(|| home.unwrap_or_else(|| typed.into())))
    }

    /// Asks what to do about a name that is taken; with `joins` by a folder that the new one can be
    /// joined with, which nothing replaces.
    ///
    /// # Errors
    /// As [`Terminal::yes`].
    pub fn conflict(&mut self, taken: &str, joins: bool) -> Result<Conflict, Failure> {
        let (hint, third) = match joins {
            true => (
                "[Rename/skip/merge]",
                (
                    "merge",
                    "merges it into the old one and replaces files of the same name",
                    Conflict::Merge,
                ),
            ),
            false => (
                "[Rename/skip/overwrite]",
                ("overwrite", "replaces the old one", Conflict::Overwrite),
            ),
        };
        self.choose(&Question {
            text: &format!("{} is already here.", name(taken)),
            hint,
            words: &[("rename", Conflict::Rename), ("skip", Conflict::Skip), (third.0, third.2)],
            default: Conflict::Rename,
            in_channel: &[
                ("yes", "stores the new one under another name", Conflict::Rename),
                ("no", "leaves it out", Conflict::Skip),
                third,
            ],
        })
    }

    /// Asks where a secret shall go.
    ///
    /// # Errors
    /// As [`Terminal::yes`].
    pub fn secret(&mut self, label: Option<&PeerText>, size: u64) -> Result<SecretTo, Failure> {
        let label = label.map_or_else(
            || "a secret".to_owned(),
            |label| format!("the secret {}", name(label.raw())),
        );
        let what = words::amount(&label, None, Some(size));
        let choices =
            if self.in_channel { "" } else { "\nWrite it to a file, show it here, or decline?" };
        self.choose(&Question {
            text: &format!("The other side sends {what}.{choices}"),
            hint: "[Write/show/decline]",
            words: &[
                ("write", SecretTo::File),
                ("show", SecretTo::Terminal),
                ("decline", SecretTo::Nowhere),
            ],
            default: SecretTo::File,
            in_channel: &[
                ("yes", "writes it to a file", SecretTo::File),
                ("show", "shows it here", SecretTo::Terminal),
                ("no", "declines it", SecretTo::Nowhere),
            ],
        })
    }

    /// Asks whether both sides see the same words; there is no answer by habit, so Enter alone is
    /// no.
    ///
    /// # Errors
    /// As [`Terminal::yes`].
    pub fn same_words(&mut self, words: &str) -> Result<bool, Failure> {
        self.yes(&format!("Does the other side see the same words, {}?", terminal(words)), false)
    }

    /// Asks, after a wrong guess has used the code up, whether to make another.
    ///
    /// # Errors
    /// As [`Terminal::yes`].
    pub fn new_code(&mut self) -> Result<bool, Failure> {
        self.yes("Make a new code?", true)
    }

    /// Shows a secret on marked lines of its own, unfolded so that each can be copied, and wipes
    /// it. Nothing is shown, and the answer is no, if it is not text: bytes that a terminal cannot
    /// show cannot be copied from one either.
    ///
    /// # Errors
    /// As [`Terminal::yes`].
    pub fn show_secret(&mut self, secret: SecretVec) -> Result<bool, Failure> {
        let Ok(text) = std::str::from_utf8(secret.expose()) else { return Ok(false) };
        let lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
        // Large enough from the start: a string that grows leaves copies behind that nobody wipes.
        let room = text
            .len()
            .saturating_mul(LONGEST)
            .saturating_add(lines.clone().count().saturating_mul(MARK.len() + 1))
            .saturating_add(1);
        let mut shown = Zeroizing::new(String::with_capacity(room));
        shown.push('\n');
        let mut changed = false;
        for line in lines {
            shown.push_str(MARK);
            let begin = shown.len();
            push_text(&mut shown, line.strip_suffix('\r').unwrap_or(line));
            changed |= shown.get(begin..) != Some(line);
            shown.push('\n');
        }
        self.put(&shown)?;
        self.put(if changed {
            "\nInvisible characters are shown as \\u{…}, so a copy of this is different.\n"
        } else {
            "\n"
        })?;
        Ok(true)
    }

    fn choose<T: Copy>(&mut self, question: &Question<'_, T>) -> Result<T, Failure> {
        loop {
            self.say(&if self.in_channel {
                question.in_channel()
            } else {
                format!("{} {} ", question.text, question.hint)
            })?;
            let answer = self.line()?.trim().to_lowercase();
            if self.in_channel {
                match question.in_channel.iter().find(|(word, ..)| *word == answer) {
                    Some((.., choice)) => return Ok(*choice),
                    None => continue,
                }
            }
            if answer.is_empty() {
                return Ok(question.default);
            }
            if let Some((_, choice)) =
                question.words.iter().find(|(word, _)| word.starts_with(&answer))
            {
                return Ok(*choice);
            }
            let words: Vec<&str> = question.words.iter().map(|(word, _)| *word).collect();
            self.say(&format!("Please answer {}.\n", words.join(" or ")))?;
        }
    }

    /// The line that is typed.
    fn line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        if self.input.read_line(&mut line).map_err(|error| failed(&error))? == 0 {
            // The cursor stands behind the question.
            self.say("\n")?;
            return Err(Failure::new(Kind::NoAnswer, "the question was not answered"));
        }
        Ok(line)
    }

    fn say(&mut self, text: &str) -> Result<(), Failure> {
        self.put(&if is_ascii_here() { ascii(text) } else { text.into() })
    }

    fn put(&mut self, text: &str) -> Result<(), Failure> {
        self.output
            .write_all(text.as_bytes())
            .and_then(|()| self.output.flush())
            .map_err(|error| failed(&error))
    }
}

impl<T> Question<'_, T> {
    /// The question as it stands among texts: a line of its own, with what answers it.
    fn in_channel(&self) -> String {
        let does = |(word, does, _): &(&str, &str, T)| format!("/{word} {does}");
        match self.in_channel.iter().all(|(_, does, _)| does.is_empty()) {
            true => format!("{} Answer /yes or /no.\n", self.text),
            false => format!(
                "{} {}.\n",
                self.text,
                self.in_channel.iter().map(does).collect::<Vec<_>>().join(", ")
            ),
        }
    }
}

fn failed(error: &io::Error) -> Failure {
    Failure::new(Kind::NoAnswer, format!("the terminal could not be used: {error}"))
}

/// ` (14 files and folders)`, where that is more than the names say.
fn entries(offer: &Offered) -> String {
    match offer.count {
        Some(count) if count as usize > offer.names.len() => {
            let least = if offer.counted { "" } else { "at least " };
            format!(" ({least}{count} files and folders)")
        }
        _ => String::new(),
    }
}
