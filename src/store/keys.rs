//! The one tree's keys: a letter, then numbers big-endian, so that a scan runs in the order that is wanted.
//!
//! | key | holds |
//! |---|---|
//! | `m` name | format, the last sequence number, how far retention has looked |
//! | `P` platform | [`super::records::PlatformRecord`] |
//! | `D` name, `n` no | a destination's record; its name |
//! | `L` lane, `l` destination route | a lane: what one route sends to one destination |
//! | `c` lane | its counts |
//! | `k` platform lead | a run of known leads, from this one on |
//! | `g` platform lead, `f` platform due lead | a lead whose details are still to be read; when |
//! | `r` platform due lead | a lead that is read again for want of a rating |
//! | `s` platform | that the source does not answer |
//! | `w` platform | rows of its lists that make no sense |
//! | `e` seq, `b` seq chunk | an event and the first of its envelope; the rest |
//! | `p` destination seq | a pending delivery |
//! | `q` lane due seq, `Q` lane due seq | the heads of the lines, by when they are due; of those that wait behind the others |
//! | `h` seq destination | a settled delivery |
//! | `a` seq destination n | an attempt that was not accepted; the one that was stands in `h` |
//! | `i` seq destination | how far a delivery of several steps has come |
//! | `u` destination contact | when a contact was told of there |
//! | `v` time destination contact | then nothing of that counts any more |
//! | `x` time id, `y` id | dead letters by age; by id |
//! | `B` no | a backfill |
//! | `T` key | the tokens of those destinations that share them |
//! | `H` tier time | sums of what happened in a minute, or in ten |
//! | `z` time seq | an event to look at again, since a delivery of it was settled then |

use crate::domain::lead::LeadId;
use crate::domain::oauth2::TokenKey;

/// A destination's number in this store.
pub type DestinationNo = u32;
/// A lane's number in this store.
pub type LaneNo = u32;
/// A platform's number in this store.
pub type PlatformNo = u16;
/// Under this number stands what leadhook says of itself, in lines by subject: there is no such platform, and no such lead.
pub const OPS: PlatformNo = 0;
/// An event's place in the order in which events were recorded.
pub type Seq = u64;
/// A backfill's number in this store.
pub type BackfillNo = u32;

/// Milliseconds since 1970, never before it.
fn ms(at: i64) -> [u8; 8] {
    u64::try_from(at).unwrap_or(0).to_be_bytes()
}

fn key<const N: usize>(letter: u8, parts: [&[u8]; N]) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + parts.iter().map(|part| part.len()).sum::<usize>());
    key.push(letter);
    for part in parts {
        key.extend_from_slice(part);
    }
    key
}

/// Written to find out whether anything can be.
pub const TRIED: &[u8] = b"mtried";
/// How many groups of commits were ever written.
pub const COMMITS: &[u8] = b"mcommits";
pub const FORMAT: &[u8] = b"mformat";
/// With which key all of the store is sealed.
pub const SEALED: &[u8] = b"mseal";
/// What contacts are hashed with.
pub const SALT: &[u8] = b"msalt";
/// There since something was erased whose bytes are to be gone from the files by the next start.
pub const ERASED: &[u8] = b"merased";
pub const LAST_SEQ: &[u8] = b"mseq";
pub const LAST_LANE: &[u8] = b"mlane";
pub const LAST_DESTINATION: &[u8] = b"mdestination";
pub const LAST_PLATFORM: &[u8] = b"mplatform";
pub const LAST_BACKFILL: &[u8] = b"mbackfill";
/// Every event's key begins with it.
pub const EVENTS: &[u8] = b"e";
/// Every backfill's key begins with it.
pub const BACKFILLS: &[u8] = b"B";
/// The last event that retention has looked at; it has looked at all before it.
pub const LOOKED_AT: &[u8] = b"mlookedat";

/// Whether what stands under this key is a part of an index, or a count: it holds numbers, times, names of the file and
/// hashes, and is not sealed. What is new is sealed unless it is named here.
pub fn is_index(key: &[u8]) -> bool {
    key.first().is_some_and(|letter| b"mPDnLlcspqQfvxyz".contains(letter)) && key != SALT
}

pub fn platform(id: &str) -> Vec<u8> {
    key(b'P', [id.as_bytes()])
}

pub fn destination(name: &str) -> Vec<u8> {
    key(b'D', [name.as_bytes()])
}

pub fn destination_name(no: DestinationNo) -> Vec<u8> {
    key(b'n', [&no.to_be_bytes()])
}

pub fn lane(no: LaneNo) -> Vec<u8> {
    key(b'L', [&no.to_be_bytes()])
}

pub fn lane_of(destination: DestinationNo, route: &str) -> Vec<u8> {
    key(b'l', [&destination.to_be_bytes(), route.as_bytes()])
}

pub fn counts(lane: LaneNo) -> Vec<u8> {
    key(b'c', [&lane.to_be_bytes()])
}

pub fn run(platform: PlatformNo, from: LeadId) -> Vec<u8> {
    key(b'k', [&platform.to_be_bytes(), &from.0.to_be_bytes()])
}

pub fn runs(platform: PlatformNo) -> Vec<u8> {
    key(b'k', [&platform.to_be_bytes()])
}

pub fn fetch(platform: PlatformNo, lead: LeadId) -> Vec<u8> {
    key(b'g', [&platform.to_be_bytes(), &lead.0.to_be_bytes()])
}

pub fn fetches(platform: PlatformNo) -> Vec<u8> {
    key(b'g', [&platform.to_be_bytes()])
}

pub fn fetch_due(platform: PlatformNo, due: i64, lead: LeadId) -> Vec<u8> {
    key(b'f', [&platform.to_be_bytes(), &ms(due), &lead.0.to_be_bytes()])
}

pub fn fetches_due(platform: PlatformNo) -> Vec<u8> {
    key(b'f', [&platform.to_be_bytes()])
}

pub fn recheck(platform: PlatformNo, due: i64, lead: LeadId) -> Vec<u8> {
    key(b'r', [&platform.to_be_bytes(), &ms(due), &lead.0.to_be_bytes()])
}

pub fn rechecks(platform: PlatformNo) -> Vec<u8> {
    key(b'r', [&platform.to_be_bytes()])
}

pub fn silence(platform: PlatformNo) -> Vec<u8> {
    key(b's', [&platform.to_be_bytes()])
}

pub fn malformed(platform: PlatformNo) -> Vec<u8> {
    key(b'w', [&platform.to_be_bytes()])
}

pub fn event(seq: Seq) -> Vec<u8> {
    key(b'e', [&seq.to_be_bytes()])
}

pub fn events() -> Vec<u8> {
    key(b'e', [])
}

pub fn chunk(seq: Seq, n: u16) -> Vec<u8> {
    key(b'b', [&seq.to_be_bytes(), &n.to_be_bytes()])
}

pub fn pending(destination: DestinationNo, seq: Seq) -> Vec<u8> {
    key(b'p', [&destination.to_be_bytes(), &seq.to_be_bytes()])
}

pub fn pendings(destination: DestinationNo) -> Vec<u8> {
    key(b'p', [&destination.to_be_bytes()])
}

/// `behind`: it goes when nothing else is due.
pub fn queued(lane: LaneNo, behind: bool, due: i64, seq: Seq) -> Vec<u8> {
    key(queue_letter(behind), [&lane.to_be_bytes(), &ms(due), &seq.to_be_bytes()])
}

pub fn queue(lane: LaneNo, behind: bool) -> Vec<u8> {
    key(queue_letter(behind), [&lane.to_be_bytes()])
}

fn queue_letter(behind: bool) -> u8 {
    if behind { b'Q' } else { b'q' }
}

pub fn settled(seq: Seq, destination: DestinationNo) -> Vec<u8> {
    key(b'h', [&seq.to_be_bytes(), &destination.to_be_bytes()])
}

/// The settled deliveries of an event, wherever it went.
pub fn settled_of(seq: Seq) -> Vec<u8> {
    key(b'h', [&seq.to_be_bytes()])
}

pub fn attempt(seq: Seq, destination: DestinationNo, n: u32) -> Vec<u8> {
    key(b'a', [&seq.to_be_bytes(), &destination.to_be_bytes(), &n.to_be_bytes()])
}

pub fn attempts(seq: Seq, destination: DestinationNo) -> Vec<u8> {
    key(b'a', [&seq.to_be_bytes(), &destination.to_be_bytes()])
}

/// The attempts of an event, wherever it went.
pub fn attempts_of(seq: Seq) -> Vec<u8> {
    key(b'a', [&seq.to_be_bytes()])
}

pub fn progress(seq: Seq, destination: DestinationNo) -> Vec<u8> {
    key(b'i', [&seq.to_be_bytes(), &destination.to_be_bytes()])
}

/// The destination of a key that begins with an event and a destination: `h`, `a`, `i`.
pub fn destination_of(key: &[u8]) -> DestinationNo {
    key.get(9..13).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_be_bytes)
}

/// How far the deliveries of an event have come, wherever it goes.
pub fn progress_of(seq: Seq) -> Vec<u8> {
    key(b'i', [&seq.to_be_bytes()])
}

/// `contact`: a hash.
pub fn contact(destination: DestinationNo, contact: &[u8; 16]) -> Vec<u8> {
    key(b'u', [&destination.to_be_bytes(), contact])
}

pub fn contact_over(until: i64, destination: DestinationNo, contact: &[u8; 16]) -> Vec<u8> {
    key(b'v', [&ms(until), &destination.to_be_bytes(), contact])
}

/// The notes of contacts that are over before then lie before it.
pub fn contacts_over(until: i64) -> Vec<u8> {
    key(b'v', [&ms(until)])
}

/// The contact of such a note.
pub fn contact_of_note(note: &[u8]) -> Vec<u8> {
    key(b'u', [note.get(9..).unwrap_or_default()])
}

pub fn settled_note(at: i64, seq: Seq) -> Vec<u8> {
    key(b'z', [&ms(at), &seq.to_be_bytes()])
}

pub fn history(tier: u8, from: i64) -> Vec<u8> {
    key(b'H', [&[tier], &ms(from)])
}

pub fn backfill(no: BackfillNo) -> Vec<u8> {
    key(b'B', [&no.to_be_bytes()])
}

pub fn token(token: TokenKey) -> Vec<u8> {
    key(b'T', [&token.0])
}

pub fn dead_by_age(died: i64, id: &str) -> Vec<u8> {
    key(b'x', [&ms(died), id.as_bytes()])
}

pub fn dead_by_id(id: &str) -> Vec<u8> {
    key(b'y', [id.as_bytes()])
}

/// The last eight bytes as a number: the `seq` of a pending key, the lead of a fetch key.
pub fn last_u64(key: &[u8]) -> u64 {
    key.last_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// The last four bytes as a number: a backfill's.
pub fn last_u32(key: &[u8]) -> u32 {
    key.last_chunk::<4>().map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

/// The two bytes from `at` as a number: a run's platform.
pub fn u16_at(key: &[u8], at: usize) -> u16 {
    key.get(at..at + 2).and_then(|bytes| bytes.try_into().ok()).map_or(0, u16::from_be_bytes)
}

/// The four bytes from `at` as a number: the destination of a pending key.
pub fn u32_at(key: &[u8], at: usize) -> u32 {
    key.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_be_bytes)
}

/// The eight bytes from `at` as a number: the due time of a queue or fetch key.
pub fn u64_at(key: &[u8], at: usize) -> u64 {
    key.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes)
}
