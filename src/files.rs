//! Files: what comes in and what goes out.

pub mod acting;
pub mod dotenv;
pub mod inbox;
pub mod name;
pub mod outbox;
pub mod outlet;
pub mod private;
#[allow(dead_code, reason = "both sides of a transfer begin to use it next")]
pub mod proof;
pub mod secret_exec;
pub mod secret_source;
pub mod spot;
pub mod variable;
pub mod ware;

use crate::failure::Subject;
use name::FileName;

// Here, because the file of the names is built for the fuzzer by itself.
impl From<&FileName> for Subject {
    fn from(name: &FileName) -> Self {
        Self::named(&name.text())
    }
}
