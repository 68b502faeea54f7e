//! What the commands say of a queue while no service runs: `check --online`, which sends nothing, and `destination test`.

use leadhook::simulator::WeClever;
use serde_json::Value;

use crate::load::{QUEUE, probed};
use crate::support::*;

/// Stands for a password, and may be seen nowhere.
pub const PASSWORD: &str = "hunter2";

pub struct Asked {
    _weclever: WeClever,
    pub place: Place,
}

impl Asked {
    /// `more`: lines of the destination's table. `files`: beside the file.
    pub async fn begin(url: &str, more: &str, files: &[(&str, &str)]) -> Asked {
        let weclever = weclever(unrated()).await;
        let more = format!("secret = {SECRET:?}\n{more}");
        let place = Place::new(&File::new(&weclever.base_url()).to(QUEUE, url, &more));
        for (name, text) in files {
            place.write_text(name, text);
        }
        Asked { _weclever: weclever, place }
    }

    /// `check --online` finds it as it should be, and says this.
    #[track_caller]
    pub fn finds(&self, told: &str) {
        self.look(0, told);
    }

    /// `check --online` finds that it is not, and says this.
    #[track_caller]
    pub fn misses(&self, told: &str) {
        self.look(1, told);
    }

    #[track_caller]
    fn look(&self, code: i32, told: &str) {
        let ran = self.place.run(&["check", "--online", "--json"]);
        let checked: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
        let (_, said) = probed(&checked, QUEUE);
        assert!(said.contains(told), "{told}: {said}");
        assert_eq!(ran.code, code, "{ran:?}");
        shows_no_password(&ran);
    }

    /// A sample is accepted, with this receipt.
    #[track_caller]
    pub fn takes(&self, told: &str) {
        self.test(0, told);
    }

    /// A sample is not accepted, for this reason.
    #[track_caller]
    pub fn refuses(&self, told: &str) {
        self.test(1, told);
    }

    #[track_caller]
    fn test(&self, code: i32, told: &str) {
        let ran = self.place.run(&["destination", "test", QUEUE, "--json"]);
        assert!(ran.code == code && ran.out.contains(told), "{told}: {ran:?}");
        shows_no_password(&ran);
    }
}

#[track_caller]
fn shows_no_password(ran: &Ran) {
    assert!(!ran.out.contains(PASSWORD) && !ran.err.contains(PASSWORD), "{ran:?}");
}
