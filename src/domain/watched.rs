//! Watched fields: what of a lead's details is compared between two readings, and what is kept for that.
//!
//! Nothing that a person wrote is kept: a mark is a hash, and only tells that a field is not what it was.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::lead::Lead;

/// What is watched where the file says nothing else. What changes by itself, like signed links, is not among it.
pub const DEFAULT: [&str; 9] = [
    "name",
    "email",
    "phone",
    "state",
    "regional",
    "status",
    "csat.message",
    "chats.messages[].id_chat",
    "chats.messages[].sid",
];

/// The fields that are watched.
#[derive(Clone, Debug)]
pub struct Watch {
    fields: Vec<Field>,
    root: Node,
}

#[derive(Clone, Debug)]
struct Field {
    path: String,
    /// Where a person looks for it: a field of a list's items is told by the list.
    pointer: String,
    mark: u32,
}

/// What is wanted under one name.
#[derive(Clone, Debug, Default)]
struct Node {
    name: String,
    field: Option<usize>,
    below: Vec<Node>,
}

/// What the watched fields held at one reading: for each the marks of its path and its value. Packed, it is what is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks(Vec<(u32, u32)>);

/// The watched fields of one reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// To be compared with another reading's.
    pub marks: Marks,
    digest: [u8; 32],
}

impl Watched {
    /// The digest of all of them: the subject of `lead.updated`.
    pub fn digest(&self) -> String {
        self.digest[..16].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Four bytes of it, to be kept for every lead.
    pub fn brief(&self) -> u32 {
        self.digest.first_chunk::<4>().map_or(0, |bytes| u32::from_be_bytes(*bytes))
    }
}

impl Default for Watch {
    fn default() -> Watch {
        Watch::of(&DEFAULT.map(str::to_owned))
    }
}

impl Watch {
    /// Takes paths like `csat.message`, names under `lead`; `[]` behind a name means each item of a list.
    ///
    /// # Errors
    /// Which of them is no path, and why.
    pub fn parse(paths: &[String]) -> Result<Watch, (usize, String)> {
        for (i, path) in paths.iter().enumerate() {
            let names: Vec<&str> = path.split('.').map(|name| name.strip_suffix("[]").unwrap_or(name)).collect();
            let wrong = if names.iter().any(|name| name.is_empty() || name.contains(['[', ']', '/', '*'])) {
                format!("`{path}` is no path; write names with dots between, for example csat.message")
            } else if names[0] == "lead" {
                format!("`{path}` begins with `lead`, which all of them lie under; write it without")
            } else if path.ends_with("[]") {
                format!("`{path}` names a whole list; write which field of its items, or leave out the `[]`")
            } else {
                continue;
            };
            return Err((i, wrong));
        }
        Ok(Watch::of(paths))
    }

    fn of(paths: &[String]) -> Watch {
        let mut watch = Watch { fields: Vec::new(), root: Node::default() };
        for path in paths {
            let mut node = &mut watch.root;
            for name in path.split('.') {
                let name = name.strip_suffix("[]").unwrap_or(name);
                let at = node.below.iter().position(|below| below.name == name).unwrap_or_else(|| {
                    node.below.push(Node { name: name.to_owned(), ..Node::default() });
                    node.below.len() - 1
                });
                node = &mut node.below[at];
            }
            if node.field.is_none() {
                node.field = Some(watch.fields.len());
                watch.fields.push(Field { path: path.clone(), pointer: pointer(path), mark: mark(&[path]) });
            }
        }
        watch
    }

    /// The paths, as the file gives them.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|field| field.path.as_str())
    }

    /// Looks at a lead's watched fields. A missing one is null.
    pub fn look(&self, lead: &Lead) -> Watched {
        let mut found = vec![Vec::new(); self.fields.len()];
        let walk = Walk { node: &self.root, found: &mut found };
        // It was parsed before; what does not fit a path is as if it were missing.
        let _ = walk.deserialize(&mut serde_json::Deserializer::from_str(lead.json()));
        let mut digest = Sha256::new();
        let mut marks = Vec::with_capacity(self.fields.len());
        for (field, values) in self.fields.iter().zip(found) {
            let value = values.join(",");
            for part in [&field.path, &value] {
                digest.update((part.len() as u64).to_be_bytes());
                digest.update(part.as_bytes());
            }
            marks.push((field.mark, mark(&[&field.path, &value])));
        }
        Watched { marks: Marks(marks), digest: digest.finalize().into() }
    }

    /// JSON Pointers to the fields that are not what they were. One that was not watched before cannot be told.
    pub fn changes(&self, before: &Marks, now: &Marks) -> Vec<String> {
        let mut changes: Vec<String> = Vec::new();
        for field in &self.fields {
            let differs = before.of(field.mark).zip(now.of(field.mark)).is_some_and(|(before, now)| before != now);
            if differs && !changes.contains(&field.pointer) {
                changes.push(field.pointer.clone());
            }
        }
        changes
    }
}

impl Marks {
    fn of(&self, field: u32) -> Option<u32> {
        self.0.iter().find(|(path, _)| *path == field).map(|(_, value)| *value)
    }

    /// Eight bytes for each field.
    pub fn pack(&self) -> Vec<u8> {
        self.0.iter().flat_map(|(path, value)| [path.to_be_bytes(), value.to_be_bytes()]).flatten().collect()
    }

    /// Reads [`Marks::pack`].
    pub fn unpack(bytes: &[u8]) -> Marks {
        let four = |bytes: &[u8]| bytes.first_chunk::<4>().map_or(0, |four| u32::from_be_bytes(*four));
        Marks(bytes.chunks_exact(8).map(|eight| (four(eight), four(&eight[4..]))).collect())
    }
}

fn mark(parts: &[&String]) -> u32 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().first_chunk::<4>().map_or(0, |four| u32::from_be_bytes(*four))
}

fn pointer(path: &str) -> String {
    let mut pointer = String::new();
    for name in path.split('.') {
        let list = name.strip_suffix("[]");
        pointer.push('/');
        pointer.push_str(&list.unwrap_or(name).replace('~', "~0").replace('/', "~1"));
        if list.is_some() {
            break;
        }
    }
    pointer
}

/// Walks the details once and takes along what is wanted; everything else is stepped over.
struct Walk<'w> {
    node: &'w Node,
    found: &'w mut Vec<Vec<String>>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            let Some(node) = self.node.below.iter().find(|node| node.name == name) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            match node.field {
                Some(field) => {
                    let value: &RawValue = map.next_value()?;
                    self.found[field].extend(canonical(value.get()));
                    if !node.below.is_empty() {
                        let walk = Walk { node, found: &mut *self.found };
                        let _ = walk.deserialize(&mut serde_json::Deserializer::from_str(value.get()));
                    }
                }
                None => map.next_value_seed(Walk { node, found: &mut *self.found })?,
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Walk { node: self.node, found: &mut *self.found })?.is_some() {}
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}

/// A name may be written with escapes, and then cannot be borrowed.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// The same text for the same value, however it is escaped and spaced; nothing for null.
fn canonical(json: &str) -> Option<String> {
    match json.as_bytes().first() {
        Some(b'n') => None,
        Some(b'"') if !json.contains('\\') => Some(json.to_owned()),
        Some(b'"' | b'{' | b'[') => {
            Some(serde_json::from_str::<Value>(json).map_or_else(|_| json.to_owned(), |value| value.to_string()))
        }
        _ => Some(json.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lead(json: &str) -> Lead {
        Lead::from_raw(RawValue::from_string(json.to_owned()).expect("JSON")).expect("an object")
    }

    fn changes(watch: &Watch, before: &str, now: &str) -> Vec<String> {
        let (before, now) = (watch.look(&lead(before)), watch.look(&lead(now)));
        let changes = watch.changes(&Marks::unpack(&before.marks.pack()), &now.marks);
        assert_eq!(changes.is_empty(), before.digest() == now.digest());
        assert_eq!(changes.is_empty(), before.brief() == now.brief());
        changes
    }

    const LEAD: &str = r#"{"name":"Ana","phone":null,"csat":{"message":"?","rating":""},
        "chats":{"metrics":{"total_messages":2},"messages":[{"id_chat":1,"sid":"a","media_url":"x"},{"id_chat":2,"sid":"b"}]}}"#;

    #[test]
    fn what_is_watched_is_told_by_its_place() {
        let watch = Watch::default();
        for (from, to, told) in [
            ("\"Ana\"", "\"Bia\"", vec!["/name"]),
            ("\"phone\":null", "\"phone\":\"+55\"", vec!["/phone"]),
            ("\"?\"", "\"péssimo\"", vec!["/csat/message"]),
            ("\"id_chat\":2", "\"id_chat\":3", vec!["/chats/messages"]),
            (
                "{\"id_chat\":2,\"sid\":\"b\"}",
                "{\"id_chat\":2,\"sid\":\"b\"},{\"id_chat\":3,\"sid\":\"c\"}",
                vec!["/chats/messages"],
            ),
            ("\"messages\":[", "\"messages\":[{}],\"m\":[", vec!["/chats/messages"]),
            // Two at once, in the order in which they are watched.
            ("\"Ana\",\"phone\":null", "\"Bia\",\"phone\":\"1\"", vec!["/name", "/phone"]),
            // What is not watched.
            ("\"rating\":\"\"", "\"rating\":\"5\"", vec![]),
            ("\"media_url\":\"x\"", "\"media_url\":\"y\"", vec![]),
            ("\"total_messages\":2", "\"total_messages\":3", vec![]),
            // The same, written in another way.
            ("\"phone\":null,", "", vec![]),
            ("\"Ana\"", "\"\\u0041na\"", vec![]),
            ("\"name\"", "\"\\u006eame\"", vec![]),
        ] {
            assert!(LEAD.contains(from), "{from}");
            assert_eq!(changes(&watch, LEAD, &LEAD.replacen(from, to, 1)), told, "{from} {to}");
        }
    }

    #[test]
    fn leads_of_any_shape_can_be_looked_at() {
        let watch = Watch::default();
        for json in [
            "{}",
            r#"{"csat":null,"chats":[]}"#,
            r#"{"csat":"5","chats":{"messages":{"id_chat":1}}}"#,
            r#"{"name":{"first":["Ana"]},"chats":{"messages":[1,null,"x",true,1.5,[{"sid":-1}]]}}"#,
        ] {
            watch.look(&lead(json));
        }
        assert_eq!(changes(&watch, r#"{"name":{"a":1}}"#, r#"{"name":{ "a": 1 }}"#), Vec::<String>::new());
        assert_eq!(changes(&watch, "{}", r#"{"csat":"5"}"#), Vec::<String>::new());
    }

    #[test]
    fn another_list_of_fields_is_no_change_of_the_lead() {
        let paths = |paths: &[&str]| Watch::parse(&paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>());
        let (before, now) =
            (paths(&["name", "status"]).expect("paths"), paths(&["utm_source", "name"]).expect("paths"));
        let marks = before.look(&lead(LEAD)).marks;
        assert!(now.changes(&marks, &now.look(&lead(LEAD)).marks).is_empty());
        assert_eq!(now.changes(&marks, &now.look(&lead(&LEAD.replace("Ana", "Bia"))).marks), ["/name"]);
        assert!(paths(&[]).expect("paths").changes(&marks, &marks).is_empty());
        // A field and one below it, and the same field twice.
        let both = paths(&["csat", "csat.message", "csat"]).expect("paths");
        assert_eq!(changes(&both, LEAD, &LEAD.replace("?", "!")), ["/csat", "/csat/message"]);
        assert_eq!(both.paths().collect::<Vec<_>>(), ["csat", "csat.message"]);
    }

    #[test]
    fn what_is_no_path_is_told() {
        for (path, said) in [
            ("", "is no path"),
            ("csat..message", "is no path"),
            ("/csat/message", "is no path"),
            ("chats.messages[0].sid", "is no path"),
            ("lead.name", "without"),
            ("chats.messages[]", "names a whole list"),
        ] {
            let (i, wrong) = Watch::parse(&["name".to_owned(), path.to_owned()]).expect_err(path);
            assert!(i == 1 && wrong.contains(said), "{path}: {wrong}");
        }
    }
}
