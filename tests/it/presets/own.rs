//! Presets of one's own, as the README tells people to make them.

use std::fs;

use serde_json::{Value, json};

use super::leads;
use crate::support::*;

/// The preset of the README's last example.
fn of_the_readme() -> String {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/config/presets/README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let (_, last) = readme.rsplit_once("```toml\n").unwrap();
    last.split_once("```").unwrap().0.to_owned()
}

fn place(preset: &str, keys: &str) -> Place {
    let place = Place::empty();
    fs::create_dir(place.path("presets")).unwrap();
    place.write_text("erp-notes.toml", &of_the_readme());
    place.write_text("presets/erp.toml", &of_the_readme());
    let file = format!(
        "[source]\nplatform_id = \"p\"\nusername = \"u\"\npassword = \"p\"\n\n[destinations.erp]\npreset = {preset:?}\n\
         url = \"https://erp.example.com/api/notes\"\n{keys}\n\n[[routes]]\nname = \"notes\"\non = [\"lead.finalized\"]\nto = [\"erp\"]\n"
    );
    place.write_text("leadhook.toml", &file);
    place
}

#[test]
fn the_readmes_example_works_by_its_file_and_by_its_name() {
    for preset in ["./erp-notes.toml", "erp"] {
        let place = place(preset, "settings = { branch = \"SP\" }");
        assert_eq!(place.run(&["check"]).code, 0, "{:?}", place.run(&["check"]));
        let lead: Value = serde_json::from_str(leads::LOW).unwrap();
        place.write_text("lead.json", &json!({"weclever_lead_id": 1, "lead": lead["lead"]}).to_string());
        let said = place.json(&["route", "test", "--lead", "lead.json"], 0);
        let body = said["events"][0]["requests"][0]["request"]["body"].as_str().unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(body).unwrap(),
            json!({"customer": "+5511987654321", "branch": "SP",
                "note": "Cliente: Oi, meu boleto veio errado\nAtendente: Vou verificar"})
        );
    }
}

#[test]
fn a_setting_that_a_preset_needs_is_missed() {
    let ran = place("erp", "").run(&["check"]);
    assert!(ran.code == 78 && (ran.out + &ran.err).contains("branch"), "{}", ran.code);
}
