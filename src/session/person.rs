//! The person here: questions, one at a time, and lines typed into an open channel. Each line is
//! sent as a text, a pasted block as one, and a slash begins a command.

use super::effects::{Effects, Say};
use super::happened::Happened;
use super::keyboard::{Keys, Lines, TypedLine, command};
use super::question::{Answer, Gone, Question};
use super::work::Work;
use crate::amounts::roughly;
use crate::events::Event;
use crate::failure::Failure;
use crate::files::outbox::{Fence, Options};
use crate::files::ware::Ware;
use crate::report::prompt::{ANSWERS, OwnTerminal, Terminal};
use crate::report::screen::Screen;
use pinhole_protocol::conversation::Input;
use pinhole_protocol::secret::SecretVec;
use pinhole_protocol::wire::{ItemId, Reason};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

/// The commands that can be typed, for people.
const HELP: &str = "\
What you type is sent as text when you press Enter; a pasted block is one text, whatever it begins \
                   with.
  /file PATH       send a file or folder
  /secret [LABEL]  send a secret; what you type then is not shown
  /yes, /no        answer a question
  /status          what is under way, and how long the channel lasts
  /close           finish what is under way and leave; Ctrl-C leaves at once
  //TEXT           a text that begins with a slash
";
/// Answers that may wait for a question that reads them.
const LINES: usize = 64;

/// The person here.
#[derive(Default)]
pub(super) struct Person {
    /// The terminal where lines are typed into the channel.
    screen: Option<Screen>,
    /// Lines on their way from it.
    keys: Arc<Keys>,
    /// True while lines are typed.
    typing: bool,
    /// A command, which is done unless another line comes at once.
    command: Option<String>,
    /// True once `/close` was typed: nothing more is sent.
    leaving: bool,
    /// The fence around files that are sent from here.
    fence: Option<Fence>,
    /// Questions that wait, oldest first, each with the peer's item that it is about.
    waiting: VecDeque<(Option<ItemId>, Question)>,
    /// The question on the screen.
    shown: Option<Shown>,
}

/// A question on the screen. It stays there until it is answered, because what is typed may be the
/// answer to it and to nothing else.
struct Shown {
    about: Option<ItemId>,
    gone: Gone,
    /// The way of answers that are typed into the channel.
    answers: Option<SyncSender<String>>,
}

/// The state of the session as `/status` and `/close` say it.
pub(super) struct Standing {
    /// Everything that has begun and not ended, in a few words each.
    pub(super) under_way: Vec<String>,
    /// The time that the channel lasts if nothing happens.
    pub(super) rests: Duration,
}

impl Person {
    /// A person at this screen, if there is one, whose files are sent from within `fence`.
    pub(super) fn new(screen: Option<Screen>, fence: Option<Fence>) -> Self {
        Self { screen, fence, ..Self::default() }
    }

    /// There is a channel: lines can be typed into it, where there is a screen for that, and these
    /// `words` are compared, if there are any.
    pub(super) fn connected(&self, words: Option<String>) -> Effects {
        let keys = || Arc::clone(&self.keys);
        let typing = self.screen.clone().map(|screen| Work::Type(screen, keys()));
        let effects = typing.into_iter().fold(Effects::none(), Effects::work);
        words.map(Happened::Verify).into_iter().fold(effects, Effects::then)
    }

    /// Lines can be typed, or cannot.
    pub(super) fn typing(&mut self, begun: Result<(), Failure>) -> Effects {
        self.typing = begun.is_ok();
        match begun {
            Ok(()) => Effects::none(),
            Err(failure) => Effects::none().event(Event::Trouble(failure)),
        }
    }

    /// Shows the verification words and asks whether the peer shows the same.
    pub(super) fn verify(&mut self, words: String) -> Effects {
        Effects::none()
            .event(Event::Verify { words: words.clone() })
            .and(self.ask(None, Question::SameWords(words)))
    }

    /// Asks a question when it is its turn. Nothing follows from its answer if the peer's item
    /// that it is `about` is withdrawn before.
    pub(super) fn ask(&mut self, about: Option<ItemId>, question: Question) -> Effects {
        self.waiting.push_back((about, question));
        self.next_question()
    }

    /// Shows the question that waits longest, unless one is shown.
    pub(super) fn next_question(&mut self) -> Effects {
        if self.shown.is_some() {
            return Effects::none();
        }
        let Some((about, question)) = self.waiting.pop_front() else { return Effects::none() };
        let gone = Gone::default();
        let (terminal, answers) = self.terminal().unzip();
        self.shown = Some(Shown { about, gone: gone.clone(), answers });
        Effects::none().say(Say::Suspend).work(Work::Ask(question, terminal, gone))
    }

    /// A terminal for one question, answered by the next answers that are typed into the channel.
    fn terminal(&self) -> Option<(OwnTerminal, SyncSender<String>)> {
        let screen = self.screen.as_ref().filter(|_| self.typing)?;
        let (answers, lines) = sync_channel(LINES);
        let lines = Box::new(Lines::new(lines));
        Some((Terminal::in_channel(lines, Box::new(screen.clone())), answers))
    }

    /// The question on the screen is answered.
    pub(super) fn answered(&mut self, answer: Result<Answer, Failure>) -> Effects {
        let effects = Effects::none().say(Say::Resume);
        let effects = match self.shown.take() {
            Some(Shown { about, gone, .. }) if !gone.is_set() => match about {
                Some(item) => effects.then(Happened::Decided(item, answer)),
                None => effects.and(verified(answer)),
            },
            _ => effects,
        };
        effects.then(Happened::NextQuestion)
    }

    /// Nobody is asked about this item any more.
    pub(super) fn withdraw(&mut self, item: ItemId) {
        if let Some(at) = self.waiting.iter().position(|(about, _)| *about == Some(item)) {
            self.waiting.remove(at);
        }
        if let Some(shown) = self.shown.as_ref().filter(|shown| shown.about == Some(item)) {
            shown.gone.set();
        }
    }

    /// A reply to the person who types.
    pub(super) fn reply(&self, text: impl Into<Cow<'static, str>>) -> Effects {
        // There is nobody to reply to unless lines are typed.
        let effects = Effects::none();
        if self.typing { effects.say(Say::Reply(text.into())) } else { effects }
    }

    /// Lines were typed: a text is sent, and what looked like a command just before it is one too.
    pub(super) fn typed(&mut self) -> Effects {
        let mut effects = Effects::none();
        while let Some(line) = self.keys.next() {
            match line {
                TypedLine::Command(line) => self.command = Some(line),
                TypedLine::Text(line) => {
                    let before = self.command.take();
                    for line in before.into_iter().chain([line]).filter(|line| !line.is_empty()) {
                        effects = effects.and(self.send(Ware::Text(line)));
                    }
                }
            }
        }
        effects
    }

    /// No line has followed a command, so it is done.
    pub(super) fn typed_alone(&mut self, standing: &Standing) -> Effects {
        let Some(line) = self.command.take() else { return Effects::none() };
        let line = line.as_str();
        if let Some(answer) =
            ANSWERS.into_iter().find(|word| command(line, &format!("/{word}")) == Some(""))
        {
            self.typed_answer(answer)
        } else if let Some(rest) = line.strip_prefix("//") {
            self.send(Ware::Text(format!("/{rest}")))
        } else if let Some(path) = command(line, "/file") {
            self.typed_file(path)
        } else if command(line, "/status").is_some() {
            self.typed_status(standing)
        } else if command(line, "/close").is_some() {
            self.typed_close(standing)
        } else if command(line, "/help").is_some() {
            self.reply(HELP)
        } else {
            self.reply(
                "There is no such command; /help lists them. To send a text that begins with a \
                 slash, type two.\n",
            )
        }
    }

    fn typed_answer(&self, answer: &str) -> Effects {
        match self.shown.as_ref().and_then(|shown| shown.answers.as_ref()) {
            Some(answers) => {
                // Whoever asked has just given up if nobody listens.
                let _ = answers.try_send(format!("{answer}\n"));
                Effects::none()
            }
            None => self.reply("There is no question to answer.\n"),
        }
    }

    /// Finishes what is under way and leaves, and says what that is.
    fn typed_close(&mut self, standing: &Standing) -> Effects {
        self.leaving = true;
        let effects = if standing.under_way.is_empty() {
            Effects::none()
        } else {
            let question = if self.shown.is_some() {
                " The question above still needs an answer."
            } else {
                ""
            };
            self.reply(format!(
                "Leaving when this is done: {}.{question} Ctrl-C leaves at once.\n",
                standing.under_way.join(", ")
            ))
        };
        effects.then(Happened::Leave)
    }

    fn typed_status(&self, standing: &Standing) -> Effects {
        let under_way = match standing.under_way.as_slice() {
            [] => "nothing".to_owned(),
            some => some.join(", "),
        };
        let left = roughly(standing.rests);
        self.reply(format!(
            "Connected; {under_way} is in progress; the channel ends after {left} of silence.\n"
        ))
    }

    fn typed_file(&self, path: &str) -> Effects {
        if path.is_empty() {
            return self.reply("Which file? /file PATH\n");
        }
        let options = Options { fence: self.fence.clone(), ..Options::default() };
        self.unless_leaving(Happened::SendPaths(vec![path.into()], options))
    }

    /// A secret was typed, or could not be read.
    pub(super) fn typed_secret(
        &self,
        label: Option<String>,
        secret: Result<SecretVec, Failure>,
    ) -> Effects {
        match secret {
            Ok(secret) => self.send(Ware::Secret(label, Arc::new(secret))),
            Err(failure) => Effects::none().event(Event::Trouble(failure)),
        }
    }

    fn send(&self, ware: Ware) -> Effects {
        self.unless_leaving(Happened::Send(ware, None))
    }

    /// Lets something be sent, unless this side leaves, which is said then.
    fn unless_leaving(&self, sent: Happened) -> Effects {
        if self.leaving {
            return self.reply("That was not sent: this side is leaving. Ctrl-C leaves at once.\n");
        }
        Effects::none().then(sent)
    }

    /// Waits until everything that was said is on the screen.
    pub(super) fn settle(&self) {
        if let Some(screen) = self.screen.as_ref().filter(|_| self.typing) {
            screen.settle();
        }
    }

    /// Nothing more is typed.
    pub(super) fn end(&self) {
        if let Some(screen) = self.screen.as_ref().filter(|_| self.typing) {
            screen.take_back();
        }
    }
}

/// The person has compared the verification words.
fn verified(answer: Result<Answer, Failure>) -> Effects {
    match answer {
        Ok(Answer::SameWords(true)) => Effects::none().input(Input::Verified),
        Ok(_) => Effects::none().then(Happened::Abort(Reason::NotVerified)),
        Err(failure) => {
            Effects::none().then(Happened::Fail(failure)).then(Happened::Abort(Reason::NoAnswer))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Kind;
    use crate::session::effects::Fed;

    fn words() -> Question {
        Question::SameWords("a b c d".into())
    }

    fn standing(under_way: &[&str]) -> Standing {
        let under_way = under_way.iter().map(|&what| what.into()).collect();
        Standing { under_way, rests: Duration::from_secs(60) }
    }

    /// A person who types lines into the channel.
    fn typing() -> Person {
        let mut person = Person::new(Some(Screen::default()), None);
        assert!(person.typing(Ok(())).is_none());
        person
    }

    fn command(person: &mut Person, line: &str, standing: &Standing) -> Effects {
        person.keys.push(TypedLine::Command(line.into()));
        assert!(person.typed().is_none(), "{line}");
        person.typed_alone(standing)
    }

    fn replied(effects: &Effects) -> &str {
        match effects.said.as_slice() {
            [Say::Reply(text)] => text,
            said => panic!("{} things were said", said.len()),
        }
    }

    #[test]
    fn a_second_question_waits_until_the_first_is_answered() {
        let mut person = Person::default();
        let first = person.ask(Some(ItemId(1)), words());
        assert!(matches!(first.said.as_slice(), [Say::Suspend]));
        assert!(matches!(first.work.as_slice(), [Work::Ask(..)]));
        assert!(person.ask(Some(ItemId(2)), words()).is_none());
        let answered = person.answered(Ok(Answer::SameWords(true)));
        assert!(matches!(answered.said.as_slice(), [Say::Resume]));
        assert!(matches!(
            answered.then.as_slice(),
            [Happened::Decided(ItemId(1), Ok(_)), Happened::NextQuestion]
        ));
        assert!(matches!(person.next_question().work.as_slice(), [Work::Ask(..)]));
    }

    #[test]
    fn nothing_follows_from_a_late_answer_and_the_question_stays_until_then() {
        let mut person = Person::default();
        let asked = person.ask(Some(ItemId(1)), words());
        person.withdraw(ItemId(1));
        assert!(matches!(asked.work.as_slice(), [Work::Ask(_, None, gone)] if gone.is_set()));
        // The peer uses its number again meanwhile.
        assert!(person.ask(Some(ItemId(1)), words()).is_none());
        let late = person.answered(Ok(Answer::SameWords(true)));
        assert!(matches!(late.then.as_slice(), [Happened::NextQuestion]));
        assert!(matches!(person.next_question().work.as_slice(), [Work::Ask(..)]));
    }

    #[test]
    fn a_question_that_waits_is_not_asked_once_its_item_is_withdrawn() {
        let mut person = Person::default();
        let _ = person.ask(Some(ItemId(1)), words());
        let _ = person.ask(Some(ItemId(2)), words());
        person.withdraw(ItemId(2));
        let _ = person.answered(Ok(Answer::SameWords(true)));
        assert!(person.next_question().is_none());
    }

    #[test]
    fn words_that_differ_end_the_conversation_and_so_does_no_answer() {
        let mut person = Person::default();
        let asked = person.verify("a b c d".into());
        assert!(matches!(asked.said.as_slice(), [Say::Event(Event::Verify { .. }), Say::Suspend]));
        let differ = person.answered(Ok(Answer::SameWords(false)));
        assert!(matches!(differ.then.first(), Some(Happened::Abort(Reason::NotVerified))));
        let _ = person.verify("a b c d".into());
        let same = person.answered(Ok(Answer::SameWords(true)));
        assert!(matches!(same.inputs.as_slice(), [Fed::Input(Input::Verified)]));
        let _ = person.verify("a b c d".into());
        let none = person.answered(Err(Failure::new(Kind::NoAnswer, "nobody is there")));
        assert!(matches!(
            none.then.as_slice(),
            [Happened::Fail(_), Happened::Abort(Reason::NoAnswer), Happened::NextQuestion]
        ));
    }

    #[test]
    fn a_command_followed_at_once_by_a_line_is_a_text_as_that_is() {
        let mut person = typing();
        person.keys.push(TypedLine::Command("/close".into()));
        person.keys.push(TypedLine::Text("hello".into()));
        let sent = person.typed();
        assert!(matches!(
            sent.then.as_slice(),
            [Happened::Send(Ware::Text(a), None), Happened::Send(Ware::Text(b), None)]
                if a == "/close" && b == "hello"
        ));
        assert!(person.typed_alone(&standing(&[])).is_none());
    }

    #[test]
    fn an_answer_is_typed_only_while_something_is_asked() {
        let mut person = typing();
        assert_eq!(
            replied(&command(&mut person, "/yes", &standing(&[]))),
            "There is no question to answer.
"
        );
        let asked = person.ask(Some(ItemId(1)), words());
        assert!(matches!(asked.work.as_slice(), [Work::Ask(_, Some(_), _)]));
        assert!(command(&mut person, "/yes", &standing(&[])).is_none());
        let _ = person.answered(Ok(Answer::SameWords(true)));
        assert_eq!(
            replied(&command(&mut person, "/no", &standing(&[]))),
            "There is no question to answer.
"
        );
    }

    #[test]
    fn after_close_nothing_more_is_sent_and_an_open_question_is_named() {
        let mut person = typing();
        let _ = person.ask(Some(ItemId(1)), words());
        let closed = command(&mut person, "/close", &standing(&["a.txt"]));
        let reply = replied(&closed);
        assert!(reply.contains("a.txt") && reply.contains("still needs an answer"), "{reply}");
        assert!(matches!(closed.then.as_slice(), [Happened::Leave]));
        person.keys.push(TypedLine::Text("late".into()));
        assert!(replied(&person.typed()).contains("was not sent"));
        let secret = person.typed_secret(None, Ok(SecretVec::new(vec![1])));
        assert!(secret.then.is_empty());
    }
}
