use pinhole_protocol::handshake::{Frame, Judge, Pending, Verdict};

fn judge(judge: Judge, pending: [Pending; 2], frame: &Frame) -> [Verdict; 2] {
    let [first, second] = pending;
    [judge.judge(first, frame), judge.judge(second, frame)]
}

fn main() {
    let _ = judge;
}
