//! As much of JSON Schema as the document uses. What it does not know is a fault, so that nothing goes unchecked.

use serde_json::Value;

/// All that is wrong with a value.
pub(super) fn faults(document: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (key, rule) in schema.as_object().unwrap() {
        let wrong = match key.as_str() {
            "$ref" => {
                found.extend(faults(document, document.pointer(&rule.as_str().unwrap()[1..]).unwrap(), value, at));
                false
            }
            "oneOf" => {
                let fits = |one: &&Value| faults(document, one, value, at).is_empty();
                rule.as_array().unwrap().iter().filter(fits).count() != 1
            }
            "type" => !types(rule).iter().any(|kind| is(value, kind)),
            "enum" => !rule.as_array().unwrap().contains(value),
            "const" => rule != value,
            "minimum" => value.as_f64().is_some_and(|number| number < rule.as_f64().unwrap()),
            "format" => value.as_str().is_some_and(|text| !is_of(rule.as_str().unwrap(), text)),
            "required" => {
                let names = rule.as_array().unwrap();
                value.is_object() && names.iter().any(|name| value.get(name.as_str().unwrap()).is_none())
            }
            "properties" => {
                for (name, rule) in rule.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        found.extend(faults(document, rule, value, &format!("{at}.{name}")));
                    }
                }
                false
            }
            "additionalProperties" => {
                let known = |name: &String| schema["properties"].get(name).is_some();
                let others = value.as_object().into_iter().flatten().filter(|(name, _)| !known(name));
                match rule {
                    Value::Bool(allowed) => !allowed && others.count() > 0,
                    rule => {
                        others.for_each(|(_, value)| found.extend(faults(document, rule, value, at)));
                        false
                    }
                }
            }
            "items" => {
                for (index, value) in value.as_array().into_iter().flatten().enumerate() {
                    found.extend(faults(document, rule, value, &format!("{at}[{index}]")));
                }
                false
            }
            "description" => false,
            _ => true,
        };
        if wrong {
            found.push(format!("{at}: {key} {rule}, found {value}"));
        }
    }
    found
}

fn types(rule: &Value) -> Vec<&str> {
    match rule {
        Value::Array(all) => all.iter().map(|kind| kind.as_str().unwrap()).collect(),
        one => vec![one.as_str().unwrap()],
    }
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => false,
    }
}

fn is_of(format: &str, text: &str) -> bool {
    match format {
        "date-time" => chrono::DateTime::parse_from_rfc3339(text).is_ok(),
        "uri" => text.parse::<url::Url>().is_ok(),
        _ => false,
    }
}

#[test]
fn what_does_not_fit_is_found() {
    let schema = serde_json::json!({
        "type": "object", "required": ["a"], "additionalProperties": false,
        "properties": { "a": { "type": ["string", "null"], "enum": ["x", null] }, "b": { "type": "array", "items": { "type": "integer", "minimum": 0 } } },
    });
    let wrong = |value: Value| faults(&Value::Null, &schema, &value, "$").len();
    assert_eq!(wrong(serde_json::json!({ "a": "x", "b": [0, 1] })), 0);
    assert_eq!(wrong(serde_json::json!({ "a": null })), 0);
    for value in [
        serde_json::json!({}),
        serde_json::json!({ "a": "y" }),
        serde_json::json!({ "a": "x", "c": 1 }),
        serde_json::json!({ "a": "x", "b": [-1] }),
        serde_json::json!({ "a": "x", "b": ["1"] }),
    ] {
        assert_eq!(wrong(value.clone()), 1, "{value}");
    }
}
