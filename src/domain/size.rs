//! Sizes as people write them: `28KB`, `5MB`, `20KiB`.

/// Reads a whole number of bytes with its unit: `B`, `KB`, `MB`, `GB` (thousands) or `KiB`, `MiB`, `GiB` (1024s), in any
/// case. The smaller of two readings is the safe one for a limit, so `KB` is 1000 bytes.
///
/// # Errors
/// A sentence that says what is wrong and, behind `; `, what to write.
pub fn parse(text: &str) -> Result<usize, String> {
    let written = text.trim();
    let digits = written.find(|c: char| !c.is_ascii_digit()).unwrap_or(written.len());
    let (number, unit) = written.split_at(digits);
    let wrong = || format!("`{written}` is not a size; write a whole number with a unit, for example 28KB or 5MB");
    let number: usize = number.parse().map_err(|_| wrong())?;
    let unit: usize = match unit.trim().to_ascii_lowercase().as_str() {
        "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err(wrong()),
    };
    number.checked_mul(unit).filter(|bytes| *bytes > 0).ok_or_else(wrong)
}

/// `12.3 MB`, as people say it.
pub fn format(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, bytes) in [("28KB", 28_000), ("5 MB", 5_000_000), ("20kib", 20_480), ("1B", 1), ("2GiB", 2 << 30)] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in ["", "28", "KB", "0KB", "-1KB", "1.5MB", "5x", "99999999999999999999GB", "18446744073709551615KB"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
