use pinhole_protocol::keys::ResumeSecret;

fn same(one: &ResumeSecret, other: &ResumeSecret) -> bool {
    one.slot(1) == other.slot(1)
}

fn main() {
    let _ = same;
}
