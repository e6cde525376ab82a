//! The JSON Schema of scenario files, for editors and for whoever writes scenarios by program.

use serde_json::Value;

use super::format;

/// JSON Schema (2020-12) of a scenario file, with descriptions and defaults.
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(format::Scenario).to_value();
    without_null(&mut schema);
    schema
}

/// Fields that may be left out are options in Rust; TOML knows no null.
fn without_null(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.values_mut().for_each(without_null);
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [only] = &types[..] {
                    let only = only.clone();
                    object.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
                choices.retain(|choice| choice != &serde_json::json!({ "type": "null" }));
                if let [Value::Object(only)] = &choices[..] {
                    let only = only.clone();
                    object.remove("anyOf");
                    object.extend(only);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(without_null),
        _ => {}
    }
}
