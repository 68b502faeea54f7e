use super::*;

fn parsed(text: &str) -> UrlTemplate {
    UrlTemplate::parse(text).unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"))
}

#[test]
fn a_url_is_filled_in() {
    let data = json!({"weclever_lead_id": 7, "lead": {"name": "Ana & Zé/?#", "n": 1.5, "empty": ""}});
    for (text, url) in [
        ("https://x.example/hooks?a=%20b&c", "https://x.example/hooks?a=%20b&c"),
        ("https://x.example", "https://x.example/"),
        ("https://u:p@x.example:8443/{{ weclever_lead_id }}", "https://u:p@x.example:8443/7"),
        ("https://x.example/a/{{ lead.name }}/b", "https://x.example/a/Ana%20%26%20Z%C3%A9%2F%3F%23/b"),
        (
            "https://x.example/?q={{ lead.name }}&n={{ lead.n }}",
            "https://x.example/?q=Ana%20%26%20Z%C3%A9%2F%3F%23&n=1.5",
        ),
        ("https://x.example?q={{ lead.empty }}&m={{ lead.missing }}", "https://x.example/?q=&m="),
        ("https://x.example/lead-{{ lead.missing }}", "https://x.example/lead-"),
        ("https://x.example/{% if lead.n %}new{% else %}old{% endif %}/{# a remark #}x", "https://x.example/new/x"),
        ("https://x.example/{{ lead.missing | default(weclever_lead_id) }}", "https://x.example/7"),
        ("https://x.example/{{ 'a/b' | safe }}", "https://x.example/a/b"),
        ("https://x.example/?n={{ lead.name | truncate(9, end='') }}", "https://x.example/?n=Ana%20%26"),
        ("HTTPS://X.example/{{ id }}", "https://x.example/evt_1"),
    ] {
        let template = parsed(text);
        assert_eq!(template.render(&context(&data)).expect("a URL").as_str(), url, "{text}");
        assert_eq!(template.is_literal(), !text.contains('{'), "{text}");
    }
}

#[test]
fn where_it_goes_is_written_out() {
    for (text, message, at) in [
        ("", "is no http or https address", ""),
        ("ftp://x.example/", "is no http or https address", "ftp://x.example/"),
        ("{{ settings.url }}", "is no http or https address", "{{ settings.url }}"),
        ("https://{{ lead.name }}/x", "the host cannot be a template", "{{ lead.name }}"),
        ("https://x.example{{ id }}", "the host cannot be a template", "{{ id }}"),
        ("https://x.example:{{ id }}/", "the host cannot be a template", "{{ id }}"),
        ("https://{{ '/' }}", "the host cannot be a template", "{{ '"),
        ("https://user:{{ id }}@x.example/", "the host cannot be a template", "{{ id }}@x.example"),
        ("https://x.example/#a", "has a part behind `#`, which is never sent", "#a"),
        ("https://x.example/{{ id }}#a", "has a part behind `#`, which is never sent", "#a"),
        ("https://x.example/a\\b/{{ id }}", "has a character that no address has", "\\"),
        ("https://x.example/\n", "has a character that no address has", "\n"),
        ("https:///{{ id }}", "empty host", "https:///{{ id }}"),
        ("https://x.example/{{ id | nothing }}", "there is no filter `nothing`", "nothing"),
    ] {
        let wrong = UrlTemplate::parse(text).expect_err(text);
        let there = text.get(wrong.at.clone()).expect("a place");
        assert_eq!((wrong.message.as_str(), there), (message, at), "{text}");
    }
}

#[test]
fn no_lead_leads_elsewhere() {
    let render = |text: &str, name: &str| parsed(text).render(&context(&json!({"lead": {"name": name}})));
    let upward = "a part of the path would be `.` or `..`, which leads elsewhere";
    for name in [
        "..",
        ".",
        "%2e%2e",
        "%2E.",
        ".%2e",
        "../admin",
        "a/../../b",
        "..\\x",
        "%252e%252e",
        "..%2fadmin",
        "%2e%2e%5cx",
    ] {
        let error = render("https://x.example/a/{{ lead.name }}/b", name).expect_err(name);
        assert_eq!(error.message, upward, "{name}");
        assert!(error.help.is_some());
        // In the query it means nothing.
        assert!(render("https://x.example/?a={{ lead.name }}", name).is_ok());
    }
    assert_eq!(render("https://x.example/.{{ lead.name }}/b", "").expect_err("a dot").message, upward);
    assert_eq!(render("https://x.example/.{{ lead.name }}/b", ".").expect_err("two").message, upward);
    for text in [
        "https://x.example/{{ lead.name }}",
        "https://x.example/a/{{ lead.name }}/b",
        "https://x.example/{{ lead.name }}{{ lead.missing }}?x=1",
    ] {
        let error = render(text, "").expect_err(text);
        assert_eq!(error.message, "a part of the path would be empty", "{text}");
    }
    let error = render("https://x.example/{{ lead.name | safe }}", "a#b").expect_err("a fragment");
    assert_eq!(error.message, "leads to another place than the file says");
    assert_eq!(format!("{:?}", parsed("https://x.example/s3cret/{{ id }}")), "UrlTemplate(..)");
    // Not even where the file takes all the guards away.
    let evil = [
        "@evil.example/",
        "//evil.example/",
        "/\\evil.example",
        ":99/",
        ".evil.example/",
        "https://evil.example/",
        "\t//evil.example",
        "\n@evil.example",
        "?@evil.example",
        "evil.example:80/",
        "\u{3002}evil.example",
    ];
    for name in evil {
        for text in [
            "https://x.example/{{ lead.name | safe }}",
            "https://x.example?{{ lead.name | safe }}",
            "https://x.example/ {{- lead.name | safe }}",
            "https://x.example/{% if true %}{{ lead.name | safe }}{% endif %}",
            "https://x.example/{% set a = lead.name %}{{ a | safe }}",
            "https://x.example/a/{{ '../' | safe }}{{ lead.name | safe }}",
        ] {
            if let Ok(url) = render(text, name) {
                assert_eq!(
                    (url.scheme(), url.host_str(), url.port()),
                    ("https", Some("x.example"), None),
                    "{text} {name}"
                );
                assert_eq!((url.username(), url.password()), ("", None), "{text} {name}");
            }
        }
    }
}

proptest::proptest! {
    #[test]
    fn a_url_keeps_its_shape(name in hostile()) {
        let context = context(&json!({"lead": {"name": name}}));
        let template = parsed("https://u:p@x.example:8443/a/{{ lead.name }}/b?c={{ lead.name }}&d=1");
        if let Ok(url) = template.render(&context) {
            proptest::prop_assert_eq!((url.scheme(), url.host_str(), url.port()), ("https", Some("x.example"), Some(8443)));
            proptest::prop_assert_eq!((url.username(), url.password(), url.fragment()), ("u", Some("p"), None));
            let segments: Vec<&str> = url.path_segments().expect("a path").collect();
            proptest::prop_assert_eq!(segments.len(), 3);
            let segment = percent_encoding::percent_decode_str(segments[1]).decode_utf8().expect("UTF-8");
            proptest::prop_assert_eq!(segment.as_ref(), name.as_str());
            let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
            proptest::prop_assert_eq!(pairs, [("c".to_owned(), name.clone()), ("d".to_owned(), "1".to_owned())]);
        }
        let literal = "https://x.example/?c=";
        let url = parsed(&format!("{literal}{{{{ lead.name | safe }}}}")).render(&context);
        if let Ok(url) = url {
            proptest::prop_assert_eq!((url.scheme(), url.host_str(), url.path()), ("https", Some("x.example"), "/"));
        }
    }

    #[test]
    fn a_header_stays_one_header(name in hostile(), long in 0usize..2) {
        let name = format!("{name}{}", "é".repeat(long * 5000));
        let template = HeaderTemplate::parse("lead {{ lead.name }}; {% set m = {'body': lead.name, 'direction': 'a'} %}{{ transcript([m, m]) | safe }}").expect("a template");
        let value = template.render(&context(&json!({"lead": {"name": name}}))).expect("a value");
        proptest::prop_assert!(value.as_bytes().len() <= 8192);
        proptest::prop_assert!(value.as_bytes().iter().all(|b| *b >= 32 && *b != 127));
        let text = std::str::from_utf8(value.as_bytes()).expect("UTF-8");
        proptest::prop_assert!(text.starts_with("lead") && text.chars().all(|c| !c.is_control()));
    }
}

#[test]
fn a_header_of_the_files_own_is_never_cut() {
    let value = |text: &str| HeaderTemplate::parse(text).expect("a template").render(&context(&json!({"x": "é"})));
    let token = format!("Bearer {}", "t".repeat(20_000));
    assert_eq!(value(&token).expect("a value"), token.as_str());
    let long = "t".repeat(8191);
    assert_eq!(value(&format!("{{{{ 't' }}}}{}", "t".repeat(9000))).expect("a value").len(), 8192);
    assert_eq!(value(&format!("{long}{{{{ x }}}}")).expect("a value"), long.as_str());
}
