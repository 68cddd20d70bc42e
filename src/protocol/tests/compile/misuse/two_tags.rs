use pinhole_protocol::handshake::{Frame, Joiner, Tagged};
use rand_core::{CryptoRng, RngCore};

fn answer<R: RngCore + CryptoRng>(
    joiner: Joiner,
    frames: &[Frame; 2],
    rng: &mut R,
) -> Vec<(Tagged, Vec<u8>)> {
    let first = joiner.confirm(&frames[0], rng).ok();
    let second = joiner.confirm(&frames[1], rng).ok();
    first.into_iter().chain(second).collect()
}

fn main() {
    let _ = answer::<rand_chacha::ChaCha20Rng>;
}
