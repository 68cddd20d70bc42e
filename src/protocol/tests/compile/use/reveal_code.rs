use pinhole_protocol::code::Code;

fn show(code: &Code) -> String {
    format!("{} {}", code.nameplate(), *code.reveal())
}

fn main() {
    let _ = show;
}
