//! Who holds a store: which process, and what it does, as far as the system tells.

use std::fs;
use std::path::Path;

/// Who holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// Its command, without anything that was given to it: `store compact`. `None`: that cannot be seen.
    pub command: Option<String>,
    /// It is a service, and will not let go by itself.
    pub is_service: bool,
    /// Somebody has paused it: it does nothing, and lets go of nothing, before it goes on.
    pub is_paused: bool,
}

impl Holder {
    /// Whoever has locked this file; `None`: nobody, or the system does not tell.
    #[cfg(target_os = "linux")]
    pub fn of(lock: &Path) -> Option<Holder> {
        use std::os::unix::fs::MetadataExt;
        let inode = fs::metadata(lock).ok()?.ino();
        let locks = fs::read_to_string("/proc/locks").ok()?;
        locks.lines().filter_map(|line| holds(line, inode)).find_map(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let words: Vec<_> =
                line.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
            Holder::by(pid, &words).map(|holder| Holder { is_paused: is_paused(pid), ..holder })
        })
    }

    /// The system does not tell.
    #[cfg(not(target_os = "linux"))]
    pub fn of(_: &Path) -> Option<Holder> {
        None
    }

    /// A process with this command line; `None`: it is another program's, which has locked a file of the same number elsewhere.
    fn by(pid: u32, words: &[String]) -> Option<Holder> {
        let (program, words) = match words {
            [] => return Some(Holder { pid, command: None, is_service: false, is_paused: false }),
            [program, words @ ..] if program.is_empty() => ("leadhook", words),
            [program, words @ ..] => (program.as_str(), words),
        };
        if !program.rsplit('/').next().unwrap_or_default().contains("leadhook") {
            return None;
        }
        // What was given to it may be a person's number, or a path.
        let mut command: Vec<&str> = Vec::new();
        let mut words = words.iter().map(String::as_str);
        let mut once = false;
        while let Some(word) = words.next() {
            if ["--config", "--log-format", "--log-level"].contains(&word) {
                words.next();
            } else if word.starts_with('-') {
                once |= word == "--once";
            } else if command.len() < 2 && !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase()) {
                command.push(word);
            } else {
                break;
            }
        }
        once |= words.any(|word| word == "--once");
        let is_service = command.first() == Some(&"run") && !once;
        let command = (!command.is_empty()).then(|| command.join(" "));
        Some(Holder { pid, command, is_service, is_paused: false })
    }

    /// In words, for a sentence.
    pub fn told(&self) -> String {
        match &self.command {
            Some(command) => format!("`leadhook {command}`, process {}", self.pid),
            None => format!("process {}", self.pid),
        }
    }
}

/// Whether a signal, or whoever debugs it, has paused this process.
#[cfg(target_os = "linux")]
fn is_paused(pid: u32) -> bool {
    // 4711 (leadhook) T 1 ...
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with(['T', 't']))
}

/// The process that holds the file of this number, by this line of `/proc/locks`.
#[cfg(target_os = "linux")]
fn holds(line: &str, inode: u64) -> Option<u32> {
    // 1: FLOCK  ADVISORY  WRITE 4711 fe:00:131 0 EOF; one that waits for it has an arrow behind its number.
    let mut words = line.split_ascii_whitespace().skip(1);
    if words.next() != Some("FLOCK") {
        return None;
    }
    let (pid, file) = (words.nth(2)?, words.next()?);
    (file.rsplit(':').next()?.parse() == Ok(inode)).then(|| pid.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(line: &str) -> Option<Holder> {
        Holder::by(7, &line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn what_a_process_does_is_told_without_what_was_given_to_it() {
        for (line, command, is_service) in [
            ("/usr/bin/leadhook run", Some("run"), true),
            ("leadhook --config /etc/x.toml run --log-level debug", Some("run"), true),
            ("leadhook run --once --wait 5s", Some("run"), false),
            ("leadhook run --wait 5s --once", Some("run"), false),
            ("./leadhook store compact", Some("store compact"), false),
            ("leadhook --config=x store export /home/ana/backup", Some("store export"), false),
            ("leadhook forget 4711", Some("forget"), false),
            ("leadhook --json", None, false),
        ] {
            let holder = by(line).unwrap_or_else(|| panic!("{line}"));
            assert_eq!((holder.command.as_deref(), holder.is_service), (command, is_service), "{line}");
        }
        assert_eq!(by("/usr/bin/postgres run"), None);
        assert!(Holder::by(7, &[]).is_some_and(|holder| holder.told() == "process 7"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn whoever_has_locked_a_file_is_found() {
        assert_eq!(holds("3: FLOCK  ADVISORY  WRITE 4711 fe:00:131 0 EOF", 131), Some(4711));
        assert_eq!(holds("3: FLOCK  ADVISORY  WRITE 4711 fe:00:131 0 EOF", 13), None);
        assert_eq!(holds("3: POSIX  ADVISORY  WRITE 4711 fe:00:131 0 EOF", 131), None);
        assert_eq!(holds("3: -> FLOCK  ADVISORY  WRITE 4711 fe:00:131 0 EOF", 131), None);
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("lock");
        let lock = fs::File::create(&path).expect("made");
        assert_eq!(Holder::of(&path), None);
        lock.lock().expect("locked");
        assert_eq!(Holder::of(&path).map(|holder| holder.pid), Some(std::process::id()));
    }
}
