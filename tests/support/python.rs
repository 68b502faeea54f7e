//! Pythons with the packages that some tests need, made under `target/` by the first test that asks.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The interpreter of a virtual environment of this name, in which these requirements are installed. `requirements`: a file
/// of the repository.
///
/// The first call makes it, with `python3` (or what `PYTHON` names) and pip, and needs the network once; others, in
/// this process or another, wait for it. It is made anew when the file changes.
///
/// # Panics
/// Where it cannot be made: then the test could not prove anything, and says what to install.
pub fn environment(name: &str, requirements: &Path) -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target/tmp has a parent");
    let made = prepare(target, name, &manifest.join(requirements));
    made.unwrap_or_else(|problem| panic!("no Python for {}: {problem}", requirements.display()))
}

fn prepare(target: &Path, name: &str, requirements: &Path) -> Result<PathBuf, String> {
    let wanted = read(requirements)?;
    let home = target.join(name);
    let python = home.join("bin/python");
    let stamp = home.join("installed.txt"); // written last: what is there is whole

    // Held until the end of this function, and let go by the system if the process dies.
    let lock = target.join(format!("{name}.lock"));
    let held = File::create(&lock).map_err(|error| format!("cannot open {}: {error}", lock.display()))?;
    held.lock().map_err(|error| format!("cannot lock {}: {error}", lock.display()))?;

    // Asked, not only looked for: the interpreter that an environment points to may be gone since.
    if read(&stamp).is_ok_and(|installed| installed == wanted)
        && run(Command::new(&python).args(["-c", "import standardwebhooks"])).is_ok()
    {
        return Ok(python);
    }
    let outside = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    run(Command::new(outside).args(["-m", "venv", "--clear"]).arg(&home))
        .map_err(|problem| format!("{problem}\nOn Debian: apt-get install python3 python3-venv"))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "-r"];
    run(Command::new(&python).args(pip).arg(requirements)).map_err(|problem| {
        format!("{problem}\nThe package registry must be reached once; then it is kept in target/")
    })?;
    fs::write(&stamp, wanted).map_err(|error| format!("cannot write {}: {error}", stamp.display()))?;
    Ok(python)
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// Runs it to its end; what it said is told only if it failed.
fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("cannot run {command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!("{command:?} ended with {}:\n{}", output.status, String::from_utf8_lossy(&said).trim()))
}
