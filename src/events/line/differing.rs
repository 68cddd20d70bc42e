//! The differences of a transfer, in a line: the first by name, the rest as counts.

use super::above_zero;
use crate::failure::sentences::{reason, word};
use base64::prelude::{BASE64_STANDARD, Engine};
use pinhole_protocol::wire::{Difference, Differences, Fate, PeerName, Reason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Differences of a transfer, or of one item in it.
#[derive(Default, Deserialize, Serialize, JsonSchema)]
pub struct Differing {
    /// Entries with another name at the receiver: the first 100, as long as their names are at most
    /// 8 KiB.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    renamed: Vec<Renamed>,
    /// The number of others.
    #[serde(skip_serializing_if = "Option::is_none")]
    renamed_more: Option<u32>,
    /// Entries that should have come and are not there, or not whole, likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    missing: Vec<Gone>,
    /// The number of others that are missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing_more: Option<u32>,
    /// The number of those left out by a rule of its sender or its receiver.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<u32>,
    /// The first of that by name, unless it is to stay unnamed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    left_out_paths: Vec<Gone>,
}

/// Something that has another name.
#[derive(Deserialize, Serialize, JsonSchema)]
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
#[derive(Deserialize, Serialize, JsonSchema)]
#[schemars(inline)]
struct Gone {
    /// Its path at its sender.
    path: String,
    /// Its bytes in Base64, where it is no UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<String>,
    /// Why: a fixed word, of those that errors have.
    reason: Cow<'static, str>,
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
                    differing.missing.push(Gone { path, path_bytes, reason: word(*reason).into() })
                }
                Fate::LeftOut(reason) => differing.left_out_paths.push(Gone {
                    path,
                    path_bytes,
                    reason: word(*reason).into(),
                }),
            }
        }
        let unnamed = all.unnamed();
        differing.renamed_more = above_zero(unnamed.renamed());
        differing.missing_more = above_zero(unnamed.missing());
        differing
    }

    /// True if it names anything.
    pub fn has_names(&self) -> bool {
        !(self.renamed.is_empty() && self.missing.is_empty() && self.left_out_paths.is_empty())
    }

    /// The same as the core has it. What has a reason of a later version is left out.
    pub fn differences(&self) -> Differences {
        let mut all = Differences::default();
        for Renamed { path, path_bytes, name, name_bytes } in &self.renamed {
            let name = bytes(name, name_bytes.as_deref());
            all.add(bytes(path, path_bytes.as_deref()).raw(), Fate::Renamed(name));
        }
        let mut add = |gone: &[Gone], fate: fn(Reason) -> Fate| {
            for Gone { path, path_bytes, reason: word } in gone {
                if let Some(reason) = reason(word) {
                    all.add(bytes(path, path_bytes.as_deref()).raw(), fate(reason));
                }
            }
        };
        add(&self.missing, Fate::Missing);
        add(&self.left_out_paths, Fate::LeftOut);
        let more = |count: Option<u32>| count.unwrap_or(0);
        all.add_unnamed([
            more(self.renamed_more),
            more(self.missing_more),
            more(self.left_out).saturating_sub(all.left_out()),
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

/// The bytes of a text of a line, which has them exactly where that is not the same.
pub fn bytes(text: &str, exact: Option<&str>) -> PeerName {
    let exact = exact.and_then(|exact| BASE64_STANDARD.decode(exact).ok());
    PeerName::new(exact.unwrap_or_else(|| text.as_bytes().to_vec()))
}
