//! An encrypted store: nothing of it is read without its key, and nothing in it is changed unnoticed.

use sled::IVec;

use super::rewriting::lies_in;
use super::*;
use crate::domain::contact::ContactKey;
use crate::domain::oauth2::TokenKey;
use crate::domain::oauth2::kept::Kept;
use crate::domain::pace::Rate;
use crate::domain::seal::EncryptionKey;
use crate::domain::secret::Secret;
use crate::domain::steps::{Captured, Progress};
use crate::store::contacts::Counts;
use crate::store::{StoreError, keys};

pub const ONE: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
pub const TWO: &str = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=";

/// In everything that is kept of a lead, and in a token.
const PLANTED: &str = "x9f3c7planted4e71b";

pub fn keys(texts: &[&str]) -> Vec<EncryptionKey> {
    texts.iter().map(|text| EncryptionKey::parse(text).unwrap()).collect()
}

fn planted() -> &'static [u8] {
    // Its ends may be told together with what stands beside them.
    &PLANTED.as_bytes()[2..PLANTED.len() - 2]
}

/// A little of everything that holds something of a person.
async fn fill(bench: &Bench) {
    for lead in 1..=3 {
        let mut reading = reading(lead, 0, &[("crm", "all")], 0);
        reading.events[0].0.envelope = format!(r#"{{"data":{{"lead":{{"name":"{PLANTED}{lead}"}}}}}}"#);
        reading.row.mapped_status = Some(PLANTED.into());
        bench.store.record(&bench.platform, reading).await.unwrap();
    }
    let mut failed = job(4, 50);
    failed.error = PLANTED.into();
    bench.store.set_aside(&bench.platform, failed).await.unwrap();
    let captured = Captured { step: "one".into(), name: "id".into(), json: format!("\"{PLANTED}\"") };
    let progress = Progress { captured: vec![captured], ..Progress::default() };
    for (claim, verdict) in
        bench.claim("crm", &["all"], 1).await.into_iter().zip([Verdict::Delivered, dead(), again(9)])
    {
        bench.store.note_progress(&claim, progress.clone()).await.unwrap();
        let mut settlement = settled(verdict, 2);
        let said = Response { status: 422, retry_after: None, headers: Vec::new(), body: PLANTED.into(), cut: false };
        settlement.tried.iter_mut().for_each(|tried| tried.answer = Answer::Got(said.clone()));
        settlement.progress = (verdict != Verdict::Delivered).then(|| progress.clone());
        bench.store.settle(claim, settlement).await.unwrap();
    }
    let kept = Kept { refresh: Some(Secret::new(PLANTED)), ..Kept::default() };
    bench.store.keep_tokens(TokenKey([7; 16]), kept, Vec::new()).await.unwrap();
}

async fn is_filled(bench: &Bench) {
    bench.audit();
    assert_eq!(bench.counts("crm", "all").await, [1, 1, 1, 0]);
    let letter = bench.dead_ids(Filter::default()).await.remove(0);
    let details = bench.store.dead_letter(&letter).await.unwrap().unwrap();
    assert_eq!(details.attempts[0].answer, PLANTED);
    assert_eq!(details.progress.captured[0].json, format!("\"{PLANTED}\""));
    assert!(details.envelope.unwrap().contains(PLANTED));
    let tokens = bench.store.tokens(TokenKey([7; 16])).await.unwrap();
    assert_eq!(tokens.refresh.unwrap().expose(), PLANTED);
    let story = bench.store.story("my-platform", LeadId(1)).await.unwrap().unwrap();
    assert_eq!(story.mapped_status.as_deref(), Some(PLANTED));
    assert_eq!(bench.store.due_fetches(&bench.platform, at(60), 9).await.unwrap().0[0].error, PLANTED);
}

async fn reopened(bench: Bench, keys: &[&str]) -> Bench {
    let Bench { store, directory, .. } = bench;
    store.close().await;
    Bench::sealed(directory, keys).await
}

#[tokio::test]
async fn nothing_of_it_lies_in_any_file_and_with_the_key_all_of_it_is_there() {
    let bench = Bench::sealed(tempfile::tempdir().unwrap(), &[ONE]).await;
    fill(&bench).await;
    is_filled(&bench).await;
    assert!(!lies_in(bench.directory.path(), planted()));
    let bench = reopened(bench, &[ONE]).await;
    is_filled(&bench).await;
    assert!(!lies_in(bench.directory.path(), planted()));
    // It goes on.
    bench.deliver_all("crm", &["all"], 20).await;
    assert_eq!(bench.counts("crm", "all").await, [0, 2, 1, 0]);
    assert!(bench.store.purge(at(100), at(200), 100).await.unwrap().events > 0);
    bench.audit();
}

#[tokio::test]
async fn without_its_key_or_with_another_it_is_refused_as_it_is() {
    let bench = Bench::sealed(tempfile::tempdir().unwrap(), &[ONE]).await;
    fill(&bench).await;
    let Bench { store, directory, .. } = bench;
    store.close().await;
    let refused = |keys: &[EncryptionKey]| Store::open_with(directory.path(), keys).err().unwrap();
    assert!(matches!(refused(&[]), StoreError::Locked { .. }));
    let other = refused(&keys(&[TWO]));
    assert!(matches!(other, StoreError::OtherKey { .. }) && other.is_about_the_file());
    assert!(other.to_string().contains("[\"${NEW_KEY}\", \"${OLD_KEY}\"]"), "{other}");
    is_filled(&Bench::sealed(directory, &[ONE]).await).await;
}

#[tokio::test]
async fn what_was_kept_before_is_encrypted_at_the_next_start_and_a_key_is_replaced_at_one() {
    let bench = Bench::new().await;
    fill(&bench).await;
    assert!(lies_in(bench.directory.path(), planted()), "it can be found where it is");
    let bench = reopened(bench, &[ONE]).await;
    is_filled(&bench).await;
    assert!(!lies_in(bench.directory.path(), planted()));
    let bench = reopened(bench, &[TWO, ONE]).await;
    is_filled(&bench).await;
    // The old one is not needed any more.
    let bench = reopened(bench, &[TWO]).await;
    is_filled(&bench).await;
    let Bench { store, directory, .. } = bench;
    store.close().await;
    assert!(Store::open_with(directory.path(), &keys(&[ONE])).is_err());
}

#[tokio::test]
async fn whatever_is_changed_or_put_elsewhere_on_disk_is_an_error_and_no_panic() {
    let bench = Bench::sealed(tempfile::tempdir().unwrap(), &[ONE]).await;
    fill(&bench).await;
    let tree = bench.store.inner().tree.clone();
    let entries: Vec<(IVec, IVec)> = tree.raw().iter().map(Result::unwrap).collect();
    let sealed: Vec<_> = entries.into_iter().filter(|(key, _)| !keys::is_index(key)).collect();
    let letters: std::collections::BTreeSet<u8> = sealed.iter().map(|(key, _)| key[0]).collect();
    assert!(b"ekagihT".iter().all(|letter| letters.contains(letter)), "{letters:?}");
    for (i, (key, value)) in sealed.iter().enumerate() {
        let mut changed = value.to_vec();
        let last = changed.len() - 1;
        changed[last] ^= 1;
        let elsewhere = sealed[(i + 1) % sealed.len()].1.to_vec();
        for wrong in [changed, elsewhere, value[..20].to_vec(), Vec::new(), b"\x01\x90".to_vec()] {
            tree.raw().insert(key, wrong).unwrap();
            let said = tree.get(key).unwrap_err().to_string();
            assert!(said.contains("seal") && !said.contains(PLANTED), "{said}");
        }
        // Whoever meets one says so.
        let letter = bench.dead_ids_or_error().await;
        let story = bench.store.story("my-platform", LeadId(2)).await.map(drop);
        let claim = bench.store.claim("crm", &["all".into()], at(900), 9).await.map(drop);
        let tokens = bench.store.tokens(TokenKey([7; 16])).await.map(drop);
        let read = [letter, story, claim, tokens];
        assert!(key[0] != b'k' || read.iter().any(Result::is_err), "{key:?}");
        tree.raw().insert(key, value).unwrap();
    }
    is_filled(&bench).await;
}

impl Bench {
    async fn dead_ids_or_error(&self) -> Result<(), StoreError> {
        self.store.dead_letters(Filter::default(), 9).await.map(drop)
    }
}

#[tokio::test]
async fn a_contact_is_not_found_by_its_bare_hash_and_is_another_in_another_store() {
    let mut kept = Vec::new();
    for _ in 0..2 {
        let bench = Bench::new().await;
        bench.record(1, &[("crm", "all")], 0).await;
        let mut claim = bench.claim("crm", &["all"], 1).await.remove(0);
        let contact = ContactKey([7; 16]);
        claim.counts = Some(Counts { contact, limit: Rate { count: 2, per: Duration::from_secs(100) } });
        bench.store.settle(claim, settled(Verdict::Delivered, 1)).await.unwrap();
        assert_eq!(bench.store.told_of("crm", contact).await.unwrap(), [at(1)]);
        for letter in ["u", "v"] {
            let key = bench.store.inner().tree.scan_prefix(letter).keys().next().unwrap().unwrap();
            assert!(!key.windows(16).any(|some| some == contact.0), "{key:?}");
            kept.push(key[key.len() - 16..].to_vec());
        }
    }
    assert!(kept[0] == kept[1] && kept[2] == kept[3] && kept[0] != kept[2]);
}
