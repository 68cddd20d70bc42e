//! `NO_PROXY`: hosts that are reached without a proxy, in the forms that curl takes (its
//! `lib/noproxy.c`).

use ipnet::IpNet;
use std::net::IpAddr;

/// True if `list` names `host`: a name, or an IP literal without brackets and zone.
///
/// Its items are separated by commas or blanks. `*` is every host; a name stands for itself and for
/// all below it, with or without a dot in front; an address or a network in CIDR form stands for
/// addresses. Curl takes no port there, so an item with one names nothing. Unlike curl's, the `*`
/// may stand beside other items, an IPv6 address in brackets, and `/0` is every address.
pub(super) fn names(list: &str, host: &str) -> bool {
    let items = || {
        list.split(|char: char| char == ',' || char.is_ascii_whitespace())
            .filter(|item| !item.is_empty())
    };
    let named = |item: &str| match host.parse::<IpAddr>() {
        Ok(address) => covers(item, address),
        Err(_) => is_above(item, host),
    };
    items().any(|item| item == "*" || named(item))
}

/// True if the address or network `item` has `address` in it.
fn covers(item: &str, address: IpAddr) -> bool {
    let bracketed = item.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let bare = bracketed
        .filter(|(_, after)| after.is_empty() || after.starts_with('/'))
        .map(|(inside, after)| format!("{inside}{after}"));
    let item = bare.as_deref().unwrap_or(item);
    item.parse::<IpNet>().is_ok_and(|network| network.contains(&address))
        || item.parse::<IpAddr>().is_ok_and(|one| one == address)
}

/// True if the name `item` is that of `host` or of a domain above it. A dot at either end says
/// nothing.
fn is_above(item: &str, host: &str) -> bool {
    let item = item.strip_suffix('.').unwrap_or(item);
    let (item, host) =
        (item.strip_prefix('.').unwrap_or(item), host.strip_suffix('.').unwrap_or(host));
    let Some((before, end)) =
        host.len().checked_sub(item.len()).and_then(|at| host.split_at_checked(at))
    else {
        return false;
    };
    !item.is_empty()
        && end.eq_ignore_ascii_case(item)
        && (before.is_empty() || before.ends_with('.'))
}
