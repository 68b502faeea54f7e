//! Templates and conditions, as somebody may write them: parsed or refused, and rendered, or an error that can be shown;
//! what is rendered for a place is fit for it.
#![no_main]

use std::sync::LazyLock;

use leadhook::domain::template::{Condition, Context, HeaderTemplate, Place, Text, Tree, UrlTemplate};
use libfuzzer_sys::fuzz_target;

const EVENT: &str = r#"{"type":"lead.rated","timestamp":"2026-11-23T17:20:31.512Z","data":{"weclever_lead_id":123456,"client_lead_id":null,
"mapped_status":"qualified","platform_id":"p","revision":2,"origin":"live","csat":{"score":2,"low":true,"text":"2"},"changes":["/csat/rating"],
"lead":{"name":"Bia \"<&>\u0000\r\nSouza @everyone http://x.y","phone":"+55 (11) 98765-4321","email":"bia@x.com.br","n":1e308,"big":18446744073709551616,
"csat":{"rating":"2"},"chats":{"messages":[{"body":"ol\u00e1\n{{ x }}","direction":"inbound","date_created":"2026-11-23T17:20:31Z"}]}}}}"#;

static CONTEXT: LazyLock<Context> = LazyLock::new(|| Context::of("evt_1", EVENT.as_bytes()).expect("an event"));

fuzz_target!(|input: &[u8]| {
    let Some((kind, text)) = input.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let context = &*CONTEXT;
    match kind % 5 {
        0 => {
            if let Ok(condition) = Condition::parse(text) {
                let _ = (condition.judge(context), condition.explain(context));
            }
        }
        1 => {
            for place in Place::ALL {
                if let Ok(template) = Text::parse(text, place) {
                    let _ = template.render(context);
                }
            }
        }
        2 => {
            if let Ok(template) = HeaderTemplate::parse(text) {
                let _ = template.render(context);
            }
        }
        3 => {
            if let Ok(template) = UrlTemplate::parse(text)
                && let Ok(url) = template.render(context)
            {
                // Wherever a lead's words end up, they do not choose who is spoken to.
                assert_eq!(url.origin(), template.origin().origin());
            }
        }
        _ => {
            let Ok(json) = serde_json::from_str(text) else { return };
            if let Ok(tree) = Tree::parse(&json, Place::Plain) {
                let _ = tree.render(context);
            }
        }
    }
});
