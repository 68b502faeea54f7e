use proptest::prelude::*;

use super::*;

fn list(rows: &str) -> Listing {
    listing(format!("{{\"leads\":[{rows}]}}").as_bytes()).expect("a list")
}

fn id_of(written: &str) -> Option<u64> {
    let found = list(&format!("{{\"weclever_lead_id\":{written}}}"));
    assert_eq!(found.rows.len() + found.malformed, 1, "{written}");
    found.rows.first().map(|row| row.id.0)
}

#[test]
fn ids_may_be_large_text_or_written_with_a_point() {
    assert_eq!(id_of("0"), Some(0));
    assert_eq!(id_of("18446744073709551615"), Some(u64::MAX));
    assert_eq!(id_of("\"18446744073709551615\""), Some(u64::MAX));
    assert_eq!(id_of("\"00123\""), Some(123));
    assert_eq!(id_of("\"\\u0031\""), Some(1));
    assert_eq!(id_of("9007199254740993.0"), Some(9_007_199_254_740_993));
}

#[test]
fn other_ids_are_malformed() {
    for written in [
        "-1",
        "-0",
        "1.5",
        "1e3",
        "18446744073709551616",
        "null",
        "true",
        "{}",
        "[]",
        "\"\"",
        "\"12a\"",
        "\"-1\"",
        "\"+1\"",
        "\" 1\"",
        "\"18446744073709551616\"",
        "\"\\ud800\"",
    ] {
        assert_eq!(id_of(written), None, "{written}");
    }
}

#[test]
fn a_status_is_text_or_what_was_written() {
    let status = |written: &str| {
        let found = list(&format!("{{\"weclever_lead_id\":1,\"mapped_status\":{written}}}"));
        found.rows.into_iter().next().map(|row| row.mapped_status)
    };
    assert_eq!(status("\"qualificado \\u2605\""), Some(Some("qualificado ★".into())));
    assert_eq!(status("\"\""), Some(Some(String::new())));
    assert_eq!(status("5.00"), Some(Some("5.00".into())));
    assert_eq!(status("true"), Some(Some("true".into())));
    assert_eq!(status("null"), Some(None));
    assert_eq!(status("{}"), None);
    assert_eq!(status("[1]"), None);
    assert_eq!(list("{\"weclever_lead_id\":1}").rows[0].mapped_status, None);
}

#[test]
fn the_clients_id_passes_as_it_came() {
    let client = |written: &str| {
        let found = list(&format!("{{\"weclever_lead_id\":1,\"client_lead_id\":{written}}}"));
        found.rows[0].client_lead_id.as_ref().map(|raw| raw.get().to_owned())
    };
    for written in ["\"crm-9\"", "123456789012345678901234567890", "1.50", "\"\\u00e9\"", "{ \"a\" : [1] }", "false"] {
        assert_eq!(client(written).as_deref(), Some(written));
    }
    assert_eq!(client("null"), None);
    assert!(list("{\"weclever_lead_id\":1}").rows[0].client_lead_id.is_none());
}

#[test]
fn one_bad_row_costs_itself_alone() {
    let found = list(
        r#"{"weclever_lead_id":1}, "Maria", {"weclever_lead_id":"Maria"}, {"name":"Maria"}, null, {"weclever_lead_id":2,"extra":{"deep":[1]}}"#,
    );
    assert_eq!(found.rows.iter().map(|row| row.id.0).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(
        found.bad.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "row 1: it is text, not an object".to_owned(),
            format!("row 2: `weclever_lead_id` is text that is no number, not a whole number from 0 to {}", u64::MAX),
            "row 3: there is no `weclever_lead_id`".into(),
            "row 4: it is null, not an object".into(),
        ]
    );
}

#[test]
fn a_list_of_nothing_but_bad_rows_does_not_grow_without_bound() {
    let found = list(&vec!["0"; 1_000].join(","));
    assert!(found.rows.is_empty());
    assert_eq!((found.malformed, found.bad.len()), (1_000, DESCRIBED));
}

#[test]
fn a_bad_row_is_known_again_wherever_it_stands_and_rows_of_the_same_text_are_told_apart() {
    let prints = |rows: &str| list(rows).bad.into_iter().map(|row| row.print).collect::<Vec<_>>();
    let [a, b, c] = prints(r#"null, {"weclever_lead_id":1}, null, {"name":"Maria"}"#)[..] else { panic!("three") };
    assert!(a != b && b != c && a != c);
    assert_eq!(prints(r#"{"name":"Maria"}, {"weclever_lead_id":1}, null, null"#), [c, a, b]);
    assert_ne!(prints(r#"{"name":"Mario"}"#), [c]);
}

#[test]
fn keys_may_repeat_and_be_escaped_and_rows_may_repeat() {
    let found = list(r#"{"weclever_lead_id":1,"weclever\u005flead_id":7,"x":1,"x":2},{"weclever_lead_id":7}"#);
    assert_eq!(found.rows.iter().map(|row| row.id.0).collect::<Vec<_>>(), [7, 7]);
}

#[test]
fn what_is_no_list_says_why() {
    let why = |body: &[u8]| listing(body).expect_err("no list");
    assert_eq!(why(b""), "it is empty");
    assert_eq!(why(b" \r\n"), "it is empty");
    assert_eq!(why(b"<html>Maria</html>"), "it is a page of HTML or XML, not JSON");
    assert_eq!(why(br#"{"leads":[{"weclever_lead_id":1}"#), "its JSON breaks off after 32 bytes");
    assert_eq!(why(br#"{"leads":[]} Maria"#), "it is not JSON from line 1, column 14 on");
    assert_eq!(why(b"{\"leads\":[\"\xff\"]}"), "it is not UTF-8 from byte 11 on");
    for body in [r#"{"leads":null}"#, r#"{"leads":"Maria"}"#, r#"{"Maria":1}"#, "[]", "null", "\"Maria\"", "7"] {
        let said = why(body.as_bytes());
        assert!(said.starts_with("it is JSON, but not an object with a list `leads`"), "{body}: {said}");
        assert!(!said.contains("Maria"), "{said}");
    }
    // Which of the two is the list? Taking either could hide leads.
    assert!(listing(br#"{"leads":[],"leads":[{"weclever_lead_id":1}]}"#).is_err());
}

#[test]
fn an_empty_list_is_a_list() {
    let found = listing(b"\xef\xbb\xbf {\"leads\": [], \"total\": 0} ").expect("a list");
    assert!(found.rows.is_empty() && found.malformed == 0);
}

#[test]
fn a_lead_stays_byte_for_byte() {
    let json = "{ \"name\" : \"Jos\\u00e9\", \"n\": 1.50e+400, \"n\": 123456789012345678901234567890,\n \"z\":1, \"a\":\"\\ud800\" }";
    let body = format!("{{\"ok\":true,\"lead\":{json},\"more\":[]}}");
    assert_eq!(lead(body.as_bytes()).expect("a lead").json(), json);
}

#[test]
fn what_is_no_lead_says_why() {
    let why = |body: &str| lead(body.as_bytes()).expect_err("no lead");
    assert_eq!(why("{}"), "there is no `lead` in the object");
    assert_eq!(why(r#"{"lead":null}"#), "`lead` is null, not an object");
    assert_eq!(why(r#"{"lead":[{"name":"Maria"}]}"#), "`lead` is a list, not an object");
    assert_eq!(why(r#"{"lead":{"name":"Mar"#), "its JSON breaks off after 20 bytes");
    assert_eq!(why("[\"Maria\"]"), "it is JSON, but not an object with `lead` (line 1, column 0)");
}

#[test]
fn deep_nesting_neither_overflows_nor_fails() {
    let deep = format!("{{\"lead\":{{\"x\":{}{}}}}}", "[".repeat(200_000), "]".repeat(200_000));
    assert!(lead(deep.as_bytes()).is_ok());
    let rows =
        format!("{{\"leads\":[{{\"weclever_lead_id\":1,\"x\":{}{}}}]}}", "[".repeat(200_000), "]".repeat(200_000));
    assert_eq!(listing(rows.as_bytes()).expect("a list").rows.len(), 1);
}

#[test]
fn a_token_is_text_with_something_in_it() {
    assert_eq!(token(br#"{"token":"a.b+c/d="}"#).expect("a token").expose(), "a.b+c/d=");
    for body in ["{}", r#"{"token":null}"#, r#"{"token":" "}"#, r#"{"token":17}"#, r#""s3cret""#, ""] {
        assert!(!token(body.as_bytes()).expect_err("no token").contains("s3cret"), "{body}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = (listing(&body), lead(&body), token(&body));
    }

    #[test]
    fn near_json_never_panics(body in r#"[{}\[\]",:0-9a-z\\ .-]{0,120}"#) {
        for body in [body.clone(), format!("{{\"leads\":[{body}]}}"), format!("{{\"lead\":{body}}}")] {
            let _ = (listing(body.as_bytes()), lead(body.as_bytes()), token(body.as_bytes()));
        }
    }

    #[test]
    fn what_is_read_is_what_was_sent(ids in proptest::collection::vec(any::<u64>(), 0..50), at in 0_usize..50) {
        let mut rows: Vec<String> = ids.iter().map(|id| format!("{{\"weclever_lead_id\":{id}}}")).collect();
        let at = at.min(rows.len());
        rows.insert(at, "{\"weclever_lead_id\":-1}".into());
        let found = list(&rows.join(","));
        prop_assert_eq!(found.rows.iter().map(|row| row.id.0).collect::<Vec<_>>(), ids);
        prop_assert_eq!((found.malformed, found.bad.len()), (1, 1));
        prop_assert_eq!(found.bad[0].at, at);
    }
}
