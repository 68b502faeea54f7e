//! The shim of `shim.c`, built once, and what a start of leadhook behind it needs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Where a run of leadhook is killed by the shim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kill {
    pub what: What,
    pub when: When,
    /// The how manieth of that run, from 1.
    pub n: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum What {
    /// The committer's sync: before it nobody was told that the commit stands, and after it somebody is about to be.
    Commit,
    /// A sync of sled's own.
    Fsync,
    /// A write into sled's log.
    Write,
    /// A snapshot, or the notice for commands, takes its name.
    Rename,
    /// An old snapshot goes.
    Unlink,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum When {
    Before,
    /// Half of a write is done.
    Amid,
    After,
}

impl Kill {
    /// As `SHIM_KILL` wants it.
    fn plan(self) -> String {
        let what = format!("{:?}", self.what).to_lowercase();
        let when = format!("{:?}", self.when).to_lowercase();
        format!("{what}-{when}:{}", self.n)
    }
}

/// The built shim; a C compiler makes it, once in a run of the tests.
fn library() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/survival/shim.c");
        // Other runs may be building it at this moment.
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("shim-{}.so", std::process::id()));
        let compiler = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([&library, &source])
            .args(["-ldl", "-lpthread"])
            .output()
            .expect("a C compiler: apt-get install build-essential");
        assert!(compiler.status.success(), "{}", String::from_utf8_lossy(&compiler.stderr));
        library
    })
}

/// Puts a command behind the shim, which watches what lies below this directory.
pub fn behind(command: &mut Command, directory: &Path, kill: Option<Kill>) {
    command.env("LD_PRELOAD", library()).env("SHIM_DIR", directory);
    if let Some(kill) = kill {
        command.env("SHIM_KILL", kill.plan());
    }
}

/// The same, and all that it changes is appended to this log. `deaf`: the committer's syncs do nothing.
pub fn written_down(command: &mut Command, directory: &Path, kill: Option<Kill>, log: &Path, deaf: bool) {
    behind(command, directory, kill);
    command.env("SHIM_LOG", log);
    if deaf {
        command.env("SHIM_DEAF", "1");
    }
}
