//! Arguments of the tools. The comment on a field is its description in the tool's schema.

use super::landings::Landings;
use super::usage;
use crate::failure::{Failure, WAIT};
use crate::files::inbox::EnvFile;
use crate::role::Role;
use crate::session::plan::SecretFile;
use rmcp::model::JsonObject;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::time::Duration;

/// Bytes of events that `receive` returns unless it is told otherwise (EVENTS.md): clients warn
/// beyond 10,000 tokens.
const BYTES: usize = 20_000;

/// Which side of a code, where both are on this machine.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Side {
    Host,
    Peer,
}

impl From<Side> for Role {
    fn from(side: Side) -> Self {
        match side {
            Side::Host => Self::Host,
            Side::Peer => Self::Peer,
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Open {
    /// A name for the channel, by which other calls may name it. While another open channel has it
    /// too, they need the number.
    pub(super) label: Option<String>,
    /// How long it waits for the other side, and then rests without a message: 1m to 24h. Default
    /// 1h.
    pub(super) ttl: Option<String>,
    /// The relay to meet at, wss://HOST, or "none": one that the user has set or allowed. Default:
    /// what is set. Only that one is shown the user's host token.
    pub(super) relay: Option<String>,
    /// Listen for a direct connection, also where a relay is set.
    #[serde(default)]
    pub(super) direct: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Connect {
    /// The code or link, as the user or the other side gave it: 417-walrus-clipboard-mango,
    /// CODE@HOST, or a link. It works once.
    pub(super) code: String,
    /// A name for the channel, by which other calls may name it.
    pub(super) label: Option<String>,
    /// How long the channel rests without a message: 1m to 24h. Default 1h.
    pub(super) ttl: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Send {
    /// The message, up to 1048257 bytes.
    pub(super) text: String,
    /// The channel's number, code or label. May be left out while one is open.
    #[serde(default, deserialize_with = "named")]
    pub(super) channel: Option<String>,
    /// Which side of it sends, where both are on this machine.
    pub(super) role: Option<Side>,
    /// Seconds to wait until it is delivered, 0 to 45. It is sent all the same. Default 45.
    #[schemars(range(max = WAIT))]
    pub(super) wait_s: Option<u64>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SendFile {
    /// Files or folders to send, together; a relative path begins at cwd, and ~ is no home here.
    #[schemars(length(min = 1))]
    pub(super) paths: Vec<String>,
    /// The folder at which relative paths begin, inside what may be sent. Default: the first that
    /// the client works in.
    pub(super) cwd: Option<String>,
    /// The channel's number, code or label. May be left out while one is open.
    #[serde(default, deserialize_with = "named")]
    pub(super) channel: Option<String>,
    /// Which side of it sends, where both are on this machine.
    pub(super) role: Option<Side>,
    /// Seconds to wait until they are delivered, 0 to 45. They are sent all the same. Default 45.
    #[schemars(range(max = WAIT))]
    pub(super) wait_s: Option<u64>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SendSecret {
    /// The file that holds the secret.
    pub(super) file: Option<String>,
    /// Or the name of the environment variable, of this server, that holds it; one that the server
    /// was started with as --allow-env.
    pub(super) variable: Option<String>,
    /// What to call it at the other side. Default: the name of the variable or file.
    pub(super) name: Option<String>,
    /// The folder at which a relative path begins, as for send_file.
    pub(super) cwd: Option<String>,
    /// The channel's number, code or label. May be left out while one is open.
    #[serde(default, deserialize_with = "named")]
    pub(super) channel: Option<String>,
    /// Which side of it sends, where both are on this machine.
    pub(super) role: Option<Side>,
    /// Seconds to wait until it is delivered, 0 to 45. It is sent all the same. Default 45.
    #[schemars(range(max = WAIT))]
    pub(super) wait_s: Option<u64>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Receive {
    /// The channel's number, code or label. May be left out while one is open.
    #[serde(default, deserialize_with = "named")]
    pub(super) channel: Option<String>,
    /// Which side of it receives, where both are on this machine.
    pub(super) role: Option<Side>,
    /// Seconds to wait for an event if there is none, 0 to 45. Default 0.
    #[schemars(range(max = WAIT))]
    pub(super) wait_s: Option<u64>,
    /// Every event after the one of this number, also those that were returned before.
    pub(super) after: Option<u64>,
    /// No more than this many bytes of events, but at least one event. Default 20000.
    #[schemars(range(max = 100_000))]
    pub(super) max_bytes: Option<usize>,
    /// Instead of events: write the oldest secret that the channel holds to this file, which must
    /// not exist: a name, in the private folder of this server, or a path in what it was started
    /// with as --allow. saved_to says where it is; its value is not returned.
    pub(super) secret_to_file: Option<String>,
    /// The same, as a variable of this dotenv file: FILE:NAME, or FILE for the name that the other
    /// side gave it. A credential's name, such as API_KEY, which replaces none that is there.
    pub(super) secret_to_env_file: Option<String>,
    /// The folder at which a relative path of these begins, and where a name alone goes, too, and
    /// not into the private folder.
    pub(super) cwd: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Ask {
    /// The question, up to 1048257 bytes.
    pub(super) text: String,
    /// The channel's number, code or label. May be left out while one is open.
    #[serde(default, deserialize_with = "named")]
    pub(super) channel: Option<String>,
    /// Which side of it asks, where both are on this machine.
    pub(super) role: Option<Side>,
    /// Seconds to wait for the reply, 0 to 45. Default 45.
    #[schemars(range(max = WAIT))]
    pub(super) wait_s: Option<u64>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Status {
    /// The channel's number, code or label. All of them if left out.
    #[serde(default, deserialize_with = "named")]
    pub(super) channel: Option<String>,
    /// Which side of it, where both are on this machine.
    pub(super) role: Option<Side>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Close {
    /// The channel's number, code or label. May be left out while one is open.
    #[serde(default, deserialize_with = "named")]
    pub(super) channel: Option<String>,
    /// Which side of it, where both are on this machine.
    pub(super) role: Option<Side>,
    /// Cancel what is in progress instead of finishing it first.
    #[serde(default)]
    pub(super) now: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Doctor {}

/// A channel by its number as results give it, which is no text, or as the schema says.
fn named<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "name a channel by a string: its number, code or label")]
    enum Named {
        Number(u64),
        Text(String),
    }
    Ok(Option::deserialize(from)?.map(|named| match named {
        Named::Number(number) => number.to_string(),
        Named::Text(text) => text,
    }))
}

/// The arguments of a call.
pub(super) fn read<T: DeserializeOwned>(tool: &str, arguments: JsonObject) -> Result<T, Failure> {
    serde_json::from_value(Value::Object(arguments))
        .map_err(|error| usage(format!("{tool} was called with wrong arguments: {error}")))
}

/// Time that a call waits.
pub(super) fn wait(seconds: Option<u64>, usual: u64) -> Result<Duration, Failure> {
    match seconds.unwrap_or(usual) {
        seconds if seconds <= WAIT => Ok(Duration::from_secs(seconds)),
        _ => Err(usage(format!("wait_s is at most {WAIT}"))
            .next("call again to wait longer; nothing is lost meanwhile")),
    }
}

impl Receive {
    /// Bytes of events that are returned.
    pub(super) fn bytes(&self) -> usize {
        self.max_bytes.unwrap_or(BYTES).min(5 * BYTES)
    }
}

impl Receive {
    /// True if a secret is wanted, and not events.
    pub(super) const fn takes_a_secret(&self) -> bool {
        self.secret_to_file.is_some() || self.secret_to_env_file.is_some()
    }

    /// Place for a secret. The peer may choose place and name, through what the agent reads, so
    /// both are held against what the server was started with.
    pub(super) fn secret_to(&self, allowed: &Landings) -> Result<SecretFile, Failure> {
        match (&self.secret_to_file, &self.secret_to_env_file) {
            (Some(file), None) => Ok(SecretFile::New(allowed.spot(file.as_ref())?)),
            (None, Some(file)) => {
                let file = EnvFile::parse(file.into()).map_err(|failure| {
                    failure.next("write it as FILE:NAME, such as .env:API_KEY")
                })?;
                let spot = allowed.spot(file.path())?;
                let file = allowed.variable(file).chosen_by_agent(spot);
                file.check().map(|()| SecretFile::Env(file))
            }
            _ => Err(usage("a secret goes to only one place, a file or a dotenv file".into())),
        }
    }
}
