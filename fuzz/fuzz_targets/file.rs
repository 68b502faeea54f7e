//! The configuration file: whatever stands in it is a configuration or mistakes that can be shown, and no mistake repeats
//! what a variable holds.
#![no_main]

use std::path::Path;

use leadhook::config::{Environment, parse};
use libfuzzer_sys::fuzz_target;

/// Long and odd enough to be nothing that a file holds by chance.
const SECRET: &str = "whsec_cGxhbnRlZC1zZWNyZXQtdGhhdC1ub2JvZHktbWF5LXNlZQ==";

fuzz_target!(|text: &str| {
    // What a file names is opened, and a device may never end: whoever writes the file may read them anyway.
    if ["/dev", "/proc", "/sys"].iter().any(|device| text.contains(device)) {
        return;
    }
    let variables = [("SECRET", SECRET), ("WECLEVER_USERNAME", "ana"), ("LEADHOOK_SOURCE__PASSWORD", SECRET)];
    let environment: Environment = variables.into_iter().collect();
    match parse(Path::new("leadhook.toml"), text, &environment) {
        Ok(loaded) => {
            let shown: Vec<String> = loaded.warnings.iter().map(|warning| warning.render(false)).collect();
            assert!(!shown.concat().contains(SECRET));
            assert!(!format!("{:?}", loaded.config).contains(SECRET));
        }
        Err(mistakes) => {
            assert!(mistakes.count() > 0);
            assert!(!mistakes.render(true).contains(SECRET));
            assert!(!mistakes.to_json().to_string().contains(SECRET));
        }
    }
});
