//! Changes to the configuration file, which keep what its owner wrote there.

use super::file::{path, relay_or_none, text};
use super::{Config, Key};
use crate::failure::{Failure, Kind};
use crate::platform::private;
use crate::replace::replace;
use std::path::PathBuf;
use toml_edit::{DocumentMut, Item, RawString, Value};

/// Attempts at a change that another one gets in front of.
const TRIES: u32 = 100;

/// Sets `key` to what `text` says, in this user's file, which is made if it is not there.
///
/// # Errors
/// Usage, if `text` is no value for `key`, or the file could not be followed then: nothing is
/// written; disk, if it cannot be written.
pub fn set(key: Key, text: &str) -> Result<(), Failure> {
    let wrong = |why: String| {
        Failure::new(Kind::Usage, format!("{} cannot be set to that: {why}", key.name())).ask_user(
            format!("write it as in: pinhole config set {} {}", key.name(), key.example()),
        )
    };
    let value: Value = match key {
        Key::Relay => relay_or_none(text)
            .map_err(|fault| wrong(fault.to_string()))?
            .map_or("none".into(), |url| url.to_string().into()),
        // As the command line means it; in the file it would be relative to the file.
        Key::CaFile => match std::path::absolute(text)
            .map(PathBuf::into_os_string)
            .map(std::ffi::OsString::into_string)
        {
            Ok(Ok(path)) => path.into(),
            _ => return Err(wrong("it is not a path".into())),
        },
        Key::Lan => {
            text.parse::<bool>().map_err(|_| wrong("it must be true or false".into()))?.into()
        }
    };
    edit(|document| put(document, key, value.clone()))
}

/// Removes `key` from this user's file.
///
/// # Errors
/// As for [`set`].
pub fn unset(key: Key) -> Result<(), Failure> {
    edit(|document| drop_key(document, key))
}

fn edit(change: impl Fn(&mut DocumentMut)) -> Result<(), Failure> {
    let path = path().ok_or_else(|| {
        Failure::new(Kind::Disk, "this user has no home directory to keep a configuration in")
            .next(private::FOR_CONFIGURATION)
    })?;
    let failed = |error: std::io::Error| {
        Failure::new(Kind::Disk, format!("{} cannot be written: {error}", path.display()))
            .next("check the permissions there")
    };
    for _ in 0..TRIES {
        let before = text(&path)?;
        let mut document: DocumentMut = match before.as_deref().unwrap_or_default().parse() {
            Ok(document) => document,
            // The other reader says the same with its line.
            Err(_) => return Config::parse(before.as_deref().unwrap_or_default(), &path).map(drop),
        };
        change(&mut document);
        let after = document.to_string();
        // Only what is set may be wrong in what is there.
        Config::parse(&after, &path)?;
        let done = after == before.as_deref().unwrap_or_default()
            || replace(&path, before.as_deref(), Some(&after), 0o600).map_err(failed)?;
        // Another command that changes it meanwhile loses nothing, and neither does this one.
        if done {
            return Ok(());
        }
    }
    Err(failed(std::io::Error::other("other programs keep changing it")))
}

/// A comment behind the old value stays.
fn put(document: &mut DocumentMut, key: Key, mut value: Value) {
    if let Some(Item::Value(old)) = document.get_mut(key.name()) {
        *value.decor_mut() = old.decor().clone();
        *old = value;
    } else {
        document.insert(key.name(), Item::Value(value));
    }
}

/// Comments above the line that goes stay, above what follows.
fn drop_key(document: &mut DocumentMut, key: Key) {
    let next = document
        .iter()
        .map(|(name, _)| name.to_owned())
        .skip_while(|name| name != key.name())
        .nth(1);
    let Some((gone, _)) = document.remove_entry(key.name()) else { return };
    let said =
        |text: Option<&RawString>| text.and_then(RawString::as_str).unwrap_or_default().to_owned();
    let above = said(gone.leaf_decor().prefix());
    match next.and_then(|next| document.key_mut(&next)) {
        Some(mut next) => {
            let both = above + &said(next.leaf_decor().prefix());
            next.leaf_decor_mut().set_prefix(both);
        }
        None => {
            let both = above + &said(Some(document.trailing()));
            document.set_trailing(both);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(text: &str, change: impl FnOnce(&mut DocumentMut)) -> String {
        let mut document = text.parse().unwrap();
        change(&mut document);
        document.to_string()
    }

    const MINE: &str =
        "# of mine\n\n# the office\nrelay = 'wss://a' # since May\n\n# no\nlan = false\n# end\n";

    #[test]
    fn what_its_owner_wrote_stays() {
        let relay = |document: &mut DocumentMut| put(document, Key::Relay, "wss://b/".into());
        assert_eq!(changed(MINE, relay), MINE.replace("'wss://a'", "\"wss://b/\""));
        assert_eq!(changed("", relay), "relay = \"wss://b/\"\n");
        assert_eq!(changed("# x\nlan = true", relay), "# x\nlan = true\nrelay = \"wss://b/\"\n");
        assert_eq!(changed("# only this\n", relay), "relay = \"wss://b/\"\n# only this\n");
        let gone = changed(MINE, |document| drop_key(document, Key::Relay));
        assert_eq!(gone, "# of mine\n\n# the office\n\n# no\nlan = false\n# end\n");
        assert_eq!(
            changed(MINE, |document| drop_key(document, Key::Lan)),
            "# of mine\n\n# the office\nrelay = 'wss://a' # since May\n\n# no\n# end\n"
        );
        assert_eq!(changed(MINE, |document| drop_key(document, Key::CaFile)), MINE);
    }
}
