//! The MCP server: an agent's channels without a shell, held in this process, so that they work
//! where nothing may run in the background and where Unix sockets are refused. Its protocol is
//! rmcp's; standard output carries that and nothing else.
//!
//! Each tool does the same as the command of its name: the same purpose, the same control protocol,
//! over a stream inside the process where the channel is one of its own. Its results are the lines
//! of EVENTS.md.

mod arguments;
mod calls;
mod client;
mod input;
mod landings;
mod lines;
mod output;
mod progress;
mod project;
mod results;
mod sessions;
mod tools;
mod workspace;

use crate::doctor::Setup;
use crate::failure::{Failure, Kind};
use crate::files::outbox::Fence;
use crate::files::variable::Accepted;
use crate::session::interrupt::{self, interrupted};
use crate::session::plan::{Meet, Plan};
use crate::stdio::unread;
use calls::Call;
use client::{Client, Stop};
use input::Input;
use lines::Lines;
use pinhole_protocol::code::CodeAddress;
use progress::Progress;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation,
    InputRequiredResult, ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig,
};
use rmcp::service::{NotificationContext, RequestContext, ServerInitializeError};
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt};
use sessions::Sessions;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::BufReader;
use tokio::time::timeout;

/// Time for answers to be read once the client has said all that it will. A client that reads
/// nothing holds no server.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Decisions of the person who set the server up.
pub trait Terms: Send + Sync + 'static {
    /// The purpose of a session that an agent wants.
    ///
    /// # Errors
    /// If it wants what cannot be.
    fn purpose(&self, wish: Wish) -> Result<(Plan, Meet), Failure>;

    /// The sending fence, which is always there: the peer may ask for a file, through what the
    /// agent reads.
    ///
    /// # Errors
    /// If something that is allowed is not there.
    fn fence(&self) -> Result<Fence, Failure>;

    /// True if the working directory is what the fence is around, whatever the client says.
    fn works_here(&self) -> bool;

    /// True if the agent may see sessions of other processes of this user. It hears no code of
    /// theirs.
    fn sees_all_sessions(&self) -> bool;

    /// The places and variables that received secrets may go to.
    ///
    /// # Errors
    /// As for [`Terms::fence`].
    fn secrets(&self) -> Result<Secrets, Failure>;

    /// A code with its place.
    ///
    /// # Errors
    /// If it is none.
    fn address(&self, text: &str) -> Result<CodeAddress, Failure>;

    /// Settings that `doctor` looks at.
    ///
    /// # Errors
    /// If the configuration cannot be followed.
    fn setup(&self) -> Result<Setup, Failure>;
}

/// Options for received secrets that the server was started with.
pub struct Secrets {
    /// The fence, with what is allowed by name.
    pub fence: Fence,
    /// Names of variables besides those of credentials.
    pub accepted: Accepted,
    /// True if a variable that is there already may be replaced.
    pub replace: bool,
}

/// A channel that an agent wants.
#[derive(Default)]
pub struct Wish {
    /// The code to join; nothing to make one.
    pub code: Option<String>,
    /// To listen for a direct connection, also where a relay is set.
    pub direct: bool,
    /// Its label.
    pub label: Option<String>,
    /// Time that it waits and rests, as on a command line.
    pub ttl: Option<String>,
    /// The relay to meet at, as on a command line.
    pub relay: Option<String>,
}

/// Serves one client on standard input and output until one of them ends. What was lost by closing
/// its channels, a sentence each.
///
/// # Errors
/// If the client does not begin as the protocol says, or by a signal.
pub async fn serve(terms: Arc<dyn Terms>) -> Result<Vec<String>, Failure> {
    let mut interrupt = interrupt::listen()?;
    let sessions = Arc::new(Sessions::new(terms));
    let (input, ended) = Input::new(BufReader::new(tokio::io::stdin()));
    let server = Server { sessions: Arc::clone(&sessions) };
    let serving = async {
        match server.serve(Lines::new(input, tokio::io::stdout())).await {
            // It ends with its input, or with its output, for whose reader nothing can be done.
            Ok(running) => drop(running.waiting().await),
            Err(
                ServerInitializeError::ConnectionClosed(_)
                | ServerInitializeError::TransportError { .. },
            ) => {}
            Err(_) => {
                return Err(Failure::new(
                    Kind::Usage,
                    "the client did not begin with `initialize`, or with a request that names \
                     its version",
                )
                .next("start it from an MCP client: claude mcp add pinhole -- pinhole mcp"));
            }
        }
        Ok(())
    };
    tokio::pin!(serving);
    let served = tokio::select! {
        served = &mut serving => served,
        // Calls that wait end with their channels, and are answered where somebody still reads.
        () = ended.wait() => {
            let (lost, served) = tokio::join!(sessions.close(), timeout(LAST_WORDS, serving));
            return served.unwrap_or(Ok(())).map(|()| lost);
        }
        // Nobody would hear of anything that still came.
        () = unread() => Ok(()),
        // The sessions have heard it too, and end at once.
        () = interrupt.wait() => {
            sessions.gone().await;
            return Err(interrupted("interrupted; its channels are closed"));
        }
    };
    let lost = sessions.close().await;
    served.map(|()| lost)
}

/// The protocol's side of the server.
struct Server {
    sessions: Arc<Sessions>,
}

impl Server {
    /// Asks the client where its agent works, if it says that it knows.
    fn learn(&self, context: NotificationContext<RoleServer>) {
        if context.peer.peer_info().is_some_and(|client| client.capabilities.roots.is_some()) {
            self.sessions.workspace.learn(context.peer);
        }
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let implementation =
            Implementation::new("pinhole", env!("CARGO_PKG_VERSION")).with_title("pinhole");
        let capabilities = ServerCapabilities::builder()
            .enable_experimental_with(client::wanted())
            .enable_tools()
            .build();
        ServerConfig::new(capabilities)
            .with_server_info(implementation)
            .with_instructions(tools::INSTRUCTIONS)
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        self.learn(context);
    }

    async fn on_roots_list_changed(&self, context: NotificationContext<RoleServer>) {
        self.learn(context);
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::all()))
    }

    async fn call_tool(
        &self,
        params: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let client = Client::of(&context, &params);
        let CallToolRequestParams { name, arguments, .. } = params;
        let progress = Progress::new(context.peer.clone(), context.meta.get_progress_token());
        let call = Call { sessions: &self.sessions, client, progress };
        let arguments = arguments.unwrap_or_default();
        let done = tokio::select! {
            done = call.run(&name, arguments) => done,
            // The client wants no answer any more. Only the waiting ends.
            () = context.ct.cancelled() => return Err(ErrorData::internal_error("cancelled", None)),
        };
        let Some(done) = done else {
            return Err(ErrorData::invalid_params(
                format!("there is no tool {name:?}; see tools/list"),
                None,
            ));
        };
        Ok(match done {
            Ok(value) => {
                let mut result = CallToolResult::structured(value.clone());
                // A model reads this text, so invisible characters are spelt.
                result.content = vec![ContentBlock::text(results::ascii(&value))];
                result
            }
            Err(Stop::Asks(questions)) => {
                return Ok(InputRequiredResult::from_input_requests(questions).into());
            }
            // Without structured content, which clients hold against the schema of what a tool
            // returns when it works.
            Err(Stop::Failed(failure)) => CallToolResult::error(vec![ContentBlock::text(
                results::ascii(&results::refusal(&failure)),
            )]),
        }
        .into())
    }
}

/// Refuses a call that its tool's schema does not allow.
fn usage(detail: String) -> Failure {
    Failure::new(Kind::Usage, detail).next("see the tool's input schema")
}
