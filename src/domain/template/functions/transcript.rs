//! `transcript`: a conversation as text, cut at a whole message.

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, State, Value};

use super::truncate::{Unit, cut, work};
use super::{date, shown};
use crate::domain::template::place::Place;
use crate::domain::template::reason::said;

struct Options {
    max: usize,
    unit: Unit,
    newest: bool,
    inbound: String,
    outbound: String,
    left_out: String,
    zone: Option<String>,
    format: String,
}

impl Options {
    fn of(options: &Kwargs) -> Result<Options, Error> {
        let text = |name: &str, default: &str| {
            Ok::<_, Error>(options.get::<Option<String>>(name)?.unwrap_or_else(|| default.to_owned()))
        };
        let newest = match options.get::<Option<&str>>("keep")? {
            None | Some("last") => true,
            Some("first") => false,
            Some(_) => return Err(said("keep is neither \"first\" nor \"last\"")),
        };
        let read = Options {
            max: options.get::<Option<usize>>("max")?.unwrap_or(3000),
            unit: Unit::of(options)?,
            newest,
            inbound: text("inbound", "Cliente")?,
            outbound: text("outbound", "Atendente")?,
            left_out: text("left_out", "mensagens")?,
            zone: options.get("zone")?,
            format: text("format", "%d/%m %H:%M")?,
        };
        options.assert_all_used()?;
        Ok(read)
    }

    /// `(… 12 mensagens)`
    fn mark(&self, left_out: usize) -> String {
        format!("(… {left_out} {})", self.left_out)
    }

    /// The lines with the mark where the ones that are left out would be.
    fn joined(&self, lines: &[String], left_out: usize) -> String {
        let mark = (left_out > 0).then(|| self.mark(left_out));
        let lines = lines.iter().map(String::as_str);
        let parts: Vec<&str> = match self.newest {
            true => mark.as_deref().into_iter().chain(lines).collect(),
            false => lines.chain(mark.as_deref()).collect(),
        };
        parts.join("\n")
    }
}

/// One line for each message, the newest within `max` as they stand in this place in the end.
pub(super) fn transcript(
    place: Place,
    state: &State<'_, '_>,
    messages: &Value,
    options: &Kwargs,
) -> Result<Value, Error> {
    let options = Options::of(options)?;
    let lines = match messages.kind() {
        ValueKind::Undefined | ValueKind::None => Vec::new(),
        ValueKind::Seq | ValueKind::Iterable => {
            let mut lines = Vec::new();
            for message in messages.try_iter()? {
                lines.extend(line(&message, &options)?);
            }
            lines
        }
        // No conversation, whatever it is.
        _ => Vec::new(),
    };
    // What the event has lost already, so that it fits its destination, is left out as well.
    let lost = state.lookup("cut").and_then(|cut| cut.get_attr("messages").ok()?.as_usize()).unwrap_or(0);
    state.consume_fuel(lines.iter().map(|line| 1 + work(line)).sum())?;
    let measure = |text: &str| options.unit.length(&place.escape(text));
    Ok(Value::from(fitted(&lines, lost, &options, measure)))
}

fn fitted(lines: &[String], lost: usize, options: &Options, measure: impl Fn(&str) -> usize) -> String {
    let line_end = measure("\n");
    let lengths: Vec<usize> = lines.iter().map(|line| measure(line)).collect();
    let mark = |left_out: usize| match left_out {
        0 => 0,
        left_out => measure(&options.mark(left_out)) + line_end,
    };
    // The most whole messages that fit with the mark that says how many do not.
    let mut left: usize = lengths.iter().map(|length| length + line_end).sum();
    for left_out in 0..lines.len() {
        if left.saturating_sub(line_end) + mark(left_out + lost) <= options.max {
            let kept = match options.newest {
                true => &lines[left_out..],
                false => &lines[..lines.len() - left_out],
            };
            return options.joined(kept, left_out + lost);
        }
        let next = if options.newest { left_out } else { lines.len() - 1 - left_out };
        left -= lengths[next] + line_end;
    }
    // Not one message fits whole: the beginning of the one that matters most, if there is room for any of it.
    let one = if options.newest { lines.last() } else { lines.first() }.map_or("", String::as_str);
    let left_out = lines.len().saturating_sub(1) + lost;
    let one = cut(one, options.max.saturating_sub(mark(left_out)), "…", &measure, |_, _| true);
    match one.is_empty() {
        false if one != "…" => options.joined(&[one], left_out),
        _ => cut(&options.joined(&[], lines.len() + lost), options.max, "", &measure, |_, _| true),
    }
}

/// `Cliente: ...`; nothing for what holds neither text nor media.
fn line(message: &Value, options: &Options) -> Result<Option<String>, Error> {
    let field = |name: &str| message.get_attr(name).unwrap_or(Value::UNDEFINED);
    let text = |name: &str| Ok::<_, Error>(shown(&field(name))?.trim().to_owned());
    let body = text("body")?;
    let body = match body.is_empty() {
        // One message, one line.
        false => body
            .split(['\r', '\n', '\u{2028}', '\u{2029}'])
            .filter(|part| !part.trim().is_empty())
            .collect::<Vec<_>>()
            .join(" "),
        true => match text("content_type")? {
            kind if kind.is_empty() => return Ok(None),
            kind => format!("[{kind}]"),
        },
    };
    let direction = text("direction")?;
    // Also `outbound-api` and `outbound-reply`, as the gateway below WeClever has them.
    let who = match direction.split('-').next() {
        Some("inbound") => options.inbound.clone(),
        Some("outbound") => options.outbound.clone(),
        _ => direction,
    };
    let when = match &options.zone {
        Some(zone) => shown(&date::in_zone(&field("date_created"), &options.format, zone)?)?.into_owned(),
        None => String::new(),
    };
    let said = if who.is_empty() { body } else { format!("{who}: {body}") };
    Ok(Some(if when.is_empty() { said } else { format!("{when} {said}") }))
}
