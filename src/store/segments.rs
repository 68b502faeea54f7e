//! sled's log, read past sled: the beginnings of its segments, and the messages in them.
//!
//! To sled, a segment whose beginning does not read is an empty one, and a message that does not read is where its segment
//! ends: what lay there is gone without a word.
//!
//! ```text
//! segment   sum 4, number of its first byte 8, how far the log was written for sure 8, then messages to its end
//! message   sum 4, kind 1, length, number of its segment, page (1 to 9 bytes each), then so many bytes
//! ```

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

/// As sled makes them unless it is told otherwise.
pub const SEGMENT: usize = 512 * 1024;

/// A checksum and two numbers.
const HEADER: usize = 20;

/// Behind this, sled begins no message in a segment.
const LAST: usize = SEGMENT - 32;

/// sled keeps its numbers turned over, so that a zero is none of them.
const TURNED: u64 = 0x7fff_ffff_ffff_ffff;

/// The message that says that nothing comes behind it in its segment.
const CAP: u8 = 2;

/// The message that says where the last one lies that goes with those behind it.
const BATCH: u8 = 3;

/// The first of the kinds of message that replace what was said of a page: it is free.
const FREE: u8 = 4;

/// The first of those that add to it.
const LINK: u8 = 10;

/// The last of the kinds; 0 is none.
const KINDS: u8 = 11;

/// What a page of records holds; behind it the same, in a file of its own.
const NODE: u8 = 8;

/// Where a segment lies in the file, and in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its first byte in the file.
    pub at: u64,
    /// The number of its first byte in the log.
    pub number: u64,
    header: [u8; HEADER],
}

/// Something of the log is not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the part of its log that begins at byte {at} does not read, or not to its end")]
pub struct Damaged {
    /// The segment's first byte in the file.
    pub at: u64,
}

/// The log's file, where there is one.
///
/// # Errors
/// It cannot be opened.
pub fn log(inner: &Path) -> std::io::Result<Option<File>> {
    match File::open(inner.join("db")) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    }
}

/// All segments that were ever written and not wiped since, in the order of the log.
///
/// # Errors
/// The log cannot be read; or a beginning is neither one nor empty.
pub fn all(log: &mut File) -> std::io::Result<Result<Vec<Segment>, Damaged>> {
    let length = log.metadata()?.len();
    let mut segments = Vec::new();
    let mut at = 0;
    while at + HEADER as u64 <= length {
        let mut header = [0; HEADER];
        log.seek(SeekFrom::Start(at))?;
        log.read_exact(&mut header)?;
        // One that was never written, or was wiped.
        if header.iter().any(|byte| *byte != 0) {
            let Some(number) = number(&header) else { return Ok(Err(Damaged { at })) };
            segments.push(Segment { at, number, header });
        }
        at += SEGMENT as u64;
    }
    segments.sort_by_key(|segment| segment.number);
    Ok(Ok(segments))
}

/// Which segment begins with these bytes, if they read.
pub fn number(bytes: &[u8]) -> Option<u64> {
    let (sum, rest) = bytes.first_chunk::<HEADER>()?.split_first_chunk::<4>()?;
    // sled keeps the sum turned over: what CRC-32 is before its last step.
    let reads = *sum == (!crc32fast::hash(rest)).to_le_bytes();
    let number = u64::from_le_bytes(*rest.first_chunk::<8>()?) ^ TURNED;
    reads.then_some(number)
}

impl Segment {
    /// Its beginning, as it is on disk.
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// Up to where the log was written for sure when this segment was begun; -1: nothing was.
    pub fn stable(&self) -> i64 {
        let bytes = self.header.last_chunk::<8>().copied().unwrap_or_default();
        (u64::from_le_bytes(bytes) ^ TURNED) as i64
    }

    /// Its bytes: fewer, where the file ends in it.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn bytes(&self, log: &mut File) -> std::io::Result<Vec<u8>> {
        bytes(log, self.at)
    }

    /// How much of it reads, in bytes from its beginning; all of it where it was written to its end.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn reads(&self, log: &mut File) -> std::io::Result<usize> {
        let bytes = self.bytes(log)?;
        let mut messages = Messages::new(&bytes, self.number);
        messages.by_ref().for_each(drop);
        Ok(messages.at)
    }
}

/// The bytes of the segment that begins here in the file.
///
/// # Errors
/// The log cannot be read.
pub fn bytes(log: &mut File, at: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(SEGMENT);
    log.seek(SeekFrom::Start(at))?;
    log.take(SEGMENT as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Up to where in the log sled's newest snapshot goes; that stands in its name.
///
/// # Errors
/// The directory cannot be read.
pub fn snapshot(inner: &Path) -> std::io::Result<u64> {
    let mut newest = None;
    for entry in std::fs::read_dir(inner)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        newest = newest.max(name.strip_prefix("snap.").map(str::to_owned));
    }
    let number = newest.as_deref().and_then(|name| u64::from_str_radix(name.get(..16)?, 16).ok());
    Ok(number.unwrap_or(0))
}

/// The messages of a segment, up to the first that does not read.
pub struct Messages<'a> {
    bytes: &'a [u8],
    segment: u64,
    /// Where the next one begins; the segment's length where it was written to its end.
    pub at: usize,
}

impl<'a> Messages<'a> {
    /// Of the segment with this first number, these bytes.
    pub fn new(bytes: &'a [u8], number: u64) -> Messages<'a> {
        Messages { bytes, segment: number / SEGMENT as u64, at: HEADER }
    }

    /// Goes on with the next message that reads, wherever it begins.
    pub fn skips(&mut self) -> Option<(usize, Message<'a>)> {
        while self.at <= LAST {
            let rest = self.bytes.get(self.at..)?;
            // Most places are none.
            let may_be = rest.get(4).is_some_and(|kind| (1..=KINDS).contains(kind));
            if let Some(message) = may_be.then(|| message(rest, self.segment)).flatten() {
                let at = self.at;
                self.at += message.length;
                return Some((at, message));
            }
            self.at += 1;
        }
        None
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = (usize, Message<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.at > LAST {
            // No more fits, and nothing is said of that.
            self.at = SEGMENT;
            return None;
        }
        let rest = self.bytes.get(self.at..)?;
        match message(rest, self.segment) {
            Some(Message { kind: CAP, .. }) => self.at = SEGMENT,
            Some(message) => {
                let at = self.at;
                self.at += message.length;
                return Some((at, message));
            }
            // Where just so much is left, sled may have begun the next segment instead.
            None if self.at == LAST && rest.iter().all(|byte| *byte == 0) => self.at = SEGMENT,
            None => {}
        }
        None
    }
}

/// What a message says.
pub enum Says<'a> {
    /// All that its page holds.
    Page(&'a [u8]),
    /// What is different in its page.
    Change(&'a [u8]),
    /// Its page is no more.
    Free,
    /// One of those two, in a file of its own.
    Elsewhere,
    /// The messages from here to this number go together.
    Batch(i64),
    /// What no record is made of.
    Other,
}

/// A message.
pub struct Message<'a> {
    kind: u8,
    /// The page that it is about.
    pub page: u64,
    /// Its bytes without its head.
    pub body: &'a [u8],
    /// With its head.
    length: usize,
}

impl Message<'_> {
    /// Whether nothing that was said of its page before counts any more.
    pub fn replaces(&self) -> bool {
        (FREE..LINK).contains(&self.kind)
    }

    /// Where its bytes without its head begin, where it begins here.
    pub fn body_at(&self, at: usize) -> usize {
        at + self.length - self.body.len()
    }

    /// What it says, to whoever puts records together of it.
    pub fn says(&self) -> Says<'_> {
        match self.kind {
            BATCH => self.body.first_chunk().map_or(Says::Other, |last| Says::Batch(i64::from_le_bytes(*last))),
            FREE => Says::Free,
            NODE => Says::Page(self.body),
            LINK => Says::Change(self.body),
            kind if kind == NODE + 1 || kind == LINK + 1 => Says::Elsewhere,
            _ => Says::Other,
        }
    }

    /// Whether it is one more thing that is said of its page.
    pub fn adds(&self) -> bool {
        (LINK..=KINDS).contains(&self.kind)
    }
}

/// The segment to which these bytes, with its beginning before them, must belong: that of their first message, if it reads.
pub fn number_by_content(bytes: &[u8]) -> Option<u64> {
    let first = bytes.get(HEADER..)?;
    let mut rest = first.get(5..)?;
    let (_length, segment) = (varint(&mut rest)?, varint(&mut rest)?);
    message(first, segment)?;
    segment.checked_mul(SEGMENT as u64)
}

/// The same by whichever of its messages reads first.
pub fn number_by_any(bytes: &[u8]) -> Option<u64> {
    (HEADER..=LAST.min(bytes.len())).find_map(|at| {
        let rest = bytes.get(at..)?;
        rest.get(4).filter(|kind| (1..=KINDS).contains(*kind))?;
        let mut head = rest.get(5..)?;
        let (_length, segment) = (varint(&mut head)?, varint(&mut head)?);
        message(rest, segment)?;
        segment.checked_mul(SEGMENT as u64)
    })
}

/// The message with which these bytes begin, if it reads and belongs there.
fn message(bytes: &[u8], segment: u64) -> Option<Message<'_>> {
    let (sum, rest) = bytes.split_first_chunk::<4>()?;
    let (kind, mut rest) = rest.split_first()?;
    let length = varint(&mut rest)?;
    let (number, page) = (varint(&mut rest)?, varint(&mut rest)?);
    if !(1..=KINDS).contains(kind) || number != segment {
        return None;
    }
    let head = bytes.len() - rest.len();
    let body = rest.get(..usize::try_from(length).ok()?)?;
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(body);
    hasher.update(bytes.get(4..head)?);
    let message = Message { kind: *kind, page, body, length: head + body.len() };
    (*sum == (!hasher.finalize()).to_le_bytes()).then_some(message)
}

/// A number of 1 to 9 bytes, taken from the front of these.
pub fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let (first, rest) = bytes.split_first()?;
    let (value, rest) = match first {
        0..=240 => (u64::from(*first), rest),
        241..=248 => {
            let (second, rest) = rest.split_first()?;
            (240 + 256 * u64::from(first - 241) + u64::from(*second), rest)
        }
        249 => {
            let ([second, third], rest) = rest.split_first_chunk::<2>()?;
            (2288 + 256 * u64::from(*second) + u64::from(*third), rest)
        }
        _ => {
            let (there, rest) = rest.split_at_checked(usize::from(first - 247))?;
            let mut number = [0; 8];
            number.get_mut(..there.len())?.copy_from_slice(there);
            (u64::from_le_bytes(number), rest)
        }
    };
    *bytes = rest;
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log of some segments, let go of; its file.
    fn written(directory: &Path) -> std::path::PathBuf {
        let db = sled::Config::new().path(directory).open().expect("it opens");
        for i in 0..2_000_u32 {
            db.insert((i % 500).to_be_bytes(), vec![i as u8; 1_000]).expect("it writes");
        }
        db.flush().expect("it writes");
        drop(db);
        directory.join("db")
    }

    #[test]
    fn what_sled_has_written_reads_and_no_other_beginnings_do() {
        let directory = tempfile::tempdir().expect("a directory");
        assert!(log(directory.path()).expect("looked for").is_none());
        let path = written(directory.path());
        let bytes = std::fs::read(&path).expect("there");
        assert!(bytes.len() > 3 * SEGMENT);
        let mut there = log(directory.path()).expect("looked for").expect("there");
        let segments = all(&mut there).expect("read").expect("whole");
        let (last, others) = segments.split_last().expect("some");
        for segment in others {
            assert_eq!(segment.reads(&mut there).expect("read"), SEGMENT, "{segment:?}");
        }
        assert!((HEADER + 1..SEGMENT).contains(&last.reads(&mut there).expect("read")));
        for at in [0, 3, 4, 19, SEGMENT, SEGMENT + 11] {
            let mut hit = bytes.clone();
            hit[at] ^= 4;
            std::fs::write(&path, hit).expect("written");
            let damaged = all(&mut log(directory.path()).expect("looked for").expect("there")).expect("read");
            assert_eq!(damaged, Err(Damaged { at: (at / SEGMENT * SEGMENT) as u64 }), "{at}");
        }
    }

    #[test]
    fn a_message_reads_to_the_byte_that_was_changed() {
        let directory = tempfile::tempdir().expect("a directory");
        let bytes = std::fs::read(written(directory.path())).expect("there");
        let header = &bytes[..HEADER];
        let (number, first) = (number(header).expect("a number"), &bytes[..SEGMENT]);
        for at in (HEADER..LAST).step_by(997) {
            let mut hit = first.to_vec();
            hit[at] ^= 16;
            let mut messages = Messages::new(&hit, number);
            messages.by_ref().for_each(drop);
            let reads = messages.at;
            assert!(reads <= at && at < reads + 50_000, "{at}: {reads}");
        }
    }
}
