//! A disk as the log of the shim tells of it: what was written, and what of that a power loss may leave.
//!
//! Of a file, what was written before a sync began stays, once that sync has ended. Of what was written since, anything
//! may be there or not, in pieces of 512 bytes; each piece holds what the file held there at some moment since. The same
//! is true of its length. Of a directory, names that were made, changed or taken away since it was synced itself may have
//! been or not, in their order or, on an unkind disk, in any.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};

use fastrand::Rng;

/// Torn there.
const SECTOR: usize = 512;

/// What the log says.
#[derive(Debug)]
pub enum Note {
    /// A file or directory was opened. `fresh`: it was made.
    Open { path: PathBuf, ino: u64, fresh: bool },
    /// Bytes.
    Write { ino: u64, at: usize, data: Vec<u8> },
    /// A new length.
    Length { ino: u64, length: usize },
    /// A sync, which begins.
    SyncBegins { ino: u64, number: u64 },
    /// And has ended well.
    SyncEnded { ino: u64, number: u64 },
    /// Another name.
    Rename { from: PathBuf, to: PathBuf },
    /// No name any more.
    Unlink { path: PathBuf },
    /// A new directory.
    Directory { path: PathBuf },
    /// What the test noted in between: what somebody had been told by then.
    Mark(String),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::Write { ino, at, data } => write!(f, "Write {{ ino: {ino}, at: {at}, {} bytes }}", data.len()),
            other => write!(f, "{other:?}"),
        }
    }
}

/// Reads a log.
pub fn read(log: &[u8]) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut rest = log;
    while let Some((head, body)) = rest.split_at_checked(32) {
        let small = |at: usize| u32::from_ne_bytes(head[at..at + 4].try_into().unwrap()) as usize;
        let large = |at: usize| u64::from_ne_bytes(head[at..at + 8].try_into().unwrap());
        let (path, other, data) = (small(4), small(8), small(12));
        let (ino, number) = (large(16), large(24));
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let first = text(&body[..path]);
        let second = text(&body[path..path + other]);
        let bytes = &body[path + other..path + other + data];
        notes.push(match head[0] {
            b'O' => Note::Open { path: first.into(), ino, fresh: number == 1 },
            b'W' => Note::Write { ino, at: number as usize, data: bytes.to_vec() },
            b'T' => Note::Length { ino, length: number as usize },
            b'B' => Note::SyncBegins { ino, number },
            b'E' => Note::SyncEnded { ino, number },
            b'R' => Note::Rename { from: first.into(), to: second.into() },
            b'U' => Note::Unlink { path: first.into() },
            b'D' => Note::Directory { path: first.into() },
            b'M' => Note::Mark(first),
            _ => panic!("the disk was changed by `{first}`, of which nothing is known here"),
        });
        rest = &body[path + other + data..];
    }
    assert!(rest.is_empty(), "the log is cut");
    notes
}

/// A mark, as bytes to be appended to a log that is being written.
pub fn mark(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in [u32::from(b'M'), text.len() as u32, 0, 0] {
        bytes.extend_from_slice(&number.to_ne_bytes());
    }
    bytes.extend_from_slice(&[0; 16]);
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

type ObjectNo = usize;

/// What became of a file since its last sync.
#[derive(Clone)]
enum Change {
    Write { at: usize, data: Vec<u8> },
    Length(usize),
}

#[derive(Clone)]
enum Naming {
    Made(String, ObjectNo),
    Gone(String),
    Renamed(String, String, ObjectNo),
}

#[derive(Clone)]
enum Object {
    File {
        /// What a power loss leaves at the least.
        safe: Vec<u8>,
        unsafe_: Vec<Change>,
        /// How many changes are safe, over its whole life.
        settled: usize,
    },
    Directory {
        safe: BTreeMap<String, ObjectNo>,
        unsafe_: Vec<Naming>,
        settled: usize,
        now: BTreeMap<String, ObjectNo>,
    },
}

/// A directory and all below it.
pub struct Disk {
    root: PathBuf,
    objects: Vec<Object>,
    by_ino: HashMap<u64, ObjectNo>,
    /// By file and number of the sync: how many changes there had been when it began.
    syncs: HashMap<(u64, u64), usize>,
}

/// How kind a power loss is.
#[derive(Clone, Copy, Debug)]
pub struct Loss {
    data: Data,
    names: Names,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Data {
    /// What was not synced is gone.
    AllGone,
    /// It is there.
    AllThere,
    /// Each write as a whole, or not at all.
    Writes,
    /// The first writes, and the one behind them torn.
    TornAtTheEnd,
    /// Each piece of 512 bytes as it was at some moment.
    Sectors,
    /// The same in pieces of 4096.
    Pages,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Names {
    AllGone,
    AllThere,
    /// Up to some moment.
    InOrder,
    /// Each or not.
    AnyOrder,
}

impl Loss {
    /// Nothing of what was not synced is left.
    pub const ALL: Loss = Loss { data: Data::AllGone, names: Names::AllGone };

    pub fn draw(dice: &mut Rng) -> Loss {
        let data = [Data::Writes, Data::TornAtTheEnd, Data::Sectors, Data::Pages, Data::AllGone, Data::AllThere];
        // The last two leave nothing to chance: seldom enough.
        let data = data[if dice.u8(0..6) == 0 { dice.usize(4..6) } else { dice.usize(0..4) }];
        let names = [Names::AllGone, Names::AllThere, Names::InOrder, Names::AnyOrder][dice.usize(0..4)];
        Loss { data, names }
    }
}

impl Disk {
    /// An empty directory, which is there for good.
    pub fn new(root: &Path) -> Disk {
        Disk { root: root.to_owned(), objects: vec![Disk::directory()], by_ino: HashMap::new(), syncs: HashMap::new() }
    }

    /// One that holds these files, all of them there for good.
    pub fn holding(root: &Path, files: &BTreeMap<PathBuf, Option<Vec<u8>>>) -> Disk {
        let mut disk = Disk::new(root);
        // A directory comes before what is in it.
        for (path, bytes) in files {
            let no = disk.objects.len();
            disk.objects.push(match bytes {
                None => Disk::directory(),
                Some(bytes) => Object::File { safe: bytes.clone(), unsafe_: Vec::new(), settled: 0 },
            });
            let (directory, name) = disk.place(&root.join(path));
            let Object::Directory { safe, now, .. } = &mut disk.objects[directory] else { panic!("no directory") };
            safe.insert(name.clone(), no);
            now.insert(name, no);
        }
        disk
    }

    fn directory() -> Object {
        Object::Directory { safe: BTreeMap::new(), unsafe_: Vec::new(), settled: 0, now: BTreeMap::new() }
    }

    fn names<'a>(&self, path: &'a Path) -> Vec<&'a str> {
        let below = path.strip_prefix(&self.root).unwrap();
        below.components().map(|part| part.as_os_str().to_str().unwrap()).filter(|part| *part != ".").collect()
    }

    fn find(&self, names: &[&str]) -> Option<ObjectNo> {
        names.iter().try_fold(0, |at, name| match &self.objects[at] {
            Object::Directory { now, .. } => now.get(*name).copied(),
            Object::File { .. } => None,
        })
    }

    /// The directory that holds this path, and the name there.
    fn place(&self, path: &Path) -> (ObjectNo, String) {
        let names = self.names(path);
        let (last, before) = names.split_last().unwrap();
        (self.find(before).unwrap_or_else(|| panic!("{}: nothing is known of it", path.display())), (*last).to_owned())
    }

    fn name(&mut self, directory: ObjectNo, naming: Naming) {
        let Object::Directory { unsafe_, now, .. } = &mut self.objects[directory] else { panic!("no directory") };
        apply_name(now, &naming);
        unsafe_.push(naming);
    }

    fn make(&mut self, path: &Path, object: Object) -> ObjectNo {
        let (directory, name) = self.place(path);
        self.objects.push(object);
        let no = self.objects.len() - 1;
        self.name(directory, Naming::Made(name, no));
        no
    }

    fn change(&mut self, ino: u64, change: Change) {
        let Object::File { unsafe_, .. } = &mut self.objects[self.by_ino[&ino]] else { panic!("no file") };
        unsafe_.push(change);
    }

    /// What the next note says happens.
    pub fn happens(&mut self, note: &Note) {
        match note {
            Note::Open { path, ino, fresh } => {
                let no = match self.find(&self.names(path)) {
                    _ if *fresh => {
                        Some(self.make(path, Object::File { safe: Vec::new(), unsafe_: Vec::new(), settled: 0 }))
                    }
                    // What the test has put there itself is only read.
                    there => there,
                };
                self.by_ino.extend(no.map(|no| (*ino, no)));
            }
            Note::Write { ino, at, data } => self.change(*ino, Change::Write { at: *at, data: data.clone() }),
            Note::Length { ino, length } => self.change(*ino, Change::Length(*length)),
            Note::SyncBegins { ino, number } => {
                let so_far = match &self.objects[self.by_ino[ino]] {
                    Object::File { unsafe_, settled, .. } => settled + unsafe_.len(),
                    Object::Directory { unsafe_, settled, .. } => settled + unsafe_.len(),
                };
                self.syncs.insert((*ino, *number), so_far);
            }
            Note::SyncEnded { ino, number } => {
                let so_far = self.syncs.remove(&(*ino, *number)).unwrap();
                match &mut self.objects[self.by_ino[ino]] {
                    Object::File { safe, unsafe_, settled } => {
                        let count = so_far.saturating_sub(*settled);
                        unsafe_.drain(..count).for_each(|change| apply(safe, &change));
                        *settled += count;
                    }
                    Object::Directory { safe, unsafe_, settled, .. } => {
                        let count = so_far.saturating_sub(*settled);
                        unsafe_.drain(..count).for_each(|naming| apply_name(safe, &naming));
                        *settled += count;
                    }
                }
            }
            Note::Rename { from, to } => {
                let no = self.find(&self.names(from)).unwrap();
                let ((one, old), (two, new)) = (self.place(from), self.place(to));
                assert_eq!(one, two, "names move within their directory");
                self.name(one, Naming::Renamed(old, new, no));
            }
            Note::Unlink { path } => {
                let (directory, name) = self.place(path);
                self.name(directory, Naming::Gone(name));
            }
            Note::Directory { path } => {
                self.make(path, Disk::directory());
            }
            Note::Mark(_) => {}
        }
    }

    /// A process is gone: whatever sync it was in did not end.
    pub fn killed(&mut self) {
        self.syncs.clear();
    }

    /// What a power loss at this moment leaves, by path below the root: of a directory nothing, of a file its bytes.
    pub fn lose(&self, loss: Loss, dice: &mut Rng) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        let mut left = BTreeMap::new();
        self.lose_below(0, &PathBuf::new(), loss, dice, &mut left);
        left
    }

    fn lose_below(
        &self,
        directory: ObjectNo,
        at: &Path,
        loss: Loss,
        dice: &mut Rng,
        left: &mut BTreeMap<PathBuf, Option<Vec<u8>>>,
    ) {
        let Object::Directory { safe, unsafe_, .. } = &self.objects[directory] else { panic!("no directory") };
        let mut names = safe.clone();
        let first = match loss.names {
            Names::AllGone => 0,
            Names::AllThere | Names::AnyOrder => unsafe_.len(),
            Names::InOrder => dice.usize(0..=unsafe_.len()),
        };
        for naming in &unsafe_[..first] {
            if loss.names != Names::AnyOrder || dice.bool() {
                apply_name(&mut names, naming);
            }
        }
        for (name, no) in names {
            let path = at.join(name);
            match &self.objects[no] {
                Object::Directory { .. } => {
                    left.insert(path.clone(), None);
                    self.lose_below(no, &path, loss, dice, left);
                }
                Object::File { safe, unsafe_, .. } => {
                    left.insert(path, Some(remains(safe, unsafe_, loss.data, dice)));
                }
            }
        }
    }

    /// How many bytes that were written to this file a power loss could take.
    pub fn owes(&self, path: &Path) -> usize {
        let Some(Object::File { unsafe_, .. }) = self.find(&self.names(path)).map(|no| &self.objects[no]) else {
            return 0;
        };
        let written = unsafe_.iter().map(|change| match change {
            Change::Write { data, .. } => data.len(),
            Change::Length(_) => 0,
        });
        written.sum()
    }

    /// What is there while the power is on, by path below the root.
    pub fn now(&self) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        let mut there = BTreeMap::new();
        let mut directories = vec![(0, PathBuf::new())];
        while let Some((directory, at)) = directories.pop() {
            let Object::Directory { now, .. } = &self.objects[directory] else { panic!("no directory") };
            for (name, no) in now {
                let path = at.join(name);
                let bytes = match &self.objects[*no] {
                    Object::Directory { .. } => {
                        directories.push((*no, path.clone()));
                        None
                    }
                    Object::File { safe, unsafe_, .. } => {
                        let mut bytes = safe.clone();
                        unsafe_.iter().for_each(|change| apply(&mut bytes, change));
                        Some(bytes)
                    }
                };
                there.insert(path, bytes);
            }
        }
        there
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Length(length) => bytes.resize(*length, 0),
        Change::Write { at, data } => {
            let end = at + data.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[*at..end].copy_from_slice(data);
        }
    }
}

fn apply_name(names: &mut BTreeMap<String, ObjectNo>, naming: &Naming) {
    match naming {
        Naming::Made(name, no) => {
            names.insert(name.clone(), *no);
        }
        Naming::Gone(name) => {
            names.remove(name);
        }
        Naming::Renamed(old, new, no) => {
            names.remove(old);
            names.insert(new.clone(), *no);
        }
    }
}

/// What is left of a file.
fn remains(safe: &[u8], unsafe_: &[Change], data: Data, dice: &mut Rng) -> Vec<u8> {
    let mut bytes = safe.to_vec();
    let count = unsafe_.len();
    match data {
        Data::AllGone => {}
        Data::AllThere => unsafe_.iter().for_each(|change| apply(&mut bytes, change)),
        Data::Writes => unsafe_.iter().filter(|_| dice.bool()).for_each(|change| apply(&mut bytes, change)),
        Data::TornAtTheEnd => {
            let whole = dice.usize(0..=count);
            unsafe_[..whole].iter().for_each(|change| apply(&mut bytes, change));
            if let Some(Change::Write { at, data }) = unsafe_.get(whole) {
                let sectors = dice.usize(0..=data.len().div_ceil(SECTOR));
                let end = (sectors * SECTOR).saturating_sub(at % SECTOR).min(data.len());
                apply(&mut bytes, &Change::Write { at: *at, data: data[..end].to_vec() });
            }
        }
        Data::Sectors => in_pieces(&mut bytes, unsafe_, SECTOR, dice),
        Data::Pages => in_pieces(&mut bytes, unsafe_, 8 * SECTOR, dice),
    }
    bytes
}

/// Each piece as it was after so many of the changes, and the length after so many.
fn in_pieces(bytes: &mut Vec<u8>, unsafe_: &[Change], piece: usize, dice: &mut Rng) {
    let longest = unsafe_.iter().fold(bytes.len(), |longest, change| match change {
        Change::Write { at, data } => longest.max(at + data.len()),
        Change::Length(length) => longest.max(*length),
    });
    let until: Vec<usize> = (0..longest.div_ceil(piece)).map(|_| dice.usize(0..=unsafe_.len())).collect();
    let length_until = dice.usize(0..=unsafe_.len());
    let mut length = bytes.len();
    bytes.resize(longest, 0);
    for (n, change) in unsafe_.iter().enumerate() {
        match change {
            Change::Write { at, data } => {
                let (mut from, end) = (*at, at + data.len());
                while from < end {
                    let to = ((from / piece + 1) * piece).min(end);
                    if n < until[from / piece] {
                        bytes[from..to].copy_from_slice(&data[from - at..to - at]);
                    }
                    from = to;
                }
                if n < length_until {
                    length = length.max(end);
                }
            }
            Change::Length(new) => {
                for (nth, until) in until.iter().enumerate().filter(|(nth, _)| (nth + 1) * piece > *new) {
                    if n < *until {
                        let (from, to) = ((nth * piece).max(*new), ((nth + 1) * piece).min(longest));
                        bytes[from..to].fill(0);
                    }
                }
                if n < length_until {
                    length = *new;
                }
            }
        }
    }
    bytes.truncate(length);
}
