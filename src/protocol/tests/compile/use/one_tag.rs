use pinhole_protocol::handshake::{Frame, Joiner, Tagged};
use rand_core::{CryptoRng, RngCore};

fn answer<R: RngCore + CryptoRng>(
    joiner: Joiner,
    frames: &[Frame; 2],
    rng: &mut R,
) -> Option<(Tagged, Vec<u8>)> {
    joiner.confirm(&frames[0], rng).or_else(|(joiner, _)| joiner.confirm(&frames[1], rng)).ok()
}

fn main() {
    let _ = answer::<rand_chacha::ChaCha20Rng>;
}
