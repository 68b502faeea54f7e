//! Whether the store agrees with itself.

use serde::{Deserialize, Serialize};

use super::{Operator, Refusal, Verb};
use crate::store::check::Checked;

/// Does everything in the store agree?
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoreCheck {}

impl Verb for StoreCheck {
    const PATH: &'static str = "store/check";
    type Reply = Checked;

    async fn run(self, operator: &Operator) -> Result<Checked, Refusal> {
        Ok(operator.store.check().await?)
    }
}
