//! The schema that `pinhole schema` prints: every line that any test sees is held against it
//! (`harness/contract.rs`); here, that it says neither too little nor too much.

use crate::harness::contract::fields;
use crate::harness::schema::{fault, printed};
use serde_json::{Value, json};

const PROMISE: &str = include_str!("../../../src/report/EVENTS.md");

/// The lines that the document shows, one of nearly every type.
fn examples() -> Vec<Value> {
    PROMISE
        .lines()
        .filter_map(|line| line.strip_prefix("    {"))
        .map(|rest| serde_json::from_str(&format!("{{{rest}")).unwrap())
        .collect()
}

#[test]
fn the_examples_of_the_document_fit_and_what_breaks_the_promise_does_not() {
    let examples = examples();
    assert!(examples.len() >= 11);
    for example in examples {
        assert_eq!(fault(&example), None, "{example}");
        let promised =
            fields(example["event"].as_str().unwrap_or_else(|| example["type"].as_str().unwrap()));
        for (field, value) in example.as_object().unwrap() {
            let optional =
                field == "seq" || promised.get(field.as_str()).is_some_and(|optional| *optional);
            let mut broken = example.clone();
            broken.as_object_mut().unwrap().remove(field);
            assert_eq!(fault(&broken).is_none(), optional, "without {field}: {example}");
            // No field is ever null, and none has the type of another.
            broken[field] = Value::Null;
            assert!(fault(&broken).is_some(), "{field} may be null: {example}");
            broken[field] = if value.is_string() { json!(7) } else { json!("7") };
            assert!(fault(&broken).is_some(), "{field} may be {}: {example}", broken[field]);
        }
        let mut grown = example.clone();
        grown["of_a_later_version"] = json!({ "any": ["thing"] });
        assert_eq!(fault(&grown), None, "readers are to ignore what they do not know: {example}");
    }
}

#[test]
fn words_and_numbers_are_those_of_the_promise() {
    for wrong in [
        json!({ "v": 2, "seq": 1, "type": "status", "event": "waiting" }),
        json!({ "v": 1, "seq": 0, "type": "status", "event": "waiting" }),
        json!({ "v": 1, "seq": 1, "type": "status", "event": "wating" }),
        json!({ "v": 1, "seq": 1, "type": "stats" }),
        json!({ "v": 1, "seq": 1, "type": "status", "event": "connected", "path": "tunnel" }),
        json!({ "v": 1, "seq": 1, "type": "text", "id": 1, "from": "peer", "trust": "trusted",
                "body": "x" }),
        json!({ "v": 1, "seq": 1, "type": "text", "id": -1, "from": "peer", "trust": "untrusted",
                "body": "x" }),
        json!({ "v": 1, "seq": 1, "type": "secret", "id": 1, "from": "peer", "trust": "untrusted",
                "size": 1, "stored": "file", "value": "x" }),
        json!({ "v": 1, "type": "end", "exit": 12, "reason": "done" }),
        json!({ "v": 1, "type": "progress", "id": 1, "way": "up", "done": 1, "rate": 1 }),
    ] {
        assert!(fault(&wrong).is_some(), "{wrong}");
    }
}

#[test]
fn it_names_its_dialect_and_describes_every_field() {
    let schema: Value = serde_json::from_str(&printed()).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let mut bare = Vec::new();
    undescribed(&schema, &mut bare);
    assert!(bare.is_empty(), "without a description: {bare:?}");
}

/// The fields without a description, wherever they are.
fn undescribed(schema: &Value, bare: &mut Vec<String>) {
    if let Some(fields) = schema["properties"].as_object() {
        // The field that tells the kinds apart is described with each kind.
        let plain = fields.iter().filter(|(name, field)| {
            !["type", "event"].contains(&name.as_str()) && field["description"].is_null()
        });
        bare.extend(plain.map(|(name, _)| name.clone()));
    }
    for inner in schema.as_object().into_iter().flat_map(|object| object.values()) {
        undescribed(inner, bare);
    }
    for inner in schema.as_array().into_iter().flatten() {
        undescribed(inner, bare);
    }
}
