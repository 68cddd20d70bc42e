//! The main job: one gives, the other takes.

use crate::harness::Machine;

#[test]
fn a_file_arrives_as_it_was_and_both_sides_say_so() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("report.pdf", b"not really a report");
    let mut giver = here.start(["give", "report.pdf"]);
    let code = giver.code();
    let taker = there.run(["take", &code, "-o", "."]).expect(0);
    let giver = giver.end().expect(0);
    assert_eq!(std::fs::read(there.path("report.pdf")).unwrap(), b"not really a report");
    assert_eq!(taker.one("file")["name"], "report.pdf");
    assert_eq!(giver.one("delivered")["size"], 19);
}

#[test]
fn a_wrong_word_is_said_to_both_and_ends_the_code() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("a", b"a");
    let mut giver = here.start(["give", "a"]);
    let code = giver.code();
    let (rest, last) = code.rsplit_once('-').unwrap();
    let wrong = if last == "walrus" { "mango" } else { "walrus" };
    let taker = there.run(["take", &format!("{rest}-{wrong}")]).expect(3);
    assert_eq!(taker.one("error")["error"], "code-wrong");
    let giver = giver.end().expect(3);
    assert_eq!(giver.one("end")["exit"], 3);
}
