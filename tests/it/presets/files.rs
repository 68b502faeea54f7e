//! The files themselves.

use std::fs;
use std::path::PathBuf;

use toml_edit::{DocumentMut, Item};

const NAMES: &[&str] = &[
    "agendor",
    "bitrix24",
    "discord",
    "google-chat",
    "hubspot",
    "kommo",
    "make",
    "n8n",
    "pipedream",
    "pipedrive",
    "ploomes",
    "rd-station",
    "rd-station-conversion",
    "rd-station-crm",
    "salesforce",
    "slack",
    "sqs",
    "teams",
    "zapier",
    "zoho",
];

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("config/presets")
}

fn text<'a>(item: &'a Item, key: &str) -> &'a str {
    item.get(key).and_then(Item::as_str).unwrap_or_default()
}

#[test]
fn every_preset_says_what_it_is_and_where_it_was_taken_from() {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let file: DocumentMut = fs::read_to_string(&path).unwrap().parse().unwrap_or_else(|e| panic!("{name}: {e}"));
        let file = file.as_item();
        assert_eq!(text(file, "name"), name);
        assert!(text(file, "title").len() > 3, "{name}: title");
        let checked = text(file, "checked");
        let (year, month) = checked.split_once('-').unwrap_or_else(|| panic!("{name}: checked = {checked:?}"));
        assert!(year.len() == 4 && (1..=12).contains(&month.parse::<u8>().unwrap()), "{name}: {checked}");
        let docs = file["docs"].as_array().unwrap_or_else(|| panic!("{name}: docs"));
        assert!(!docs.is_empty(), "{name}: docs");
        for page in docs {
            assert!(page.as_str().unwrap().starts_with("https://"), "{name}: {page}");
        }
        for sentence in file["unverified"].as_array().unwrap_or_else(|| panic!("{name}: unverified")) {
            assert!(sentence.as_str().unwrap().ends_with(['.', ')']), "{name}: a sentence: {sentence}");
        }
        assert!(text(&file["url"], "about").len() > 10, "{name}: url.about");
        assert!(text(&file["url"], "example").starts_with("https://"), "{name}: url.example");
        for (setting, says) in file.get("settings").and_then(Item::as_table).into_iter().flat_map(|table| table.iter())
        {
            assert!(text(says, "about").len() > 10, "{name}: settings.{setting}.about");
            let required = says.get("required").and_then(Item::as_bool).unwrap_or(false);
            assert!(required != says.get("default").is_some(), "{name}: settings.{setting}: required, or a default");
        }
        assert!(file["destination"].is_table(), "{name}: destination");
        assert!(file["example_route"]["on"].as_array().is_some_and(|on| !on.is_empty()), "{name}: example_route.on");
        names.push(name);
    }
    names.sort();
    assert_eq!(names, NAMES);
}

#[test]
fn what_each_vendors_page_says_stands_beside_the_presets() {
    let vendors = fs::read_to_string(directory().join("VENDORS.md")).unwrap();
    for name in NAMES {
        assert!(vendors.contains(&format!("`{name}`")), "VENDORS.md says nothing of `{name}`");
    }
}
