//! `auth`.

use super::lines;
use crate::config::auth::auth;
use crate::domain::auth::Auth;

fn read(table: &str) -> (Option<Auth>, Vec<String>) {
    lines(&format!("auth = {{ {table} }}"), &[("KEY", "k1\n")], |mut section| {
        auth(section.take("auth").expect("the key"))
    })
}

#[test]
fn each_type_is_read() {
    for (table, header) in [
        ("type = 'bearer', token = '${KEY}'", "authorization: Bearer k1"),
        ("type = 'basic', username = 'a', password = 'b'", "authorization: Basic YTpi"),
        ("type = 'basic', username = 'a', password = ''", "authorization: Basic YTo="),
        ("type = 'header', name = 'X-Api-Key', value = 'k'", "x-api-key: k"),
        ("type = 'header', name = 'Authorization', value = 'k', scheme = 'Token'", "authorization: Token k"),
        ("type = 'header', name = 'a', value = 'k', scheme = ''", "a: k"),
    ] {
        let (auth, said) = read(table);
        assert_eq!(said, [""; 0], "{table}");
        let (name, value) = auth.expect(table).header().expect("a header");
        assert_eq!(format!("{name}: {}", value.expose()), header);
    }
    let (auth, said) = read("type = 'query', name = 'api_token', value = 'a b'");
    let auth = auth.expect("a parameter");
    assert_eq!(auth.query().map(|(name, value)| (name, value.expose())), Some(("api_token", "a b")));
    assert_eq!(said, [""; 0]);
}

#[test]
fn mistakes_say_what_to_write_and_no_secret() {
    for (table, told) in [
        ("token = 'hunter2'", "auth.type: is missing (write type = \"bearer\""),
        (
            "type = 'baerer', token = 'hunter2'",
            "auth.type: is no type of authentication (did you mean \"bearer\"? there is",
        ),
        (
            "type = 'x', token = 'hunter2'",
            "auth.type: is no type of authentication (there is \"bearer\", \"basic\", \"header\", \"query\")",
        ),
        (
            "type = 'oauth2', secret = 'hunter2'",
            "auth.type: this version does not have this type yet (there is \"bearer\"",
        ),
        ("type = 'bearer'", "auth.token: is missing (write token = \"${CRM_TOKEN}\""),
        ("type = 'bearer', token = ' '", "auth.token: must not be empty"),
        ("type = 'bearer', token = \"hunter2\\nx: y\"", "auth.token: cannot stand in a header"),
        (
            "type = 'bearer', token = 'a', tokn = 'hunter2'",
            "auth.tokn: `auth` has no key of this name (did you mean `token`?)",
        ),
        ("type = 'basic', username = 'hunter2:x', password = 'y'", "auth.username: must not hold a colon"),
        ("type = 'basic', username = 'a'", "auth.password: is missing"),
        ("type = 'header', value = 'hunter2'", "auth.name: is missing"),
        ("type = 'header', name = 'a b', value = 'hunter2'", "auth.name: is not a header's name"),
        (
            "type = 'header', name = 'webhook-id', value = 'hunter2'",
            "auth.name: leadhook sets the header webhook-id itself",
        ),
        ("type = 'header', name = 'a', value = 'x', scheme = \"a\\nb\"", "auth.scheme: cannot stand in a header"),
        ("type = 'query', name = '', value = 'hunter2'", "auth.name: must not be empty"),
    ] {
        let (auth, said) = read(table);
        assert!(said.len() == 1 && said[0].contains(told), "\n{table}\n  said {said:#?}\n  not  {told}");
        assert!(auth.is_none() || table.contains("tokn"), "{table}");
        assert!(!said[0].contains("hunter2"), "{said:?}");
    }
    let said = lines("auth = 'hunter2'", &[], |mut section| auth(section.take("auth").expect("the key")).is_none()).1;
    assert!(said[0].contains("must be a table, and this is text"), "{said:?}");
}
