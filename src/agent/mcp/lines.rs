//! The lines between a client and rmcp.

use super::input::Input;
use super::output::Output;
use rmcp::RoleServer;
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use std::io;
use tokio::io::{AsyncBufRead, AsyncWrite};
use tokio::task::JoinHandle;

/// Standard input and output, as rmcp has them.
pub(super) struct Lines<R, W> {
    input: Input<R>,
    output: Output<W>,
    /// The answer to what was no message, on its way. No more is read before it is out.
    answering: Option<JoinHandle<io::Result<()>>>,
}

impl<R, W: AsyncWrite + Unpin> Lines<R, W> {
    pub(super) fn new(input: Input<R>, output: W) -> Self {
        Self { input, output: Output::new(output), answering: None }
    }
}

impl<R, W> Transport<RoleServer> for Lines<R, W>
where
    R: AsyncBufRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send + 'static,
{
    type Error = io::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        self.output.clone().send(message)
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            // rmcp gives up a wait whenever it has something else to do: what is half written is
            // written on in a task of its own.
            if let Some(answering) = &mut self.answering {
                let written = answering.await;
                self.answering = None;
                written.ok()?.ok()?;
            }
            match self.input.next().await? {
                Ok(message) => return Some(*message),
                Err(error) => self.answering = Some(tokio::spawn(self.output.clone().send(error))),
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        // Each message is out when it has been sent.
        Ok(())
    }
}
