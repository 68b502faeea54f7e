//! `leadhook status --watch`: how everything stands, again and again in the same place.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use terminal_size::{Height, Width, terminal_size};

use super::Global;
use super::exit::{Exit, Failure};
use super::output::{Output, ago};
use super::signals::Asked;
use super::status::text;
use crate::admin::Desk;
use crate::app::operator::{Refusal, Status, StatusReport};

/// More often is no more seen.
const SHORTEST: Duration = Duration::from_millis(100);

/// Another screen, without a cursor; the one before comes back untouched.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

pub async fn watch(global: &Global, every: Duration, output: &Output) -> Result<Exit, Failure> {
    let (mut asked_to_end, mut resized) = (Asked::to_end(), Asked::to_resize());
    let screen = if !global.json && std::io::stdout().is_terminal() { Some(Screen::enter()?) } else { None };
    let (mut last, mut gone): (Option<StatusReport>, Option<(Timestamp, String)>) = (None, None);
    loop {
        let asked = tokio::select! {
            () = asked_to_end.again() => return Ok(Exit::Done),
            asked = ask(global) => asked,
        };
        match asked {
            Ok(report) => (last, gone) = (Some(report), None),
            Err(refusal) => {
                let since = gone.take().map_or_else(Timestamp::now, |(since, _)| since);
                gone = Some((since, refusal.to_string()));
            }
        }
        match (&screen, &gone, &last) {
            (Some(screen), gone, last) => screen.show(&frame(last.as_ref(), gone.as_ref(), every))?,
            // Whoever reads this by a program sees in each object whether it is one.
            (None, Some((since, why)), _) => output
                .tell(&json!({ "unreachable": why, "since": since }), |_| format!("{why}; it is tried again\n"))?,
            (None, None, Some(report)) => output.tell(report, |report| format!("{}\n", text(report)))?,
            (None, None, None) => {}
        }
        let next = tokio::time::sleep(every.max(SHORTEST));
        tokio::pin!(next);
        loop {
            tokio::select! {
                () = asked_to_end.again() => return Ok(Exit::Done),
                () = resized.again() => {
                    if let Some(screen) = &screen {
                        screen.show(&frame(last.as_ref(), gone.as_ref(), every))?;
                    }
                }
                () = &mut next => break,
            }
        }
    }
}

/// Only of a service: to open the store again and again would keep one from beginning.
async fn ask(global: &Global) -> Result<StatusReport, Refusal> {
    match global.service().await {
        Some(service) => Desk::There(service).ask(Status {}).await,
        None => Err(Refusal::Unavailable("no service runs".to_owned())),
    }
}

fn frame(last: Option<&StatusReport>, gone: Option<&(Timestamp, String)>, every: Duration) -> String {
    let mut out = format!("every {}, Ctrl-C ends\n\n", crate::domain::span::format(every.max(SHORTEST)));
    if let Some((since, why)) = gone {
        out.push_str(&format!("{why} (since {}); it is tried again\n\n", ago(*since, Timestamp::now())));
    }
    match last {
        Some(report) if gone.is_some() => {
            out.push_str(&format!("as it was {}:\n\n{}", ago(report.at, Timestamp::now()), text(report)));
        }
        Some(report) => out.push_str(&text(report)),
        None => {}
    }
    out
}

/// A terminal that shows one thing at a time. However this ends, it is given back as it was.
struct Screen;

impl Screen {
    fn enter() -> std::io::Result<Screen> {
        say(ENTER)?;
        Ok(Screen)
    }

    /// In one piece and over what was there before, so that nothing flickers.
    fn show(&self, text: &str) -> std::io::Result<()> {
        let (width, height) = terminal_size().map_or((80, 24), |(Width(w), Height(h))| (w.into(), h.into()));
        say(&painted(text, width, height))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing back.
        let _ = say(LEAVE);
    }
}

fn say(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// The text from the upper left corner on, each line cut where the terminal ends and cleared behind its end. What does not
/// fit below is counted.
fn painted(text: &str, width: usize, height: usize) -> String {
    let lines: Vec<&str> = text.lines().flat_map(|line| folded(line.trim_end(), width.max(1))).collect();
    let fits = height.max(1);
    let (shown, more) = if lines.len() <= fits { (lines.len(), 0) } else { (fits - 1, lines.len() - (fits - 1)) };
    let mut out = String::from("\x1b[H");
    for (i, line) in lines.iter().take(shown).enumerate() {
        if i > 0 {
            out.push('\n');
        }
        out.push_str(line);
        out.push_str("\x1b[K");
    }
    if more > 0 {
        let rest: String = format!("... {more} more lines").chars().take(width).collect();
        out.push_str(if shown > 0 { "\n" } else { "" });
        out.push_str(&format!("{rest}\x1b[K"));
    }
    out.push_str("\x1b[J");
    out
}

/// A line in pieces that are no wider than this, cut between words where that can be.
fn folded(line: &str, width: usize) -> Vec<&str> {
    let (mut pieces, mut rest) = (Vec::new(), line);
    loop {
        let Some((end, _)) = rest.char_indices().nth(width) else {
            pieces.push(rest);
            return pieces;
        };
        let at =
            rest[..end].rfind(' ').map(|blank| blank + 1).filter(|at| !rest[..*at].trim().is_empty()).unwrap_or(end);
        pieces.push(rest[..at].trim_end());
        rest = &rest[at..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_is_folded_between_words() {
        assert_eq!(folded("to be or not", 6), ["to be", "or not"]);
        assert_eq!(folded("unbreakable", 4), ["unbr", "eaka", "ble"]);
        assert_eq!(folded("", 4), [""]);
        assert_eq!(folded("áéíóú", 3), ["áéí", "óú"]);
    }

    #[test]
    fn a_frame_fills_no_more_than_the_terminal() {
        let text = "one two three\nfour\nfive";
        assert_eq!(painted(text, 80, 24), "\x1b[Hone two three\x1b[K\nfour\x1b[K\nfive\x1b[K\x1b[J");
        assert_eq!(painted(text, 8, 3), "\x1b[Hone two\x1b[K\nthree\x1b[K\n... 2 mo\x1b[K\x1b[J");
        assert_eq!(painted(text, 1, 1), "\x1b[H.\x1b[K\x1b[J");
    }
}
