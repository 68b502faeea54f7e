//! `transcript`: a conversation as text, cut at a whole message.

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, Value};

use super::truncate::{Unit, cut, is_whole_text};
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

    /// `… 12 mensagens`
    fn mark(&self, left_out: usize) -> String {
        format!("(… {left_out} {})", self.left_out)
    }
}

/// One line for each message, the newest within `max` as they stand in this place in the end.
pub(super) fn transcript(place: Place, messages: &Value, options: &Kwargs) -> Result<Value, Error> {
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
        _ => return Err(said("a transcript is made of a list of messages")),
    };
    let measure = |text: &str| options.unit.length(&place.escape(text));
    Ok(Value::from(fitted(&lines, &options, measure)))
}

fn fitted(lines: &[String], options: &Options, measure: impl Fn(&str) -> usize) -> String {
    let line_end = measure("\n");
    let lengths: Vec<usize> = lines.iter().map(|line| measure(line)).collect();
    let all = lengths.iter().sum::<usize>() + line_end * lines.len().saturating_sub(1);
    if all <= options.max {
        return lines.join("\n");
    }
    // The most whole messages that fit with the mark that says how many do not.
    let mut kept = 0;
    let mut spent = 0;
    for n in 1..lines.len() {
        let next = if options.newest { lines.len() - n } else { n - 1 };
        spent += lengths[next] + line_end;
        if spent + measure(&options.mark(lines.len() - n)) > options.max {
            break;
        }
        kept = n;
    }
    let mark = options.mark(lines.len() - kept.max(1));
    if kept == 0 {
        // Not one message fits whole: the beginning of the one that matters most.
        let one = if options.newest { lines.last() } else { lines.first() }.map_or("", String::as_str);
        let room = match lines.len() {
            1 => options.max,
            _ => options.max.saturating_sub(measure(&mark) + line_end),
        };
        let one = cut(one, room, "…", &measure, is_whole_text);
        return match (lines.len(), one.is_empty()) {
            (1, _) => one,
            (_, true) => cut(&options.mark(lines.len()), options.max, "", &measure, is_whole_text),
            _ if options.newest => format!("{mark}\n{one}"),
            _ => format!("{one}\n{mark}"),
        };
    }
    if options.newest {
        format!("{mark}\n{}", lines[lines.len() - kept..].join("\n"))
    } else {
        format!("{}\n{mark}", lines[..kept].join("\n"))
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
    let who = match direction.as_str() {
        "inbound" => options.inbound.clone(),
        "outbound" => options.outbound.clone(),
        _ => direction,
    };
    let when = match &options.zone {
        Some(zone) => shown(&date::in_zone(&field("date_created"), &options.format, zone)?)?.into_owned(),
        None => String::new(),
    };
    let said = if who.is_empty() { body } else { format!("{who}: {body}") };
    Ok(Some(if when.is_empty() { said } else { format!("{when} {said}") }))
}
