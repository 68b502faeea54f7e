//! Known leads, packed; without a disk's sync between.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::LeadId;
use super::audit::LARGEST_RUN;
use crate::store::known::{Known, look_up};
use crate::store::tree::Tree;
use crate::store::txn::Txn;
use crate::store::{keys, records};

fn known(n: u32) -> Known {
    let status = (!n.is_multiple_of(3)).then(|| "s".repeat(n as usize % 40));
    Known { status, listed: i64::from(n), ..Known::default() }
}

fn ids() -> impl Strategy<Value = Vec<u64>> {
    let from = prop_oneof![Just(0u64), any::<u64>(), Just(u64::MAX - 500)];
    prop_oneof![
        // Dense and growing, as the API gives them.
        (from.clone(), 1usize..400).prop_map(|(from, n)| (0..n as u64).map(|i| from.saturating_add(i)).collect()),
        (from, 1usize..400).prop_map(|(from, n)| (0..n as u64).map(|i| from.saturating_sub(i)).collect()),
        prop::collection::vec(any::<u64>(), 1..300),
        prop::collection::vec(0u64..500, 1..300),
        prop::collection::vec(prop_oneof![Just(0u64), Just(1), Just(u64::MAX), Just(u64::MAX - 1), 0u64..90], 1..300),
    ]
}

fn write(tree: &Tree, platform: u16, group: &[(u64, u32)], model: &mut BTreeMap<u64, u32>) {
    let mut txn = Txn::new(tree);
    for (id, n) in group {
        let new = txn.put_known(platform, LeadId(*id), known(*n)).unwrap();
        assert_eq!(new, model.insert(*id, *n).is_none());
        assert_eq!(txn.known(platform, LeadId(*id)).unwrap(), Some(known(*n)));
    }
    tree.apply_batch(txn.batch().unwrap()).unwrap();
}

fn check(tree: &Tree, platform: u16, model: &BTreeMap<u64, u32>) {
    let mut asked: Vec<u64> = model.keys().flat_map(|id| [id.saturating_sub(1), *id, id.saturating_add(1)]).collect();
    asked.extend([0, u64::MAX]);
    asked.reverse();
    let leads: Vec<LeadId> = asked.iter().map(|id| LeadId(*id)).collect();
    let found = look_up(tree, platform, &leads).unwrap();
    for (id, found) in asked.iter().zip(found) {
        assert_eq!(found, model.get(id).map(|n| known(*n)), "{id}");
    }
    let mut packed = 0;
    for entry in tree.scan_prefix(keys::runs(platform)) {
        let (_, bytes) = entry.unwrap();
        assert!(bytes.len() <= LARGEST_RUN);
        packed += records::decode::<Vec<(u64, Known)>>(&bytes).unwrap().len();
    }
    assert_eq!(packed, model.len());
}

#[test]
fn what_goes_in_comes_out() {
    let db = sled::Config::new().temporary(true).flush_every_ms(None).open().unwrap();
    let mut config = ProptestConfig::with_cases(48);
    config.failure_persistence = None;
    let groups = prop::collection::vec((0u16..2, ids(), any::<u32>()), 1..6);
    proptest!(config, |(groups in groups)| {
        db.clear().unwrap();
        let tree = Tree::new((*db).clone(), None);
        let mut models = [BTreeMap::new(), BTreeMap::new()];
        for (platform, ids, n) in groups {
            let group: Vec<(u64, u32)> = ids.into_iter().zip(n..).collect();
            let group: Vec<_> = group.into_iter().take((u32::MAX - n) as usize).collect();
            write(&tree, platform, &group, &mut models[usize::from(platform)]);
            check(&tree, 0, &models[0]);
            check(&tree, 1, &models[1]);
        }
    });
}

#[test]
fn growing_numbers_fill_their_runs() {
    let db = sled::Config::new().temporary(true).flush_every_ms(None).open().unwrap();
    let tree = Tree::new((*db).clone(), None);
    let mut model = BTreeMap::new();
    let leads: Vec<(u64, u32)> = (0..10_000).map(|i| (1_000_000 + 7 * i, i as u32)).collect();
    for group in leads.chunks(50) {
        write(&tree, 0, group, &mut model);
    }
    check(&tree, 0, &model);
    let (runs, bytes) =
        db.scan_prefix(keys::runs(0)).map(|e| e.unwrap().1.len()).fold((0, 0), |(n, b), l| (n + 1, b + l));
    assert!(bytes / runs > 2_500, "{runs} runs of {} bytes", bytes / runs);
}
