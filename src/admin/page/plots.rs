//! The plots of the first page: events, attempts, latency, backlog.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::frame::Reader;
use super::language::Language;
use super::plot::{self, Drawn, Scale};
use super::{shown, words};
use crate::app::operator::{Happened, Reach};
use crate::domain::history::{AtDestination, Spread, Sums};

/// Destinations that have a line of their own in the backlog's plot; the rest is one more.
const APART: usize = 5;

/// Their classes in the stylesheet.
const COLOURS: [&str; APART + 1] = ["c1", "c2", "c3", "c4", "c5", "c6"];

/// A plot with what is written around it.
#[derive(Serialize)]
pub(super) struct Plot {
    id: &'static str,
    title: String,
    /// The picture.
    svg: String,
    /// From the top down.
    ticks: Vec<String>,
    /// From the left to the right.
    times: Vec<String>,
    legend: Vec<Entry>,
    /// Whether there is nothing to see.
    empty: bool,
}

/// What a colour stands for, and how much of it there is.
#[derive(Serialize)]
struct Entry {
    class: &'static str,
    name: String,
    value: String,
}

/// A destination's last hour, as it stands in its row.
#[derive(Clone, Default, Serialize)]
pub(super) struct LastHour {
    svg: String,
    accepted: u64,
    failed: u64,
}

/// What is measured of the attempts, and of the ways from an event to its acceptance.
type Measure = fn(&(Spread, Spread)) -> Option<Duration>;

/// Draws for one reader.
struct Drawer<'a> {
    reader: &'a Reader,
    stretches: &'a [(Timestamp, Sums)],
    /// Each stretch's time, as it is told.
    at: Vec<String>,
    times: Vec<String>,
}

/// All plots over this reach.
pub(super) fn plots(reader: &Reader, reach: Reach, happened: &Happened) -> Vec<Plot> {
    let stretches = happened.stretches.as_slice();
    let pattern = match (reach, reader.language) {
        (Reach::Hour | Reach::Day, _) => "%H:%M",
        (Reach::Week, Language::English) => "%-d %b %H:%M",
        (Reach::Week, Language::Portuguese) => "%d/%m %H:%M",
    };
    let ends = match (reach, reader.language) {
        (Reach::Week, Language::English) => "%-d %b",
        (Reach::Week, Language::Portuguese) => "%d/%m",
        _ => "%H:%M",
    };
    let local = |at: Timestamp, pattern: &str| reader.zone.to_datetime(at).strftime(pattern).to_string();
    let every = (stretches.len() / 4).max(1);
    let mut times: Vec<String> = stretches.iter().step_by(every).take(4).map(|(at, _)| local(*at, ends)).collect();
    times.push(reader.say("plot.now"));
    let at = stretches.iter().map(|(at, _)| local(*at, pattern)).collect();
    let drawer = Drawer { reader, stretches, at, times };
    vec![drawer.events(), drawer.attempts(), drawer.latency(), drawer.backlog()]
}

/// The last hour of one destination.
pub(super) fn last_hour(reader: &Reader, hour: &Happened, destination: &str) -> LastHour {
    let quiet = AtDestination::default();
    let at = |(_, sums): &(Timestamp, Sums)| {
        let at = sums.destinations.get(destination).unwrap_or(&quiet);
        (at.accepted, at.failed())
    };
    let (good, bad): (Vec<u64>, Vec<u64>) = hour.stretches.iter().map(at).unzip();
    let (accepted, failed) = (good.iter().sum(), bad.iter().sum());
    let number = |n| shown::number(n, reader.language);
    let given = [("accepted", number(accepted)), ("failed", number(failed)), ("name", destination.to_owned())];
    let name = words::say("spark.name", None, &given, reader.language).unwrap_or_default();
    LastHour { svg: plot::spark(&name, &good, &bad), accepted, failed }
}

impl Drawer<'_> {
    fn number(&self, n: f64) -> String {
        shown::number(n.max(0.0) as u64, self.reader.language)
    }

    /// Bars of what is counted.
    fn bars(&self, id: &'static str, names: &[(&'static str, String)], of: impl Fn(&Sums) -> Vec<u64>) -> Plot {
        let counts: Vec<Vec<u64>> = self.stretches.iter().map(|(_, sums)| of(sums)).collect();
        let column = |at: usize| counts.iter().map(move |counts| counts.get(at).copied().unwrap_or(0));
        let top = plot::top(counts.iter().map(|counts| counts.iter().sum::<u64>() as f64));
        let drawn: Vec<Drawn> = (names.iter().enumerate())
            .map(|(at, (class, _))| Drawn { class, values: column(at).map(|n| Some(n as f64)).collect() })
            .collect();
        let told: Vec<String> = (self.at.iter().zip(&counts))
            .map(|(at, counts)| {
                let some = names.iter().zip(counts).filter(|(_, n)| **n > 0);
                let parts = some.map(|((_, name), n)| format!("{name} {}", self.number(*n as f64)));
                self.told(at, parts)
            })
            .collect();
        let legend: Vec<Entry> = (names.iter().enumerate())
            .map(|(at, (class, name))| {
                let sum = column(at).sum::<u64>() as f64;
                Entry { class, name: name.clone(), value: self.number(sum) }
            })
            .collect();
        let title = self.reader.say(id);
        Plot {
            id,
            svg: plot::stacked(&title, &told, &drawn, Scale::Linear(top)),
            title,
            ticks: [top, top / 2.0, 0.0].map(|n| self.number(n)).into(),
            times: self.times.clone(),
            legend,
            empty: counts.iter().flatten().all(|n| *n == 0),
        }
    }

    fn told(&self, at: &str, parts: impl Iterator<Item = String>) -> String {
        let parts: Vec<String> = parts.collect();
        if parts.is_empty() { at.to_owned() } else { format!("{at} · {}", parts.join(" · ")) }
    }

    fn events(&self) -> Plot {
        let kinds = ["lead.finalized", "lead.rated", "lead.updated"];
        let mut names: Vec<(&'static str, String)> =
            COLOURS.into_iter().zip(kinds.map(|kind| self.reader.say(&format!("event.{kind}")))).collect();
        names.push(("c4", self.reader.say("event.ops")));
        self.bars("plot.events", &names, |sums| {
            let mut counts: Vec<u64> = kinds.iter().map(|kind| sums.events.get(*kind).copied().unwrap_or(0)).collect();
            counts.push(sums.all_events() - counts.iter().sum::<u64>());
            counts
        })
    }

    fn attempts(&self) -> Plot {
        let names = [("ok", "accepted"), ("warn", "retried"), ("held", "throttled"), ("bad", "refused")]
            .map(|(class, name)| (class, self.reader.say(&format!("attempt.{name}"))));
        self.bars("plot.attempts", &names, |sums| {
            let sum = |of: fn(&AtDestination) -> u64| sums.destinations.values().map(of).sum();
            vec![sum(|at| at.accepted), sum(|at| at.retried), sum(|at| at.throttled), sum(|at| at.refused)]
        })
    }

    fn latency(&self) -> Plot {
        let both = |sums: &Sums| {
            let (mut attempt, mut lag) = (Spread::default(), Spread::default());
            for at in sums.destinations.values() {
                attempt.add(&at.attempt);
                lag.add(&at.lag);
            }
            (attempt, lag)
        };
        let spreads: Vec<(Spread, Spread)> = self.stretches.iter().map(|(_, sums)| both(sums)).collect();
        let lines: [(&'static str, &str, Measure); 4] = [
            ("c1", "latency.p50", |both| both.0.quantile(0.5)),
            ("c2", "latency.p95", |both| both.0.quantile(0.95)),
            ("c6", "latency.max", |both| both.0.longest()),
            ("c3", "latency.lag", |both| both.1.quantile(0.95)),
        ];
        let all = spreads.iter().fold((Spread::default(), Spread::default()), |mut all, both| {
            all.0.add(&both.0);
            all.1.add(&both.1);
            all
        });
        let seconds = |took: Duration| took.as_secs_f64().max(0.001);
        let values: Vec<f64> =
            spreads.iter().flat_map(|both| lines.iter().filter_map(|(_, _, of)| of(both).map(seconds))).collect();
        // Whole powers of ten, and an even number of them, so that the line in the middle is one too.
        let low = values.iter().copied().fold(f64::INFINITY, f64::min).log10().floor();
        let high = values.iter().copied().fold(0.001, f64::max).log10().ceil();
        let (low, high) = if low.is_finite() { (low, high.max(low + 2.0)) } else { (-3.0, 1.0) };
        let high = if (high - low) % 2.0 == 0.0 { high } else { high + 1.0 };
        let scale = Scale::Tenfold(10f64.powf(low), 10f64.powf(high));
        let drawn: Vec<Drawn> = (lines.iter())
            .map(|(class, _, of)| Drawn { class, values: spreads.iter().map(|both| of(both).map(seconds)).collect() })
            .collect();
        let span = |took: Duration| shown::short_span(took, self.reader.language);
        let told: Vec<String> = (self.at.iter().zip(&spreads))
            .map(|(at, both)| {
                let parts = lines
                    .iter()
                    .filter_map(|(_, key, of)| Some(format!("{} {}", self.reader.say(key), span(of(both)?))));
                self.told(at, parts)
            })
            .collect();
        let legend = lines.iter().map(|(class, key, of)| {
            let value = of(&all).map_or("–".to_owned(), span);
            Entry { class, name: self.reader.say(key), value }
        });
        let title = self.reader.say("plot.latency");
        Plot {
            id: "plot.latency",
            svg: plot::lines(&title, &told, &drawn, scale),
            title,
            ticks: [high, (high + low) / 2.0, low].map(|power| span(Duration::from_secs_f64(10f64.powf(power)))).into(),
            times: self.times.clone(),
            legend: legend.collect(),
            empty: values.is_empty(),
        }
    }

    fn backlog(&self) -> Plot {
        // Those for which the most waited come first.
        let mut most: BTreeMap<&str, u64> = BTreeMap::new();
        for (name, at) in self.stretches.iter().flat_map(|(_, sums)| &sums.destinations) {
            let peak = at.backlog.peak.max(at.backlog.pending);
            if peak > 0 {
                let most = most.entry(name).or_default();
                *most = (*most).max(peak);
            }
        }
        let mut names: Vec<(&str, u64)> = most.into_iter().collect();
        names.sort_by_key(|(name, most)| (std::cmp::Reverse(*most), *name));
        let apart: Vec<&str> = names.iter().take(APART).map(|(name, _)| *name).collect();
        let peak = |at: &AtDestination| at.backlog.peak.max(at.backlog.pending);
        let counts = |sums: &Sums, of: fn(&AtDestination) -> u64| {
            let mut counts: Vec<u64> = apart.iter().map(|name| sums.destinations.get(*name).map_or(0, of)).collect();
            if names.len() > apart.len() {
                let rest = sums.destinations.iter().filter(|(name, _)| !apart.contains(&name.as_str()));
                counts.push(rest.map(|(_, at)| of(at)).sum());
            }
            counts
        };
        let mut shown: Vec<(&'static str, String)> =
            COLOURS.into_iter().zip(apart.iter().map(|name| (*name).to_owned())).collect();
        if names.len() > apart.len() {
            shown.push((COLOURS[APART], self.reader.say("plot.others")));
        }
        let mut plot = self.bars("plot.backlog", &shown, |sums| counts(sums, peak));
        // What waits now, not the sum of what ever did.
        let now = self.stretches.last().map(|(_, sums)| counts(sums, |at| at.backlog.pending)).unwrap_or_default();
        for (entry, n) in plot.legend.iter_mut().zip(now) {
            entry.value = self.number(n as f64);
        }
        plot
    }
}
