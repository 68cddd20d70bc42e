//! What is sent through a session's socket: its bytes, never a copy that is not wiped.

use super::wire::{Bounds, Kind, Thing, Unsettled};
use crate::failure::{Exit, Failure};
use crate::files::outbox::{Fence, Links, Options, Selection};
use crate::files::secret_source;
use crate::session::plan::Ware;
use pinhole_protocol::limits::ITEMS;
use pinhole_protocol::messages::Body;
use pinhole_protocol::secret::SecretVec;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt};
use zeroize::Zeroizing;

/// Things that one request may bring.
const THINGS: usize = 64;
/// The longest paths that are named together: as many as one offer holds, each as long as the system takes (PATH_MAX).
const PATHS: usize = ITEMS * 4096;

/// Something to hand to a session.
pub enum Parcel {
    /// A text.
    Text(String),
    /// A secret and what to call it.
    Secret(Option<String>, Arc<SecretVec>),
    /// Absolute paths, and how folders are read.
    Files(Vec<PathBuf>, Options),
}

impl Parcel {
    /// How it is announced, and its bytes.
    pub(super) fn packed(self) -> (Thing, Zeroizing<Vec<u8>>) {
        let (kind, bytes) = match self {
            Self::Text(text) => (Kind::Text, text.into_bytes()),
            Self::Secret(label, secret) => (Kind::Secret { label }, secret.expose().to_vec()),
            Self::Files(paths, options) => {
                let bytes = paths.iter().flat_map(|path| path.as_os_str().as_bytes().iter().copied().chain([0])).collect();
                let Options { exclude, gitignore, links, fence } = options;
                (Kind::Files { exclude, gitignore, follow_links: links == Links::Follow, fence: fence.as_ref().map(Bounds::of) }, bytes)
            }
        };
        (Thing { bytes: bytes.len(), kind }, Zeroizing::new(bytes))
    }
}

impl Bounds {
    fn of(fence: &Fence) -> Self {
        let (roots, sensitive, why) = fence.tell();
        Self { roots: roots.iter().map(|root| root.as_os_str().as_bytes().to_vec()).collect(), sensitive, why: why.to_owned() }
    }

    fn fence(self) -> Fence {
        Fence::told(self.roots.into_iter().map(|root| OsString::from_vec(root).into()).collect(), self.sensitive, self.why)
    }
}

/// Reads things that were announced: the wares, and what to say of each while it is on its way. `own` is this session's fence, which holds
/// for files besides that of the command that brings them.
pub(super) async fn read(
    from: &mut (impl AsyncRead + Unpin),
    things: Vec<Thing>,
    own: Option<&Fence>,
) -> Result<(Vec<Ware>, Vec<Option<Unsettled>>), Failure> {
    if things.len() > THINGS {
        return Err(Failure::new(Exit::Usage, "usage", format!("more than {THINGS} things are sent at once")));
    }
    let mut wares = Vec::new();
    for Thing { bytes, kind } in things {
        let most = match kind {
            Kind::Text => Body::MAX,
            Kind::Secret { .. } => secret_source::LONGEST,
            Kind::Files { .. } => PATHS,
        };
        if bytes > most {
            return Err(Failure::new(Exit::Usage, "too-long", "that is longer than one message").next("send it as a file"));
        }
        let mut held = Zeroizing::new(vec![0; bytes]);
        from.read_exact(&mut held).await.map_err(|error| Failure::new(Exit::Other, "failed", format!("the command broke off: {error}")))?;
        wares.push(ware(kind, &mut held, own).await?);
    }
    let unsettled = |ware: &Ware| {
        let size = match ware {
            Ware::Text(text) => Some(text.len() as u64),
            Ware::Secret(_, secret) => Some(secret.len() as u64),
            Ware::Files(_) => None,
        };
        Some(Unsettled { id: None, what: ware.describe(), size })
    };
    let about = wares.iter().map(unsettled).collect();
    Ok((wares, about))
}

async fn ware(kind: Kind, bytes: &mut Vec<u8>, own: Option<&Fence>) -> Result<Ware, Failure> {
    let bytes = std::mem::take(bytes);
    match kind {
        Kind::Text => match String::from_utf8(bytes) {
            Ok(text) => Ok(Ware::Text(text)),
            Err(_) => Err(Failure::new(Exit::Usage, "not-text", "the text is not UTF-8")),
        },
        Kind::Secret { label } => Ok(Ware::Secret(label, Arc::new(SecretVec::new(bytes)))),
        Kind::Files { exclude, gitignore, follow_links, fence } => {
            let paths: Vec<PathBuf> = bytes
                .split(|byte| *byte == 0)
                .filter(|path| !path.is_empty())
                .map(|path| OsString::from_vec(path.to_vec()).into())
                .collect();
            // What is relative would be another file here than there, and "-" would be another's standard input.
            if let Some(relative) = paths.iter().find(|path| !path.is_absolute()) {
                return Err(Failure::new(Exit::Usage, "usage", format!("{} is not an absolute path", Path::display(relative))));
            }
            let links = if follow_links { Links::Follow } else { Links::Skip };
            let fence = match fence {
                Some(told) => Some(told.fence().inside(own.cloned())),
                None => own.cloned(),
            };
            let options = Options { exclude, gitignore, links, fence };
            let checked = tokio::task::spawn_blocking(move || Selection::check(&paths, &options, io::empty())).await;
            let selection = checked.unwrap_or_else(|_| Err(Failure::new(Exit::Other, "failed", "the files could not be looked at")))?;
            Ok(Ware::Files(Arc::new(selection)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn arrive(parcel: Parcel) -> Result<(Vec<Ware>, Vec<Option<Unsettled>>), Failure> {
        let (thing, bytes) = parcel.packed();
        read(&mut &bytes[..], vec![thing], None).await
    }

    #[tokio::test]
    async fn what_is_sent_arrives_as_it_was() {
        let (wares, about) = arrive(Parcel::Text("two\nlines".into())).await.unwrap();
        assert!(matches!(wares.as_slice(), [Ware::Text(text)] if text == "two\nlines"));
        assert_eq!(about.first().unwrap().as_ref().unwrap().size, Some(9));
        let secret = Parcel::Secret(Some("KEY".into()), Arc::new(SecretVec::new(vec![0, 255])));
        let (wares, _) = arrive(secret).await.unwrap();
        assert!(matches!(wares.as_slice(), [Ware::Secret(Some(label), secret)] if label == "KEY" && secret.expose() == [0, 255]));
        let dir = tempfile::tempdir().unwrap();
        let odd = dir.path().join(OsString::from_vec(b"not\xffUTF-8".to_vec()));
        std::fs::write(&odd, "x").unwrap();
        let (wares, _) = arrive(Parcel::Files(vec![odd], Options::default())).await.unwrap();
        assert!(matches!(wares.as_slice(), [Ware::Files(_)]));
    }

    #[tokio::test]
    async fn what_is_relative_too_long_or_cut_is_refused() {
        let word = |came: Result<_, Failure>| came.map(|_: (Vec<Ware>, Vec<_>)| ()).unwrap_err().word;
        for path in ["a", "-", "./a"] {
            assert_eq!(word(arrive(Parcel::Files(vec![path.into()], Options::default())).await), "usage");
        }
        let long = Thing { bytes: Body::MAX + 1, kind: Kind::Text };
        assert_eq!(word(read(&mut &[][..], vec![long], None).await), "too-long");
        let cut = Thing { bytes: 5, kind: Kind::Text };
        assert_eq!(word(read(&mut &b"four"[..], vec![cut], None).await), "failed");
        let many = (0..=THINGS).map(|_| Thing { bytes: 0, kind: Kind::Text }).collect();
        assert_eq!(word(read(&mut &[][..], many, None).await), "usage");
    }
}
