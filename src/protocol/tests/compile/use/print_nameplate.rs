use pinhole_protocol::code::Nameplate;

fn show(nameplate: &Nameplate) -> String {
    format!("{nameplate:?} {nameplate}")
}

fn main() {
    let _ = show;
}
