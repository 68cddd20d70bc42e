//! The client of a call, and what it is asked, in both lifecycles of the protocol. In that with
//! `initialize` a question is a request of this server's. In the other it is the result of the
//! call, which the client then calls again, with the answers.

use crate::failure::Failure;
use crate::platform::name::from_vec;
use rmcp::model::{
    CallToolRequestParams, ClientCapabilities, ElicitRequest, ElicitRequestParams,
    ElicitationSchema, InputRequest, InputRequests, InputResponses, JsonObject, ProtocolVersion,
    RequestNoParam, ServerRequest,
};
use rmcp::service::RequestContext;
use rmcp::{Peer, RoleServer};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The capability by which a server says to Codex that it wants to know where calls come from, and
/// the field of their `_meta` in which it is then said (seen with Codex 0.171.0).
pub(super) const SANDBOX: &str = "codex/sandbox-state-meta";
/// The names of our questions among the answers that come with a call.
const ROOTS: &str = "roots";
const FOLDER: &str = "folder";
/// The field of the form that a person fills in.
const ALLOW: &str = "allow";

/// Why a call ends before it has done anything.
pub(super) enum Stop {
    Failed(Failure),
    /// The client has to find something out, and to call again.
    Asks(InputRequests),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// The caller of a tool.
pub(super) struct Client {
    peer: Peer<RoleServer>,
    capabilities: ClientCapabilities,
    /// True in the lifecycle in which a call is repeated with what it wanted to know.
    repeats: bool,
    sandbox: Option<PathBuf>,
    answers: InputResponses,
}

impl Client {
    pub(super) fn of(context: &RequestContext<RoleServer>, params: &CallToolRequestParams) -> Self {
        Self {
            peer: context.peer.clone(),
            capabilities: context.client_capabilities().unwrap_or_default(),
            repeats: context
                .protocol_version()
                .is_some_and(|version| version >= ProtocolVersion::V_2026_07_28),
            sandbox: context
                .meta
                .get(SANDBOX)
                .and_then(|state| state.get("sandboxCwd")?.as_str())
                .and_then(path),
            answers: params.input_responses.clone().unwrap_or_default(),
        }
    }

    /// The folder in which Codex says that its sandbox works.
    pub(super) const fn sandbox(&self) -> Option<&PathBuf> {
        self.sandbox.as_ref()
    }

    pub(super) const fn peer(&self) -> &Peer<RoleServer> {
        &self.peer
    }

    pub(super) const fn repeats(&self) -> bool {
        self.repeats
    }

    pub(super) const fn has_roots(&self) -> bool {
        self.capabilities.roots.is_some()
    }

    /// True if it can put a form before a person. One that says nothing about forms and addresses
    /// has forms.
    pub(super) fn has_forms(&self) -> bool {
        self.capabilities
            .elicitation
            .as_ref()
            .is_some_and(|asks| asks.form.is_some() || asks.url.is_none())
    }

    /// The roots that come with a repeated call.
    ///
    /// # Errors
    /// [`Stop`], if it has to be repeated.
    pub(super) fn roots(&self) -> Result<Vec<PathBuf>, Stop> {
        let asks = || {
            Stop::Asks(
                [(ROOTS.to_owned(), InputRequest::ListRoots(RequestNoParam::default()))].into(),
            )
        };
        self.answers.get(ROOTS).map(paths).ok_or_else(asks)
    }

    /// The person's answer, if that comes with a repeated call.
    pub(super) fn answer(&self) -> Option<bool> {
        self.answers.get(FOLDER).map(is_yes)
    }
}

/// Asks the client for its roots.
pub(super) async fn roots_of(peer: &Peer<RoleServer>) -> Vec<PathBuf> {
    let answer =
        peer.send_request(ServerRequest::ListRootsRequest(RequestNoParam::default())).await;
    answer
        .ok()
        .and_then(|roots| serde_json::to_value(roots).ok())
        .as_ref()
        .map(paths)
        .unwrap_or_default()
}

/// A question that a person answers with yes or no.
pub(super) struct Form(ElicitRequest);

impl Form {
    pub(super) fn new(message: String) -> Option<Self> {
        let schema = json!({
            "type": "object",
            "properties": { ALLOW: { "type": "boolean", "title": "Allow files to leave" } },
            "required": [ALLOW],
        });
        let requested_schema: ElicitationSchema = serde_json::from_value(schema).ok()?;
        Some(Self(ElicitRequest::new(ElicitRequestParams::FormElicitationParams {
            meta: None,
            message,
            requested_schema,
        })))
    }

    /// Puts it and waits for the answer, however long that takes. A client that cannot put it has
    /// said no.
    pub(super) async fn put(self, peer: &Peer<RoleServer>) -> bool {
        let answer = peer.send_request(ServerRequest::ElicitRequest(self.0)).await;
        answer
            .ok()
            .and_then(|answer| serde_json::to_value(answer).ok())
            .is_some_and(|answer| is_yes(&answer))
    }

    /// The result of a call that has to be repeated with the answer.
    pub(super) fn asked(self) -> Stop {
        Stop::Asks([(FOLDER.to_owned(), InputRequest::Elicitation(self.0))].into())
    }
}

fn is_yes(answer: &Value) -> bool {
    answer["action"] == "accept" && answer["content"][ALLOW] == true
}

fn paths(roots: &Value) -> Vec<PathBuf> {
    let roots = roots["roots"].as_array().into_iter().flatten();
    roots.filter_map(|root| path(root["uri"].as_str()?)).collect()
}

/// The path in a `file:` URI of this machine (RFC 8089), or one that is written as it is.
fn path(uri: &str) -> Option<PathBuf> {
    if uri.starts_with('/') {
        return Some(uri.into());
    }
    let rest =
        uri.get(..5).filter(|scheme| scheme.eq_ignore_ascii_case("file:")).and(uri.get(5..))?;
    let path = match rest.strip_prefix("//") {
        Some(rest) => {
            rest.strip_prefix("localhost").filter(|rest| rest.starts_with('/')).unwrap_or(rest)
        }
        None => rest,
    };
    let path = path.split(['?', '#']).next().filter(|path| path.starts_with('/'))?;
    let mut bytes = Vec::with_capacity(path.len());
    let mut pieces = path.split('%');
    bytes.extend(pieces.next()?.bytes());
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2)?;
        let digits =
            Some(digits).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok().filter(|byte| *byte != 0)?);
        bytes.extend(rest.bytes());
    }
    Some(from_vec(bytes).into())
}

/// Capabilities that this server asks for and no version of the protocol has.
pub(super) fn wanted() -> BTreeMap<String, JsonObject> {
    [(SANDBOX.to_owned(), JsonObject::new())].into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn a_uri_of_this_machine_is_a_path() {
        for (uri, expected) in [
            ("file:///home/mo/work", Some(&b"/home/mo/work"[..])),
            ("FILE://localhost/a", Some(b"/a")),
            ("file:/a", Some(b"/a")),
            ("file:///a%20b%ff%2F", Some(b"/a b\xff/")),
            ("file:///a?query#part", Some(b"/a")),
            ("file:///", Some(b"/")),
            ("/a%20b", Some(b"/a%20b")),
            ("file://elsewhere/a", None),
            ("file://localhostile/a", None),
            ("file:a", None),
            ("file:///a%", None),
            ("file:///a%+1", None),
            ("file:///a%00", None),
            ("file:///%\u{e9}", None),
            ("vscode-remote://wsl/a", None),
            ("https://example.com/a", None),
            ("a/b", None),
            ("", None),
        ] {
            assert_eq!(
                path(uri).as_ref().map(|path| path.as_os_str().as_bytes()),
                expected,
                "{uri}"
            );
        }
    }

    #[test]
    fn only_a_yes_is_one() {
        assert!(is_yes(&json!({"action": "accept", "content": {"allow": true}})));
        for no in [
            json!({"action": "accept"}),
            json!({"action": "accept", "content": {"allow": false}}),
            json!({"action": "accept", "content": {"allow": "true"}}),
            json!({"action": "decline", "content": {"allow": true}}),
            json!({"action": "cancel"}),
            json!({"content": {"allow": true}}),
            json!(null),
        ] {
            assert!(!is_yes(&no), "{no}");
        }
        assert!(Form::new("May files leave?".into()).is_some());
    }

    proptest! {
        #[test]
        fn any_uri_is_survived(rest: String) {
            for uri in [rest.clone(), format!("file:{rest}"), format!("file:///{rest}")] {
                prop_assert!(path(&uri).is_none_or(|path| path.is_absolute()), "{}", uri);
            }
        }
    }
}
