use super::*;
use crate::failure::Kind;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::{MetadataExt, symlink};

const OLD: &str = "# mine\nexport A='one\ntwo'\nAPI_KEY=old\n";

fn file(path: &Path, name: &str) -> EnvFile {
    let name = if name.is_empty() { String::new() } else { format!(":{name}") };
    EnvFile::parse(format!("{}{name}", path.display()).into()).unwrap()
}

/// The same, which may replace what is there.
fn replacing(path: &Path, name: &str) -> EnvFile {
    file(path, name).with(Accepted::default(), true)
}

fn set(file: &EnvFile, label: Option<&str>, secret: &[u8]) -> Result<String, Refusal> {
    file.set(
        label.map(|label| PeerText::new(label.to_owned())).as_ref(),
        &SecretVec::new(secret.to_vec()),
    )
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn the_name_is_what_follows_the_last_colon() {
    let parsed = |text: &str| {
        EnvFile::parse(text.into())
            .map(|file| (file.path().to_str().unwrap().to_owned(), file.name))
            .ok()
    };
    let some = |path: &str, name: Option<&str>| Some((path.to_owned(), name.map(str::to_owned)));
    assert_eq!(parsed(".env"), some(".env", None));
    assert_eq!(parsed(".env:API_KEY"), some(".env", Some("API_KEY")));
    assert_eq!(parsed("a:b/.env"), some("a:b/.env", None));
    assert_eq!(parsed("a:b/.env:K"), some("a:b/.env", Some("K")));
    for wrong in ["", ":K", ".env:", ".env:7K", ".env:A-B", ".env:A=B", ".env:\u{e9}"] {
        assert_eq!(parsed(wrong), None, "{wrong}");
    }
}

#[test]
fn a_variable_is_added_or_replaced_and_the_file_becomes_its_owners_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(".env");
    assert_eq!(set(&file(&path, ""), Some("API_KEY"), b"k 1\n").unwrap(), "API_KEY");
    assert_eq!(
        (fs::read_to_string(&path).unwrap().as_str(), mode(&path)),
        ("API_KEY='k 1'\n", 0o600)
    );

    fs::write(&path, OLD).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(set(&file(&path, "B"), Some("API_KEY"), b"two").unwrap(), "B");
    assert_eq!(set(&replacing(&path, "API_KEY"), None, b"new").unwrap(), "API_KEY");
    assert_eq!(
        (fs::read_to_string(&path).unwrap(), mode(&path)),
        (OLD.replace("old", "new") + "B=two\n", 0o600)
    );
    assert_eq!(names(dir.path()), [".env"]);
}

#[test]
fn what_the_peer_calls_a_secret_replaces_nothing_and_leads_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(".env");
    fs::write(&path, OLD).unwrap();
    let peers = file(&path, "");
    assert!(!peers.takes_one() && file(&path, "K").takes_one());
    let long = format!("{}_KEY", "A".repeat(200));
    for (label, word) in [
        (None, "bad-name"),
        (Some("my key"), "bad-name"),
        (Some("K\nPATH"), "bad-name"),
        (Some("LD_PRELOAD"), "bad-name"),
        (Some("LESSOPEN"), "bad-name"),
        (Some("HTTPS_PROXY"), "bad-name"),
        (Some("DATABASE_URL"), "bad-name"),
        (Some("ANTHROPIC_API_KEY"), "bad-name"),
        (Some("A"), "bad-name"),
        (Some(long.as_str()), "bad-name"),
        (Some("API_KEY"), "exists"),
    ] {
        let refusal = set(&peers, label, b"s3cr3t").unwrap_err();
        assert_eq!(refusal.failure.kind.as_str(), word, "{label:?}");
        let Failure { detail, next, .. } = refusal.failure;
        assert!(
            !detail.contains("s3cr3t")
                && !detail.contains('\n')
                && next.is_some()
                && detail.len() < 300,
            "{label:?}: {detail}"
        );
    }
    for unfit in [&b"a\rb"[..], b"a\xff", b"'\"", b"\n"] {
        assert_eq!(
            set(&peers, Some("NEW_KEY"), unfit).unwrap_err().failure.kind,
            Kind::SecretUnfit
        );
    }
    // A name of the user's own is any, but replaces nothing either unless that is said.
    let own = file(&path, "API_KEY");
    assert_eq!(
        (
            own.check().unwrap_err().kind.as_str(),
            set(&own, None, b"x").unwrap_err().failure.kind.as_str()
        ),
        ("exists", "exists")
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), OLD);
    assert_eq!(names(dir.path()), [".env"]);
    let listed = peers
        .clone()
        .with(Accepted::new(&["DATABASE_URL".into(), "OPENAI_API_KEY".into()]).unwrap(), false);
    for name in ["DATABASE_URL", "OPENAI_API_KEY"] {
        assert_eq!(set(&listed, Some(name), b"x").unwrap(), name);
    }
    assert_eq!(set(&replacing(&path, ""), Some("API_KEY"), b"new").unwrap(), "API_KEY");
    assert!(fs::read_to_string(&path).unwrap().contains("API_KEY=new"));
}

#[test]
fn an_agents_choice_is_held_against_what_the_peer_may_choose() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(".env");
    fs::write(&path, OLD).unwrap();
    for (name, word) in
        [("BASH_ENV", "bad-name"), ("ANTHROPIC_API_KEY", "bad-name"), ("API_KEY", "exists")]
    {
        let agents = file(&path, name).chosen_by_agent(path.clone().into());
        let failures = [agents.check().unwrap_err(), set(&agents, None, b"x").unwrap_err().failure];
        assert!(
            failures.iter().all(|failure| failure.kind.as_str() == word
                && failure.next.as_ref().unwrap().contains("pinhole mcp --")),
            "{name}"
        );
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), OLD);
    file(&path, "GH_TOKEN").chosen_by_agent(path.clone().into()).check().unwrap();
}

#[test]
fn what_is_no_file_of_ones_own_is_left_and_said_before() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    fs::write(path("real"), OLD).unwrap();
    symlink(path("real"), path("link")).unwrap();
    symlink(path("nowhere"), path("dangling")).unwrap();
    fs::create_dir(path("folder")).unwrap();
    fs::write(path("read-only"), OLD).unwrap();
    fs::set_permissions(path("read-only"), fs::Permissions::from_mode(0o400)).unwrap();
    fs::write(path("large"), vec![b'#'; LONGEST as usize + 1]).unwrap();
    fs::write(path("open"), "A='never closed\n").unwrap();
    let before = names(dir.path());
    for name in
        ["link", "dangling", "folder", "read-only", "large", "open", "missing/.env", "real/.env"]
    {
        let file = file(&path(name), "K");
        let (checked, set) = (file.check().unwrap_err(), set(&file, None, b"s3cr3t").unwrap_err());
        assert_eq!((checked.kind, set.reason), (Kind::Disk, Reason::Disk), "{name}");
    }
    assert_eq!(fs::read_to_string(path("real")).unwrap(), OLD);
    assert_eq!(names(dir.path()), before);
    file(&path("new"), "K").check().unwrap();
    file(&path("real"), "K").check().unwrap();
}

#[test]
fn many_that_write_at_once_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(".env");
    std::thread::scope(|scope| {
        for n in 0..16 {
            let file = file(&path, "");
            scope.spawn(move || set(&file, Some(&format!("K{n}_KEY")), b"x").unwrap());
        }
    });
    let text = fs::read_to_string(&path).unwrap();
    assert!((0..16).all(|n| text.contains(&format!("K{n}_KEY=x\n"))), "{text}");
}
