//! `fields` and `payload`.

use super::lines;
use crate::config::fields::fields;
use crate::domain::fields::Fields;

fn read(text: &str) -> (Option<Option<Fields>>, Vec<String>) {
    lines(text, &[("PATH_OF_IT", "lead.phone")], |mut section| {
        let read = fields(&mut section);
        section.finish(&[]);
        read
    })
}

#[test]
fn what_is_listed_is_what_is_sent() {
    for (text, paths) in [
        ("", None),
        ("payload = 'full'", None),
        ("payload = 'thin'", Some(&["client_lead_id"][..])),
        ("fields = ['lead.name', 'csat.low', 'lead.name']", Some(&["csat.low", "lead.name"])),
        ("fields = ['lead.chats.messages[].body']", Some(&["lead.chats.messages[].body"])),
        ("fields = ['lead.custom_field', '${PATH_OF_IT}']", Some(&["lead.custom_field", "lead.phone"])),
        ("fields = ['type', 'weclever_lead_id']", Some(&["type", "weclever_lead_id"])),
    ] {
        let (fields, said) = read(text);
        assert_eq!(said, [""; 0], "{text}");
        let fields = fields.expect(text);
        assert_eq!(
            fields.map(|fields| fields.paths()),
            paths.map(|paths| paths.iter().map(|p| p.to_string()).collect())
        );
    }
}

#[test]
fn mistakes_say_what_to_write() {
    for (text, told) in [
        ("payload = 'thick'", "1:11: payload: is neither \"full\" nor \"thin\" (write \"full\" for all"),
        ("payload = 1", "1:11: payload: must be text"),
        ("payload = 'thin'\nfields = ['csat']", "2:10: fields: is set, and so is `payload` (keep one of them"),
        ("fields = []", "1:10: fields: must not be empty (write for example [\"lead.name\", \"csat\"], payload"),
        ("fields = 'lead.name'", "1:10: fields: must be a list, and this is text (write a list, for example"),
        ("fields = [1]", "1:11: fields[0]: must be the path to a field in quotes"),
        ("fields = ['csat', 'leed.name']", "1:19: fields[1]: no event has a field of this name (did you mean `lead`?)"),
        ("fields = ['email']", "1:11: fields[0]: no event has a field of this name (did you mean `lead.email`?)"),
        ("fields = ['colour']", "1:11: fields[0]: no event has a field of this name (there is `lead`, `csat`"),
        (
            "fields = ['data.lead']",
            "1:11: fields[0]: `data.lead` begins with `data`, as every field does (leave out `data.`)",
        ),
        ("fields = ['lead..name']", "1:11: fields[0]: `lead..name` lacks a name (write for example lead.name)"),
        (
            "fields = ['lead.chats.messages.body']",
            "1:11: fields[0]: `lead.chats.messages` is a list (write `lead.chats.messages[].body`)",
        ),
    ] {
        let (fields, said) = read(text);
        assert!(said.len() == 1 && said[0].contains(told), "\n{text}\n  said {said:#?}\n  not  {told}");
        assert!(fields.is_none() || text.contains("thin"), "{text}");
    }
    let (fields, said) = read("fields = ['lead.emial']");
    assert!(fields.flatten().is_some());
    assert!(said[0].contains("no such field of a lead (did you mean `lead.email`?)"), "{said:?}");
}
