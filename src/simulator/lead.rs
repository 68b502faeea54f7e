//! What the API says about one lead: a row of a list, and the whole object.

use fastrand::Rng;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::people::{Person, pick};
use super::talk::{self, Kind, Side};

/// The statuses that a shop maps its conversations to.
const STATUSES: &[&str] = &["qualified", "qualified", "unqualified", "scheduled", "no_answer", "sold"];

/// For what a number is drawn. Each thing about a lead has dice of its own, so that one more draw here changes nothing there.
#[derive(Debug, Clone, Copy)]
pub(super) enum About {
    Time = 1,
    Row,
    Lateness,
    Rating,
    Person,
    Talk,
}

/// The dice for one thing about one lead: the same throws each time.
pub(super) fn dice(seed: u64, id: u64, about: About) -> Rng {
    // splitmix64's finalizer: neighbouring ids must not throw alike.
    let mut mixed = seed.rotate_left(32) ^ id.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ ((about as u64) << 56);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    Rng::with_seed(mixed ^ (mixed >> 31))
}

/// A row of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The lead.
    pub weclever_lead_id: u64,
    /// Its status, in the words of the CRM.
    pub mapped_status: String,
    /// What the CRM calls it, if it has said so.
    pub client_lead_id: ClientLeadId,
}

/// The documented three shapes of `client_lead_id`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ClientLeadId {
    /// Text.
    Text(String),
    /// A whole number.
    Number(u64),
    /// `null`.
    Absent,
}

impl Row {
    /// The row of a lead to which nobody gave a status by hand.
    pub(super) fn draw(seed: u64, id: u64) -> Row {
        let mut dice = dice(seed, id, About::Row);
        let client_lead_id = match dice.u32(0..20) {
            0..8 => ClientLeadId::Text(format!("crm-{}", dice.u32(1..1_000_000))),
            8..15 => ClientLeadId::Number(dice.u64(1..10_000_000)),
            _ => ClientLeadId::Absent,
        };
        Row { weclever_lead_id: id, mapped_status: pick(&mut dice, STATUSES).to_owned(), client_lead_id }
    }
}

/// What is known of a rating at some instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rating {
    /// Nobody asked: `csat` is null.
    Unasked,
    /// Asked and not answered, or not yet: `csat.rating` is empty.
    Open,
    /// Answered.
    Given(String),
}

/// How, and how long after its end, a conversation will be rated; `None` when never.
pub(super) fn draw_rating(seed: u64, id: u64, unrated: f64, later: f64, up_to_ms: i64) -> Option<(String, i64)> {
    let mut dice = dice(seed, id, About::Rating);
    if dice.f64() < unrated {
        return None;
    }
    let delay = if dice.f64() < later { dice.i64(0..=up_to_ms.max(0)) } else { 0 };
    let stars = match dice.u32(0..100) {
        0..45 => 5,
        45..70 => 4,
        70..82 => 3,
        82..90 => 2,
        _ => 1,
    };
    let text = match dice.u32(0..20) {
        0 => format!("{stars}/5"),
        1 => format!("{stars} - {}", ["Péssimo", "Ruim", "Regular", "Bom", "Ótimo"][stars - 1]),
        _ => stars.to_string(),
    };
    Some((text, delay))
}

/// Whether the lead was asked for a rating at all, seeing that none will come.
pub(super) fn was_asked(seed: u64, id: u64) -> bool {
    let mut dice = dice(seed, id, About::Rating);
    // The first throw decided that none will come, and says nothing new.
    dice.f64();
    dice.bool()
}

#[derive(Serialize)]
struct Answer<'a> {
    lead: Lead<'a>,
}

#[derive(Serialize)]
struct Lead<'a> {
    email: &'a str,
    name: &'a str,
    phone: &'a str,
    state: &'a str,
    regional: &'a str,
    chats: Chats<'a>,
    feelings: Feelings,
    csat: Option<Csat<'a>>,
    status: &'a str,
    // Not on the API's page: a client has to live with fields it does not know.
    utm_source: &'a str,
    attendant: Attendant<'a>,
}

#[derive(Serialize)]
struct Chats<'a> {
    metrics: Metrics,
    messages: Vec<Message<'a>>,
}

#[derive(Serialize)]
struct Metrics {
    date_difference: String,
    total_messages: usize,
}

#[derive(Serialize)]
struct Message<'a> {
    id_chat: u64,
    body: &'a str,
    media_url: Option<String>,
    content_type: &'static str,
    date_created: String,
    sid: String,
    message_type: &'static str,
    direction: &'static str,
    status: &'static str,
}

#[derive(Serialize)]
struct Feelings {
    total_messages: usize,
    positive_feeling: usize,
    neutral_feeling: usize,
    negative_feeling: usize,
}

#[derive(Serialize)]
struct Csat<'a> {
    message: &'a str,
    rating: &'a str,
}

#[derive(Serialize)]
struct Attendant<'a> {
    name: &'a str,
    bot: bool,
}

/// The answer for a lead as there are many, with this rating.
pub fn example(id: u64, rating: &str, now: Timestamp) -> Vec<u8> {
    let now_ms = now.as_millisecond();
    detail(0, id, now_ms, &Rating::Given(rating.to_owned()), now_ms, None)
}

/// The answer for one lead, as JSON. The messages' dates are in UTC, or on the clocks of `local`, which they do not name.
pub(super) fn detail(
    seed: u64,
    id: u64,
    finalized_ms: i64,
    rating: &Rating,
    now_ms: i64,
    local: Option<&TimeZone>,
) -> Vec<u8> {
    let person = Person::draw(&mut dice(seed, id, About::Person));
    let mut dice = dice(seed, id, About::Talk);
    let lines = talk::draw(&mut dice, person.first_name);

    let pauses: Vec<i64> = lines.iter().map(|_| dice.i64(4..95)).collect();
    let lasted: i64 = pauses.iter().sum();
    let mut said_at = finalized_ms.div_euclid(1000) - lasted;
    // Thirteen digits, as such ids have; what matters is that a message keeps its own.
    let first_chat = 1_000_000_000_000 + dice.u64(0..8_000_000_000_000);
    let mut messages = Vec::with_capacity(lines.len());
    for (at, (line, pause)) in lines.iter().zip(&pauses).enumerate() {
        said_at += pause;
        let (content_type, message_type, ending) = match line.kind {
            Kind::Text => ("text/plain", "text", ""),
            Kind::Photo => ("image/jpeg", "image", "jpg"),
            Kind::Voice => ("audio/ogg", "audio", "ogg"),
        };
        let sid = format!("SM{:016x}{:016x}", dice.u64(..), dice.u64(..));
        let media_url = (line.kind != Kind::Text).then(|| {
            // Signed links change with every reading, though nothing has happened to the lead.
            let expires = now_ms.div_euclid(1000) + 3600;
            format!("https://media.example.com/{sid}.{ending}?expires={expires}&signature={:x}", expires ^ 0x5eed_cafe)
        });
        let (direction, status) =
            if line.side == Side::Person { ("inbound", "received") } else { ("outbound-api", "read") };
        messages.push(Message {
            id_chat: first_chat + at as u64,
            body: &line.text,
            media_url,
            content_type,
            date_created: date(Timestamp::from_second(said_at).unwrap_or_default(), local),
            sid,
            message_type,
            direction,
            status,
        });
    }

    let heard = lines.iter().filter(|line| line.side == Side::Person).count();
    let moved = dice.usize(0..=heard);
    let unhappy = matches!(rating, Rating::Given(text) if text.starts_with(['1', '2']));
    let (positive, negative) = if unhappy { (0, moved) } else { (moved, 0) };
    let csat = match rating {
        Rating::Unasked => None,
        Rating::Open => Some(""),
        Rating::Given(text) => Some(text.as_str()),
    };
    let answer = Answer {
        lead: Lead {
            email: &person.email,
            name: &person.name,
            phone: &person.phone,
            state: person.state,
            regional: person.regional,
            chats: Chats {
                metrics: Metrics {
                    date_difference: format!("{:02}:{:02}:{:02}", lasted / 3600, lasted / 60 % 60, lasted % 60),
                    total_messages: messages.len(),
                },
                messages,
            },
            feelings: Feelings {
                total_messages: heard,
                positive_feeling: positive,
                neutral_feeling: heard - moved,
                negative_feeling: negative,
            },
            csat: csat.map(|rating| Csat { message: "De 1 a 5, que nota você dá para este atendimento?", rating }),
            status: "finalizado",
            utm_source: pick(&mut dice, &["instagram", "google", "facebook", "indicacao", ""]),
            attendant: Attendant { name: "Lia", bot: true },
        },
    };
    // Text and numbers in structs of ours always serialize.
    serde_json::to_vec(&answer).unwrap_or_default()
}

fn date(at: Timestamp, local: Option<&TimeZone>) -> String {
    match local {
        Some(zone) => zone.to_datetime(at).strftime("%F %T").to_string(),
        None => at.to_string(),
    }
}
