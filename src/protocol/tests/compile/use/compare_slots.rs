use pinhole_protocol::keys::{Meeting, ResumeSecret};

fn same(one: &ResumeSecret, other: &ResumeSecret) -> bool {
    one.slot(Meeting::Direct, 1) == other.slot(Meeting::Direct, 1)
}

fn main() {
    let _ = same;
}
