//! Things sent through a session's socket: their bytes, never a copy that is not wiped.

use super::stream::{self, Source, Writer};
use super::wire::{Bounds, Thing, ThingKind, Unsettled};
use crate::failure::{Failure, Kind};
use crate::files::outbox::{Fence, Options, Selection};
use crate::files::secret_source;
use crate::files::ware::Ware;
use crate::platform::name;
use pinhole_protocol::limits::ITEMS;
use pinhole_protocol::messages::Body;
use pinhole_protocol::secret::SecretVec;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt};
use zeroize::Zeroizing;

/// Things that one request may bring.
const THINGS: usize = 64;
/// The longest paths that are named together: as many as one offer holds, each as long as the
/// system takes (PATH_MAX).
const PATHS: usize = ITEMS * 4096;

/// Something to hand to a session.
pub enum Parcel {
    /// A text.
    Text(String),
    /// A secret and what to call it.
    Secret(Option<String>, Arc<SecretVec>),
    /// Absolute paths, and how folders are read.
    Files(Vec<PathBuf>, Options),
    /// A stream that this process reads while it is sent.
    Stream(Source),
}

/// The content after the announcement of a parcel.
pub(super) enum Content {
    /// At once.
    Bytes(Zeroizing<Vec<u8>>),
    /// After everything else.
    Stream(Source),
}

/// The things that a request has brought.
pub(super) struct Brought {
    pub(super) wares: Vec<Ware>,
    /// The description of each while it is on its way.
    pub(super) about: Vec<Option<Unsettled>>,
    /// The end that takes the pieces of a stream among them.
    pub(super) stream: Option<Writer>,
}

impl Parcel {
    /// Returns its announcement and its content.
    pub(super) fn packed(self) -> (Thing, Content) {
        let (kind, bytes) = match self {
            Self::Text(text) => (ThingKind::Text, text.into_bytes()),
            Self::Secret(label, secret) => (ThingKind::Secret { label }, secret.expose().to_vec()),
            Self::Files(paths, options) => {
                let bytes = paths
                    .iter()
                    .flat_map(|path| name::bytes(path).iter().copied().chain([0]))
                    .collect();
                let Options { exclude, gitignore, links, fence } = options;
                (
                    ThingKind::Files {
                        exclude,
                        gitignore,
                        links,
                        fence: fence.as_ref().map(Bounds::of),
                    },
                    bytes,
                )
            }
            Self::Stream(source) => {
                return (Thing { bytes: 0, kind: ThingKind::Stream }, Content::Stream(source));
            }
        };
        (Thing { bytes: bytes.len(), kind }, Content::Bytes(Zeroizing::new(bytes)))
    }
}

impl Bounds {
    fn of(fence: &Fence) -> Self {
        let (roots, sensitive, why, keeper) = fence.tell();
        let roots = roots.iter().map(|root| name::bytes(root).to_vec()).collect();
        Self { roots, sensitive, why: why.to_owned(), keeper, typed: fence.typed().clone() }
    }

    fn fence(self) -> Fence {
        let roots = self.roots.into_iter().map(|root| name::from_vec(root).into()).collect();
        Fence::told(roots, self.sensitive, self.why).kept_by(self.keeper).typed_as(self.typed)
    }
}

/// Reads things that were announced, all but the pieces of a stream. `own` is this session's fence,
/// which holds for files besides that of the command that brings them.
pub(super) async fn read(
    from: &mut (impl AsyncRead + Unpin),
    things: Vec<Thing>,
    own: Option<&Fence>,
) -> Result<Brought, Failure> {
    if things.len() > THINGS {
        return Err(Failure::new(
            Kind::Usage,
            format!("at most {THINGS} things can be sent at once"),
        ));
    }
    let (mut wares, mut stream) = (Vec::new(), None);
    for Thing { bytes, kind } in things {
        let most = match kind {
            ThingKind::Text => Body::MAX,
            ThingKind::Secret { .. } => secret_source::LONGEST,
            ThingKind::Files { .. } => PATHS,
            ThingKind::Stream => 0,
        };
        if bytes > most {
            return Err(Failure::new(
                Kind::TooLong,
                format!("that has {bytes} bytes, and the limit is {most}"),
            )
            .next("send it as a file"));
        }
        let mut held = Zeroizing::new(vec![0; bytes]);
        from.read_exact(&mut held).await.map_err(|error| {
            Failure::new(Kind::Failed, format!("the command stopped early: {error}"))
        })?;
        wares.push(ware(kind, &mut held, own, &mut stream).await?);
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
    Ok(Brought { wares, about, stream })
}

async fn ware(
    kind: ThingKind,
    bytes: &mut Vec<u8>,
    own: Option<&Fence>,
    stream: &mut Option<Writer>,
) -> Result<Ware, Failure> {
    let bytes = std::mem::take(bytes);
    match kind {
        ThingKind::Text => match String::from_utf8(bytes) {
            Ok(text) => Ok(Ware::Text(text)),
            Err(_) => Err(Failure::new(Kind::NotText, "the text is not UTF-8")),
        },
        ThingKind::Secret { label } => Ok(Ware::Secret(label, Arc::new(SecretVec::new(bytes)))),
        ThingKind::Files { exclude, gitignore, links, fence } => {
            let paths: Vec<PathBuf> = bytes
                .split(|byte| *byte == 0)
                .filter(|path| !path.is_empty())
                .map(|path| name::from_vec(path.to_vec()).into())
                .collect();
            // A relative path would be another file here than there, and "-" would be another's
            // standard input.
            if let Some(relative) = paths.iter().find(|path| !path.is_absolute()) {
                return Err(Failure::new(
                    Kind::Usage,
                    format!("{} is not an absolute path", Path::display(relative)),
                ));
            }
            let fence = match fence {
                Some(told) => Some(told.fence().inside(own.cloned())),
                None => own.cloned(),
            };
            let options = Options { exclude, gitignore, links, fence };
            selection(paths, options, io::empty()).await
        }
        ThingKind::Stream if stream.is_some() => {
            Err(Failure::new(Kind::StreamAlone, "only one standard input can be sent at a time"))
        }
        ThingKind::Stream => {
            let (writer, reader) = stream::pipe();
            *stream = Some(writer);
            selection(vec!["-".into()], Options::default(), reader).await
        }
    }
}

/// Checks these paths, of which `-` is the stream.
async fn selection(
    paths: Vec<PathBuf>,
    options: Options,
    stream: impl io::Read + Send + 'static,
) -> Result<Ware, Failure> {
    let checked =
        tokio::task::spawn_blocking(move || Selection::check(&paths, &options, stream)).await;
    let selection = checked
        .unwrap_or_else(|_| Err(Failure::new(Kind::Failed, "the files could not be looked at")))?;
    Ok(Ware::Files(Arc::new(selection)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::outbox::Keeper;

    async fn arrive(parcel: Parcel) -> Result<(Vec<Ware>, Vec<Option<Unsettled>>), Failure> {
        let (thing, Content::Bytes(bytes)) = parcel.packed() else { panic!("a stream") };
        read(&mut &bytes[..], vec![thing], None).await.map(|brought| (brought.wares, brought.about))
    }

    #[tokio::test]
    async fn one_stream_comes_with_a_request_and_its_bytes_behind_all_others() {
        let stream = || Parcel::Stream(Box::new(io::empty())).packed().0;
        let text = Thing { bytes: 1, kind: ThingKind::Text };
        let brought = read(&mut &b"x"[..], vec![stream(), text], None).await.unwrap();
        assert!(brought.stream.is_some());
        assert!(matches!(&brought.wares[..], [Ware::Files(_), Ware::Text(text)] if text == "x"));
        for things in [vec![stream(), stream()], vec![Thing { bytes: 1, kind: ThingKind::Stream }]]
        {
            assert!(read(&mut &b"x"[..], things, None).await.is_err());
        }
    }

    #[tokio::test]
    async fn what_is_sent_arrives_as_it_was() {
        let (wares, about) = arrive(Parcel::Text("two\nlines".into())).await.unwrap();
        assert!(matches!(wares.as_slice(), [Ware::Text(text)] if text == "two\nlines"));
        assert_eq!(about.first().unwrap().as_ref().unwrap().size, Some(9));
        let secret = Parcel::Secret(Some("KEY".into()), Arc::new(SecretVec::new(vec![0, 255])));
        let (wares, _) = arrive(secret).await.unwrap();
        assert!(matches!(
            wares.as_slice(),
            [Ware::Secret(Some(label), secret)] if label == "KEY" && secret.expose() == [0, 255]
        ));
        let dir = tempfile::tempdir().unwrap();
        let odd = dir.path().join(name::from_vec(b"not\xffUTF-8".to_vec()));
        std::fs::write(&odd, "x").unwrap();
        let (wares, _) = arrive(Parcel::Files(vec![odd], Options::default())).await.unwrap();
        assert!(matches!(wares.as_slice(), [Ware::Files(_)]));
    }

    #[tokio::test]
    async fn files_are_fenced_in_as_their_sender_says_and_as_the_session_is() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        let odd = top.join(name::from_vec(b"not\xffUTF-8".to_vec()));
        std::fs::create_dir(&odd).unwrap();
        let (inside, beside) = (odd.join("x"), top.join("x"));
        for path in [&inside, &beside] {
            std::fs::write(path, "x").unwrap();
        }
        let fence = |root: &PathBuf| Fence::told(vec![root.clone()], false, "--fence".into());
        let cases = [
            (&inside, Some(fence(&odd)), None, true),
            (&beside, Some(fence(&odd)), None, false),
            (&beside, None, Some(fence(&odd)), false),
            (&beside, Some(fence(&top)), Some(fence(&odd)), false),
            (&inside, Some(fence(&top)), Some(fence(&odd)), true),
            (&beside, None, None, true),
        ];
        for (path, sender, own, sent) in cases {
            let packed =
                Parcel::Files(vec![path.clone()], Options { fence: sender, ..Options::default() })
                    .packed();
            let (thing, Content::Bytes(bytes)) = packed else { panic!("a stream") };
            // As it goes over the socket.
            let thing = serde_json::from_slice(&serde_json::to_vec(&thing).unwrap()).unwrap();
            let read = read(&mut &bytes[..], vec![thing], own.as_ref()).await;
            assert_eq!(
                read.map(|_| ()).map_err(|failure| failure.kind.as_str()),
                if sent { Ok(()) } else { Err("fenced") },
                "{path:?}"
            );
        }
        // The one who can open it is told, too.
        let server = Bounds::of(&fence(&odd).kept_by(Keeper::Server));
        let told: Bounds = serde_json::from_slice(&serde_json::to_vec(&server).unwrap()).unwrap();
        assert_eq!(told.fence().tell(), fence(&odd).kept_by(Keeper::Server).tell());
        let old: Bounds =
            serde_json::from_str(r#"{"roots":[],"sensitive":false,"why":"--fence"}"#).unwrap();
        assert_eq!(old.keeper, Keeper::Command);
    }

    #[tokio::test]
    async fn what_is_relative_too_long_or_cut_is_refused() {
        fn word<T>(came: Result<T, Failure>) -> &'static str {
            came.err().unwrap().kind.as_str()
        }
        for path in ["a", "-", "./a"] {
            assert_eq!(
                word(arrive(Parcel::Files(vec![path.into()], Options::default())).await),
                "usage"
            );
        }
        let long = Thing { bytes: Body::MAX + 1, kind: ThingKind::Text };
        assert_eq!(word(read(&mut &[][..], vec![long], None).await), "too-long");
        let cut = Thing { bytes: 5, kind: ThingKind::Text };
        assert_eq!(word(read(&mut &b"four"[..], vec![cut], None).await), "failed");
        let many = (0..=THINGS).map(|_| Thing { bytes: 0, kind: ThingKind::Text }).collect();
        assert_eq!(word(read(&mut &[][..], many, None).await), "usage");
    }
}
