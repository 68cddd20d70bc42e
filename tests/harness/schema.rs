//! The schema that the program prints, and lines held against it by a validator that is not ours.

use super::PROGRAM;
use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;
use std::process::Command;
use std::sync::LazyLock;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::of(&printed()));

/// A schema that lines can be held against.
struct Schema {
    all: Schemas,
    one: SchemaIndex,
}

impl Schema {
    fn of(text: &str) -> Self {
        // Nothing is fetched: the schema names nothing but itself.
        const PLACE: &str = "https://pinhole.invalid/line.json";
        let (mut all, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource(PLACE, serde_json::from_str(text).unwrap()).unwrap();
        let one = compiler
            .compile(PLACE, &mut all)
            .unwrap_or_else(|error| panic!("not a JSON Schema: {error:#}"));
        Self { all, one }
    }
}

/// The output of `pinhole schema`.
pub fn printed() -> String {
    let output = Command::new(PROGRAM).arg("schema").output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    String::from_utf8(output.stdout).unwrap()
}

/// Why a line does not fit the schema.
pub fn fault(line: &Value) -> Option<String> {
    SCHEMA.all.validate(line, SCHEMA.one).err().map(|error| format!("{error:#}"))
}
