use pinhole_protocol::code::Password;

fn once(password: Password) -> (Password, ()) {
    (password, ())
}

fn main() {
    let _ = once;
}
