//! The language as operators meet it.

mod conditions;
mod functions;
mod known;
mod limits;
mod places;
mod trees;
mod urls;

use serde_json::{Value as Json, json};

use super::*;

/// An event with this under `data`.
fn context(data: &Json) -> Context {
    let envelope = json!({"type": "lead.rated", "timestamp": "2026-11-23T17:20:31.512Z", "data": data});
    Context::of("evt_1", envelope.to_string().as_bytes()).expect("an event")
}

fn rendered(text: &str, place: Place, data: &Json) -> String {
    Text::parse(text, place).expect("a template").render(&context(data)).expect("rendered")
}

fn refused(text: &str, data: &Json) -> RenderError {
    Text::parse(text, Place::Plain).expect("a template").render(&context(data)).expect_err("an error")
}

/// What people have written, and what those who mean ill would.
fn hostile() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let nasty = proptest::sample::select(vec![
        "<!channel>",
        "<!everyone>",
        "<!here>",
        "<@U123>",
        "<#C1|x>",
        "<https://evil.example|bank>",
        "@everyone",
        "@\u{200b}everyone",
        "@Here",
        "<\u{2060}@1>",
        "<\u{200b}users/all>",
        "@\u{300}here",
        "@here",
        "<@123>",
        "<@&9>",
        "@",
        "every",
        "one",
        "<users/all>",
        "<users/",
        "all>",
        "users/all",
        "<at>Bob</at>",
        "[a](https://evil.example)",
        "](",
        "[",
        "]",
        "(",
        ")",
        "*",
        "**",
        "_",
        "__",
        "~",
        "`",
        "```",
        "|",
        "||",
        "#",
        "# ",
        "- ",
        "-",
        "+ ",
        "1. ",
        "> ",
        "\n",
        "\r\n",
        "\r",
        "\0",
        "\u{1}",
        "\u{2}",
        "\u{7f}",
        "\u{85}",
        "\u{200b}",
        "\u{2028}",
        "\u{fffe}",
        "&",
        "&amp;",
        "&lt;",
        "&#60;",
        "<",
        ">",
        "\"",
        "'",
        "\\",
        "\\\\",
        "/",
        "//",
        "/../",
        "..",
        ".",
        "%2e%2e",
        "%2F",
        "%",
        "?",
        "=",
        ";",
        "&x=1",
        "+",
        " ",
        "{{ id }}",
        "{% raw %}",
        "{#",
        "}}",
        "{{DATE(2017-02-14T06:00:00Z)}}",
        "]]>",
        "<![CDATA[",
        "<!--",
        "</a>",
        "\u{1f469}\u{200d}\u{1f4bb}",
        "🇧🇷",
        "e\u{301}",
        "péssimo",
        "😡",
        "x-evil: 1",
        "a b",
        "omit",
    ]);
    proptest::collection::vec(prop_oneof![4 => nasty.prop_map(str::to_owned), 1 => any::<String>()], 0..8)
        .prop_map(|parts| parts.concat())
}
