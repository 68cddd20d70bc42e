//! What did not arrive as it was, in a line: the first by name, the rest as counts.

use super::above_zero;
use super::line::Trust;
use crate::failure::sentences::word;
use base64::prelude::{BASE64_STANDARD, Engine};
use pinhole_protocol::wire::{Difference, Differences, Fate, PeerName};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// What differs of a transfer, or of one item in it.
#[derive(Default, Serialize, JsonSchema)]
pub struct Differing {
    /// What has another name at its receiver: the first 100, as long as their names are at most 8
    /// KiB.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    renamed: Vec<Renamed>,
    /// How many more have.
    #[serde(skip_serializing_if = "Option::is_none")]
    renamed_more: Option<u32>,
    /// What was to come and is not there, or not whole, likewise.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<Gone>,
    /// How much more is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing_more: Option<u32>,
    /// How much was left out by a rule of its sender or its receiver.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<u32>,
    /// The first of that by name, unless it is to stay unnamed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out_paths: Vec<Gone>,
}

/// Something that has another name.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Renamed {
    /// Its path at its sender.
    path: String,
    /// Its bytes in Base64, where it is no UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<String>,
    /// Its name at its receiver.
    name: String,
    /// Its bytes in Base64, where it is no UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    name_bytes: Option<String>,
}

/// Something that is not there.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Gone {
    /// Its path at its sender.
    path: String,
    /// Its bytes in Base64, where it is no UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<String>,
    /// Why: a fixed word, of those that errors have.
    reason: &'static str,
}

impl Differing {
    /// As a line has it.
    pub fn of(all: &Differences) -> Self {
        let mut differing = Self { left_out: above_zero(all.left_out()), ..Self::default() };
        for Difference { path, fate } in all.first() {
            let (path, path_bytes) = spelt(path.raw());
            match fate {
                Fate::Renamed(stored) => {
                    let (name, name_bytes) = spelt(stored.raw());
                    differing.renamed.push(Renamed { path, path_bytes, name, name_bytes });
                }
                Fate::Missing(reason) => {
                    differing.missing.push(Gone { path, path_bytes, reason: word(*reason) })
                }
                Fate::LeftOut(reason) => {
                    differing.left_out_paths.push(Gone { path, path_bytes, reason: word(*reason) })
                }
            }
        }
        let unnamed = all.unnamed();
        differing.renamed_more = above_zero(unnamed.renamed());
        differing.missing_more = above_zero(unnamed.missing());
        differing
    }

    /// The mark of a line that names any of it.
    pub fn trust(&self) -> Option<Trust> {
        Trust::of(
            !(self.renamed.is_empty() && self.missing.is_empty() && self.left_out_paths.is_empty()),
        )
    }

    /// The same from a line.
    pub fn read(line: &Value) -> Differences {
        let mut all = Differences::default();
        let list = |field: &str| line.get(field).and_then(Value::as_array).into_iter().flatten();
        let reason = |one: &Value| {
            one.get("reason").and_then(Value::as_str).and_then(crate::failure::sentences::reason)
        };
        for one in list("renamed") {
            all.add(bytes(one, "path").raw(), Fate::Renamed(bytes(one, "name")));
        }
        for one in list("missing") {
            reason(one)
                .into_iter()
                .for_each(|reason| all.add(bytes(one, "path").raw(), Fate::Missing(reason)));
        }
        for one in list("left_out_paths") {
            reason(one)
                .into_iter()
                .for_each(|reason| all.add(bytes(one, "path").raw(), Fate::LeftOut(reason)));
        }
        let more = |field: &str| {
            line.get(field)
                .and_then(Value::as_u64)
                .and_then(|more| u32::try_from(more).ok())
                .unwrap_or(0)
        };
        all.add_unnamed([
            more("renamed_more"),
            more("missing_more"),
            more("left_out").saturating_sub(all.left_out()),
        ]);
        all
    }
}

/// Bytes as a line has them: as text, and exactly where that is not the same.
pub fn spelt(bytes: &[u8]) -> (String, Option<String>) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let exact = (text.as_bytes() != bytes).then(|| BASE64_STANDARD.encode(bytes));
    (text, exact)
}

/// The bytes that a line has under `field`.
pub fn bytes(line: &Value, field: &str) -> PeerName {
    let word = |field: &str| line.get(field).and_then(Value::as_str);
    let exact =
        word(&format!("{field}_bytes")).and_then(|exact| BASE64_STANDARD.decode(exact).ok());
    PeerName::new(exact.unwrap_or_else(|| word(field).unwrap_or_default().as_bytes().to_vec()))
}
