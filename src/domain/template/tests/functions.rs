use super::*;

fn plain(expression: &str, data: &Json) -> String {
    rendered(&format!("{{{{ {expression} }}}}"), Place::Plain, data)
}

#[test]
fn telephone_numbers_in_every_spelling() {
    for (written, expected) in [
        ("+5511999990000", "+5511999990000"),
        ("5511999990000", "+5511999990000"),
        ("11999990000", "+5511999990000"),
        ("(11) 99999-0000", "+5511999990000"),
        ("+55 (11) 9 9999-0000", "+5511999990000"),
        ("011 99999.0000", "+5511999990000"),
        ("0 15 11 99999-0000", "+5511999990000"),
        ("0055 11 99999-0000", "+5511999990000"),
        ("whatsapp:+5511999990000", "+5511999990000"),
        ("55 11 3333-4444", "+551133334444"),
        ("(11) 3333-4444", "+551133334444"),
        // Santa Maria has the area code 55.
        ("55 99999-0000", "+5555999990000"),
        ("(55) 3333-4444", "+555533334444"),
        ("+55 55 99999-0000", "+5555999990000"),
        ("5555999990000", "+5555999990000"),
        ("+1 (212) 555-0100", "+12125550100"),
        ("+351 912 345 678", "+351912345678"),
        ("00351912345678", "+351912345678"),
        ("", "none"),
        ("12345", "none"),
        ("99999-0000", "none"),
        ("(11) 1234-5678", "none"),
        ("(10) 99999-0000", "none"),
        ("+5511", "none"),
        ("+0123456789", "none"),
        ("+123456789012345678", "none"),
        ("não tem", "none"),
        ("11 99999-0000 ramal 3", "none"),
        ("1+1", "none"),
    ] {
        let data = json!({"phone": written});
        assert_eq!(plain("phone | phone_e164 | default('none')", &data), expected, "{written}");
    }
    assert_eq!(plain("phone | phone_e164", &json!({"phone": 5511999990000u64})), "+5511999990000");
    assert_eq!(plain("phone | phone_e164 | default('none')", &json!({"phone": null})), "none");
    assert!(refused("{{ phone | phone_e164(country='US') }}", &json!({"phone": "1"})).message.contains("country"));
}

proptest::proptest! {
    #[test]
    fn a_telephone_number_is_one_or_is_none(text in "[0-9+() .a-z-]{0,20}") {
        let e164 = plain("phone | phone_e164", &json!({"phone": text}));
        let digits = e164.strip_prefix('+').unwrap_or("");
        proptest::prop_assert!(e164.is_empty() || (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()), "{}", e164);
        // What is one stays one.
        proptest::prop_assert_eq!(plain("phone | phone_e164", &json!({"phone": e164})), e164);
    }
}

#[test]
fn addresses_of_mail() {
    for (written, expected) in [
        ("maria@example.com", "maria@example.com"),
        (" Maria.Souza+boleto@Example.COM\n", "maria.souza+boleto@example.com"),
        ("mailto:maria@example.com", "maria@example.com"),
        ("maria@example.com;", "maria@example.com"),
        ("joão@açaí.com.br", "joão@açaí.com.br"),
        ("o'neil@example.ie", "o'neil@example.ie"),
        ("", "none"),
        ("   ", "none"),
        ("maria", "none"),
        ("maria@", "none"),
        ("@example.com", "none"),
        ("maria@example", "none"),
        ("maria@example.", "none"),
        ("maria@.com", "none"),
        ("maria@-example.com", "none"),
        ("maria@example..com", "none"),
        ("maria@10.0.0.1", "none"),
        ("maria@example.c", "none"),
        ("maria souza@example.com", "none"),
        ("maria@example.com, jose@example.com", "none"),
        ("maria@@example.com", "none"),
        (".maria@example.com", "none"),
        ("ma..ria@example.com", "none"),
        ("Maria <maria@example.com>", "none"),
        ("não tem", "none"),
    ] {
        assert_eq!(plain("email | email | default('none')", &json!({"email": written})), expected, "{written}");
    }
    for odd in [json!(null), json!(7), json!(true), json!([]), json!({})] {
        assert_eq!(plain("email | email | default('none')", &json!({"email": odd})), "none", "{odd}");
    }
    let long = format!("{}@example.com", "a".repeat(65));
    assert_eq!(plain("email | email | default('none')", &json!({"email": long})), "none");
}

proptest::proptest! {
    #[test]
    fn an_address_stays_one(text in "[a-zA-Z@. <,-]{0,14}|\\PC{0,12}") {
        let address = plain("email | email", &json!({"email": text}));
        proptest::prop_assert_eq!(plain("email | email", &json!({"email": address})), address);
    }
}

#[test]
fn times_as_people_write_them() {
    let data = json!({"z": "2026-11-23T17:20:31.512Z", "offset": "2026-11-23T17:20:31-03:00", "civil": "2026-11-23 17:20:31", "t": "2026-11-23T17:20:31",
        "day": "2026-11-23", "mail": "Mon, 23 Nov 2026 17:20:31 +0000", "seconds": 1_795_454_431, "milliseconds": 1_795_454_431_512i64, "odd": "ontem", "empty": "", "list": []});
    for (expression, expected) in [
        ("z | date", "23/11/2026 14:20"),
        ("offset | date", "23/11/2026 17:20"),
        ("civil | date", "23/11/2026 17:20"),
        ("t | date", "23/11/2026 17:20"),
        ("day | date", "23/11/2026 00:00"),
        ("mail | date", "23/11/2026 14:20"),
        ("z | date('%Y-%m-%d')", "2026-11-23"),
        ("z | date(format='%H:%M', zone='UTC')", "17:20"),
        ("z | date('%H:%M %z', 'Asia/Tokyo')", "02:20 +0900"),
        ("civil | date('%H:%M', 'UTC')", "17:20"),
        ("seconds | date('%F %T', 'UTC')", "2026-11-23 17:20:31"),
        ("milliseconds | date('%F %T', 'UTC')", "2026-11-23 17:20:31"),
        ("odd | date | default('?')", "?"),
        ("empty | date | default('?')", "?"),
        ("list | date | default('?')", "?"),
        ("missing | date | default('?')", "?"),
    ] {
        assert_eq!(plain(expression, &data), expected, "{expression}");
    }
    assert!(refused("{{ z | date(zone='Mars/Olympus') }}", &data).message.contains("zone is no time zone"));
    assert!(refused("{{ z | date('%!') }}", &data).message.contains("format is no date's format"));
}

#[test]
fn names_numbers_and_cuts() {
    let data = json!({"name": "  Ana Maria da Silva ", "n": "4,5", "whole": "12", "f": 3.0, "bool": true, "long": "áéíóú".repeat(3), "emoji": "👩‍💻👩‍💻🇧🇷🇧🇷e\u{301}e\u{301}", "five": 5, "list": [2, 10, 1]});
    for (expression, expected) in [
        ("name | first_name", "Ana"),
        ("missing | first_name | default('você')", "você"),
        ("five | first_name | default('você')", "você"),
        ("n | float", "4.5"),
        ("n | float + 1", "5.5"),
        ("n | int", "4"),
        ("whole | int + 1", "13"),
        ("whole | int * 2.5", "30"),
        ("f | int", "3"),
        ("f", "3"),
        ("f | string", "3"),
        ("bool", "true"),
        ("bool | int", "1"),
        ("missing | int", ""),
        ("missing | int(0)", "0"),
        ("name | int(7)", "7"),
        ("missing | float | default('x')", "x"),
        ("9007199254740993 | int", "9007199254740993"),
        ("long | truncate(5)", "áéíó…"),
        ("long | truncate(15)", "áéíóúáéíóúáéíóú"),
        ("long | truncate(5, end='')", "áéíóú"),
        ("long | truncate(5, unit='bytes', end='')", "áé"),
        ("long | truncate(length=0)", ""),
        ("long | truncate(1)", "…"),
        ("long | truncate(2, end='...')", ".."),
        ("emoji | truncate(5, end='')", "👩‍💻"),
        ("emoji | truncate(7, end='')", "👩‍💻👩‍💻"[..11].trim_end()),
        ("emoji | truncate(9, end='')", "👩‍💻👩‍💻🇧🇷"[..22].trim_end()),
        ("emoji | truncate(11, end='')", "👩‍💻👩‍💻🇧🇷🇧🇷e\u{301}"[..38].trim_end()),
        ("missing | truncate(3)", ""),
        ("name | trim | truncate(5)", "Ana…"),
        ("five | truncate(3)", "5"),
        ("list | sort | join(',')", "1,2,10"),
        ("list | max", "10"),
        ("name | upper | trim | replace('ANA', 'Eva') | split(' ') | first", "Eva"),
        ("4.26 | round(1)", "4.3"),
        ("1 if missing else 2", "2"),
        ("list", "[2,10,1]"),
        ("missing.a.b", ""),
        ("none", ""),
        ("[none, missing, 1]", "[null,null,1]"),
        ("name | tojson", "\"  Ana Maria da Silva \""),
    ] {
        let shown = plain(expression, &data);
        if expression.starts_with("emoji") {
            use unicode_segmentation::UnicodeSegmentation;
            let whole: Vec<&str> = data["emoji"].as_str().expect("text").graphemes(true).collect();
            let kept: Vec<&str> = shown.graphemes(true).collect();
            assert_eq!(kept, whole[..kept.len()], "{expression}");
            continue;
        }
        assert_eq!(shown, expected, "{expression}");
    }
    for text in [
        "{{ name | int }}",
        "{{ list | int }}",
        "{{ '1e999' | float }}",
        "{{ '99999999999999999999' | int }}",
        "{{ name | truncate(3, unit='words') }}",
        "{{ missing + 1 }}",
        "{{ list | map('upper') | max > 1 }}",
    ] {
        assert!(Text::parse(text, Place::Plain).expect("a template").render(&context(&data)).is_err(), "{text}");
    }
}

fn talk() -> Json {
    json!({"messages": [
        {"body": "Bom dia", "direction": "inbound", "date_created": "2026-11-23T17:20:31Z"},
        {"body": "Olá!\nComo posso\r\n\r\najudar?", "direction": "outbound-api", "date_created": "2026-11-23T17:21:31Z"},
        {"body": null, "content_type": "image/jpeg", "direction": "inbound", "date_created": "2026-11-23T17:22:31Z"},
        {"body": "  ", "direction": "inbound"},
        {"body": "Transferido", "direction": "system", "date_created": "odd"},
        {"body": "Tchau"},
        "not even an object"
    ]})
}

#[test]
fn a_transcript_is_one_line_a_message() {
    let talk = talk();
    assert_eq!(
        plain("transcript(messages)", &talk),
        "Cliente: Bom dia\nAtendente: Olá! Como posso ajudar?\nCliente: [image/jpeg]\nsystem: Transferido\nTchau"
    );
    assert_eq!(plain("messages | transcript(inbound='Customer', outbound='Agent', max=17)", &talk), "(… 5 mensagens)");
    assert_eq!(
        plain("transcript(messages, zone='America/Sao_Paulo')", &talk).lines().next(),
        Some("23/11 14:20 Cliente: Bom dia")
    );
    for expression in
        ["transcript(missing)", "transcript()", "transcript(none)", "transcript([])", "missing | transcript"]
    {
        assert_eq!(plain(expression, &talk), "", "{expression}");
    }
    for expression in ["transcript('text')", "transcript(1)", "transcript(true)", "{'body': 'x'} | transcript"] {
        assert_eq!(plain(expression, &talk), "", "{expression}");
    }
    assert!(refused("{{ transcript(messages, keep='all') }}", &talk).message.contains("keep is neither"));
}

#[test]
fn a_transcript_is_cut_at_a_whole_message_and_says_so() {
    let messages: Vec<Json> =
        (1..=12).map(|i| json!({"body": format!("mensagem {i}"), "direction": "inbound"})).collect();
    let data = json!({"messages": messages});
    assert_eq!(
        plain("transcript(messages, max=60)", &data),
        "(… 10 mensagens)\nCliente: mensagem 11\nCliente: mensagem 12"
    );
    assert_eq!(
        plain("transcript(messages, max=60, keep='first')", &data),
        "Cliente: mensagem 1\nCliente: mensagem 2\n(… 10 mensagens)"
    );
    assert_eq!(
        plain("transcript(messages, max=58, left_out='earlier')", &data),
        "(… 10 earlier)\nCliente: mensagem 11\nCliente: mensagem 12"
    );
    assert_eq!(plain("transcript(messages, max=30)", &data), "(… 11 mensagens)\nCliente: men…");
    assert_eq!(plain("transcript(messages, max=10)", &data), "(… 12 mens");
    assert_eq!(plain("transcript(messages, max=0)", &data), "");
    // What the event has lost before is counted, too, and said even where all that is left fits.
    let cut = json!({"messages": messages, "cut": {"messages": 30}});
    assert_eq!(
        plain("transcript(messages, max=61)", &cut),
        "(… 40 mensagens)\nCliente: mensagem 11\nCliente: mensagem 12"
    );
    assert!(plain("transcript(messages)", &cut).starts_with("(… 30 mensagens)\nCliente: mensagem 1\n"));
    // The budget is of what stands there in the end.
    let slack =
        rendered("{{ transcript([{'body': '<<<<<<<<<<'}, {'body': '>>>>>'}], max=40) }}", Place::Slack, &json!({}));
    assert_eq!(slack, "(… 1 mensagens)\n&gt;&gt;&gt;&gt;&gt;");
    let bytes = plain("transcript([{'body': 'áááááááááá'}], max=11, unit='bytes')", &json!({}));
    assert_eq!(bytes, "áááá…");
}

#[test]
fn no_number_is_too_far_from_any_date() {
    for number in [i64::MIN, i64::MIN + 1, i64::MAX] {
        let data = json!({"lead": {"at": number}});
        assert_eq!(plain("lead.at | date | default('none')", &data), "none", "{number}");
    }
    assert_eq!(plain("lead.at | date('%Y')", &json!({"lead": {"at": -1}})), "1969");
}

#[test]
fn html_says_what_was_said() {
    let data = json!({"said": "<b>5 & \"6\"</b>\r\n\u{1}ok\n", "n": 4.0});
    assert_eq!(plain("said | html", &data), "&lt;b&gt;5 &amp; &quot;6&quot;&lt;/b&gt;<br>ok");
    assert_eq!(plain("missing | html", &data), "");
    assert_eq!(plain("n | html", &data), "4");
    // A place that escapes by itself is not told that this is safe.
    assert_eq!(rendered("{{ said | html }}", Place::Slack, &json!({"said": "<!here>"})), "&amp;lt;!here&amp;gt;");
}
