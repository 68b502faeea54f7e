//! Files that hold one secret each, as container platforms hand them out.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// More than any key or token is; what is longer is some other file.
const LIMIT: u64 = 64 * 1024;

/// The file's text without the newline that editors put at its end.
///
/// # Errors
/// How the file fails to be one, to be said after its name.
pub(super) fn read(path: &Path) -> Result<String, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    let mut text = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(LIMIT + 1).read_to_end(&mut text).map_err(unreadable)?;
    if text.len() as u64 > LIMIT {
        return Err("is longer than 64 KiB".to_owned());
    }
    let mut text = String::from_utf8(text).map_err(|_| "is not UTF-8 text".to_owned())?;
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    Ok(text)
}
