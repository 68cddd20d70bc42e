//! Standard output in ASCII: what is not is in a string of JSON, where it can be spelt. Some
//! clients take U+2028 for the end of a line (readline of Node), and terminals and logs act on
//! more.

use crate::escape::Ascii;
use serde::Serialize;
use serde_json::Serializer;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::Mutex;

/// A stream of lines, each written as a whole.
pub(super) struct Output<W>(Arc<Mutex<W>>);

impl<W> Clone for Output<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<W: AsyncWrite + Unpin> Output<W> {
    pub(super) fn new(inner: W) -> Self {
        Self(Arc::new(Mutex::new(inner)))
    }

    /// Writes a message.
    pub(super) async fn send(self, message: impl Serialize) -> io::Result<()> {
        let line = line(message)?;
        let mut inner = self.0.lock().await;
        inner.write_all(&line).await?;
        inner.flush().await
    }
}

fn line(message: impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    message.serialize(&mut Serializer::with_formatter(&mut line, Ascii))?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use tokio::io::{AsyncReadExt, duplex};

    proptest! {
        /// However little is taken at a time.
        #[test]
        fn it_says_the_same_in_ascii(text: String, taken in 1usize..40) {
            let message = json!({ "text": text });
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let said = runtime
                .block_on(async {
                    let (ours, mut theirs) = duplex(taken);
                    let output = Output::new(ours);
                    let writing = async move {
                        let (first, second) =
                            tokio::join!(output.clone().send(&message), output.send(&message));
                        first.and(second)
                    };
                    let mut said = String::new();
                    let (written, read) = tokio::join!(writing, theirs.read_to_string(&mut said));
                    written.and(read).map(|_| said)
                })
                .unwrap();
            let lines: Vec<&str> = said.lines().collect();
            prop_assert!(
                lines.iter().all(|line| line.bytes().all(|byte| (0x20..0x7f).contains(&byte))),
                "{said}"
            );
            let read: Vec<Value> =
                lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
            prop_assert_eq!(read, vec![json!({ "text": text }); 2]);
        }
    }
}
