//! What is a person's in a text that somebody else wrote: a CRM's answer repeats the contact that it found.

use serde_json::Value;

use super::cover::{Covers, HIDDEN};
use super::reading::{Reading, cut_begin, fold, whole_end};

/// Shorter words, of a name or said in a conversation, are words of everyone's.
const SHORTEST: usize = 3;

/// So many last digits make a phone number known again, however it is written.
const TELLING_DIGITS: usize = 8;

/// So many first digits do at the end of a text that was cut.
const FIRST_DIGITS: usize = 3;

/// No phone number is written with more characters.
const LONGEST_PHONE: usize = 32;

/// What a phone number begins with in Brazil, and what may be left out there.
const COUNTRY: &str = "55";

/// What is known of a person: whole texts, and the digits of phone numbers.
#[derive(Clone, Default)]
pub struct Person {
    texts: Vec<Text>,
    /// All of their digits, as the lead has them.
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
                self.phones.push(digits);
            }
            self.texts.push(own);
        }
        let name = at("/name").unwrap_or_default();
        self.texts.extend(name.split_whitespace().filter(|word| word.chars().count() >= SHORTEST).map(Text::naming));
    }

    /// The text without what is known of the person, however it is written, and without any email address. `is_cut`: there was
    /// more of it, and what it ends with may be the beginning of something of theirs.
    pub fn hidden_in(&self, text: &str, is_cut: bool) -> String {
        let mut covers = Covers::default();
        for reading in Reading::all(text) {
            // Some write every name in capitals.
            let folded = reading.folded(true);
            for Text { text: own, is_word } in &self.texts {
                let own = fold(own, true);
                for (at, _) in folded.text.match_indices(&own) {
                    let end = at + own.len();
                    if is_theirs(&folded.text, at, end, *is_word) {
                        covers.add(folded.written(at..end), HIDDEN);
                    }
                }
                if is_cut && let Some(at) = cut_begin(&folded.text, &own, true) {
                    covers.add(folded.written(at..folded.text.len()).start..text.len(), HIDDEN);
                }
            }
            let mut end = 0;
            for word in words(&reading.text) {
                let at = end;
                end += word.len();
                if self.is_address(word) {
                    covers.add(reading.written(at..end), HIDDEN);
                }
            }
            if is_cut && let Some(at) = self.cut_address(&reading.text) {
                covers.add(reading.written(at..reading.text.len()).start..text.len(), HIDDEN);
            }
        }
        covers.over(text)
    }

    /// Whether this is an email address, or a phone number of theirs.
    fn is_address(&self, word: &str) -> bool {
        let is_email = word.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
        let digits = digits_of(word);
        is_email || self.phones.iter().any(|phone| digits.ends_with(&phone[phone.len() - TELLING_DIGITS..]))
    }

    /// Where an email address or a phone number of theirs begins in which this text was cut.
    fn cut_address(&self, text: &str) -> Option<usize> {
        let text = &text[..whole_end(text)];
        let last = words(text).pop().filter(|word| word.find('@').is_some_and(|at| at > 0));
        let email = last.map(|word| text.len() - word.len());
        let of_phone = |c: char| c.is_ascii_digit() || c.is_whitespace() || "+-().".contains(c);
        let run = text.char_indices().rev().take(LONGEST_PHONE).take_while(|(_, c)| of_phone(*c)).last();
        let run = &text[run.map_or(text.len(), |(at, _)| at)..];
        let starts = run
            .char_indices()
            .filter(|(at, c)| c.is_ascii_digit() && !run[..*at].ends_with(|c: char| c.is_ascii_digit()));
        let phone = starts.map(|(at, _)| at).find(|at| {
            let digits = digits_of(&run[*at..]);
            digits.len() >= FIRST_DIGITS && self.phones.iter().any(|phone| begins_phone(phone, &digits))
        });
        email.or(phone.map(|at| text.len() - run.len() + at))
    }
}

/// Whether a phone number begins with these digits, with its country's or without.
fn begins_phone(phone: &str, digits: &str) -> bool {
    let is_begin = |whole: &str| whole.len() > digits.len() && whole.starts_with(digits);
    let at_home = phone.strip_prefix(COUNTRY).filter(|rest| rest.len() > TELLING_DIGITS);
    is_begin(phone) || at_home.map_or_else(|| is_begin(&format!("{COUNTRY}{phone}")), is_begin)
}

fn digits_of(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Person(..)")
    }
}

fn in_word(c: Option<char>) -> bool {
    c.is_some_and(char::is_alphanumeric)
}

/// Whether what stands there is no part of a longer word, and, if keys are to stay, no key of an object in JSON.
fn is_theirs(text: &str, at: usize, end: usize, keys_stay: bool) -> bool {
    let (before, behind) = (&text[..at], &text[end..]);
    let is_key = || keys_stay && before.ends_with('"') && is_behind_a_key(behind);
    !in_word(before.chars().next_back()) && !in_word(behind.chars().next()) && !is_key()
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
            assert_eq!(person.hidden_in(text, false), shown);
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
            assert_eq!(person.hidden_in(text, false), shown);
        }
        // On the page every value of the lead counts, and none of them is a key.
        let all = Person::of_all(br#"{"data":{"lead":{"channel":"whatsapp","cpf":12345678909}}}"#);
        assert_eq!(all.hidden_in(r#"{"whatsapp":"whatsapp","12345678909":1}"#, false), r#"{"whatsapp":"***","***":1}"#);
    }

    #[test]
    fn nobody_hides_nothing_but_addresses() {
        for envelope in ["", "{}", r#"{"data":{"subject":"crm"}}"#, r#"{"data":{"lead":{"name":null,"phone":7}}}"#] {
            assert_eq!(Person::of(envelope.as_bytes()).hidden_in("Ana a@b.co 123", false), "Ana *** 123", "{envelope}");
        }
    }

    #[test]
    fn a_name_is_hidden_however_json_writes_it() {
        let person = Person::of(ENVELOPE.as_bytes());
        for said in [r#"{"name":"Zo\u00e9 da Silva"}"#, r#"{"name":"Zo\u00E9"}"#, r#"{"upper":"ZO\u00c9 DA SILVA"}"#] {
            let shown = person.hidden_in(said, false).to_lowercase();
            assert!(!shown.contains("zo"), "{shown}");
        }
        // What is not theirs stays as it was written.
        for said in ["\\u", "\\u00", "\\u0022x", "\\uzzzz", "\\ud800", "a\\u20ac\\u", "a%20&amp;+b"] {
            assert_eq!(person.hidden_in(said, false), said);
        }
    }

    #[test]
    fn what_is_theirs_is_hidden_in_whatever_it_is_packed() {
        let person = Person::of(ENVELOPE.as_bytes());
        for (text, shown) in [
            ("name%3DZo%C3%A9%20da+Silva%26mail%3Dzoe%40example.com", "name%3D***%26mail%3D***"),
            ("n=ZO%E9&x=Silva%0AZo%c3%a9", "n=***&x=***%0A***"),
            ("<b>Zo&eacute; da&#32;Silva</b>&lt;zoe&#64;example.com&gt;", "<b>***</b>&lt;***&gt;"),
            (r#"{"n":"\u005aoé\u0020da Silva","p":"\u002B5511987654321"}"#, r#"{"n":"***","p":"***"}"#),
            (r#"{"m":"Oi, \u0022tudo\u0022 bem?\nZo\u00e9"}"#, r#"{"m":"***\n***"}"#),
            (r#"{"m":"{\"m\":\"Oi, \\\"tudo\\\" bem?\"}"}"#, r#"{"m":"{\"m\":\"***\"}"}"#),
            (r#"{"ok":true,"id":12,"of":"Silvana"}"#, r#"{"ok":true,"id":12,"of":"Silvana"}"#),
        ] {
            assert_eq!(person.hidden_in(text, false), shown);
        }
    }

    #[test]
    fn where_a_text_was_cut_the_beginning_of_what_is_theirs_is_hidden_too() {
        let person = Person::of(
            r#"{"data":{"lead":{"name":"Zoé Maria","email":"zoe.maria@example.com","phone":"+5531900720461",
            "chats":{"messages":[{"body":"Quero \"dois\" carros azuis, por favor"}]}}}}"#
                .as_bytes(),
        );
        for (text, shown) in [
            ("to +553190072046", "to ***"),
            ("to +55 (31) 90072", "to +***"),
            ("to 31 9007-2", "to ***"),
            ("7, 319", "7, ***"),
            (r"\u002b553190072046", "***"),
            ("to zoe.maria@example.co", "to ***"),
            ("to zoe.maria@exam", "to ***"),
            ("to zoe.mar", "to ***"),
            ("to another@exam", "to ***"),
            ("to Mari", "to ***"),
            ("to ZO\u{FFFD}", "to ZO\u{FFFD}"),
            (r#"{"m":"Quero \"dois\" carr"#, r#"{"m":"***"#),
            (r#"{"m":"Quero \u0022dois\u00"#, r#"{"m":"***"#),
            ("m=quero+%22dois%22+carros%2", "m=***"),
            ("<m>Quero &quot;do", "<m>***"),
            ("<m>Quero &quo", "<m>***"),
            (r#"{"ok":true,"id":53"#, r#"{"ok":true,"id":53"#),
            (r#"{"ok":true}"#, r#"{"ok":true}"#),
            ("Gomari", "Gomari"),
        ] {
            assert_eq!(person.hidden_in(text, true), shown);
        }
        for text in ["to +553190072046", "to Mari", "Quero \"dois\" carr"] {
            assert_eq!(person.hidden_in(text, false), text);
        }
    }
}
