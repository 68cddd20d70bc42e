use pinhole_protocol::records::{Direction, Sealer};
use pinhole_protocol::secret::SecretBytes;

fn sealer() -> Sealer {
    Sealer::new(SecretBytes::new([0; 32]), Direction::HostToJoiner)
}

fn main() {
    let _ = sealer;
}
