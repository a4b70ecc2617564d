use super::*;
use crate::webhooks::store::Again;

const BEGIN: UnixTime = UnixTime::from_secs(1_800_000_000);
const TARGET: &str = "https://hooks.example#00";

fn event(id: &str, created: UnixTime) -> Event {
    Event {
        id: id.to_owned(),
        kind: "settled",
        created,
        body: "{}".to_owned(),
    }
}

fn after(seconds: u64) -> UnixTime {
    BEGIN.saturating_add(Duration::from_secs(seconds))
}

fn record(store: &Store, id: &str, now: UnixTime) {
    let wanted = |_: &Event| vec![TARGET.to_owned()];
    store.record(&[event(id, now)], wanted, now).unwrap();
}

fn due_id(store: &Store, now: UnixTime) -> Option<String> {
    store.due(TARGET, now).unwrap().map(|due| due.id)
}

fn failure(next: Option<UnixTime>, aside: bool) -> Failure {
    Failure {
        outcome: "500".to_owned(),
        next,
        aside,
    }
}

#[test]
fn deliveries_keep_their_order_and_one_that_is_refused_stands_aside() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).unwrap();
    for id in ["a", "b", "c"] {
        record(&store, id, BEGIN);
    }
    // Told twice, written down once.
    record(&store, "a", BEGIN);
    let first = store.due(TARGET, BEGIN).unwrap().unwrap();
    assert_eq!((first.id.as_str(), first.failures), ("a", 0));
    let fail = |seq, aside| {
        let failure = failure(Some(after(5)), aside);
        store.failed(TARGET, seq, &failure, BEGIN).unwrap();
    };
    fail(first.seq, false);
    assert_eq!(due_id(&store, BEGIN), None, "the others wait for it");
    fail(first.seq, true);
    assert_eq!(
        due_id(&store, BEGIN).as_deref(),
        Some("b"),
        "the receiver is there"
    );
    store.delivered(TARGET, 2, "204", BEGIN).unwrap();
    store.delivered(TARGET, 3, "204", BEGIN).unwrap();
    assert_eq!(due_id(&store, after(4)), None);
    let again = store.due(TARGET, after(5)).unwrap().unwrap();
    assert_eq!((again.id.as_str(), again.failures), ("a", 2));
    store
        .failed(TARGET, 1, &failure(None, false), after(5))
        .unwrap();
    let counts = store.counts(TARGET).unwrap();
    assert_eq!((counts.waiting, counts.delivered, counts.failed), (0, 2, 1));
    let failed = store.newest(true, 10).unwrap();
    assert_eq!(failed.len(), 1);
    assert_eq!(
        (failed[0].id.as_str(), failed[0].state),
        ("a", Delivery::Failed)
    );
}

#[test]
fn a_receiver_that_is_gone_gets_nothing_until_somebody_replays() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).unwrap();
    record(&store, "a", BEGIN);
    store.end(TARGET, "410", BEGIN).unwrap();
    record(&store, "b", BEGIN);
    assert_eq!(due_id(&store, BEGIN), None);
    assert_eq!(store.counts(TARGET).unwrap().failed, 2);
    let targets = [TARGET.to_owned()];
    let replay = |again| store.replay(&targets, &again, after(9)).unwrap();
    assert_eq!(replay(Again::Event("none".to_owned())), 0);
    assert!(store.counts(TARGET).unwrap().gone.is_some());
    assert_eq!(replay(Again::Failed), 2);
    assert!(store.counts(TARGET).unwrap().gone.is_none());
    assert_eq!(due_id(&store, after(9)).as_deref(), Some("a"));
    assert_eq!(
        store.due(TARGET, after(9)).unwrap().unwrap().since,
        after(9)
    );
    assert_eq!(replay(Again::Since(after(1))), 0);
    assert_eq!(replay(Again::Since(BEGIN)), 2);
}

#[test]
fn old_events_go() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).unwrap();
    record(&store, "old", BEGIN);
    record(&store, "new", after(KEEP.as_secs()));
    assert_eq!(
        due_id(&store, after(KEEP.as_secs())).as_deref(),
        Some("old")
    );
    // Looked for once a minute.
    record(&store, "newer", after(KEEP.as_secs() + 1));
    assert_eq!(store.newest(false, 10).unwrap().len(), 3);
    let later = after(KEEP.as_secs() + PRUNE.as_secs());
    record(&store, "newest", later);
    assert_eq!(due_id(&store, later).as_deref(), Some("new"));
    assert_eq!(store.newest(false, 10).unwrap().len(), 3);
    // Also by a clock that is set back.
    record(&store, "newest of all", BEGIN);
    assert_eq!(store.pruned.load(Ordering::Relaxed), BEGIN.secs());
}

#[test]
fn many_of_one_kind_push_out_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).unwrap();
    record(&store, "settled", BEGIN);
    let most = usize::try_from(MOST).unwrap();
    let sale = |n| Event {
        kind: "sale",
        ..event(&format!("s{n}"), BEGIN)
    };
    let all: Vec<Event> = (0..most + 10).map(sale).collect();
    let wanted = |_: &Event| vec![TARGET.to_owned()];
    store.record(&all, wanted, after(60)).unwrap();
    assert_eq!(store.counts(TARGET).unwrap().waiting, MOST as u64 + 1);
    assert_eq!(due_id(&store, after(60)).as_deref(), Some("settled"));
    store.delivered(TARGET, 1, "204", after(60)).unwrap();
    assert_eq!(due_id(&store, after(60)).as_deref(), Some("s10"));
}

/// A receiver that fails at one event for ever gets the later ones all the same.
#[test]
fn an_event_that_fails_three_times_holds_up_nothing_any_more() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).unwrap();
    for id in ["a", "b", "c"] {
        record(&store, id, BEGIN);
    }
    let fail = |seq, next| {
        let failure = failure(Some(after(next)), false);
        store.failed(TARGET, seq, &failure, BEGIN).unwrap();
    };
    for wait in [5, 30] {
        fail(1, wait);
        assert_eq!(due_id(&store, BEGIN), None, "the others wait for it");
    }
    fail(1, 100);
    assert_eq!(due_id(&store, BEGIN).as_deref(), Some("b"));
    fail(2, 5);
    assert_eq!(due_id(&store, BEGIN), None, "the receiver may be down");
    assert_eq!(due_id(&store, after(5)).as_deref(), Some("b"));
    assert_eq!(due_id(&store, after(100)).as_deref(), Some("a"), "in order");
    store.delivered(TARGET, 2, "204", after(5)).unwrap();
    assert_eq!(due_id(&store, after(5)).as_deref(), Some("c"));
    store.delivered(TARGET, 3, "204", after(5)).unwrap();
    // It stands aside now, and the newest one has its turn at once.
    record(&store, "d", after(100));
    assert_eq!(due_id(&store, after(100)).as_deref(), Some("d"));
    store.delivered(TARGET, 4, "204", after(100)).unwrap();
    assert_eq!(due_id(&store, after(100)).as_deref(), Some("a"));
}

#[test]
fn no_more_than_so_many_are_kept() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).unwrap();
    let most = usize::try_from(MOST).unwrap();
    let all: Vec<Event> = (0..most + 10)
        .map(|n| event(&format!("e{n}"), BEGIN))
        .collect();
    store
        .record(&all, |_| vec![TARGET.to_owned()], BEGIN)
        .unwrap();
    assert_eq!(store.counts(TARGET).unwrap().waiting, MOST as u64);
    assert_eq!(due_id(&store, BEGIN).as_deref(), Some("e10"));
}
