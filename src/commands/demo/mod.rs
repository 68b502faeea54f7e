//! `leadhook demo`: the whole thing on one machine, with nothing to set up.
//!
//! What is simulated are WeClever and the destinations; between them runs what `leadhook run` runs, over real sockets and
//! with a store on disk.
//!
//! | file | one idea |
//! |---|---|
//! | `stage` | who plays: the simulated WeClever, the destinations, and the file that knows them |
//! | `screen` | what a happening looks like to a person |
//! | `object` | the same as JSON |
//! | `tally` | the numbers at the end, and whether they add up |
//! | `report` | what they look like |

mod object;
mod report;
mod screen;
mod stage;
mod tally;

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::exit::{Exit, Failure};
use super::signals;
use crate::app::operator::{Operator, State, Status, StatusReport, Verb};
use crate::app::{App, AppError, Stop};
use crate::domain::span;
use crate::watch::{Clock, Happening};
use screen::Screen;
use stage::Stage;
use tally::Told;

/// How long what is under way may take once no new leads come.
const DRAIN: Duration = Duration::from_millis(3_500);

/// How long requests that are on the wire then may take.
const END: Duration = Duration::from_millis(1_500);

/// Between two looks at rows that should no longer wait, and at whether everything has settled.
const TICK: Duration = Duration::from_millis(100);

#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// How long leads are finalized; Ctrl-C ends it earlier
    #[arg(long = "for", default_value = "30s", value_parser = span::parse, value_name = "DURATION")]
    long: Duration,
}

pub async fn demo(args: &DemoArgs, json: bool) -> Result<Exit, Failure> {
    let asked_to_end = signals::listen().gently;
    let stage = Stage::set().await?;
    let app = App::build(stage.config()?, Clock::system()).await?;
    let (operator, news) = (app.operator(), app.feed().listen());
    let mut show = Show::new(&stage, args.long, json)?;
    let stop = Stop::default();
    let mut play = Play {
        stage: &stage,
        operator,
        news,
        running: tokio::spawn(app.run(stop.clone())),
        stop,
        told: Told::default(),
    };
    play.until_the_end(args.long, &asked_to_end, &mut show).await?;
    play.drain(&mut show).await?;
    let cut = play.end(&mut show).await?;
    let status = play.status().await?;
    let summary = tally::add_up(&stage.seen(status, play.told, cut, show.began.elapsed()));
    match &show.form {
        Form::Json => show.print([object::summary(&summary)])?,
        Form::Text(_) => show.print(report::lines(&summary))?,
    }
    // In this order: a store that still writes would keep its directory from being removed.
    play.operator.close().await;
    stage.clear().await;
    Ok(if summary.adds_up { Exit::Done } else { Exit::NeedsALook })
}

/// leadhook, running, and those who watch it.
struct Play<'a> {
    stage: &'a Stage,
    operator: Operator,
    news: broadcast::Receiver<Arc<Happening>>,
    running: JoinHandle<Result<(), AppError>>,
    stop: Stop,
    told: Told,
}

impl Play<'_> {
    /// Shows what happens while leads are finalized.
    async fn until_the_end(
        &mut self,
        long: Duration,
        asked_to_end: &CancellationToken,
        show: &mut Show,
    ) -> Result<(), Failure> {
        let over = tokio::time::sleep(long);
        tokio::pin!(over);
        let mut ticks = ticks();
        loop {
            tokio::select! {
                happening = self.news.recv() => self.tell(happening, show)?,
                _ = ticks.tick() => show.flush()?,
                () = &mut over => return Ok(()),
                () = asked_to_end.cancelled() => return Ok(()),
                end = &mut self.running => return Err(ended_early(end)),
            }
        }
    }

    /// No new leads; what is under way gets a moment.
    async fn drain(&mut self, show: &mut Show) -> Result<(), Failure> {
        self.stage.calm_down();
        show.note("No new leads from here, and WeClever breaks nothing more. What is under way gets a moment.")?;
        let over = tokio::time::sleep(DRAIN);
        tokio::pin!(over);
        let mut ticks = ticks();
        loop {
            tokio::select! {
                happening = self.news.recv() => self.tell(happening, show)?,
                _ = ticks.tick() => {
                    show.flush()?;
                    if settled(&self.status().await?, self.stage.weclever.finalized()) {
                        return Ok(());
                    }
                }
                () = &mut over => return Ok(()),
                end = &mut self.running => return Err(ended_early(end)),
            }
        }
    }

    /// Stops leadhook as a signal would. True where something on the wire had to be dropped.
    async fn end(&mut self, show: &mut Show) -> Result<bool, Failure> {
        self.stop.gently.cancel();
        let over = tokio::time::sleep(END);
        tokio::pin!(over);
        let mut cut = false;
        let end = loop {
            tokio::select! {
                happening = self.news.recv() => self.tell(happening, show)?,
                end = &mut self.running => break end,
                () = &mut over, if !cut => {
                    cut = true;
                    self.stop.at_once.cancel();
                }
            }
        };
        match end {
            Ok(end) => end?,
            Err(lost) => return Err(ended_early(Err(lost))),
        }
        while let Ok(happening) = self.news.try_recv() {
            self.tell(Ok(happening), show)?;
        }
        show.flush_all()?;
        Ok(cut)
    }

    fn tell(&mut self, happening: Result<Arc<Happening>, RecvError>, show: &mut Show) -> Result<(), Failure> {
        match happening {
            Ok(happening) => {
                self.told.note(&happening);
                show.happening(&happening)?;
            }
            // Whoever reads the output was slow. Nothing else suffers from it.
            Err(RecvError::Lagged(missed)) => {
                self.told.missed += missed;
                show.note(&format!("{missed} happenings were missed: the output was not read fast enough."))?;
            }
            // There is no more to come; `running` says why.
            Err(RecvError::Closed) => {}
        }
        Ok(())
    }

    async fn status(&self) -> Result<StatusReport, Failure> {
        Ok(Status {}.run(&self.operator).await?)
    }
}

/// Every lead has been read, and every destination that takes anything has what it should have.
fn settled(status: &StatusReport, finalized: u64) -> bool {
    let source = &status.source;
    source.set_aside == 0
        && source.seen_leads == finalized
        && status.destinations.iter().all(|d| d.pending == 0 || d.state == State::Failing)
}

fn ticks() -> tokio::time::Interval {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// leadhook ended while nobody had asked it to. A panic goes on here.
fn ended_early(end: Result<Result<(), AppError>, JoinError>) -> Failure {
    match end {
        Ok(Err(error)) => error.into(),
        Err(lost) if lost.is_panic() => std::panic::resume_unwind(lost.into_panic()),
        _ => Failure::unavailable("leadhook ended before the demo was over"),
    }
}

/// Standard output, and when the show began.
struct Show {
    began: Instant,
    form: Form,
}

enum Form {
    Text(Screen),
    Json,
}

impl Show {
    /// Says who plays.
    fn new(stage: &Stage, long: Duration, json: bool) -> Result<Show, Failure> {
        let screen = Screen::new(stage::NAMES);
        let mut show = Show { began: Instant::now(), form: Form::Json };
        if json {
            show.print([object::began(stage)])?;
        } else {
            show.print(report::intro(stage, long))?;
            show.print([String::new(), screen.header()])?;
            show.form = Form::Text(screen);
        }
        Ok(show)
    }

    fn happening(&mut self, happening: &Happening) -> Result<(), Failure> {
        let (at, now) = (self.began.elapsed(), jiff::Timestamp::now());
        match &mut self.form {
            Form::Text(screen) => {
                let lines = screen.show(at, now, happening);
                self.print(lines)
            }
            Form::Json => self.print([object::happening(at, now, happening)]),
        }
    }

    /// Says something to a person; programs find it in the numbers.
    fn note(&mut self, text: &str) -> Result<(), Failure> {
        let at = self.began.elapsed();
        match &self.form {
            Form::Text(_) => self.print([screen::note(at, text)]),
            Form::Json => Ok(()),
        }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        let at = self.began.elapsed();
        match &mut self.form {
            Form::Text(screen) => {
                let lines = screen.flush(at);
                self.print(lines)
            }
            Form::Json => Ok(()),
        }
    }

    fn flush_all(&mut self) -> Result<(), Failure> {
        let at = self.began.elapsed();
        match &mut self.form {
            Form::Text(screen) => {
                let lines = screen.flush_all(at);
                self.print(lines)
            }
            Form::Json => Ok(()),
        }
    }

    fn print<T: Line>(&mut self, lines: impl IntoIterator<Item = T>) -> Result<(), Failure> {
        let mut out = anstream::stdout().lock();
        for line in lines {
            writeln!(out, "{}", line.text())?;
        }
        Ok(out.flush()?)
    }
}

/// A line on standard output.
trait Line {
    fn text(self) -> String;
}

impl Line for String {
    fn text(self) -> String {
        self
    }
}

impl Line for Value {
    fn text(self) -> String {
        self.to_string()
    }
}
