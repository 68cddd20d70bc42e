//! `send`: into a channel if its first word is a code's shape, else `give` (DESIGN 1, "Habits of other tools work").

use super::options::Output;
use super::{Purpose, code, give};
use crate::failure::{Exit, Failure};
use crate::session::plan::{Meet, Ware};
use pinhole_protocol::code::{Shape, shape};
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
#[command(after_help = "\
`send CODE TEXT` sends into a channel; `send PATH...` is `give PATH...`.

Examples:
  pinhole send 9471-walrus-clipboard-mango \"on my way\"
  pinhole send 9471-walrus-clipboard-mango --file report.pdf
  pinhole send report.pdf                    shows a new code, as `pinhole give` does")]
// Its name is that of the arguments inside it, and clap wants each once.
#[group(skip)]
pub(super) struct Args {
    #[command(flatten)]
    give: give::Args,
    /// Send this file into the channel; may be repeated
    #[arg(long, value_name = "PATH")]
    file: Vec<PathBuf>,
}

impl Args {
    pub(super) const fn output(&self) -> &Output {
        self.give.output()
    }

    pub(super) fn purpose(mut self, person: bool) -> Purpose {
        let first = self.give.paths.first().and_then(|path| path.to_str()).unwrap_or_default().to_owned();
        match shape(&first) {
            Shape::Other => {
                self.give.paths.append(&mut self.file);
                self.give.purpose(person)
            }
            Shape::Number => Err(no_channel_of(&first)),
            Shape::Link | Shape::Code => {
                // Read before anything else, so that a mistyped word is said and costs nothing.
                let address = code::parse(&first)?;
                let mut paths = self.file.clone();
                let mut text = None;
                match self.give.paths.get(1..).unwrap_or_default() {
                    [] => {}
                    [one] if one.as_os_str() == "-" => paths.push(one.clone()),
                    [one] => text = Some(one.to_str().ok_or_else(not_text)?.to_owned()),
                    _ => return Err(usage("send CODE takes one text").next("put it in quotes, or name files with --file")),
                }
                if let Some(text) = &text {
                    ambiguous(&first, text)?;
                }
                if !person {
                    return Err(not_open(&first, "that channel is not open here, and joining it takes an explicit command"));
                }
                let mut wares = self.give.ware.wares(&paths)?;
                wares.extend(text.map(Ware::Text));
                let (plan, _) = self.give.purpose_with(wares, person)?;
                Ok((plan, Meet::Join(Box::new(address))))
            }
        }
    }
}

/// A text that could be a path is not guessed about.
fn ambiguous(code: &str, text: &str) -> Result<(), Failure> {
    let like_a_path = ["/", "./", "../"].iter().any(|prefix| text.starts_with(prefix)) || Path::new(text).exists();
    if like_a_path {
        return Err(Failure::new(Exit::Usage, "ambiguous-argument", "it is not clear whether that is a text or a path")
            .next(format!("pinhole send {code} --text {text:?}, or: pinhole send {code} --file {text:?}")));
    }
    Ok(())
}

fn usage(detail: &str) -> Failure {
    Failure::new(Exit::Usage, "usage", detail)
}

fn not_text() -> Failure {
    usage("the text is not UTF-8")
}

/// A number alone names a channel that is open here, and never joins one.
pub(super) fn no_channel_of(number: &str) -> Failure {
    Failure::new(Exit::Code, "code-not-open", format!("no channel is open here under {number}, and a number alone joins none"))
        .next("with the whole code: pinhole take CODE, or: pinhole give --code CODE PATH...")
}

pub(super) fn not_open(code: &str, detail: &str) -> Failure {
    Failure::new(Exit::Code, "code-not-open", detail).next(format!("pinhole take {code}, or: pinhole give --code {code} PATH..."))
}
