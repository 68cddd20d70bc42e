use pinhole_protocol::code::Code;

fn show(code: &Code) -> String {
    format!("{code:?} {code}")
}

fn main() {
    let _ = show;
}
