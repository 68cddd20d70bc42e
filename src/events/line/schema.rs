//! The schema of the lines, made from the types that are written: what a reader of any language may
//! check them against.

use super::Line;
use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};

/// A JSON Schema (2020-12) of one line of this version. It forbids no further fields, because later
/// versions may add some.
#[must_use]
pub fn schema() -> serde_json::Value {
    let settings = SchemaSettings::draft2020_12().for_serialize().with_transform(NeverNull);
    settings.into_generator().into_root_schema_for::<Line>().to_value()
}

/// Takes the `null` out of what may be absent: EVENTS.md promises that a field without a value is
/// not there.
#[derive(Clone)]
struct NeverNull;

impl Transform for NeverNull {
    fn transform(&mut self, schema: &mut Schema) {
        if let Some(types) = schema.get_mut("type").and_then(|types| types.as_array_mut()) {
            types.retain(|word| word != "null");
            if let [one] = types.as_slice() {
                let one = one.clone();
                schema.insert("type".into(), one);
            }
        }
        one_line(schema);
        transform_subschemas(self, schema);
    }
}

/// Joins the lines of a description, which end where those of our source do.
pub fn one_line(schema: &mut Schema) {
    if let Some(serde_json::Value::String(description)) = schema.get_mut("description") {
        *description = description.replace('\n', " ");
    }
}
