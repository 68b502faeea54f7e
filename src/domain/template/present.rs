//! JSON as values of the language: what is null is not there.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectExt, ObjectRepr};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// Reads JSON into the engine's values, without the keys that are null.
pub(super) struct Present;

impl<'de> DeserializeSeed<'de> for Present {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Present {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::from(()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut read = Vec::new();
        while let Some(item) = items.next_element_seed(Present)? {
            read.push(item);
        }
        Ok(Value::from(read))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut read = Fields::default();
        while let Some(key) = entries.next_key_seed(Present)? {
            read.set(key, entries.next_value_seed(Present)?);
        }
        read.drop_nulls();
        Ok(Value::from_object(read))
    }
}

/// An object with more fields than this is not looked through one by one.
const FEW: usize = 16;

/// A JSON object. The engine's own maps take three times as long to make, which counts where every event has dozens.
#[derive(Debug, Default)]
struct Fields {
    entries: Vec<(Value, Value)>,
    /// Where each field stands, once they are many.
    places: Option<HashMap<Value, usize>>,
}

impl Fields {
    /// The last of a repeated key counts, also where it is null.
    fn set(&mut self, key: Value, value: Value) {
        match self.place(&key) {
            Some(place) => self.entries[place].1 = value,
            None => {
                if let Some(places) = &mut self.places {
                    places.insert(key.clone(), self.entries.len());
                }
                self.entries.push((key, value));
                if self.entries.len() == FEW {
                    self.find_places();
                }
            }
        }
    }

    fn drop_nulls(&mut self) {
        let before = self.entries.len();
        self.entries.retain(|(_, value)| !value.is_none());
        if self.entries.len() < before && self.places.is_some() {
            self.find_places();
        }
    }

    fn find_places(&mut self) {
        self.places = Some(self.entries.iter().enumerate().map(|(i, (key, _))| (key.clone(), i)).collect());
    }

    fn place(&self, key: &Value) -> Option<usize> {
        match &self.places {
            Some(places) => places.get(key).copied(),
            None => self.entries.iter().position(|(name, _)| name == key),
        }
    }
}

impl Object for Fields {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.place(key).map(|place| self.entries[place].1.clone())
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match &self.places {
            Some(_) => self.get_value(&Value::from(key)),
            None => {
                let found = self.entries.iter().find(|(name, _)| name.as_str() == Some(key));
                found.map(|(_, value)| value.clone())
            }
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        self.mapped_enumerator(|this| Box::new(this.entries.iter().map(|(key, _)| key.clone())))
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.entries.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Value {
        Present.deserialize(&mut serde_json::Deserializer::from_str(json)).expect("JSON")
    }

    proptest::proptest! {
        /// Few fields and many behave as the engine's own maps do.
        #[test]
        fn an_object_is_what_the_engine_would_make_of_it(
            fields in proptest::collection::vec(("[a-h]{1,2}", proptest::option::weighted(0.8, 0i64..100)), 0..60),
        ) {
            let json: Vec<String> = fields.iter().map(|(key, value)| {
                format!("\"{key}\":{}", value.map_or("null".to_owned(), |value| value.to_string()))
            }).collect();
            let object = read(&format!("{{{}}}", json.join(",")));
            let last: std::collections::BTreeMap<&str, i64> =
                fields.iter().fold(std::collections::BTreeMap::new(), |mut last, (key, value)| {
                    match value {
                        Some(value) => last.insert(key, *value),
                        None => last.remove(key.as_str()),
                    };
                    last
                });
            proptest::prop_assert_eq!(&object, &Value::from_pairs(last.clone()));
            proptest::prop_assert_eq!(object.len(), Some(last.len()));
            for (key, _) in &fields {
                let expected = last.get(key.as_str()).copied().map(Value::from).unwrap_or_default();
                proptest::prop_assert_eq!(object.get_attr(key).expect("an object"), expected.clone());
                proptest::prop_assert_eq!(object.get_item(&Value::from(key)).expect("an object"), expected);
            }
        }
    }

    #[test]
    fn fields_stay_in_their_order() {
        let object = read(r#"{"z":1,"a":{"y":[1.5,"x",true,null]},"n":null,"m":-1,"h":18446744073709551615}"#);
        let json = serde_json::to_string(&object).expect("JSON");
        assert_eq!(json, r#"{"z":1,"a":{"y":[1.5,"x",true,null]},"m":-1,"h":18446744073709551615}"#);
    }
}
