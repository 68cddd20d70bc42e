use pinhole_protocol::code::Password;

fn twice(password: Password) -> (Password, Password) {
    (password.clone(), password)
}

fn main() {
    let _ = twice;
}
