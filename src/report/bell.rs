//! The lines of `receive --bell`. They reach a model as if its user had said them, so nothing is in
//! them but numbers and words of ours.

use crate::events::ChannelName;
use std::fmt::Write;

/// Says that so many lines wait.
#[must_use]
pub fn waits(lines: u64, name: ChannelName) -> String {
    let wait = if lines == 1 { "waits" } else { "wait" };
    let place = name.number.map_or_else(|| "a channel".to_owned(), |number| number.to_string());
    format!("pinhole: {lines} {wait} in {place}; {}", receive(name))
}

/// Says that the channel is over.
#[must_use]
pub fn over(name: ChannelName) -> String {
    let channel = name.number.map_or_else(|| "the channel".to_owned(), |number| number.to_string());
    format!("pinhole: {channel} is over; {}", receive(name))
}

/// The command that receives what waits.
fn receive(name: ChannelName) -> String {
    let mut command = "pinhole receive".to_owned();
    // Writing to a string does not fail.
    if let Some(number) = name.number {
        let _ = write!(command, " {number}");
    }
    if let Some(role) = name.role {
        let _ = write!(command, " --role {}", role.word());
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::Role;

    #[test]
    fn the_lines_are_these() {
        let name = ChannelName { number: Some(9471), role: None };
        assert_eq!(waits(2, name), "pinhole: 2 wait in 9471; pinhole receive 9471");
        assert_eq!(waits(1, name), "pinhole: 1 waits in 9471; pinhole receive 9471");
        assert_eq!(over(name), "pinhole: 9471 is over; pinhole receive 9471");
        let name = ChannelName { role: Some(Role::Peer), ..name };
        assert_eq!(waits(2, name), "pinhole: 2 wait in 9471; pinhole receive 9471 --role peer");
        assert_eq!(over(name), "pinhole: 9471 is over; pinhole receive 9471 --role peer");
        // One that has no number yet.
        assert_eq!(
            waits(1, ChannelName::default()),
            "pinhole: 1 waits in a channel; pinhole receive"
        );
    }
}
