//! Further links of a peer of ours, each step of which a test may leave out (SPEC 3.8, 3.9, 6.2).

use crate::peer::{Peer, Said, frame, read_frame};
use pinhole_protocol::handshake::LinkKeys;
use pinhole_protocol::limits::WINDOW;
use pinhole_protocol::rendezvous::{OPENING, Opening};
use pinhole_protocol::role::Role;
use pinhole_protocol::wire::{Control, Greeting};
use rand_core::OsRng;
use std::io::{self, Read, Write};
use std::net::TcpStream;

/// A link that is confirmed, and on which nothing was said.
pub struct Link {
    /// The host's number of it.
    pub index: u32,
    pub socket: TcpStream,
    pub keys: LinkKeys,
}

/// The side of a connection that dials says its message 0 first.
#[derive(Clone, Copy, PartialEq)]
pub enum Ours {
    Dialled,
    Accepted,
}

impl Peer {
    /// Says and reads message 0 of a further link; an error if the other side closes.
    pub fn open(&self, socket: &mut TcpStream, ours: Ours) -> io::Result<()> {
        let own = Opening::Link(self.resume.direct(self.role, &mut OsRng)).encode();
        let mut its = [0; OPENING];
        if ours == Ours::Dialled {
            socket.write_all(&own)?;
        }
        socket.read_exact(&mut its)?;
        let Ok(Some(Opening::Link(token))) = Opening::parse(&its) else { panic!("{its:?}") };
        assert!(self.resume.is_direct(self.role.other(), token));
        if ours == Ours::Accepted {
            socket.write_all(&own)?;
        }
        Ok(())
    }

    /// Makes a link as its host, which calls it by this index; an error if the other side closes.
    pub fn host_link(&self, mut socket: TcpStream, ours: Ours, index: u32) -> io::Result<Link> {
        self.open(&mut socket, ours)?;
        let (pending, message1) = self.resume.host(index, &mut OsRng);
        socket.write_all(&message1)?;
        let message2 = read_frame(&mut socket)?;
        let Ok((keys, message3)) = pending.judge(&frame(&message2)) else { panic!("wrong tag") };
        socket.write_all(&message3)?;
        Ok(Link { index, socket, keys })
    }

    /// Makes a link as its joiner, which says with `linked` if it has another; an error if the
    /// other side closes.
    pub fn join_link(&self, mut socket: TcpStream, ours: Ours, linked: bool) -> io::Result<Link> {
        self.open(&mut socket, ours)?;
        let message1 = read_frame(&mut socket)?;
        let joined = self.resume.join(linked, &frame(&message1), &mut OsRng);
        let Ok((tagged, message2)) = joined else { panic!("message 1 is no good") };
        socket.write_all(&message2)?;
        let message3 = read_frame(&mut socket)?;
        let index = tagged.index();
        let Ok(keys) = tagged.finish(&frame(&message3)) else { panic!("wrong tag") };
        Ok(Link { index, socket, keys })
    }

    /// Speaks on a link beside the one in use, for as long as this takes.
    pub fn on<T>(&mut self, link: &mut Link, speak: impl FnOnce(&mut Self) -> T) -> T {
        self.change_places(link);
        let said = speak(self);
        self.change_places(link);
        said
    }

    /// Goes on over this link, and lets go of the one before. Says `use` as a host, and awaits the
    /// other side's `using`; as a joiner the other way round.
    pub fn go_on(&mut self, link: Link) {
        self.take_up(link);
        let (next, window) = (self.next, WINDOW);
        let greeting = Greeting { next, window, want: None, ttl: None, nonce: None, stripe: None };
        if self.role == Role::Host {
            assert!(self.tell(&Control::Use(greeting)));
            while !matches!(self.hear().expect("closed"), Said::Control(Control::Using(_))) {}
        } else {
            while !matches!(self.hear().expect("closed"), Said::Control(Control::Use(_))) {}
            assert!(self.tell(&Control::Using(greeting)));
        }
    }
}
