use pinhole_protocol::handshake::Established;
use pinhole_protocol::keys::{ResumeSecret, Verifier};
use pinhole_protocol::records::{Opener, Sealer};

fn show(
    established: &Established,
    _: &Sealer,
    _: &Opener,
    _: &ResumeSecret,
    verifier: &Verifier,
) -> String {
    format!("{:?} {:?}", established.peer, verifier.words())
}

fn main() {
    let _ = show;
}
