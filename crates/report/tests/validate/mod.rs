//! The words of JSON Schema (2020-12) that `docs/report.schema.json` uses, and no others: the libraries that know all of
//! them bring more crates than the program that is tested.

use serde_json::Value;

const SCHEMA: &str = include_str!("../../../../docs/report.schema.json");

/// Where a report is not what the schema says, and why; nothing if it is.
pub(crate) fn faults(report: &Value) -> Vec<String> {
    let root: Value = serde_json::from_str(SCHEMA).expect("a schema");
    let mut faults = Vec::new();
    check(&root, &root, report, "report", &mut faults);
    faults
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    let Some(words) = schema.as_object() else {
        assert_eq!(schema, false, "{at}: a schema is an object or false");
        return faults.push(format!("{at}: is one too many"));
    };
    for (word, says) in words {
        match word.as_str() {
            "$schema" | "title" | "description" | "$defs" | "required" | "additionalProperties" => {}
            "$ref" => {
                let path = says.as_str().and_then(|path| path.strip_prefix('#')).expect("a path in the file");
                check(root, root.pointer(path).expect("a definition"), value, at, faults);
            }
            "type" => {
                let types = says.as_array().map_or_else(|| vec![says], |types| types.iter().collect());
                if !types.iter().any(|name| is_of(value, name.as_str().expect("a type"))) {
                    faults.push(format!("{at}: {value} is no {says}"));
                }
            }
            "enum" if !says.as_array().expect("a list").contains(value) => {
                faults.push(format!("{at}: {value} is none of {says}"));
            }
            "const" if says != value => faults.push(format!("{at}: {value} is not {says}")),
            // What is no number has no size.
            "minimum" if value.is_number() && value.as_f64() < says.as_f64() => {
                faults.push(format!("{at}: {value} is below {says}"))
            }
            "enum" | "const" | "minimum" => {}
            "oneOf" => one_of(root, says, value, at, faults),
            "properties" => properties(root, schema, value, at, faults),
            "items" | "prefixItems" => items(root, schema, word, value, at, faults),
            word => panic!("{at}: the test does not know the word {word}"),
        }
    }
}

fn is_of(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        name => panic!("no type {name}"),
    }
}

fn one_of(root: &Value, choices: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    let choices = choices.as_array().expect("a list").iter().map(|choice| {
        let mut faults = Vec::new();
        check(root, choice, value, at, &mut faults);
        faults
    });
    let choices: Vec<Vec<String>> = choices.collect();
    if choices.iter().filter(|faults| faults.is_empty()).count() != 1 {
        faults.push(format!("{at}: is not one of its kinds: {choices:?}"));
    }
}

fn properties(root: &Value, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    let (Some(known), Some(found)) = (schema["properties"].as_object(), value.as_object()) else { return };
    for name in schema["required"].as_array().expect("what is required") {
        if !found.contains_key(name.as_str().expect("a name")) {
            faults.push(format!("{at}: lacks {name}"));
        }
    }
    for (name, value) in found {
        match known.get(name) {
            Some(schema) => check(root, schema, value, &format!("{at}.{name}"), faults),
            None => faults.push(format!("{at}: has {name}, which is unknown")),
        }
    }
}

fn items(root: &Value, schema: &Value, word: &str, value: &Value, at: &str, faults: &mut Vec<String>) {
    let Some(found) = value.as_array() else { return };
    let prefix = schema["prefixItems"].as_array().map_or(&[][..], Vec::as_slice);
    if word == "prefixItems" {
        for (index, (schema, value)) in prefix.iter().zip(found).enumerate() {
            check(root, schema, value, &format!("{at}[{index}]"), faults);
        }
        return;
    }
    for (index, value) in found.iter().enumerate().skip(prefix.len()) {
        check(root, &schema["items"], value, &format!("{at}[{index}]"), faults);
    }
}
