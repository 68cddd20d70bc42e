//! The verdict over all findings.

use super::Setup;
use crate::events::Check;
use crate::failure::{Failure, Kind};

/// One closing sentence: what works here. The essentials are `dial`, `files` and what a host waits
/// at, the relay if one is set and a port of its own if not.
///
/// # Errors
/// Unreachable, if an essential does not work.
pub(super) fn verdict(setup: &Setup, checks: &[Check]) -> Result<Check, Failure> {
    let works = |name: &str| checks.iter().any(|check| check.name == name && check.ok);
    let at_relay = !matches!(setup.relay, Ok(None));
    let essentials = ["dial", "files", if at_relay { "relay" } else { "listen" }];
    let missing: Vec<&str> = essentials.into_iter().filter(|name| !works(name)).collect();
    let first = |name: &str| {
        checks.iter().find(|check| check.name == name).and_then(|check| check.next.clone())
    };
    if let Some(most) = missing.first() {
        let part = match missing.as_slice() {
            ["listen"] => "; joining works: `take CODE`, `give --code CODE PATH`, `connect CODE`",
            ["files"] => "; sending works, and receiving with -o DIR",
            _ => "",
        };
        let failure = Failure::new(
            Kind::NotWorking,
            format!(
                "`give` and `take` do not fully work here: see {}{part}",
                missing.join(" and ")
            ),
        );
        return Err(match first(most) {
            Some(next) => failure.next(next),
            None => failure,
        });
    }
    let mut detail = "`give`, `take`, `host` and `connect` work here".to_owned();
    let but: Vec<&str> = [
        ("unix-sockets", "other commands cannot reach a running session"),
        ("background", "nothing can run on in the background"),
    ]
    .into_iter()
    .filter(|(name, _)| !works(name))
    .map(|(_, but)| but)
    .collect();
    if !but.is_empty() {
        detail = format!(
            "{detail}, each in one command and without --detach, as do `ask` and `mcp`; {}",
            but.join(", and ")
        );
    }
    Ok(Check { name: "summary", ok: true, detail, next: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Network, Origin, Setting};

    fn setup(relay: Result<(), Failure>) -> Setup {
        Setup {
            network: Network::Loopback,
            lan: Setting { value: true, from: Origin::Default },
            relay: relay.map(|()| None),
        }
    }

    /// Everything works but these.
    fn without(broken: &[&str]) -> Vec<Check> {
        let check = |name| Check {
            name,
            ok: !broken.contains(&name),
            detail: "x".into(),
            next: Some(format!("mend {name}").into()),
        };
        ["listen", "dial", "relay", "files", "unix-sockets", "background", "terminal"]
            .map(check)
            .into()
    }

    #[test]
    fn what_is_missing_decides_and_is_named() {
        let all = verdict(&setup(Ok(())), &without(&["terminal"])).unwrap();
        assert_eq!(
            (all.detail.as_str(), all.ok),
            ("`give`, `take`, `host` and `connect` work here", true)
        );
        let but = verdict(&setup(Ok(())), &without(&["unix-sockets", "background"])).unwrap();
        assert!(
            but.detail.contains("cannot reach a running session, and nothing can run on"),
            "{}",
            but.detail
        );
        for essential in ["listen", "dial", "files"] {
            let failure = verdict(&setup(Ok(())), &without(&[essential])).unwrap_err();
            assert_eq!(failure.kind, Kind::NotWorking);
            assert!(
                failure.detail.contains(essential)
                    && *failure.next.unwrap() == format!("mend {essential}")
            );
        }
        let both = verdict(&setup(Ok(())), &without(&["files", "dial"])).unwrap_err();
        assert!(both.detail.ends_with("see dial and files"), "{both}");
    }

    #[test]
    fn a_host_waits_at_the_relay_where_one_is_set() {
        let set = || setup(Err(Failure::new(Kind::Usage, "x")));
        assert!(verdict(&set(), &without(&["listen"])).is_ok());
        assert!(verdict(&set(), &without(&["relay"])).is_err());
        assert!(verdict(&setup(Ok(())), &without(&["relay"])).is_ok());
    }
}
