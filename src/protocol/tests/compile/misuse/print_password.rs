use pinhole_protocol::code::Password;

fn show(password: &Password) -> String {
    format!("{password:?} {password}")
}

fn main() {
    let _ = show;
}
