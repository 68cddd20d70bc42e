use pinhole_protocol::handshake::{Frame, Judge, Pending, Verdict};

fn judge(judge: Judge, pending: [Pending; 2], frame: &Frame) -> Verdict {
    let [first, second] = pending;
    match judge.judge(first, frame) {
        Verdict::NotAGuess(judge, _) => judge.judge(second, frame),
        verdict => verdict,
    }
}

fn main() {
    let _ = judge;
}
