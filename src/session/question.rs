//! Questions to the person here and their answers. Each is asked on a thread of its own, while the
//! session goes on.

use crate::events::Offered;
use crate::failure::{Advice, Failure};
use crate::files::inbox::{self, Inbox, Partial, Policy};
use crate::files::name::FileName;
use crate::report::prompt::{Conflict, OwnTerminal, SecretTo, WITHOUT_VERIFY};
use pinhole_protocol::secret::SecretVec;
use pinhole_protocol::wire::PeerText;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set once the peer has withdrawn the subject of a question, so that nothing follows from its
/// answer.
#[derive(Clone, Default)]
pub(super) struct Gone(Arc<AtomicBool>);

impl Gone {
    /// The subject is withdrawn.
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// True once it is.
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// A question to the person here.
pub(super) enum Question {
    /// The verification words: does the peer show the same (`--verify`)?
    SameWords(String),
    /// A name that is taken: what becomes of the text?
    TextName(String),
    /// An offer: is it wanted, and what becomes of its items whose names are taken?
    Offer(Offering),
    /// The reason why an offer needs another folder: which? Without the remains of other transfers
    /// that may be named, it needs none.
    Place(String, Vec<Partial>, Policy),
    /// A secret and the peer's name for it: where does it go?
    Secret(Option<PeerText>, SecretVec),
}

/// An offer as the person is asked about it.
pub(super) struct Offering {
    pub(super) offered: Offered,
    /// The folder or output that it would go to.
    pub(super) into: String,
    /// The place of the machine that the folder is, if programs act there.
    pub(super) place: Option<&'static str>,
    /// Items whose names are taken, and whether each is a folder that could join the other.
    pub(super) taken: Vec<(FileName, bool)>,
}

/// The answer to a [`Question`] of the same name.
pub(super) enum Answer {
    SameWords(bool),
    TextName(Conflict),
    /// `None` if it is declined.
    Offer(Option<Vec<(FileName, Conflict)>>),
    Place(Elsewhere),
    Secret(SecretAnswer),
}

/// The person's choice for an offer that does not fit where it would go.
pub(super) enum Elsewhere {
    /// It goes there.
    There(Inbox),
    /// It may fit now.
    Here,
    /// There is no other folder.
    Nowhere,
}

/// The person's choice for a secret.
pub(super) enum SecretAnswer {
    /// It was shown.
    Shown,
    /// It was to be shown and is not text.
    NotText,
    /// It goes to a file.
    File(SecretVec),
    /// It is declined.
    Declined,
}

impl Question {
    /// The subject in a few words, and what answers the question without a terminal.
    fn without_terminal(&self) -> (&'static str, Advice) {
        match self {
            Self::SameWords(_) => ("--verify", Advice::for_user(WITHOUT_VERIFY)),
            Self::TextName(_) => ("the name that is taken", inbox::Conflict::choose()),
            Self::Offer(_) => (
                "the offer",
                Advice::for_user(
                    "run it again with --yes, and --conflict for names that are taken",
                ),
            ),
            Self::Place(..) => ("the place of what is offered", "name a folder with -o DIR".into()),
            Self::Secret(..) => ("the secret", "use --secret-to-file PATH".into()),
        }
    }

    /// Asks at `terminal`, or at the one of this process.
    ///
    /// # Errors
    /// Exit 10 if there is no terminal, or it ends before there is an answer.
    pub(super) fn ask(self, terminal: Option<OwnTerminal>, gone: &Gone) -> Result<Answer, Failure> {
        let (subject, instead) = self.without_terminal();
        let mut terminal = terminal.map_or_else(|| OwnTerminal::open(subject, instead), Ok)?;
        match self {
            Self::SameWords(words) => terminal.same_words(&words).map(Answer::SameWords),
            Self::TextName(taken) => terminal.conflict(&taken, false).map(Answer::TextName),
            Self::Offer(offering) => offering.ask(&mut terminal, gone).map(Answer::Offer),
            Self::Place(why, spare, policy) => {
                place(&mut terminal, &why, spare, policy, gone).map(Answer::Place)
            }
            Self::Secret(name, secret) => {
                secret_to(&mut terminal, name.as_ref(), secret, gone).map(Answer::Secret)
            }
        }
    }
}

impl Offering {
    fn ask(
        self,
        terminal: &mut OwnTerminal,
        gone: &Gone,
    ) -> Result<Option<Vec<(FileName, Conflict)>>, Failure> {
        let Self { offered, into, place, taken } = self;
        if offered.asked && !terminal.accept(&offered, &into, place)? || gone.is_set() {
            return Ok(None);
        }
        let ask = |(name, joins): (FileName, bool)| {
            terminal.conflict(&name.text(), joins).map(|answer| (name, answer))
        };
        taken.into_iter().map(ask).collect::<Result<_, _>>().map(Some)
    }
}

/// Asks to make room, or for a folder until one can be used, or there is none.
fn place(
    terminal: &mut OwnTerminal,
    why: &str,
    spare: Vec<Partial>,
    policy: Policy,
    gone: &Gone,
) -> Result<Elsewhere, Failure> {
    terminal.tell(why)?;
    if !spare.is_empty() {
        let about: Vec<_> = spare.iter().map(|partial| &partial.about).collect();
        if terminal.make_room(&about)? && !gone.is_set() {
            for partial in spare {
                // If it stays, the offer is looked at once more all the same.
                let _removed = partial.remove();
            }
            return Ok(Elsewhere::Here);
        }
        // Others may go on with them.
        drop(spare);
    }
    if gone.is_set() {
        return Ok(Elsewhere::Nowhere);
    }
    while let Some(path) = terminal.elsewhere()? {
        match Inbox::open(&path, policy).and_then(|inbox| inbox.try_out().map(|()| inbox)) {
            Ok(inbox) => return Ok(Elsewhere::There(inbox)),
            Err(failure) => terminal.tell(&failure.detail)?,
        }
    }
    Ok(Elsewhere::Nowhere)
}

fn secret_to(
    terminal: &mut OwnTerminal,
    name: Option<&PeerText>,
    secret: SecretVec,
    gone: &Gone,
) -> Result<SecretAnswer, Failure> {
    Ok(match terminal.secret(name, secret.len() as u64)? {
        SecretTo::Terminal if gone.is_set() => SecretAnswer::Declined,
        SecretTo::Terminal => match terminal.show_secret(secret)? {
            true => SecretAnswer::Shown,
            false => SecretAnswer::NotText,
        },
        SecretTo::File => SecretAnswer::File(secret),
        SecretTo::Nowhere => SecretAnswer::Declined,
    })
}
