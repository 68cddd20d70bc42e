//! Standard output in ASCII: what is not is in a string of JSON, where it can be spelt. Some clients take U+2028 for the end of a line
//! (readline of Node), and terminals and logs act on more.

use crate::report::escape::Ascii;
use serde_json::ser::Formatter;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::AsyncWrite;

/// A stream of JSON in UTF-8 on its way into one of ASCII.
pub(super) struct Output<W> {
    inner: W,
    /// A character of which there is only the beginning yet.
    begun: Vec<u8>,
    /// What is spelt, and how much of it is written.
    spelt: Vec<u8>,
    written: usize,
}

impl<W> Output<W> {
    pub(super) const fn new(inner: W) -> Self {
        Self { inner, begun: Vec::new(), spelt: Vec::new(), written: 0 }
    }

    fn spell(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.begun.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.begun) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.begun.len(),
        };
        let rest = self.begun.split_off(whole);
        let text = std::mem::replace(&mut self.begun, rest);
        Ascii.write_string_fragment(&mut self.spelt, &String::from_utf8_lossy(&text))
    }
}

impl<W: AsyncWrite + Unpin> Output<W> {
    fn poll_spelt(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.spelt.get(self.written..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut self.inner).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                more => self.written = self.written.saturating_add(more),
            }
        }
        // A long line is not kept.
        (self.spelt, self.written) = (Vec::new(), 0);
        Poll::Ready(Ok(()))
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Output<W> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_spelt(context))?;
        self.spell(bytes)?;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_spelt(context))?;
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_spelt(context))?;
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    proptest! {
        /// However it is cut, and however little is taken at a time.
        #[test]
        fn it_says_the_same_in_ascii(text: String, cut in 1usize..40, taken in 1usize..40) {
            let line = format!("{}\n", json!({ "text": text }));
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let said = runtime.block_on(async {
                let (ours, mut theirs) = duplex(taken);
                let mut output = Output::new(ours);
                let writing = async {
                    for piece in line.as_bytes().chunks(cut) {
                        output.write_all(piece).await.unwrap();
                    }
                    output.shutdown().await.unwrap();
                };
                let mut said = String::new();
                let (_, read) = tokio::join!(writing, theirs.read_to_string(&mut said));
                read.map(|_| said)
            }).unwrap();
            prop_assert!(said.strip_suffix('\n').unwrap().bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{said}");
            prop_assert_eq!(serde_json::from_str::<Value>(&said).unwrap(), serde_json::from_str::<Value>(&line).unwrap());
        }
    }
}
