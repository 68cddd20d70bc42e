//! Standard input, and the moment of its end: rmcp says it only after the calls under way, some of which wait for a channel.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::watch;

/// A stream whose end can be waited for.
pub(super) struct Input<R> {
    inner: R,
    ended: watch::Sender<bool>,
}

/// Waits for the end of an [`Input`].
pub(super) struct Ended(watch::Receiver<bool>);

impl<R> Input<R> {
    pub(super) fn new(inner: R) -> (Self, Ended) {
        let (ended, waiting) = watch::channel(false);
        (Self { inner, ended }, Ended(waiting))
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Input<R> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(context, into);
        if matches!(read, Poll::Ready(Err(_))) || read.is_ready() && into.filled().len() == before && into.capacity() > before {
            self.ended.send_replace(true);
        }
        read
    }
}

impl Ended {
    pub(super) async fn wait(mut self) {
        // A stream that is dropped has ended too.
        let _ = self.0.wait_for(|ended| *ended).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::{Duration, timeout};

    #[tokio::test]
    async fn the_end_is_heard_when_it_is_read_and_not_before() {
        let (mut there, here) = duplex(16);
        let (mut input, ended) = Input::new(here);
        let ended = ended.wait();
        tokio::pin!(ended);
        there.write_all(b"all").await.unwrap();
        let mut read = [0; 3];
        input.read_exact(&mut read).await.unwrap();
        assert!(timeout(Duration::ZERO, ended.as_mut()).await.is_err());
        drop(there);
        assert_eq!(input.read(&mut read).await.unwrap(), 0);
        ended.await;
    }
}
