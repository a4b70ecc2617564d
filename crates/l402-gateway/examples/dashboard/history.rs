//! The configuration, and two months of made-up sales.

use l402::{Msat, PaymentHash, UnixTime};
use l402_gateway::Stores;
use l402_server::books::{Entry, Kind, Terms};
use l402_testkit::hostile_texts;

use crate::Result;

const HOUR: u64 = 3600;

/// The days of the sales. Hostile texts stand behind those of a few.
const DAYS: u64 = 62;
const HOSTILE_DAYS: u64 = 5;

/// The goods: path, service, price in sat, units, share of the payments, further lines.
const SOLD: &[(&str, &str, u64, u64, u64, &str)] = &[
    ("/v1/weather/{place}", "weather", 21, 1, 46, ""),
    (
        "/v1/translate",
        "translate",
        120,
        1,
        19,
        "methods = [\"POST\"]\n",
    ),
    ("/v1/images/{id}", "images", 450, 1, 7, ""),
    ("/v1/joke", "jokes", 50, 10, 18, "policy = \"uses=10\"\n"),
    ("/v1/archive/{*path}", "archive", 900, 1, 3, ""),
    (
        "/v1/stream",
        "stream",
        2_000,
        1,
        2,
        "policy = \"time=1h\"\n",
    ),
];

/// Returns the file. `next` is a later version, which nobody has loaded yet. The second upstream serves
/// images beside the first one.
pub(crate) fn configuration([upstream, second]: &[String; 2], next: bool) -> String {
    let mut text = "listen = [\"127.0.0.1:0\"]\nworkers = 2\n\n[admin]\nlisten = \"127.0.0.1:0\"\n\n[log]\naccess = \"off\"\n\n".to_owned();
    text += "[challenges]\nper_peer_per_second = ";
    text += if next { "500" } else { "900" };
    text += "\nper_peer_burst = 1000\nper_prefix_per_second = 900\nper_prefix_burst = 1000\ntotal_per_second = 900\ntotal_burst = 1000\n\n";
    for (path, service, price, _, _, more) in SOLD {
        let price = match *service {
            "weather" if next => 25,
            _ => *price,
        };
        if next && *service == "archive" {
            continue;
        }
        let upstreams = match *service {
            "images" => format!("[\"http://{upstream}\", \"http://{second}\"]"),
            "jokes" if next => format!("\"http://{second}\""),
            _ => format!("\"http://{upstream}\""),
        };
        text += &format!(
            "[[route]]\npath = \"{path}\"\nupstream = {upstreams}\nprice = \"{price} sat\"\nservice = \"{service}\"\n{more}\n"
        );
    }
    if next {
        text += &format!(
            "[[route]]\npath = \"/v1/summary\"\nupstream = \"http://{upstream}\"\nprice = \"75 sat\"\nservice = \"summary\"\n\n"
        );
    }
    text + &format!(
        "[[route]]\npath = \"/health\"\nupstream = \"http://{upstream}\"\nfree = true\n"
    )
}

/// Numbers that look like chance, the same in each run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        // The generator of Knuth's MMIX; its high bits are the good ones.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most.max(1)
    }

    fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.fill_with(|| u8::try_from(self.below(256)).unwrap_or(0));
        bytes
    }
}

/// Writes the sales of the last two months into the books.
pub(crate) fn write(stores: &Stores, now: UnixTime, is_hostile: bool) -> Result<()> {
    let mut chance = Chance(402);
    let mut entries = Vec::new();
    let days = if is_hostile { HOSTILE_DAYS } else { DAYS };
    let begin = now.secs() / HOUR * HOUR - days * 24 * HOUR;
    for hour in (0..days * 24).chain([days * 24]) {
        let start = begin + hour * HOUR;
        for _ in 0..count(&mut chance, hour, start) {
            let time = start + chance.below(HOUR);
            if time < now.secs() {
                sale(&mut chance, UnixTime::from_secs(time), now, &mut entries);
            }
        }
    }
    if is_hostile {
        let names = hostile_texts();
        entries.extend(
            names
                .iter()
                .flat_map(|name| hostile(&mut chance, name, now)),
        );
    }
    for some in entries.chunks(5_000) {
        stores.books()?.append(some)?;
    }
    Ok(())
}

/// Returns the payments of an hour: more by day than by night and at weekends, and more each week.
fn count(chance: &mut Chance, hour: u64, start: u64) -> u64 {
    let by_day = [
        2, 1, 1, 1, 1, 2, 4, 6, 9, 11, 12, 12, 11, 12, 13, 13, 12, 10, 9, 8, 7, 6, 4, 3,
    ];
    let of_day = by_day[usize::try_from(start / HOUR % 24).unwrap_or(0)];
    // 1970 began on a Thursday.
    let is_weekend = matches!((start / HOUR / 24 + 4) % 7, 0 | 6);
    let level = (70 + hour * 60 / (DAYS * 24)) * if is_weekend { 55 } else { 100 } / 100;
    of_day * level / 100 + chance.below(1 + of_day / 2)
}

fn sale(chance: &mut Chance, time: UnixTime, now: UnixTime, entries: &mut Vec<Entry>) {
    let mut draw = chance.below(100);
    let sold = SOLD.iter().find(|(.., share, _)| {
        let is_it = draw < *share;
        draw = draw.saturating_sub(*share);
        is_it
    });
    let mut payment = Entry::new(Kind::Payment, time);
    payment.payment_hash = Some(PaymentHash::from_bytes(chance.bytes()));
    let Some((path, service, price, units, ..)) = sold else {
        // Something else that the node was paid for.
        payment.msat = Some(Msat::new(1_000 * (100 + chance.below(900))));
        entries.push(payment);
        return;
    };
    payment.msat = Some(Msat::new(price * 1000));
    let terms = Terms {
        service: (*service).into(),
        route: (*path).into(),
        price: Msat::new(price * 1000),
        units: *units,
        ends: UnixTime::from_secs(time.secs() + 24 * HOUR + 600),
    };
    payment.terms = Some(terms.clone());
    let mut first = Entry::new(Kind::Use, time);
    (first.payment_hash, first.token_id) = (payment.payment_hash, Some(token(chance)));
    first.terms = Some(terms);
    entries.push(payment);
    uses(chance, &first, *units, now, entries);
}

fn uses(chance: &mut Chance, first: &Entry, units: u64, now: UnixTime, entries: &mut Vec<Entry>) {
    // One in fifty never comes back for what it has paid.
    if chance.below(50) == 0 {
        return;
    }
    let count = if units == 1 {
        1
    } else {
        1 + chance.below(units)
    };
    for at in 0..count {
        let mut entry = first.clone();
        entry.time = UnixTime::from_secs((first.time.secs() + 3 + at * 90).min(now.secs()));
        if at == 0 && chance.below(40) == 0 {
            let mut failed = entry.clone();
            failed.fault = 2;
            entries.push(failed);
        }
        entry.spent = 1;
        entries.push(entry);
    }
}

fn token(chance: &mut Chance) -> [u8; 32] {
    let mut id = chance.bytes();
    (id[0], id[1]) = (0, 1);
    id
}

/// Returns a sale whose service and route are a hostile text.
fn hostile(chance: &mut Chance, text: &str, now: UnixTime) -> [Entry; 2] {
    let terms = Terms {
        service: text.into(),
        route: text.into(),
        price: Msat::new(1_000),
        units: 1,
        ends: UnixTime::from_secs(now.secs() + HOUR),
    };
    let mut payment = Entry::new(Kind::Payment, UnixTime::from_secs(now.secs() - 60));
    payment.payment_hash = Some(PaymentHash::from_bytes(chance.bytes()));
    (payment.msat, payment.terms) = (Some(Msat::new(900_000_000)), Some(terms));
    let mut used = Entry::new(Kind::Use, UnixTime::from_secs(now.secs() - 59));
    (used.payment_hash, used.token_id, used.spent) = (payment.payment_hash, Some(token(chance)), 1);
    [payment, used]
}
