//! JSON taken apart without being read whole: what is not touched stays byte for byte as it came, with numbers beyond
//! 64 bits, the order of keys and unknown fields.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// An object's members in their order, the keys unescaped. A key may stand there more than once.
pub type Members<'a> = Vec<(String, &'a RawValue)>;

/// The members of this JSON text; `None` where it is no object.
pub fn members(json: &str) -> Option<Members<'_>> {
    struct Object<'a>(Members<'a>);
    impl<'de> Deserialize<'de> for Object<'de> {
        fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            struct Any;
            impl<'de> Visitor<'de> for Any {
                type Value = Object<'de>;
                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("an object")
                }
                fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Object<'de>, M::Error> {
                    let mut members = Members::new();
                    while let Some(member) = map.next_entry::<String, &'de RawValue>()? {
                        members.push(member);
                    }
                    Ok(Object(members))
                }
            }
            from.deserialize_map(Any)
        }
    }
    serde_json::from_str::<Object<'_>>(json).ok().map(|object| object.0)
}

/// The items of this JSON text; `None` where it is no list.
pub fn items(json: &str) -> Option<Vec<&RawValue>> {
    serde_json::from_str(json).ok()
}

/// An object of these members, each with its value's JSON text.
pub fn object<'a>(members: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut json = String::from("{");
    for (key, value) in members {
        if json.len() > 1 {
            json.push(',');
        }
        json.push_str(&serde_json::Value::from(key).to_string());
        json.push(':');
        json.push_str(value);
    }
    json.push('}');
    json
}

/// The JSON text of what stands at the end of these keys; of a key that stands there twice, the last.
pub fn at<'a>(json: &'a str, path: &[&str]) -> Option<&'a str> {
    match path.split_first() {
        None => Some(json),
        Some((key, rest)) => {
            let members = members(json)?;
            let (_, value) = members.into_iter().rfind(|(name, _)| name == key)?;
            at(value.get(), rest)
        }
    }
}

/// The same JSON text with something else at the end of these keys; as it was where there is no such place.
pub fn replaced(json: &str, path: &[&str], with: &str) -> String {
    let Some((key, rest)) = path.split_first() else { return with.to_owned() };
    let Some(members) = members(json) else { return json.to_owned() };
    let members: Vec<(String, String)> = members
        .into_iter()
        .map(|(name, value)| {
            let value = if name == *key { replaced(value.get(), rest, with) } else { value.get().to_owned() };
            (name, value)
        })
        .collect();
    object(members.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{"b": 1.50e400, "a": {"x": [1, {"y": null}], "ação\u0022": "é\u00e9"}, "b2": 123456789012345678901234567890}"#;

    #[test]
    fn what_is_not_touched_stays_as_it_came() {
        assert_eq!(at(JSON, &["a", "x"]), Some(r#"[1, {"y": null}]"#));
        assert_eq!(at(JSON, &["b"]), Some("1.50e400"));
        assert_eq!(at(JSON, &["a", "nothing"]), None);
        assert_eq!(at(JSON, &["b", "c"]), None);
        assert_eq!(
            replaced(JSON, &["a", "x"], "[]"),
            r#"{"b":1.50e400,"a":{"x":[],"ação\"":"é\u00e9"},"b2":123456789012345678901234567890}"#
        );
        assert_eq!(replaced("[1]", &["a"], "2"), "[1]");
    }

    #[test]
    fn lists_and_objects_come_apart() {
        assert_eq!(items("[1, \"a\", {}]").map(|items| items.len()), Some(3));
        assert!(items("{}").is_none() && members("[]").is_none() && members("nonsense").is_none());
        let twice = members(r#"{"a":1,"a":2}"#).expect("an object");
        assert_eq!(twice.len(), 2);
        assert_eq!(at(r#"{"a":1,"a":2}"#, &["a"]), Some("2"));
    }
}
