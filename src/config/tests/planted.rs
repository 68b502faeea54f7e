//! What `${...}` stands for is repeated by no mistake and no warning, whatever key it was put into.

use super::example::{EXAMPLE, VARIABLES, commented};
use super::*;

const PLANTED: &str = "planted.value+that-nobody.may/see";

/// What may be made of it on the way.
fn gives_away(said: &str) -> bool {
    ["planted.value", "planted/value", "nobody.may", "nobody/may"].iter().any(|part| said.contains(part))
}

#[test]
fn no_mistake_repeats_what_a_variable_holds() {
    let environment: Environment = VARIABLES.into_iter().chain([("PLANTED", PLANTED)]).collect();
    let (mut tried, mut wrong) = (0, 0);
    for (i, line) in EXAMPLE.lines().enumerate() {
        let line = commented(line, "#~ ").or_else(|| commented(line, "# ")).unwrap_or(line);
        // Each text on the line, between its quotes.
        let quotes: Vec<usize> = line.match_indices('"').map(|(at, _)| at).collect();
        for text in quotes.chunks_exact(2).map(|at| at[0] + 1..at[1]) {
            let begin = line[text.clone()].chars().take(line[text.clone()].chars().count() / 2).collect::<String>();
            for planted in ["${PLANTED}".to_owned(), format!("{begin}${{PLANTED}}"), format!("${{PLANTED}}{begin}")] {
                let changed = format!("{}{planted}{}", &line[..text.start], &line[text.end..]);
                let whole: Vec<&str> =
                    EXAMPLE.lines().enumerate().map(|(j, line)| if i == j { changed.as_str() } else { line }).collect();
                let said = match parse(Path::new("leadhook.toml"), &whole.join("\n"), &environment) {
                    Ok(loaded) => loaded.warnings.iter().map(|warning| warning.render(false)).collect(),
                    Err(mistakes) => {
                        wrong += 1;
                        mistakes.render(true) + &mistakes.to_json().to_string()
                    }
                };
                assert!(!gives_away(&said), "{changed}\n{said}");
                tried += 1;
            }
        }
    }
    assert!(tried > 200 && wrong > tried / 3, "{wrong} of {tried} were mistakes");
}
