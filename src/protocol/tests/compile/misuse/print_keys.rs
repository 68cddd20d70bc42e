use pinhole_protocol::handshake::Established;
use pinhole_protocol::keys::{ResumeSecret, Verifier};
use pinhole_protocol::records::{Opener, Sealer};

fn show(
    established: &Established,
    sealer: &Sealer,
    opener: &Opener,
    resume: &ResumeSecret,
    verifier: &Verifier,
) -> String {
    format!("{established:?} {sealer:?} {opener:?} {resume:?} {verifier:?}")
}

fn main() {
    let _ = show;
}
