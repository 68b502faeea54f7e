use jiff::Timestamp;

use super::*;
use crate::store::Store;
use crate::store::intake::Platform;

fn order(again: bool, on: &[EventType]) -> Order {
    let (from, to) = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
    let typed = ("7d".to_owned(), None);
    Order { destination: "crm".into(), from, to, typed, on: on.to_vec(), again, dry_run: false }
}

/// A store that knows nothing, for what is known of nobody.
async fn nothing_known() -> Looked {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let platform: Platform = store.platform("p", Timestamp::UNIX_EPOCH, None, Timestamp::UNIX_EPOCH).await.unwrap();
    let (backfill, _) = store.backfill_begin(&platform, order(false, &[]), Timestamp::now()).await.unwrap();
    let (job, _) = store.next_backfill(&platform, Vec::new()).await.unwrap().unwrap();
    assert_eq!(job.no(), backfill.no);
    store.past(job, &platform, "crm", vec![crate::domain::lead::LeadId(1)]).await.unwrap().remove(0)
}

#[tokio::test]
async fn history_is_one_destinations_business_and_what_is_new_is_everyones() {
    let looked = nothing_known().await;
    let staged = |stage| Looked { stage, ..looked.clone() };
    let order = order(false, &[EventType::LeadFinalized]);
    for (stage, again, history, wanted) in [
        (None, false, true, Plan::Read),
        (None, false, false, Plan::ReadForAll),
        (Some(Stage::Baseline), false, true, Plan::Read),
        // Listed late, or by a window that reaches over: it is still the baseline.
        (Some(Stage::Baseline), false, false, Plan::Read),
        (Some(Stage::Baseline), true, false, Plan::ReadForAll),
        (Some(Stage::Recorded), true, true, Plan::Read),
        (Some(Stage::Recorded), true, false, Plan::ReadForAll),
        (Some(Stage::Recorded), false, true, Plan::Leave(Account::Unwanted)),
        (Some(Stage::SetAside), false, true, Plan::Leave(Account::Pending)),
        (Some(Stage::SetAside), true, false, Plan::Leave(Account::Pending)),
        (Some(Stage::Unreadable), false, true, Plan::Leave(Account::Dead)),
        (Some(Stage::Dropped), false, false, Plan::Leave(Account::Dropped)),
    ] {
        assert_eq!(plan(&order, &staged(stage), again, history), wanted, "{stage:?} {again} {history}");
    }
}
