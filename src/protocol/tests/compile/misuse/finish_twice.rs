use pinhole_protocol::handshake::{Established, Frame, Tagged};

fn finish(tagged: Tagged, frames: &[Frame; 2]) -> Option<Established> {
    tagged.finish(&frames[0]).or_else(|_| tagged.finish(&frames[1])).ok()
}

fn main() {
    let _ = finish;
}
