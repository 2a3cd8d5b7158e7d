//! Fields of a packet or of metadata, as arguments: `name=text` and `name:=json`.

use serde_json::{Map, Value};

/// A field as it was given.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    name: String,
    value: Value,
}

/// Reads `name=text`, whose value is a string, or `name:=json`, whose value is any JSON. The first `=` decides, and
/// what stands before it.
pub(super) fn parse(text: &str) -> Result<Field, String> {
    let Some((name, value)) = text.split_once('=') else {
        return Err("a field is name=text or name:=json".to_owned());
    };
    let (name, value) = match name.strip_suffix(':') {
        None => (name, Value::from(value)),
        Some(name) => {
            (name, serde_json::from_str(value).map_err(|error| format!("{value:?} is no JSON: {error}"))?)
        }
    };
    match name {
        "" => Err("the field has no name".to_owned()),
        name => Ok(Field { name: name.to_owned(), value }),
    }
}

/// The map of the fields; the last of one name wins no more than the first: twice is a mistake.
pub(super) fn map(fields: &[Field]) -> Result<Map<String, Value>, String> {
    let mut map = Map::new();
    for Field { name, value } in fields {
        if map.insert(name.clone(), value.clone()).is_some() {
            return Err(format!("the field `{}` is given twice", name.escape_debug()));
        }
    }
    Ok(map)
}

/// Reads a JSON map.
pub(super) fn json_map(text: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err("a map is needed, such as {\"name\": \"value\"}".to_owned()),
        Err(error) => Err(format!("no JSON: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(texts: &[&str]) -> Result<Value, String> {
        let fields = texts.iter().map(|text| parse(text)).collect::<Result<Vec<_>, _>>()?;
        map(&fields).map(Value::Object)
    }

    #[test]
    fn text_stays_text_and_json_is_json() {
        let map = read(&["user=7", "pin:=7", "url=a:=b=c", "list:=[1, {\"a\": null}]", "empty="]);
        let wanted = json!({"user": "7", "pin": 7, "url": "a:=b=c", "list": [1, {"a": null}], "empty": ""});
        assert_eq!(map, Ok(wanted));
    }

    #[test]
    fn mistakes_are_told() {
        for (texts, word) in [
            (&["user"][..], "name=text"),
            (&["=x"], "no name"),
            (&[":=1"], "no name"),
            (&["pin:=x"], "no JSON"),
            (&["a=1", "a:=2"], "`a` is given twice"),
        ] {
            let error = read(texts).unwrap_err();
            assert!(error.contains(word), "{texts:?}: {error}");
        }
        assert!(json_map("[1]").unwrap_err().contains("a map is needed"));
        assert!(json_map("{").unwrap_err().contains("no JSON"));
    }
}
