//! Standard input of a command on its way into a session: pieces through the session's socket, and
//! there a stream that is read as fast as it is sent on. It ends well only if the command says so.

use crate::failure::{Failure, Kind};
use pinhole_protocol::limits;
use std::io::{self, Read};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

/// Bytes of one piece: those of a record.
const PIECE: usize = limits::CHUNK_DATA;
/// Pieces that a session has read ahead, 1 MiB: what is short is there before the other side is.
const AHEAD: usize = 16;

/// The source of a stream that a command sends.
pub type Source = Box<dyn Read + Send>;

/// Hands `source` over to its end, piece by piece with the length before each, and then one of
/// length zero. A session that wants no more of it has said why.
///
/// # Errors
/// `source-unreadable` if `source` cannot be read.
pub(super) async fn hand_over(
    source: Source,
    to: &mut (impl AsyncWrite + Unpin),
) -> Result<(), Failure> {
    let mut pieces = read_ahead(source)?;
    while let Some(piece) = pieces.recv().await {
        let piece = piece.map_err(|error| {
            Failure::new(Kind::SourceUnreadable, format!("standard input cannot be read: {error}"))
                .next("repeat this with an input that can be read")
        })?;
        if put(&piece, to).await.is_err() {
            return Ok(());
        }
    }
    let _ = put(&[], to).await;
    Ok(())
}

async fn put(piece: &[u8], to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    to.write_all(&u32::try_from(piece.len()).map_err(io::Error::other)?.to_be_bytes()).await?;
    to.write_all(piece).await?;
    to.flush().await
}

/// Reads `source` on a thread of its own, which may be in a read when the process ends.
fn read_ahead(mut source: Source) -> Result<mpsc::Receiver<io::Result<Vec<u8>>>, Failure> {
    let (read, pieces) = mpsc::channel(1);
    let reading = move || loop {
        let mut piece = vec![0; PIECE];
        let came = match source.read(&mut piece) {
            Ok(0) => return,
            Ok(len) => {
                piece.truncate(len);
                Ok(piece)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let last = came.is_err();
        if read.blocking_send(came).is_err() || last {
            return;
        }
    };
    let thread = std::thread::Builder::new().name("input".into()).spawn(reading);
    thread.map_err(|error| {
        Failure::new(Kind::Failed, format!("no thread could be started to read the input: {error}"))
    })?;
    Ok(pieces)
}

/// Both ends of a stream in a session, which is read on another thread.
pub(super) fn pipe() -> (Writer, Reader) {
    let (writer, pieces) = mpsc::channel(AHEAD);
    (Writer(writer), Reader { pieces, piece: Vec::new(), read: 0, ended: false })
}

/// The end of a stream that takes a command's pieces.
pub(super) struct Writer(mpsc::Sender<Vec<u8>>);

impl Writer {
    /// Takes all that a command sends, and returns true if that came to its end. Waits for ever if
    /// nobody reads the stream any more.
    pub(super) async fn bring(self, from: &mut (impl AsyncRead + Unpin)) -> bool {
        while let Ok(piece) = piece(from).await {
            let last = piece.is_empty();
            if self.0.send(piece).await.is_err() {
                return std::future::pending().await;
            }
            if last {
                return true;
            }
        }
        false
    }
}

async fn piece(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let len = usize::try_from(from.read_u32().await?).map_err(io::Error::other)?;
    if len > PIECE {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut piece = vec![0; len];
    from.read_exact(&mut piece).await?;
    Ok(piece)
}

/// The end of a stream from which it is read.
pub(super) struct Reader {
    pieces: mpsc::Receiver<Vec<u8>>,
    piece: Vec<u8>,
    read: usize,
    ended: bool,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read >= self.piece.len() && !self.ended {
            let gone = || {
                io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the command that read it was stopped before the end",
                )
            };
            self.piece = self.pieces.blocking_recv().ok_or_else(gone)?;
            self.read = 0;
            self.ended = self.piece.is_empty();
        }
        let len = Read::read(&mut self.piece.get(self.read..).unwrap_or_default(), buffer)?;
        self.read = self.read.saturating_add(len);
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Returns what comes out of a stream when a session reads these bytes from its socket.
    fn piped(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let (writer, mut reader) = pipe();
        let reading = std::thread::spawn(move || {
            let mut read = Vec::new();
            reader.read_to_end(&mut read).map(|_| read)
        });
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let whole = runtime.block_on(writer.bring(&mut &*bytes));
        let read = reading.join().unwrap();
        assert_eq!(whole, read.is_ok());
        read
    }

    fn handed(input: impl Read + Send + 'static) -> (Result<(), Failure>, Vec<u8>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut bytes = Vec::new();
        (runtime.block_on(hand_over(Box::new(input), &mut bytes)), bytes)
    }

    #[test]
    fn what_is_read_arrives_and_only_whole() {
        let content: Vec<u8> = (0..5 * PIECE + 9).map(|at| at as u8).collect();
        for content in [&content[..], &content[..PIECE], b"x", b""] {
            let (done, bytes) = handed(std::io::Cursor::new(content.to_vec()));
            assert!(done.is_ok() && piped(&bytes).unwrap() == content);
            assert!(piped(&bytes[..bytes.len() - 1]).is_err());
        }
    }

    #[test]
    fn an_input_that_fails_is_no_end() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::IsADirectory.into())
            }
        }
        let (done, bytes) = handed(Read::chain(std::io::Cursor::new(b"x"), Failing));
        assert_eq!(done.unwrap_err().kind, Kind::SourceUnreadable);
        assert!(piped(&bytes).is_err());
    }

    #[test]
    fn a_piece_is_bounded() {
        let length = u32::try_from(PIECE + 1).unwrap().to_be_bytes();
        assert!(piped(&[&length[..], &[0; PIECE + 1], &[0; 4]].concat()).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_of_a_command_do_harm(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = piped(&bytes);
        }
    }
}
