use pinhole_protocol::handshake::{Frame, Tagged};
use pinhole_protocol::records::Sealer;

fn sealer(tagged: Tagged, frame: &Frame) -> Option<Sealer> {
    tagged.finish(frame).ok().map(|established| established.sealer)
}

fn main() {
    let _ = sealer;
}
