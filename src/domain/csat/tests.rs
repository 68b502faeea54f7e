//! What people and platforms write, and what is made of it.

use proptest::prelude::*;

use super::*;

fn on(from: i32, to: i32, low_max: f64) -> CsatRules {
    CsatRules { scale: Scale { from, to }, low_max, ..CsatRules::default() }
}

fn down(rules: CsatRules) -> CsatRules {
    CsatRules { direction: Direction::Down, ..rules }
}

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).expect("JSON")
}

fn score(rules: &CsatRules, text: &str) -> Option<f64> {
    rules.read_text(text).score
}

/// Each text with its score on the scale as it is built in.
fn each(table: &[(&str, f64)]) {
    let rules = CsatRules::default();
    for (text, expected) in table {
        let csat = rules.read_text(text);
        assert_eq!(csat.score, Some(*expected), "{text:?}");
        assert_eq!(csat.low, *expected <= 2.0, "{text:?}");
        assert_eq!(csat.text.as_deref(), Some(*text));
    }
}

#[test]
fn numbers() {
    each(&[
        ("5", 5.0),
        (" 1 ", 1.0),
        ("2,0", 2.0),
        ("4.5", 4.5),
        ("05", 5.0),
        ("2/5", 2.0),
        ("4 / 5", 4.0),
        ("2 de 5", 2.0),
        ("4 out of 5", 4.0),
        ("3 estrelas de 5", 3.0),
        ("8/10", 4.11),
        ("10/10", 5.0),
        ("1/10", 1.0),
        ("3/3", 5.0),
        ("1 - Péssimo", 1.0),
        ("1 – Péssimo", 1.0),
        ("2 (Ruim)", 2.0),
        ("4. Bom", 4.0),
        ("5) Excelente!", 5.0),
        ("5: muito bom", 5.0),
        ("5 muito bom", 5.0),
        ("5 = Excelente", 5.0),
        ("5\nFui muito bem atendida pelo João", 5.0),
        ("1 - Não voltaria", 1.0),
        ("1 - Excelente", 1.0),
        ("Nota 5", 5.0),
        ("Nota: 5.", 5.0),
        ("Nota 5 - atendimento do João", 5.0),
        ("*4*", 4.0),
        ("\"4\"", 4.0),
        ("(4)", 4.0),
        ("Minha nota é 4", 4.0),
        ("Ruim - 2", 2.0),
        ("Péssimo (1)", 1.0),
        ("Regular 4", 4.0),
        ("5 estrelas", 5.0),
        ("1 star", 1.0),
        ("5 ★", 5.0),
        ("⭐ 4", 4.0),
        ("4 ★★★★", 4.0),
        ("1️⃣", 1.0),
        ("5️⃣ Ótimo", 5.0),
        ("④", 4.0),
        ("５", 5.0),
        ("3\u{200b}", 3.0),
    ]);
}

#[test]
fn stars_and_faces() {
    each(&[
        ("★★", 2.0),
        ("★★☆☆☆", 2.0),
        ("⭐⭐⭐", 3.0),
        ("⭐ ⭐ ⭐ ⭐", 4.0),
        ("⭐️⭐️⭐️⭐️⭐️", 5.0),
        ("★★★☆", 3.67),
        ("★★★★★ Excelente", 5.0),
        ("😡", 1.0),
        ("😠", 1.0),
        ("🙁", 2.0),
        ("☹️", 2.0),
        ("😐", 3.0),
        ("🙂", 4.0),
        ("😀", 5.0),
        ("😍😍😍", 5.0),
        ("👍🏽", 5.0),
        ("👎", 1.0),
        ("❤️", 5.0),
        (":)", 4.0),
        (":-(", 2.0),
        ("Ótimo 👍", 5.0),
        ("Excelente, obrigada 🙏", 5.0),
        ("😡 1", 1.0),
    ]);
}

#[test]
fn words() {
    each(&[
        ("péssimo", 1.0),
        ("PÉSSIMO", 1.0),
        ("pe\u{301}ssimo!", 1.0),
        ("Horrível", 1.0),
        ("muito ruim", 1.0),
        ("Muito insatisfeito(a)".trim_end_matches("(a)"), 1.0),
        ("ruim", 2.0),
        ("Insatisfeita", 2.0),
        ("regular", 3.0),
        ("mais ou menos", 3.0),
        ("Nem satisfeito nem insatisfeito", 3.0),
        ("bom", 4.0),
        ("Bom!!!", 4.0),
        ("satisfeito", 4.0),
        ("muito bom", 5.0),
        ("Muito satisfeito", 5.0),
        ("ótimo", 5.0),
        ("excelente", 5.0),
        ("Atendimento excelente", 5.0),
        ("O atendimento foi ótimo, muito obrigado", 5.0),
        ("bem ruim", 1.0),
        ("fui mal atendido", 2.0),
        ("fui bem atendida", 4.0),
        ("terrible", 1.0),
        ("bad", 2.0),
        ("poor", 2.0),
        ("very dissatisfied", 1.0),
        ("dissatisfied", 2.0),
        ("fair", 3.0),
        ("OK", 3.0),
        ("so-so", 3.0),
        ("neither satisfied nor dissatisfied", 3.0),
        ("good", 4.0),
        ("very good", 5.0),
        ("great", 5.0),
        ("It was excellent, thank you", 5.0),
        ("pésimo", 1.0),
        ("muy malo", 1.0),
        ("malo", 2.0),
        ("más o menos", 3.0),
        ("bueno", 4.0),
        ("muy satisfecho", 5.0),
        ("excelente servicio", 5.0),
    ]);
}

#[test]
fn what_is_denied_is_never_high() {
    each(&[
        ("não gostei", 2.0),
        ("Não gostei do atendimento", 2.0),
        ("nao foi bom", 2.0),
        ("nada bom", 2.0),
        ("não é nada bom", 2.0),
        ("não muito satisfeito", 2.0),
        ("pouco satisfeito", 2.0),
        ("não recomendo", 2.0),
        ("not good", 2.0),
        ("not very good", 2.0),
        ("wasn't good", 2.0),
        ("I didn’t like it", 2.0),
        ("I am not satisfied with the service", 2.0),
        ("no me gustó", 2.0),
        ("no me gustó nada", 1.0),
        ("nada satisfecho", 2.0),
    ]);
}

#[test]
fn what_is_not_clear_is_unknown() {
    let rules = CsatRules::default();
    for text in [
        // Out of the scale, or of one's own.
        "0",
        "6",
        "10",
        "-1",
        "11/10",
        "5/0",
        "0/0",
        "0/10",
        "24/7",
        "5,5",
        "1e0",
        "999999999999999999999999",
        // More than one number, or a number of something else.
        "1 2",
        "1-5",
        "4 ou 5",
        "2, 3 dias esperando",
        "12:30",
        "10/11/2026",
        "10.11.2026",
        "1,000,000",
        "1 - 2 - 3",
        "5 pessoas me atenderam mal",
        "2h",
        "3º",
        "5a",
        "A5",
        "nota5",
        "Sala 3",
        "R$ 5",
        "5%",
        "#5",
        "4½",
        "5̶",
        "5?",
        "Nota 5 atendimento do João e da Ana",
        "Nota 3 veio errada",
        "1 atendimento bom",
        "٣",
        "Não dou 5",
        // Numbers and words that do not go together.
        "Excelente 1",
        "Péssimo - 5",
        "5 ruim",
        "10 - Excelente",
        "⭐⭐ 5",
        "😡 5",
        // Words that say nothing, or both, or the contrary.
        "ok, ruim",
        "bom e ruim",
        "não",
        "não sei",
        "bom, não",
        "Não, excelente!",
        "not bad",
        "nada mal",
        "não é ruim",
        "nunca fui tão bem atendido",
        "não poderia ser melhor",
        "not only good",
        "bom?",
        "bom dia",
        "boa tarde",
        "Ótimo, mas demorou",
        "um pouco satisfeito",
        "obrigado",
        "muito",
        "n/a",
        "-",
        "...",
        "☆☆☆☆☆",
        "☆★",
        "😀😡",
        "🙃",
        "bom/ruim",
        "banana",
        "não avaliado",
        "sem nota",
        "no problem",
    ] {
        let csat = rules.read_text(text);
        assert_eq!(csat, Csat { score: None, low: false, text: Some(text.to_owned()) }, "{text:?}");
        assert!(csat.is_rated() && csat.is_unreadable());
    }
}

#[test]
fn json_of_any_kind() {
    let rules = CsatRules::default();
    for (json, score, text) in [
        ("5", Some(5.0), Some("5")),
        ("5.0", Some(5.0), Some("5.0")),
        ("1e0", Some(1.0), Some("1e0")),
        ("4.25", Some(4.25), Some("4.25")),
        ("0", None, Some("0")),
        ("1e999", None, Some("1e999")),
        ("true", None, Some("true")),
        ("[5]", None, Some("[5]")),
        ("{\"a\":1}", None, Some("{\"a\":1}")),
        (r#""2\/5""#, Some(2.0), Some("2/5")),
        (r#""p\u00e9ssimo""#, Some(1.0), Some("péssimo")),
        (r#"" 5 ""#, Some(5.0), Some(" 5 ")),
        (r#""\ud800""#, None, Some(r#""\ud800""#)),
    ] {
        let csat = rules.read(Some(&raw(json)));
        assert_eq!((csat.score, csat.text.as_deref()), (score, text), "{json}");
    }
    for json in ["null", r#""""#, r#"" \n\t""#, "[]", "[ ]", "{}"] {
        let csat = rules.read(Some(&raw(json)));
        assert_eq!(csat, Csat::default(), "{json}");
        assert!(!csat.is_rated() && !csat.is_unreadable());
    }
    assert_eq!(rules.read(None), Csat::default());
}

#[test]
fn it_is_written_as_the_envelope_has_it() {
    let rules = CsatRules::default();
    for (text, json) in [
        ("2", r#"{"score":2,"low":true,"text":"2"}"#),
        ("4,5", r#"{"score":4.5,"low":false,"text":"4,5"}"#),
        ("?", r#"{"score":null,"low":false,"text":"?"}"#),
        ("", r#"{"score":null,"low":false,"text":null}"#),
    ] {
        let csat = rules.read_text(text);
        assert_eq!(serde_json::to_string(&csat).expect("serializes"), json);
        assert_eq!(serde_json::from_str::<Csat>(json).expect("is read again"), csat);
    }
}

#[test]
fn other_scales() {
    let ten = on(0, 10, 6.0);
    for (text, expected) in [
        ("0", Some(0.0)),
        ("6", Some(6.0)),
        ("4/5", Some(8.0)),
        ("0/10", Some(0.0)),
        ("péssimo", Some(0.0)),
        ("ruim", Some(2.5)),
        ("regular", Some(5.0)),
        ("excelente", Some(10.0)),
        ("★★☆☆☆", Some(4.0)),
        // Five of five, or five of ten?
        ("★★★★★", None),
        ("★★★★★★★", Some(7.0)),
        ("🔟", Some(10.0)),
        ("1️⃣0️⃣", Some(10.0)),
    ] {
        assert_eq!(score(&ten, text), expected, "{text}");
    }
    assert!(ten.read_text("6").low && !ten.read_text("6,5").low);
    let thumbs = on(-1, 1, -1.0);
    for (text, expected) in [("-1", Some(-1.0)), ("0", Some(0.0)), ("👎", Some(-1.0)), ("👍", Some(1.0)), ("1/0", None)]
    {
        assert_eq!(score(&thumbs, text), expected, "{text}");
    }
    assert_eq!(
        serde_json::to_string(&thumbs.read_text("-0")).expect("serializes"),
        r#"{"score":0,"low":false,"text":"-0"}"#
    );
}

#[test]
fn where_the_lowest_is_the_best() {
    let rules = down(on(1, 5, 2.0));
    for (text, expected, low) in [
        ("1", 1.0, false),
        ("3", 3.0, false),
        ("4", 4.0, true),
        ("5", 5.0, true),
        ("2/5", 2.0, false),
        ("excelente", 1.0, false),
        ("ruim", 4.0, true),
        ("péssimo", 5.0, true),
        ("★★★★★", 1.0, false),
        ("★☆☆☆☆", 5.0, true),
        ("5 ruim", 5.0, true),
    ] {
        let csat = rules.read_text(text);
        assert_eq!((csat.score, csat.low), (Some(expected), low), "{text}");
    }
    assert_eq!(score(&rules, "5 excelente"), None);
    assert!(!down(on(1, 6, 1.0)).read_text("5").low);
    assert!(down(on(1, 6, 1.0)).read_text("6").low);
}

#[test]
fn words_of_ones_own() {
    let rules = CsatRules::default();
    let own = rules
        .with_words(&["Não resolveu", "ruim", "regular", "💩", "meia-boca"], &["Tri legal", "sussa", "Bom", "péssimo"]);
    for (text, expected) in [
        ("nao RESOLVEU!", Some(1.0)),
        // Low already, and stays where it was.
        ("ruim", Some(2.0)),
        ("regular", Some(1.0)),
        ("💩", Some(1.0)),
        ("meia boca", Some(1.0)),
        ("tri legal", Some(5.0)),
        ("não sussa", Some(2.0)),
        ("bom", Some(4.0)),
        ("péssimo", Some(5.0)),
        ("resolveu", None),
    ] {
        assert_eq!(score(&own, text), expected, "{text}");
    }
    // Where 2 is not low, a word that is set as low is.
    let strict = on(1, 5, 1.0).with_words(&["ruim"], &[]);
    assert!(strict.read_text("ruim").low && !strict.read_text("malo").low);
}

#[test]
fn every_word_that_is_built_in_is_written_as_it_is_looked_up() {
    let rules = CsatRules::default();
    for (phrase, level) in lexicon::levels() {
        assert_eq!(score(&rules, phrase), Some(f64::from(level)), "{phrase}");
        assert_ne!(score(&rules, &format!("não {phrase}")).unwrap_or(0.0), 5.0, "{phrase}");
    }
}

fn any_rules() -> impl Strategy<Value = CsatRules> {
    (-100i32..100, 1i32..100, 0.0f64..=1.0, any::<bool>()).prop_map(|(from, wide, share, is_down)| {
        let to = (from + wide).min(100);
        let rules = on(from, to, f64::from(from) + share * f64::from(to - from));
        let rules = rules.with_words(&["xis", "não y"], &["zê"]);
        if is_down { down(rules) } else { rules }
    })
}

proptest! {
    #[test]
    fn whatever_is_written_a_score_is_on_the_scale_and_the_unknown_is_not_low(
        rules in any_rules(),
        strange in "\\PC{0,40}",
        near in "(nota|não|muito|bom|ruim|péssimo|ok|xis|zê|um|de|[0-9]{1,3}|[-/.,:()!?\n ★☆⭐😡😍👍½%️⃣]){0,8}",
        spaced in prop::collection::vec("nota|não|nada|muito|bom|ruim|[0-9]|10|-|/|★|de|😡|xis|pouco|nem", 0..7),
    ) {
        for text in [strange, near, spaced.join(" ")] {
            let csat = rules.read_text(&text);
            match csat.score {
                Some(score) => prop_assert!(rules.scale.holds(score), "{} in {:?}", score, rules.scale),
                None => prop_assert!(!csat.low),
            }
            prop_assert_eq!(csat.is_rated(), !text.trim().is_empty());
            let json = serde_json::to_string(&text).expect("serializes");
            prop_assert_eq!(rules.read(Some(&raw(&json))), csat);
        }
    }

    #[test]
    fn nothing_denied_is_the_best(words in prop::collection::vec("muito|bom|ótimo|excelente|satisfeito|good|bem|foi|very", 1..5)) {
        let text = words.join(" ");
        for not in ["não", "nada", "not", "não foi"] {
            if let Some(score) = score(&CsatRules::default(), &format!("{not} {text}")) {
                // "Não bom. Bom" says both, and is unknown.
                prop_assert!(score <= 2.0, "{} {}: {}", not, text, score);
            }
        }
    }

    #[test]
    fn a_number_alone_is_itself(n in 1u32..=5, around in "[ \t\n.!()\"]{0,4}") {
        prop_assert_eq!(score(&CsatRules::default(), &format!("{around}{n}")), Some(f64::from(n)));
    }

    #[test]
    fn any_number_in_json(n: f64, rules in any_rules()) {
        if n.is_finite() {
            let csat = rules.read(Some(&raw(&serde_json::to_string(&n).expect("serializes"))));
            prop_assert_eq!(csat.score.is_some(), rules.scale.holds(n));
        }
    }
}
