//! A read-ahead buffer for the lines of a session's socket. A secret may be in it, so it is wiped
//! when dropped.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};
use zeroize::Zeroizing;

/// Bytes that are read ahead: a request, or a few lines of an answer.
const AHEAD: usize = 8 << 10;

/// As tokio's `BufReader`, which is not wiped.
pub(super) struct Buffered<R> {
    from: R,
    buffer: Zeroizing<Vec<u8>>,
    /// Start of the bytes that nobody has taken.
    start: usize,
    end: usize,
}

impl<R> Buffered<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, buffer: Zeroizing::new(vec![0; AHEAD]), start: 0, end: 0 }
    }
}

impl<R: AsyncRead + Unpin> AsyncBufRead for Buffered<R> {
    fn poll_fill_buf(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let own = self.get_mut();
        if own.start >= own.end {
            let mut read = ReadBuf::new(&mut own.buffer);
            ready!(Pin::new(&mut own.from).poll_read(context, &mut read))?;
            (own.start, own.end) = (0, read.filled().len());
        }
        Poll::Ready(Ok(own.buffer.get(own.start..own.end).unwrap_or_default()))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        let own = self.get_mut();
        own.start = own.start.saturating_add(amount);
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Buffered<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.start >= self.end && to.remaining() >= AHEAD {
            // Straight to where it belongs.
            return Pin::new(&mut self.from).poll_read(context, to);
        }
        let ahead = ready!(self.as_mut().poll_fill_buf(context))?;
        let taken = ahead.get(..to.remaining()).unwrap_or(ahead);
        to.put_slice(taken);
        let amount = taken.len();
        self.consume(amount);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokio::io::{AsyncBufReadExt, AsyncReadExt};

    proptest! {
        #[test]
        fn lines_and_bytes_come_as_they_were(line in 0..20_000_usize, rest in 0..20_000_usize) {
            let (line, bytes) =
                ("x".repeat(line), (0..rest).map(|at| (at % 251) as u8).collect::<Vec<_>>());
            let sent = [line.as_bytes(), b"\n", &bytes].concat();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let mut read = Buffered::new(&sent[..]);
                let (mut first, mut rest) = (String::new(), vec![0; bytes.len()]);
                read.read_line(&mut first).await.unwrap();
                read.read_exact(&mut rest).await.unwrap();
                assert_eq!((first.trim_end(), rest), (line.as_str(), bytes));
                assert!(read.fill_buf().await.unwrap().is_empty());
            });
        }
    }
}
