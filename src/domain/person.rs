//! What is a person's in a text that somebody else wrote: a CRM's answer repeats the contact that it found.

use serde_json::Value;

/// What stands in its place.
const HIDDEN: &str = "***";

/// Shorter words, of a name or said in a conversation, are words of everyone's.
const SHORTEST: usize = 3;

/// So many last digits make a phone number known again, however it is written.
const TELLING_DIGITS: usize = 8;

/// What is known of a person: whole texts, and the digits of phone numbers.
#[derive(Clone, Default)]
pub struct Person {
    texts: Vec<Text>,
    phones: Vec<String>,
}

#[derive(Clone, PartialEq, Eq)]
struct Text {
    text: String,
    /// A single word that was said of anything, and names nobody: a key of the same word in somebody's JSON is that one's own.
    is_word: bool,
}

impl Text {
    /// Of whom or where: it is hidden wherever it stands.
    fn naming(text: &str) -> Text {
        Text { text: text.to_owned(), is_word: false }
    }

    /// What was said.
    fn said(text: &str) -> Text {
        Text { text: text.to_owned(), is_word: text.chars().all(|c| c.is_alphanumeric() || c == '_') }
    }
}

impl Person {
    /// The person of this envelope; nobody where it is not one of a lead.
    pub fn of(envelope: &[u8]) -> Person {
        let mut person = Person::default();
        let Ok(envelope) = serde_json::from_slice::<Value>(envelope) else { return person };
        let Some(lead) = envelope.pointer("/data/lead") else { return person };
        person.learn(lead);
        // The longest first: a word of a name stands in the name.
        person.longest_first();
        person
    }

    /// The same, and whatever else is told of the lead: in what somebody looks at on a page, none of it may stand.
    pub fn of_all(envelope: &[u8]) -> Person {
        let mut person = Person::of(envelope);
        let read = serde_json::from_slice::<Value>(envelope).unwrap_or_default();
        if let Some(lead) = read.pointer("/data/lead") {
            person.learn_each(lead);
        }
        person.longest_first();
        person
    }

    /// What names somebody before what was only said, where both are the same.
    fn longest_first(&mut self) {
        self.texts.sort_by(|a, b| (b.text.len(), &a.text, a.is_word).cmp(&(a.text.len(), &b.text, b.is_word)));
        self.texts.dedup_by(|later, earlier| later.text == earlier.text);
    }

    /// Every value that is long enough to be told from a word of everyone's; ids and statuses are no person's.
    fn learn_each(&mut self, value: &Value) {
        const NOBODYS: [&str; 3] = ["status", "messages", "metrics"];
        match value {
            Value::String(text) if text.trim().chars().count() > SHORTEST => self.texts.push(Text::said(text.trim())),
            Value::Number(number) if number.to_string().len() > SHORTEST => {
                self.texts.push(Text::naming(&number.to_string()));
            }
            Value::Array(items) => items.iter().for_each(|item| self.learn_each(item)),
            Value::Object(fields) => {
                let theirs = fields.iter().filter(|(name, _)| !NOBODYS.contains(&name.as_str()));
                theirs.for_each(|(_, value)| self.learn_each(value));
            }
            _ => {}
        }
    }

    fn learn(&mut self, lead: &Value) {
        let at = |at| lead.pointer(at).and_then(Value::as_str);
        let naming = ["/name", "/email", "/phone"].map(at).into_iter().flatten();
        let messages = lead.pointer("/chats/messages").and_then(Value::as_array);
        let bodies = messages.into_iter().flatten().filter_map(|message| message.get("body").and_then(Value::as_str));
        let said = at("/csat/message").into_iter().chain(bodies).map(str::trim);
        let said = said.filter(|text| text.chars().count() >= SHORTEST).map(Text::said);
        let naming = naming.map(str::trim).filter(|text| !text.is_empty()).map(Text::naming);
        for own in naming.chain(said) {
            let digits: String = own.text.chars().filter(char::is_ascii_digit).collect();
            if digits.len() >= TELLING_DIGITS && own.text.chars().all(|c| !c.is_alphabetic()) {
                self.phones.push(digits[digits.len() - TELLING_DIGITS..].to_owned());
            }
            self.texts.push(own);
        }
        let name = at("/name").unwrap_or_default();
        self.texts.extend(name.split_whitespace().filter(|word| word.chars().count() >= SHORTEST).map(Text::naming));
    }

    /// The text without what is known of the person, and without any email address.
    pub fn hidden_in(&self, text: &str) -> String {
        // Python's and PHP's JSON writes `é` like this, and nobody would know the name again.
        let mut text = unescaped(text);
        for Text { text: own, is_word } in &self.texts {
            let quoted = Value::from(own.as_str()).to_string();
            // Some write every name in capitals.
            for form in [own, &quoted[1..quoted.len() - 1], &own.to_uppercase(), &own.to_lowercase()] {
                text = replace_words(&text, form, *is_word);
            }
        }
        words(&text).into_iter().map(|word| self.shown(word)).collect()
    }

    fn shown<'a>(&self, word: &'a str) -> &'a str {
        let is_email = word.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
        let digits: String = word.chars().filter(char::is_ascii_digit).collect();
        let is_phone = self.phones.iter().any(|phone| digits.ends_with(phone.as_str()));
        if is_email || is_phone { HIDDEN } else { word }
    }
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Person(..)")
    }
}

/// The text with each `\uXXXX` that stands for something beyond ASCII as what it stands for.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\\u") {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let mut units = Vec::new();
        let mut behind = rest;
        while let Some(unit) = behind.strip_prefix("\\u").and_then(|hex| u16::from_str_radix(hex.get(..4)?, 16).ok()) {
            // An escaped control character, quote or line end stays escaped: it would mean something else.
            if unit < 0x80 {
                break;
            }
            units.push(unit);
            behind = &behind[6..];
        }
        if units.is_empty() {
            out.push_str(&rest[..2]);
            rest = &rest[2..];
        } else {
            out.push_str(&String::from_utf16_lossy(&units));
            rest = behind;
        }
    }
    out.push_str(rest);
    out
}

/// Replaces a text where it is no part of a longer word, and, if keys are to stay, no key of an object in JSON.
fn replace_words(text: &str, own: &str, keys_stay: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(own) {
        let (before, behind) = (&rest[..at], &rest[at + own.len()..]);
        let in_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let alone = !in_word(before.chars().next_back().or(out.chars().next_back())) && !in_word(behind.chars().next());
        out.push_str(before);
        let stays = !alone || (keys_stay && out.ends_with('"') && is_behind_a_key(behind));
        out.push_str(if stays { own } else { HIDDEN });
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// Whether this follows a key: its quote, escaped where the object is a text in another, and a colon.
fn is_behind_a_key(text: &str) -> bool {
    let behind = text.trim_start_matches('\\').strip_prefix('"');
    behind.is_some_and(|behind| behind.trim_start().starts_with(':'))
}

/// The text in pieces: what an email address or a phone number can be made of, and what lies between.
fn words(text: &str) -> Vec<&str> {
    let of_word = |c: char| c.is_alphanumeric() || "@._%+-".contains(c);
    let mut pieces = Vec::new();
    let mut begin = 0;
    let mut before = None;
    for (at, c) in text.char_indices() {
        if before.is_some_and(|before| before != of_word(c)) {
            pieces.push(&text[begin..at]);
            begin = at;
        }
        before = Some(of_word(c));
    }
    pieces.push(&text[begin..]);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENVELOPE: &str = r#"{"data":{"lead":{"name":"Zoé da Silva","email":"zoe@example.com","phone":"(11) 98765-4321",
        "csat":{"message":"Demorou"},"chats":{"messages":[{"body":"Oi, \"tudo\" bem?"}]}}}}"#;

    #[test]
    fn what_is_known_of_a_person_is_hidden_however_it_is_written() {
        let person = Person::of(ENVELOPE.as_bytes());
        for (text, shown) in [
            (r#"{"id":98700012345,"name":"Zoé da Silva"}"#, r#"{"id":98700012345,"name":"***"}"#),
            (r#"{"first":"Zoé","last":"Silva","of":"Silvana"}"#, r#"{"first":"***","last":"***","of":"Silvana"}"#),
            ("+5511987654321, 11987654321 and 11987654322", "***, *** and 11987654322"),
            ("zoe@example.com or other.one@crm.example", "*** or ***"),
            (r#"{"note":"Oi, \"tudo\" bem?"}"#, r#"{"note":"***"}"#),
            ("Demorou", "***"),
            ("ok", "ok"),
            ("", ""),
        ] {
            assert_eq!(person.hidden_in(text), shown);
        }
        assert_eq!(format!("{person:?}"), "Person(..)");
    }

    #[test]
    fn what_was_said_hides_no_word_of_everyones_and_no_key() {
        let envelope = r#"{"data":{"lead":{"name":"Ana Status","email":"e@x.co","phone":null,"csat":{"message":"5"},
            "chats":{"messages":[{"body":"ok"},{"body":"Oi"},{"body":"success"},{"body":"name"},{"body":"Cancela tudo"}]}}}}"#;
        let person = Person::of(envelope.as_bytes());
        for (text, shown) in [
            (r#"{"ok":true,"id":5,"Success" : 1}"#, r#"{"ok":true,"id":5,"Success" : 1}"#),
            (r#"{"success":"success","name":"name"}"#, r#"{"success":"***","name":"***"}"#),
            (r#""{\"name\":\"Ana\"}""#, r#""{\"name\":\"***\"}""#),
            // What names the person or an address of theirs is hidden as a key as well, and so is a whole sentence.
            (r#"{"ana":1,"STATUS":2,"e@x.co":3,"Cancela tudo":4}"#, r#"{"***":1,"***":2,"***":3,"***":4}"#),
            ("success: ok", "***: ok"),
        ] {
            assert_eq!(person.hidden_in(text), shown);
        }
        // On the page every value of the lead counts, and none of them is a key.
        let all = Person::of_all(br#"{"data":{"lead":{"channel":"whatsapp","cpf":12345678909}}}"#);
        assert_eq!(all.hidden_in(r#"{"whatsapp":"whatsapp","12345678909":1}"#), r#"{"whatsapp":"***","***":1}"#);
    }

    #[test]
    fn nobody_hides_nothing_but_addresses() {
        for envelope in ["", "{}", r#"{"data":{"subject":"crm"}}"#, r#"{"data":{"lead":{"name":null,"phone":7}}}"#] {
            assert_eq!(Person::of(envelope.as_bytes()).hidden_in("Ana a@b.co 123"), "Ana *** 123", "{envelope}");
        }
    }

    #[test]
    fn a_name_is_hidden_however_json_writes_it() {
        let person = Person::of(ENVELOPE.as_bytes());
        for said in [r#"{"name":"Zo\u00e9 da Silva"}"#, r#"{"name":"Zo\u00E9"}"#, r#"{"upper":"ZO\u00c9 DA SILVA"}"#] {
            let shown = person.hidden_in(said).to_lowercase();
            assert!(!shown.contains("zo"), "{shown}");
        }
        for said in ["\\u", "\\u00", "\\u0022x", "\\uzzzz", "\\ud800", "a\\u20ac\\u"] {
            person.hidden_in(said);
        }
        assert_eq!(person.hidden_in(r"\u000a\u20ac"), r"\u000a\u20ac".replace(r"\u20ac", "€"));
    }
}
