//! Finds out what `leadhook --version` says: the version, the commit where one can be told, and the target.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the binary is made of. Nothing else makes a build differ from its commit.
const MADE_OF: &[&str] = &["src", "config", "build.rs", "Cargo.toml", "Cargo.lock"];

fn main() {
    // Without any of these lines cargo would run this, and build everything again, whenever any file changes. A file that
    // is not there would do the same at every build, so only those that are there are named.
    println!("cargo::rerun-if-env-changed=LEADHOOK_COMMIT");
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    for file in MADE_OF.iter().map(|name| root.join(name)).chain(moved_by_a_commit(&root)).filter(|file| file.exists())
    {
        println!("cargo::rerun-if-changed={}", file.display());
    }
    let commit = given().or_else(|| of_git(&root)).or_else(|| of_package(&root));
    let origin: Vec<String> = commit.into_iter().chain([variable("TARGET")]).collect();
    println!("cargo::rustc-env=LEADHOOK_VERSION={} ({})", variable("CARGO_PKG_VERSION"), origin.join(", "));
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

/// Whoever builds without the repository, as for an image, may say it.
fn given() -> Option<String> {
    env::var("LEADHOOK_COMMIT").ok().map(|commit| short(commit.trim())).filter(|commit| !commit.is_empty())
}

fn of_git(root: &Path) -> Option<String> {
    // A source that was unpacked somewhere inside another repository is not of that repository.
    let top = git(root, &["rev-parse", "--show-toplevel"])?;
    if fs::canonicalize(top).ok()? != fs::canonicalize(root).ok()? {
        return None;
    }
    let commit = short(&git(root, &["rev-parse", "HEAD"])?);
    let changes = [&["status", "--porcelain", "--untracked-files=no", "--"], MADE_OF].concat();
    let dirty = if git(root, &changes)?.is_empty() { "" } else { "-dirty" };
    Some(format!("{commit}{dirty}"))
}

/// What `cargo package` wrote down for those who get the package alone.
fn of_package(root: &Path) -> Option<String> {
    let text = fs::read_to_string(root.join(".cargo_vcs_info.json")).ok()?;
    let (_, rest) = text.split_once("\"sha1\"")?;
    let commit = short(rest.split('"').nth(1)?);
    let dirty = if text.contains("\"dirty\": true") { "-dirty" } else { "" };
    Some(format!("{commit}{dirty}"))
}

/// The files of git of which one changes with every commit, checkout and reset; not its index, which `git status` touches.
fn moved_by_a_commit(root: &Path) -> Vec<PathBuf> {
    let files = ["HEAD", "logs/HEAD", "packed-refs"].map(str::to_owned).into_iter();
    let branch = git(root, &["symbolic-ref", "--quiet", "HEAD"]);
    files
        .chain(branch)
        .filter_map(|file| git(root, &["rev-parse", "--git-path", &file]))
        .map(|path| root.join(path))
        .collect()
}

fn git(root: &Path, args: &[&str]) -> Option<String> {
    // It may be there to look, not to tidy up: another git may be at work.
    let done = Command::new("git").arg("--no-optional-locks").args(args).current_dir(root).output().ok()?;
    done.status.success().then(|| String::from_utf8_lossy(&done.stdout).trim().to_owned())
}

fn short(commit: &str) -> String {
    commit.chars().take(10).collect()
}
