//! A text that is read from standard input.

use crate::failure::{Failure, Kind};
use pinhole_protocol::messages::Body;
use std::io::Read;

/// Standard input as a text that one message can hold.
pub(super) fn text_from_stdin() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let most = Body::MAX as u64 + 1;
    std::io::stdin().lock().take(most).read_to_end(&mut bytes).map_err(|error| {
        Failure::new(Kind::SourceUnreadable, format!("standard input cannot be read: {error}"))
    })?;
    if bytes.len() > Body::MAX {
        // Said before it is looked at as text: the limit may have cut a letter.
        return Err(too_long("the text", Body::MAX).next("give it as a file: pinhole give -"));
    }
    String::from_utf8(bytes).map_err(|_| {
        Failure::new(Kind::NotText, "standard input is not UTF-8 text")
            .next("give it as it is: pinhole give -")
    })
}

/// Refuses text that is longer than `most` bytes; `what` begins the sentence.
pub(super) fn too_long(what: &str, most: usize) -> Failure {
    Failure::new(Kind::TooLong, format!("{what} is longer than the {most} bytes allowed"))
}
