//! How far a long command has got, on standard error: a bar on a terminal, else a line every few seconds.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::count;
use crate::domain::span;

/// Between two lines where there is no terminal.
const EVERY: Duration = Duration::from_secs(5);

/// A bar is as fine as this.
const STEPS: u64 = 1000;

/// How far a long command has got.
pub struct Progress {
    /// The command's name.
    what: &'static str,
    bar: Option<ProgressBar>,
    began: Instant,
    said: Instant,
    /// What was done and looked at before.
    before: (f64, u64),
}

impl Progress {
    /// Begins now.
    pub fn new(what: &'static str) -> Progress {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::stderr());
            // Without a style that can be read the bar would do as well.
            match ProgressStyle::with_template("{wide_bar} {percent:>3}%  {msg}") {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            }
        });
        let now = Instant::now();
        Progress { what, bar, began: now, said: now, before: (0.0, 0) }
    }

    /// The same, with so much done before it began.
    pub fn going_on(mut self, share: f64, leads: u64) -> Progress {
        self.before = (share, leads);
        self
    }

    /// `share`, 0 to 1, is done; `leads` were looked at; `day` is where it is now.
    pub fn at(&mut self, share: f64, leads: u64, day: &str) {
        let share = share.clamp(0.0, 1.0);
        match &self.bar {
            Some(bar) => {
                bar.set_position((share * STEPS as f64) as u64);
                bar.set_message(said((share, leads), self.before, day, self.began.elapsed()));
            }
            None if self.said.elapsed() >= EVERY => {
                self.said = Instant::now();
                let line = said((share, leads), self.before, day, self.began.elapsed());
                // Where standard error is gone there is nobody left to tell.
                let _ = writeln!(anstream::stderr(), "{}: {:.0}%, {line}", self.what, share * 100.0);
            }
            None => {}
        }
    }

    /// Says something in between.
    pub fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => drop(writeln!(anstream::stderr(), "{}: {text}", self.what)),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// `1204 leads, 33/s, at 2026-11-03, 2m left`; `before`: what of it was there when it began.
fn said((share, leads): (f64, u64), before: (f64, u64), day: &str, took: Duration) -> String {
    let mut text = count(leads, "lead");
    if took >= Duration::from_secs(1) {
        text.push_str(&format!(", {:.0}/s", leads.saturating_sub(before.1) as f64 / took.as_secs_f64()));
    }
    text.push_str(&format!(", at {day}"));
    // In the first moments it would be a guess.
    let since = share - before.0;
    if since > 0.01 && share < 1.0 && took >= Duration::from_secs(2) {
        let left = Duration::from_secs((took.as_secs_f64() * (1.0 - share) / since) as u64);
        text.push_str(&format!(", {} left", span::format(left)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_how_much_how_fast_where_and_how_long() {
        let took = Duration::from_secs(100);
        assert_eq!(said((0.25, 3_300), (0.0, 0), "2026-11-03", took), "3300 leads, 33/s, at 2026-11-03, 5m left");
        assert_eq!(said((0.0, 1), (0.0, 0), "2026-11-03", Duration::ZERO), "1 lead, at 2026-11-03");
        let before = (0.5, 1_000);
        assert_eq!(said((0.75, 3_000), before, "2026-11-03", took), "3000 leads, 20/s, at 2026-11-03, 1m40s left");
        assert_eq!(said((1.0, 2), (0.0, 0), "2026-11-03", took), "2 leads, 0/s, at 2026-11-03");
    }
}
