//! The made-up listings.

use l402::Network;
use l402_registry::{Form, OwnerProof, State, WordsFrom};

/// A listing as it is to be, in short.
#[derive(Clone)]
pub(crate) struct Sketch {
    pub(crate) url: &'static str,
    pub(crate) method: &'static str,
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) category: Option<&'static str>,
    pub(crate) tags: &'static [&'static str],
    pub(crate) provider: &'static str,
    pub(crate) from: WordsFrom,
    /// The price that is said, in sat.
    pub(crate) said: Option<u64>,
    /// The prices that were seen, each with the days since it was new, in sat.
    pub(crate) prices: &'static [(u64, u64)],
    pub(crate) state: State,
    pub(crate) reason: Option<(&'static str, &'static str)>,
    /// The probes in a thousand that failed.
    pub(crate) failing: u64,
    /// The usual latency, in milliseconds.
    pub(crate) latency: u32,
    pub(crate) forms: &'static [Form],
    /// The known clients that cannot pay it.
    pub(crate) misses: &'static [&'static str],
    pub(crate) owner: Option<OwnerProof>,
    pub(crate) paid: Option<bool>,
    /// Stars, text, and the owner's answer.
    pub(crate) reviews: &'static [(u8, &'static str, Option<&'static str>)],
    pub(crate) network: Network,
    /// The days for which it is listed.
    pub(crate) days: u64,
    pub(crate) hidden: Option<&'static str>,
}

const PLAIN: Sketch = Sketch {
    url: "",
    method: "GET",
    name: "",
    description: "",
    category: None,
    tags: &[],
    provider: "",
    from: WordsFrom::Document,
    said: None,
    prices: &[],
    state: State::Up,
    reason: None,
    failing: 2,
    latency: 140,
    forms: &[Form::L402],
    misses: &[],
    owner: None,
    paid: None,
    reviews: &[],
    network: Network::Bitcoin,
    days: 30,
    hidden: None,
};

/// Returns the listings.
pub(crate) fn all(is_hostile: bool) -> Vec<Sketch> {
    let mut all = [HONEST, TROUBLED].concat();
    if is_hostile {
        all.push(HOSTILE);
    }
    all
}

/// Services that keep their word.
const HONEST: &[Sketch] = &[
    Sketch {
        url: "https://api.dailyjoke.example/v1/joke",
        name: "One joke, fresh",
        description: "A clean joke a request, as JSON: setup and punchline. Two thousand in stock, new ones each \
                          Friday, and none twice to the same token.",
        category: Some("fun/jokes"),
        tags: &["jokes", "json", "english"],
        provider: "Daily Joke Co-operative",
        from: WordsFrom::Owner,
        said: Some(50),
        prices: &[(30, 30), (21, 40), (9, 50)],
        failing: 9,
        latency: 86,
        forms: &[Form::L402, Form::Payment],
        misses: &["Aperture's Go client"],
        owner: Some(OwnerProof::File),
        paid: Some(true),
        reviews: &[
            (
                5,
                "Works on the first try with lnget. The one about the macaroon is good.",
                None,
            ),
            (
                4,
                "Good jokes; a way to choose the language would be worth more to me.",
                Some("German comes with the next release."),
            ),
            (5, "", None),
        ],
        ..PLAIN
    },
    Sketch {
        url: "https://wx.meteo.example/now?place=51.5,-0.1",
        name: "Weather now",
        description: "Temperature, wind and rain for any place, from the nearest station of the public network.",
        category: Some("data/weather"),
        tags: &["weather", "geo"],
        provider: "Meteo Example",
        from: WordsFrom::Owner,
        said: Some(10),
        prices: &[(30, 10)],
        latency: 61,
        owner: Some(OwnerProof::Dns),
        reviews: &[(5, "Cheap and quick.", None), (4, "", None)],
        ..PLAIN
    },
    Sketch {
        url: "https://fees.chainview.example/v2/estimate",
        name: "Fee estimates",
        description: "Fee rates for the next 1, 3, 6 and 144 blocks, with the mempool they were made from.",
        category: Some("bitcoin/fees"),
        said: Some(1),
        prices: &[(30, 1)],
        failing: 0,
        latency: 38,
        owner: Some(OwnerProof::Node),
        paid: Some(true),
        ..PLAIN
    },
    Sketch {
        url: "https://translate.lingua.example/v1/text",
        method: "POST",
        name: "Translate a text",
        description: "Up to 2,000 characters between 31 languages.",
        category: Some("ai/text"),
        said: Some(21),
        prices: &[(30, 21)],
        latency: 190,
        failing: 14,
        forms: &[Form::L402, Form::Lsat],
        days: 18,
        ..PLAIN
    },
    Sketch {
        url: "https://transcribe.podfeed.example/v1/episode/latest",
        name: "Podcast transcripts",
        description: "The newest episode of a feed as text with time marks and names of speakers.",
        category: Some("ai/audio"),
        said: Some(1200),
        prices: &[(12, 1200)],
        latency: 240,
        days: 12,
        from: WordsFrom::Submitted,
        ..PLAIN
    },
    Sketch {
        url: "https://search.presswire.example/news?q=lightning",
        name: "News search",
        description: "Headlines of 400 papers of the last 24 hours.",
        category: Some("data/news"),
        from: WordsFrom::Imported,
        said: Some(5),
        prices: &[(8, 5)],
        latency: 310,
        days: 8,
        failing: 31,
        ..PLAIN
    },
    Sketch {
        url: "https://tiles.openmaps.example/14/8185/5449.png",
        name: "Map tiles",
        description: "Raster tiles up to zoom 19. One payment opens two hundred tiles.",
        category: Some("data/maps"),
        said: Some(100),
        prices: &[(6, 100)],
        latency: 44,
        days: 6,
        owner: Some(OwnerProof::Dns),
        ..PLAIN
    },
];

/// Services of which something has to be said.
const TROUBLED: &[Sketch] = &[
    Sketch {
        url: "https://quotes.tickerbox.example/api/quote/BTCUSD",
        name: "Market quotes",
        description: "Last price, bid and ask of 9,000 symbols.",
        category: Some("data/markets"),
        from: WordsFrom::Submitted,
        said: Some(10),
        prices: &[(30, 10), (4, 1000)],
        latency: 120,
        ..PLAIN
    },
    Sketch {
        url: "https://upscale.pixelforge.example/v1/image",
        method: "POST",
        name: "Image upscaler",
        description: "Four times the pixels, for photographs and drawings.",
        category: Some("ai/images"),
        said: Some(250),
        prices: &[(20, 250)],
        state: State::Degraded,
        reason: Some((
            "wrong_hash",
            "the token names another payment than the invoice, so paying buys nothing",
        )),
        latency: 410,
        failing: 60,
        days: 20,
        ..PLAIN
    },
    Sketch {
        url: "https://route.wayfinder.example/v3/directions",
        name: "Route planner",
        description: "Directions on foot, by bicycle and by car.",
        category: Some("data/maps"),
        said: Some(15),
        prices: &[(30, 15)],
        state: State::Down,
        reason: Some((
            "timeout",
            "no whole answer within 5 s, three times in a row",
        )),
        latency: 900,
        failing: 240,
        ..PLAIN
    },
    Sketch {
        url: "https://xn--pple-43d.example/v1/chat",
        method: "POST",
        name: "chat.largemodel.example, cheaper",
        description: "The same answers for less.",
        category: Some("ai/text"),
        from: WordsFrom::Submitted,
        said: Some(2),
        prices: &[(3, 400)],
        state: State::Up,
        latency: 700,
        days: 3,
        ..PLAIN
    },
    Sketch {
        url: "https://free.samplehost.example/v1/data",
        name: "Sample data",
        description: "Rows to try things with.",
        category: Some("data/samples"),
        state: State::Not402,
        reason: Some(("no_402", "it answered 200 and asked for no money")),
        days: 25,
        ..PLAIN
    },
    Sketch {
        url: "https://poems.inkwell.example/v1/sonnet",
        name: "A sonnet on demand",
        description: "Fourteen lines about what you name.",
        category: Some("fun/poems"),
        said: Some(64),
        state: State::Unknown,
        days: 0,
        ..PLAIN
    },
    Sketch {
        url: "https://gone.example/v1/spam",
        name: "Hidden words",
        hidden: Some("It sold what it had not made."),
        days: 9,
        ..PLAIN
    },
];

/// A listing that tries to be more than text in each field.
const HOSTILE: Sketch = Sketch {
    url: "https://evil.example/a'b\"c;$(touch x)`id`&<script>alert(1)</script>?q='\\''&r=[1-9]{a,b}",
    name: "</a><script>alert(1)</script><img src=x onerror=alert(1)>",
    description: "\"><svg onload=alert(1)>javascript:alert(1)<style>*{display:none}</style><base href=//evil.example>\
                      {{7*7}}${7*7}<!--</textarea><iframe srcdoc='<script>alert(1)</script>'>",
    category: Some("fun"),
    tags: &["\" autofocus onfocus=alert(1) x=\""],
    provider: "<a href=javascript:alert(1)>x</a>\u{202e}drow",
    from: WordsFrom::Submitted,
    said: Some(1),
    prices: &[(2, 3)],
    state: State::Degraded,
    reason: Some(("<b>code</b>", "<script>alert('reason')</script>")),
    days: 2,
    paid: Some(false),
    reviews: &[(
        1,
        "<script>alert('review')</script>",
        Some("' onmouseover=alert(1) '"),
    )],
    ..PLAIN
};
