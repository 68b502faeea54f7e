use super::*;

fn lead() -> Json {
    json!({
        "weclever_lead_id": 7, "client_lead_id": null, "mapped_status": "sold", "csat": {"score": 2, "low": true, "text": "2"},
        "lead": {"name": "Ana Péssimo 🙂", "regional": "Sudeste", "state": "", "two": 2, "text": "2", "half": 2.5, "no": false,
            "huge": 18446744073709551615u64, "negative": -3, "list": [1, "b", null], "numbers": [3, 1, 2], "object": {"x": 1, "y": null},
            "chats": {"messages": [{"body": "oi", "direction": "inbound"}, {"body": null, "direction": "outbound"}]}}})
}

fn judged(text: &str) -> Judged {
    Condition::parse(text).unwrap_or_else(|wrong| panic!("{text}: {wrong:?}")).judge(&context(&lead()))
}

#[test]
fn what_can_be_told_is_told() {
    for (text, holds) in [
        ("csat.low", true),
        ("csat.low and lead.regional == 'Sudeste'", true),
        ("not csat.low", false),
        ("csat.score <= 2", true),
        ("csat.score < 2 or csat.score > 4", false),
        ("1 < csat.score < 3", true),
        ("1 < csat.score < 2 < lead.text", false),
        ("3 > lead.two >= 2 != 3", true),
        ("lead.two < lead.half", true),
        ("lead.huge > 3", true),
        ("lead.negative < -2.5", true),
        ("lead.name > 'Amanda'", true),
        ("csat.low > lead.no", true),
        ("lead.two == '2'", false),
        ("lead.text != 2", true),
        ("lead.text | int >= 2", true),
        ("lead.text | float < 2.5", true),
        ("lead.text | int is lt(3)", true),
        ("lead.name | lower == 'ana péssimo 🙂'", true),
        ("lead.name | length == 13", true),
        ("lead.name is startingwith('Ana')", true),
        ("'Péssimo' in lead.name", true),
        ("lead.regional in ['Sul', 'Sudeste']", true),
        ("lead.regional not in ['Sul', 'Sudeste']", false),
        ("mapped_status is defined", true),
        ("client_lead_id is defined", false),
        ("lead.nowhere is defined", false),
        ("lead.nowhere", false),
        ("not lead.nowhere", true),
        ("not client_lead_id", true),
        ("lead.state", false),
        ("lead.nowhere | default('x') == 'x'", true),
        ("lead.nowhere | default(3) < 4", true),
        ("'yes' if csat.low else lead.nowhere > 1", true),
        ("csat.low or lead.nowhere > 1", true),
        ("lead.no and lead.nowhere > 1", false),
        ("lead.list[2] == none", true),
        ("lead.list | first < 2", true),
        ("lead.numbers | max > 2", true),
        ("(lead.numbers | sort)[0] == 1", true),
        ("lead.numbers | select('gt', 1) | list | length == 2", true),
        ("lead.chats.messages | length >= 2", true),
        ("lead.chats.messages | selectattr('direction', 'eq', 'inbound') | list | length == 1", true),
        ("lead.chats.messages | selectattr('body', 'defined') | list | length == 1", true),
        ("lead['two'] == 2", true),
        ("type == 'lead.rated' and id == 'evt_1'", true),
        ("timestamp > '2026-01-01'", true),
        ("settings.nothing is defined", false),
        ("lead.two + 1 == 3 and lead.two ~ lead.text == '22'", true),
        ("lead.two is divisibleby(2)", true),
        ("true", true),
    ] {
        let expected = if holds { Judged::Yes } else { Judged::No };
        assert_eq!(judged(text), expected, "{text}");
    }
}

#[test]
fn what_cannot_be_told_says_why() {
    for (text, why) in [
        ("lead.text >= 4", "`lead.text >= 4`: text cannot be compared with a number (`lead.text` is text)"),
        ("lead.text <= 2", "`lead.text <= 2`: text cannot be compared with a number (`lead.text` is text)"),
        (
            "csat.low and (lead.text >= 4)",
            "`lead.text >= 4`: text cannot be compared with a number (`lead.text` is text)",
        ),
        ("lead.nowhere <= 2", "`lead.nowhere <= 2`: `lead.nowhere` is missing"),
        ("client_lead_id <= 2 and csat.low", "`client_lead_id <= 2`: `client_lead_id` is missing"),
        ("not (lead.nowhere > 2)", "`lead.nowhere > 2`: `lead.nowhere` is missing"),
        ("lead.nowhere == 2", "`lead.nowhere == 2`: `lead.nowhere` is missing"),
        ("lead.nowhere != 2", "`lead.nowhere != 2`: `lead.nowhere` is missing"),
        ("lead.nowhere in [1]", "`lead.nowhere in [1]`: `lead.nowhere` is missing"),
        ("1 < lead.text < 3", "`1 < lead.text < 3`: a number cannot be compared with text (`lead.text` is text)"),
        (
            "1 < lead.two < lead.text",
            "`1 < lead.two < lead.text`: a number cannot be compared with text (`lead.two` is a number, `lead.text` is text)",
        ),
        ("lead.nowhere.deeper == 1", "`lead.nowhere.deeper`: `lead.nowhere.deeper` is missing"),
        ("lead.text is lt(3)", "`lead.text is lt(3)`: text cannot be compared with a number (`lead.text` is text)"),
        (
            "lead.list | select('gt', 0) | list",
            "`lead.list | select('gt', 0)`: text cannot be compared with a number (`lead.list` is a list)",
        ),
        ("lead.list | max > 2", "`lead.list | max`: a number cannot be compared with text (`lead.list` is a list)"),
        ("lead.list[2] < 3", "`lead.list[2] < 3`: null cannot be compared with a number"),
        (
            "lead.object < lead.object",
            "`lead.object < lead.object`: an object has no order (`lead.object` is an object)",
        ),
        ("lead.name | int > 1", "`lead.name | int`: text is no number (`lead.name` is text)"),
        ("lead.nowhere | int > 1", "`lead.nowhere | int`: `lead.nowhere` is missing"),
        ("lead.nowhere | lower == 'x'", "`lead.nowhere | lower`: `lead.nowhere` is missing"),
        ("lead.nowhere | string == 'x'", "`lead.nowhere | string`: `lead.nowhere` is missing"),
        ("lead.nowhere | length > 1", "`lead.nowhere | length`: `lead.nowhere` is missing"),
        ("lead.text + 1 > 2", "`lead.text + 1`: does not work with what is there (`lead.text` is text)"),
        (
            "lead.two + lead.nowhere > 2",
            "`lead.two + lead.nowhere`: does not work with what is there (`lead.nowhere` is missing)",
        ),
        ("lead.two / 0 > 1", "`lead.two / 0`: does not work with what is there (`lead.two` is a number)"),
        ("csat.low and lead.nowhere > 1", "`lead.nowhere > 1`: `lead.nowhere` is missing"),
    ] {
        assert_eq!(judged(text), Judged::CannotTell(why.to_owned()), "{text}");
    }
}

#[test]
fn a_comparison_by_name_is_no_way_around() {
    for test in ["lt", "lessthan", "<", "le", "<=", "gt", "greaterthan", ">", "ge", ">="] {
        for text in [
            format!("[lead.text] | select('{test}', 3) | list"),
            format!("[lead.nowhere] | reject('{test}', 3) | list"),
        ] {
            assert!(matches!(judged(&text), Judged::CannotTell(_)), "{text}");
        }
        let alike = format!("[lead.two, lead.two + 1] | select('{test}', lead.two) | list | length in [0, 1, 2]");
        assert_eq!(judged(&alike), Judged::Yes, "{alike}");
    }
    for filter in ["min", "max", "sort"] {
        assert!(matches!(judged(&format!("lead.list | {filter}")), Judged::CannotTell(_)), "{filter}");
        let by = format!("[{{'a': lead.two}}, {{'a': lead.text}}] | {filter}(attribute='a')");
        assert!(matches!(judged(&by), Judged::CannotTell(_)), "{by}");
        assert_eq!(judged(&format!("[{{'a': 2}}, {{'a': 1}}] | {filter}(attribute='a') | length > 0")), Judged::Yes);
    }
}

#[test]
fn what_can_never_work_is_found_when_it_is_read() {
    for (text, message, at) in [
        ("", "is empty", ""),
        ("{{ csat.low }}", "a condition stands by itself", "{{ csat.low }}"),
        ("csat.low }}{{ csat.low", "is more than one expression", "csat.low }}{{ csat.low"),
        ("csat.low and", "unexpected the end of the condition", ""),
        ("csat.low lead", "unexpected identifier, expected the end of the condition", "lead"),
        ("csat.low = true", "unexpected `=`, expected the end of the condition", "="),
        ("csat.score | nothing", "there is no filter `nothing`", "nothing"),
        ("csat.score is nothing", "there is no test `nothing`", "nothing"),
        ("debug()", "there is no function `debug`", "debug()"),
        ("nothing(csat.score)", "there is no function `nothing`", "nothing(csat.score)"),
        ("lead.list | map('uper') | list", "there is no filter `uper`", "'uper'"),
        ("lead.list | select('gtt', 1) | list", "there is no test `gtt`", "'gtt'"),
        ("csat.score > 1 and '5' > 4", "text cannot be compared with a number", "'5' > 4"),
        ("transcript", "`transcript` is a function", "transcript"),
        ("lead.name | truncate(lenght=3)", "`truncate` has no option `lenght`", "3"),
        ("transcript(lead.list, maximum=3)", "`transcript` has no option `maximum`", "3"),
    ] {
        let wrong = Condition::parse(text).expect_err(text);
        assert_eq!((wrong.message.as_str(), text.get(wrong.at.clone())), (message, Some(at)), "{text}");
    }
    for (text, help) in [
        ("csat.low = true", "write `==` to compare"),
        ("csat.low && lead", "write `and`"),
        ("csat.score | truncat(3)", "did you mean `truncate`?"),
        ("csat.score is defind", "did you mean `defined`?"),
        ("lead.name | truncate(lenght=3)", "it has length, end, unit"),
    ] {
        assert_eq!(Condition::parse(text).expect_err(text).help.as_deref(), Some(help), "{text}");
    }
}

#[test]
fn the_values_that_decided_are_shown_short() {
    let text = "csat.score <= 2 and lead.nowhere == 1 and csat.score > 0 and lead.list | length > 1 and lead.regional";
    let shown = Condition::parse(text).expect("a condition").explain(&context(&lead()));
    let expected = [
        ("csat.score", "2"),
        ("lead.nowhere", "missing"),
        ("lead.list", "[1,\"b\",null]"),
        ("lead.regional", "\"Sudeste\""),
    ];
    let shown: Vec<_> = shown.iter().map(|(path, value)| (path.as_str(), value.as_str())).collect();
    assert_eq!(shown, expected);
    let long = json!({"lead": {"name": "á".repeat(200)}});
    let shown = Condition::parse("lead.name").expect("a condition").explain(&context(&long));
    assert_eq!(shown[0].1.chars().count(), 60);
}

#[test]
fn null_and_missing_are_the_same_everywhere() {
    let with = context(&json!({"a": null, "lead": {"name": null, "inner": {"x": null}}}));
    let without = context(&json!({"lead": {"inner": {}}}));
    for text in
        ["a", "a == 1", "a < 1", "lead.name == none", "lead.inner.x is defined", "lead.inner == {}", "lead | length"]
    {
        let condition = Condition::parse(text).expect("a condition");
        assert_eq!(condition.judge(&with), condition.judge(&without), "{text}");
    }
    // The last of a repeated key counts.
    let twice = Context::of("evt_1", br#"{"data":{"a":1,"a":null,"b":null,"b":2}}"#).expect("an event");
    assert_eq!(Condition::parse("a is defined").expect("a condition").judge(&twice), Judged::No);
    assert_eq!(Condition::parse("b == 2").expect("a condition").judge(&twice), Judged::Yes);
}

#[test]
fn what_is_no_event_is_said_without_what_stands_there() {
    for envelope in ["", "{", "{\"data\":", "{\"data\":{\"secret\":1e9e9}}", &"[".repeat(1000), "{} {}"] {
        let error = Context::of("evt_1", envelope.as_bytes()).expect_err(envelope);
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    for envelope in ["{}", "[]", "1", "{\"data\":[1]}"] {
        let context = Context::of("evt_1", envelope.as_bytes()).expect(envelope);
        assert_eq!(
            Condition::parse("lead.name == 'x'").expect("one").judge(&context),
            Judged::CannotTell("`lead.name`: `lead.name` is missing".to_owned()),
            "{envelope}"
        );
    }
}

proptest::proptest! {
    /// Comparing is what it is for numbers, whatever minijinja makes of the chain.
    #[test]
    fn comparisons_agree_with_arithmetic(a in -3i64..4, b in -3i64..4, c in -3i64..4, first in 0usize..4, second in 0usize..4, nested in proptest::bool::ANY) {
        let holds = |op: usize, a: i64, b: i64| [a < b, a <= b, a > b, a >= b][op];
        let expected = holds(first, a, b) && holds(second, b, c);
        let ops = ["<", "<=", ">", ">="];
        let (first, second) = (ops[first], ops[second]);
        let text = match nested {
            // Jumps over the guards, both ways.
            true => format!("(a {first} b {second} c and a {first} b) or (false and a {first} b {second} c {first} a)"),
            false => format!("a {first} b {second} c"),
        };
        let judged = Condition::parse(&text).expect("a condition").judge(&context(&json!({"a": a, "b": b, "c": c})));
        proptest::prop_assert_eq!(judged, if expected { Judged::Yes } else { Judged::No }, "{}", text);
    }

    /// No lead's data in any reason, whatever the type.
    #[test]
    fn a_reason_holds_no_data(op in "(<|<=|>|>=|==|!=|in|\\+|-|\\*|/|//|%|\\*\\*|~)", filter in proptest::sample::select(super::super::functions::FILTERS), which in 0usize..5, other in 0usize..5) {
        let data = json!({"a": {"SECRET": "SECRET"}, "b": "SECRET", "c": ["SECRET", {"SECRET": 1}], "d": 1, "e": null});
        let context = context(&data);
        let names = ["a", "b", "c", "d", "e"];
        for text in [
            format!("{} {op} {}", names[which], names[other]),
            format!("{} | {filter}", names[which]),
            format!("{} | {filter}({})", names[which], names[other]),
            format!("{} | {filter}({}, b)", names[which], names[other]),
            format!("{} | map({}) | list", names[which], names[other]),
            format!("{}({})", "range", names[other]),
            format!("{}[{}].x.y", names[which], names[other]),
            format!("{}.foo({})", names[which], names[other]),
            format!("b | date({}) ", names[other]),
            format!("timestamp | date('%Y', {})", names[other]),
            format!("transcript({}, max={})", names[which], names[other]),
            format!("transcript(**{})", names[which]),
            format!("timestamp | date(zone={})", names[which]),
            format!("dict(**{}).x < 1", names[which]),
            format!("{} | selectattr('SECRE' ~ 'T', {}) | list", names[which], names[other]),
        ] {
            let Ok(condition) = Condition::parse(&text) else { continue };
            if let Judged::CannotTell(why) = condition.judge(&context) {
                let why = why.replace(&text.replace('\n', " "), "");
                proptest::prop_assert!(!why.contains("SECRET") || text.contains("SECRET"), "{}: {}", text, why);
            }
        }
    }
}
