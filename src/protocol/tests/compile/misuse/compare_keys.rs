use pinhole_protocol::keys::ResumeSecret;

fn same(one: &ResumeSecret, other: &ResumeSecret) -> bool {
    one == other
}

fn main() {
    let _ = same;
}
