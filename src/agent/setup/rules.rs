//! What may be called without a question: it neither sends a file or secret of this machine nor starts a program.

/// The tools of the server for which that holds.
pub const TOOLS: [&str; 6] = ["open", "connect", "receive", "status", "close", "doctor"];
