//! Rates: how many in how long, and when the next may go.

use std::time::Duration;

/// So many in a second, a minute or an hour: `50/s`, `120/m`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// At least 1.
    pub count: u32,
    /// One second, one minute or one hour.
    pub per: Duration,
}

impl Rate {
    /// Reads `50/s`, `120/m`, `3000/h`.
    ///
    /// # Errors
    /// A sentence that says what is wrong, fit to be shown under the value.
    pub fn parse(text: &str) -> Result<Rate, String> {
        let wrong = || format!("`{text}` is not a rate; write for example 50/s, 120/m or 3000/h");
        let (count, per) = text.trim().split_once('/').ok_or_else(wrong)?;
        let count: u32 = count.trim().parse().map_err(|_| wrong())?;
        let per = match per.trim() {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(wrong()),
        };
        if count == 0 {
            return Err(format!(
                "`{text}` would send nothing at all; leave the rate out for no limit, or pause the destination"
            ));
        }
        Ok(Rate { count, per: Duration::from_secs(per) })
    }
}
