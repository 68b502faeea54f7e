//! Another file while a worker works: what of its destination's state still holds under it.

use std::sync::Arc;
use std::time::Instant;

use super::Worker;
use crate::dispatch::setting::Setting;
use crate::domain::pace::{Bucket, Throttle};

impl Worker {
    /// Goes by another file. What is in flight ends under the one that it began with.
    pub(super) fn go_by(&mut self, setting: Option<Arc<Setting>>) {
        // Claimed by the routes of before.
        self.give_back();
        self.in_file = setting.is_some();
        let Some(setting) = setting else { return };
        let (before, after) = (&self.setting.destination, &setting.destination);
        if before.mark != after.mark {
            // A person has changed it, as a rule to mend it: whether that helps is found out now.
            self.breaker.look_again(self.parts.clock.now());
            (self.throttle, self.probing) = (Throttle::default(), false);
            if before.rate != after.rate {
                let spent = self.bucket.take();
                self.bucket = after.rate.map(|rate| match spent {
                    Some(spent) => spent.at(rate, rate.burst(), Instant::now()),
                    None => Bucket::new(rate, rate.burst()),
                });
            }
            self.parts.health.of_destination(&self.parts.name, |health| health.trouble = None);
        }
        self.setting = setting;
    }
}
