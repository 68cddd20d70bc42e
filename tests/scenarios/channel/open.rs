//! A channel that stays open, where nobody types.

use crate::harness::Machine;

#[test]
fn a_channel_waits_for_both_until_one_leaves() {
    let (here, there) = (Machine::new(), Machine::new());
    there.write("a.txt", b"aaa");
    let mut host = here.start(["host", "--direct"]);
    let code = host.code();
    there.run(["give", "--code", &code, "a.txt"]).expect(0);
    let host = host.end().expect(0);
    let file = host.one("file");
    let saved = file["saved_to"].as_str().unwrap();
    assert_eq!(std::fs::read(saved).unwrap(), b"aaa");
}
