//! A gateway from flags: what they mean as a file, and which flag a mistake is of.

use l402_gateway::{Config, ConfigError, Overrides, QuickConfig};
use l402_server::Access;

const UPSTREAM: &str = "http://127.0.0.1:3000";

fn quick() -> QuickConfig {
    QuickConfig::new(UPSTREAM, "50 sat".parse().expect("a price"))
}

fn also(path: &str, price: &str) -> (String, l402::Msat) {
    (path.to_owned(), price.parse().expect("a price"))
}

/// The prices of the routes in msat, 0 for a free one.
fn prices(config: &Config) -> Vec<(&str, u64)> {
    let routes = config.routes().iter();
    routes
        .map(|entry| match &entry.route.access {
            Access::Free => (entry.route.path.as_str(), 0),
            Access::Priced(priced) => (entry.route.path.as_str(), priced.price.msat()),
        })
        .collect()
}

/// The services of the routes that are sold.
fn services(config: &Config) -> Vec<&str> {
    let routes = config.routes().iter();
    let priced = routes.filter_map(|entry| match &entry.route.access {
        Access::Priced(priced) => Some(priced.service.as_str()),
        Access::Free => None,
    });
    priced.collect()
}

fn keys(mistakes: &[ConfigError]) -> Vec<&str> {
    mistakes.iter().map(ConfigError::key).collect()
}

#[test]
fn nothing_is_free_unless_it_is_said() {
    let config = quick().config().unwrap();
    assert_eq!(prices(&config), [("/", 50_000), ("/{*rest}", 50_000)]);
    let some = QuickConfig {
        free: vec![
            "/favicon.ico".into(),
            "/robots.txt".into(),
            "/healthz".into(),
        ],
        also: vec![
            also("/video/{*rest}", "900 sat"),
            also("/thumb", "1500 msat"),
        ],
        ..quick()
    };
    let config = some.config().unwrap();
    assert_eq!(
        prices(&config),
        [
            ("/", 50_000),
            ("/{*rest}", 50_000),
            ("/video/{*rest}", 900_000),
            ("/thumb", 1500),
            ("/favicon.ico", 0),
            ("/robots.txt", 0),
            ("/healthz", 0),
        ]
    );
    // What costs differently is a service of its own, or the cheap token would open the dear route.
    let services = services(&config);
    assert_eq!(services[0], services[1]);
    assert_eq!(services[2], "127-0-0-1-3000-video-rest");
    assert_eq!(services[3], "127-0-0-1-3000-thumb");
}

/// A pass for cheap goods would open the dear ones of another gateway with the same keys.
#[test]
fn upstreams_with_other_base_paths_are_other_services() {
    let long = format!("{UPSTREAM}/{}", "a".repeat(90));
    let upstreams = [
        UPSTREAM.to_owned(),
        format!("{UPSTREAM}/v1"),
        format!("{UPSTREAM}/v2"),
        format!("{UPSTREAM}/a/b"),
        format!("{UPSTREAM}/a-b"),
        format!("{UPSTREAM}/A-b"),
        format!("{UPSTREAM}/~"),
        long.clone() + "/b",
        long,
    ];
    let mut names = Vec::new();
    for upstream in &upstreams {
        let one = QuickConfig {
            upstream: upstream.clone(),
            also: vec![
                also("/v1", "1 sat"),
                also("/b", "2 sat"),
                also("/", "3 sat"),
            ],
            ..quick()
        };
        names.extend(
            services(&one.config().unwrap())
                .into_iter()
                .map(str::to_owned),
        );
    }
    assert_eq!(names[0], "127-0-0-1-3000");
    assert!(names[4].starts_with("127-0-0-1-3000-v1-"), "{}", names[4]);
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all, "{names:?}");
    let slash = |upstream: String| {
        let one = QuickConfig {
            upstream,
            ..quick()
        };
        services(&one.config().unwrap())[0].to_owned()
    };
    assert_eq!(
        slash(format!("{UPSTREAM}/v1")),
        slash(format!("{UPSTREAM}/v1/"))
    );
    assert_eq!(slash(format!("{UPSTREAM}/")), "127-0-0-1-3000");
}

#[test]
fn a_front_page_may_be_free_or_have_its_own_price() {
    let free = QuickConfig {
        free: vec!["/".into()],
        ..quick()
    };
    assert_eq!(
        prices(&free.config().unwrap()),
        [("/{*rest}", 50_000), ("/", 0)]
    );
    let cheap = QuickConfig {
        also: vec![also("/", "1 sat")],
        ..quick()
    };
    assert_eq!(
        prices(&cheap.config().unwrap()),
        [("/{*rest}", 50_000), ("/", 1000)]
    );
}

#[test]
fn the_file_means_what_the_flags_mean() {
    let all = QuickConfig {
        policy: "uses=10".parse().unwrap(),
        memo: Some("A \"joke\"\u{7f}, \\ and more".into()),
        free: vec!["/favicon.ico".into()],
        also: vec![also("/video/{*rest}", "900500 msat")],
        overrides: Overrides {
            listen: vec![
                "127.0.0.1:8404".parse().unwrap(),
                "[::1]:8404".parse().unwrap(),
            ],
            workers: Some(3),
            node: Some(
                "lnd://127.0.0.1:8080?tls_cert=t&macaroon=invoice.macaroon"
                    .parse()
                    .unwrap(),
            ),
            danger_spending_node: true,
            name: Some("Jokes & more".into()),
        },
        ..quick()
    };
    for flags in [quick(), all] {
        let file = Config::from_toml(&flags.file(), "l402.toml").unwrap();
        assert_eq!(file, flags.config().unwrap(), "{}", flags.file());
    }
}

#[test]
fn the_memo_is_for_wallets_and_the_name_for_pages() {
    let memos = |flags: &QuickConfig| {
        let config = flags.config().unwrap();
        let Access::Priced(priced) = &config.routes()[0].route.access else {
            panic!("a price")
        };
        priced.memo.clone()
    };
    let named = QuickConfig {
        overrides: Overrides {
            name: Some("Jokes".into()),
            ..Overrides::default()
        },
        ..quick()
    };
    assert_eq!(memos(&quick()), "127-0-0-1-3000");
    assert_eq!(memos(&named), "Jokes");
    let both = QuickConfig {
        memo: Some("One joke".into()),
        ..named
    };
    assert_eq!(memos(&both), "One joke");
}

#[test]
fn each_mistake_is_of_the_flag_that_made_it() {
    let with = |change: &dyn Fn(&mut QuickConfig)| {
        let mut flags = quick();
        change(&mut flags);
        let mistakes = flags.config().expect_err("a mistake");
        for mistake in &mistakes {
            let text = mistake.to_string();
            assert!(text.starts_with("command line: --"), "{text}");
            assert_eq!(mistake.line(), None);
        }
        mistakes
    };
    let free = |path: &str| with(&|flags| flags.free = vec![path.to_owned()]);
    assert_eq!(keys(&free("favicon.ico")), ["--free"]);
    assert_eq!(keys(&free("/a//b")), ["--free"]);
    assert_eq!(keys(&free("/.well-known/l402/x")), ["--free"]);
    let found = with(&|flags| flags.also = vec![also("joke", "1 sat")]);
    assert_eq!(keys(&found), ["--also"]);
    let found = with(&|flags| flags.also = vec![also("/joke", "0 sat")]);
    assert_eq!(keys(&found), ["--also"]);
    // Twice the same, and one path both free and not.
    let found = with(&|flags| flags.free = vec!["/a".into(), "/a".into()]);
    assert_eq!(keys(&found), ["--free"]);
    let found = with(&|flags| {
        flags.free = vec!["/a".into()];
        flags.also = vec![also("/a", "1 sat")];
    });
    assert_eq!(keys(&found), ["--free"]);
    let long = "x".repeat(640);
    let found = with(&|flags| flags.memo = Some(long.clone()));
    assert_eq!(keys(&found), ["--memo"]);
    let found = with(&|flags| flags.memo = Some(String::new()));
    assert_eq!(keys(&found), ["--memo"]);
    let found = with(&|flags| flags.overrides.name = Some("a\u{202e}b".into()));
    assert_eq!(keys(&found), ["--name"]);
    // In every route, and told once.
    let found = with(&|flags| flags.upstream = "127.0.0.1:3000".into());
    assert_eq!(keys(&found), ["--upstream"]);
    let found = with(&|flags| flags.overrides.workers = Some(5000));
    assert_eq!(keys(&found), ["--workers"]);
}

#[test]
fn what_is_dearer_may_stand_below_what_is_cheaper() {
    for path in ["/premium", "/premium/{*rest}", "/premium/x"] {
        let flags = QuickConfig {
            also: vec![also(path, "900 sat")],
            ..quick()
        };
        let config = flags.config();
        assert!(config.is_ok(), "{path}: {config:?}");
    }
}
