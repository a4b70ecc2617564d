//! Ways around a price: two paths for one thing, names that upstreams take for others, and paths
//! with several readings.

use http::{Method, Request};
use l402::{Network, Problem};
use l402_server::{CanonicalRequest, Decision, Place, Route, Snapshot, SnapshotError, decide};

use crate::world::{NOW, keys, priced};

fn compiled(routes: Vec<Route>) -> Result<Snapshot, SnapshotError> {
    Snapshot::new(routes, Vec::new(), keys(), Network::Regtest)
}

/// Returns the index of the route that a GET comes to.
fn found(snapshot: &Snapshot, path: &str) -> Result<usize, Problem> {
    let (head, ()) = Request::get(path).body(()).expect("a path").into_parts();
    let request = CanonicalRequest::from_parts(&head, [127, 0, 0, 1].into())?;
    match decide(&request, snapshot, NOW) {
        Decision::Refuse(_, problem) => Err(problem),
        Decision::Challenge(matched, _) | Decision::Free(matched) => Ok(matched.index),
        other => panic!("{other:?}"),
    }
}

/// Returns a route of a service, with its prefix stripped and a base put before its paths.
fn placed(mut route: Route, service: &str, strip_prefix: &str, base: &str) -> Route {
    route.place = Place {
        service: service.to_owned(),
        strip_prefix: strip_prefix.to_owned(),
        base: base.to_owned(),
    };
    route
}

/// Compiles a cheaper and a dearer route in both orders; returns the example of a way around.
fn way_around(cheap: Route, dear: Route) -> Option<String> {
    let text = |result: Result<Snapshot, SnapshotError>| match result {
        Ok(_) => None,
        Err(SnapshotError::WayAround {
            path,
            dearer,
            example,
        }) => {
            assert_eq!((&path, &dearer), (&cheap.path, &dear.path));
            Some(example)
        }
        Err(other) => panic!("{other}"),
    };
    let one = text(compiled(vec![cheap.clone(), dear.clone()]));
    let other = text(compiled(vec![dear.clone(), cheap.clone()]));
    assert_eq!(one, other);
    let mut allowed = cheap.clone();
    allowed.allow_free_overlap = vec![dear.path.clone()];
    assert!(compiled(vec![allowed, dear.clone()]).is_ok());
    one
}

/// FAULTS S4: two paths at the gateway that are one at the upstream. Other inputs of the kind: a
/// base, one segment, a cheaper price, a prefix that is the whole path, what lies below a price.
#[test]
fn a_table_with_a_second_way_to_a_priced_path_is_refused() {
    let dear = || placed(priced("/paid/{*rest}", "paid", 9), "u", "", "");
    for (cheap, example) in [
        (
            placed(Route::free("/api/{*rest}"), "u", "/api", ""),
            "/api/paid/",
        ),
        (placed(Route::free("/{*rest}"), "u", "", "/paid"), "/"),
        (
            placed(Route::free("/open/{id}"), "u", "/open", "/paid"),
            "/open/x",
        ),
        (
            placed(priced("/a/{*rest}", "a", 1), "u", "/a", ""),
            "/a/paid/",
        ),
        (
            placed(Route::free("/a/{x}/{y}"), "u", "/a", ""),
            "/a/paid/x",
        ),
    ] {
        assert_eq!(
            way_around(cheap.clone(), dear()).as_deref(),
            Some(example),
            "{cheap:?}"
        );
    }
    // The prefix alone is asked for without a slash behind it.
    let index = placed(priced("/", "index", 9), "u", "", "");
    let cheap = placed(Route::free("/home"), "u", "/home", "");
    assert_eq!(way_around(cheap, index).as_deref(), Some("/home"));
    // The second path would be guarded only under the dearer route's own prefix.
    let script = placed(priced("/cgi/paid.py", "cgi", 9), "u", "", "");
    let cheap = placed(Route::free("/x/{*rest}"), "u", "/x", "/cgi/paid.py/open");
    assert_eq!(
        way_around(cheap, script.clone()),
        None,
        "it names the script"
    );
    let cheap = placed(Route::free("/x/{a}/{b}/{c}"), "u", "/x", "");
    assert_eq!(
        way_around(cheap, script).as_deref(),
        Some("/x/cgi/paid.py/x")
    );
}

/// An upstream that takes no notice of case serves one thing by two names. Also: the base, the text
/// around a parameter, and an exception in other letters.
#[test]
fn a_second_way_in_other_letters_is_found_if_the_upstream_folds_case() {
    let dear = |path: &str, base: &str| {
        let mut dear = placed(priced(path, "paid", 9), "u", "", base);
        dear.case_insensitive = true;
        dear
    };
    let free = |path: &str, strip: &str, base: &str| placed(Route::free(path), "u", strip, base);
    for (cheap, dear, example) in [
        (free("/x/PAID", "/x", ""), dear("/paid", ""), "/x/PAID"),
        (
            free("/x/{*r}", "/x", "/V1"),
            dear("/paid", "/v1"),
            "/x/paid",
        ),
        (
            free("/x/V{a}", "/x", ""),
            dear("/v{b}.pdf", ""),
            "/x/Vx.pdf",
        ),
        (
            free("/PAID/x", "", ""),
            dear("/paid/{*rest}", ""),
            "/PAID/x",
        ),
    ] {
        let found = way_around(cheap.clone(), dear.clone());
        assert_eq!(found.as_deref(), Some(example), "{cheap:?}");
        let mut sensitive = dear;
        sensitive.case_insensitive = false;
        assert_eq!(way_around(cheap, sensitive), None);
    }
}

/// FAULTS S4: what is lawful stays so.
#[test]
fn a_table_without_a_second_way_is_accepted() {
    let free = |path: &str, service: &str, strip: &str, base: &str| {
        placed(Route::free(path), service, strip, base)
    };
    let paid = || placed(priced("/paid", "paid", 9), "u", "", "");
    let day = "time=1d".parse().expect("a policy");
    for routes in [
        vec![free("/{*rest}", "u", "", ""), paid()],
        vec![free("/api/{*rest}", "other", "/api", ""), paid()],
        vec![free("/api/{*rest}", "u", "/api", "/v1"), paid()],
        vec![free("/api/{*rest}", "u", "", ""), paid()],
        vec![
            priced("/{*rest}", "all", 9),
            Route::free("/docs/{*rest}"),
            Route::free("/a/{x}/b"),
        ],
        vec![
            // Another offer of the same, not a way around: it costs more, and buys more.
            placed(
                priced("/day/{*rest}", "day", 90).with_policy(day),
                "u",
                "/day",
                "",
            ),
            paid(),
        ],
        vec![
            // Another method.
            free("/api/{*rest}", "u", "/api", "").with_methods(&[Method::GET]),
            paid().with_methods(&[Method::POST]),
        ],
        vec![
            // Nobody reaches the dearer route's path by itself.
            free("/api/{*rest}", "u", "/api", ""),
            free("/paid/x", "u", "", ""),
            placed(priced("/paid/{id}", "paid", 9), "v", "", ""),
        ],
    ] {
        let text = format!("{routes:?}");
        assert!(compiled(routes).is_ok(), "{text}");
    }
    let mut unknown = Route::free("/api/{*rest}");
    unknown.allow_free_overlap = vec!["/paed".to_owned()];
    let error = compiled(vec![unknown, paid()]).unwrap_err().to_string();
    assert!(error.contains("/paed"), "{error}");
}

/// FAULTS S5: patterns of which neither is an exception to the other.
#[test]
fn a_free_pattern_that_crosses_a_priced_one_is_refused() {
    let crossing = |free: &str, dear: &str| way_around(Route::free(free), priced(dear, "dear", 9));
    assert_eq!(
        crossing("/paid/{*rest}", "/{a}/gold").as_deref(),
        Some("/paid/gold")
    );
    assert_eq!(
        crossing("/paid/{x}", "/{a}/gold").as_deref(),
        Some("/paid/gold")
    );
    assert_eq!(
        crossing("/{x}/a/{y}", "/{x}/{y}/b"),
        Some("/x/a/b".to_owned())
    );
    // Here the dearer one wins.
    assert_eq!(crossing("/{a}/gold", "/paid/{*rest}"), None);
    let cheaper = way_around(priced("/paid/{*rest}", "a", 1), priced("/{a}/gold", "b", 9));
    assert_eq!(cheaper.as_deref(), Some("/paid/gold"));
}

/// FAULTS S5: a priced name owns what begins with it, for upstreams that cut the rest off. Other
/// inputs of the kind: parameters, a cheaper wildcard, `:`, a priced folder.
#[test]
fn a_free_wildcard_does_not_open_what_begins_with_a_priced_path() {
    let snapshot = compiled(vec![
        Route::free("/{*rest}"),
        priced("/paid", "paid", 1),
        priced("/cgi-bin/paid.py", "cgi", 2),
        priced("/api/{id}", "api", 3),
        Route::free("/api/{id}/open/{*rest}"),
        priced("/folder/", "folder", 4),
        priced("/cheap/{*rest}", "cheap", 1),
        priced("/cheap/dear", "dear", 9),
        Route::free("/paid.{extension}/thumb"),
    ])
    .expect("a lawful table");
    for path in [
        "/paid/x",
        "/paid/x/y",
        "/paid.json",
        "/paid./x",
        "/paid%20/x",
        "/paid%3Bx",
        "/paid~1",
        "/paid::$DATA",
        "/cgi-bin/paid.py/x",
        "/cgi-bin/paid.py%3Fx",
        "/api/7/x",
        "/folder",
        "/folder/x",
        "/folder.html",
        "/cheap/dear/x",
        "/cheap/dear.json",
        "/cheap/dear/",
    ] {
        assert_eq!(found(&snapshot, path), Err(Problem::NoRoute), "{path}");
    }
    for (path, expected) in [
        ("/paid", 1),
        ("/paid?x=.", 1),
        ("/paidx", 0),
        ("/paid-x", 0),
        ("/x/paid", 0),
        ("/cgi-bin/paid", 0),
        ("/api/7/open/x", 4),
        ("/folder/", 5),
        ("/cheap/x", 6),
        ("/cheap/dearest", 6),
        ("/paid.png/thumb", 8),
        ("/.well-known/x", 0),
        ("/~user", 0),
    ] {
        assert_eq!(found(&snapshot, path), Ok(expected), "{path}");
    }
    // A path of dots costs no more than another.
    let dots = format!("/{}", "a.".repeat(4000));
    assert_eq!(found(&snapshot, &dots), Ok(0));
}

/// FAULTS S5: many upstreams answer for a folder with its index. Other inputs of the kind: the root,
/// other letters, a parameter, another extension.
#[test]
fn a_free_wildcard_does_not_open_the_folder_of_a_priced_index() {
    let snapshot = compiled(vec![
        Route::free("/{*rest}"),
        priced("/dir/index.html", "dir", 1),
        priced("/index.php", "root", 2),
        priced("/user/{id}/Index.htm", "user", 3),
        priced("/open/index.html", "open", 4),
        Route::free("/open/"),
    ])
    .expect("a lawful table");
    for path in [
        "/",
        "/dir",
        "/dir/",
        "/DIR/",
        "/dir/.",
        "/user/7/",
        "/user/7",
        "/open",
        "/dir%3Fx",
        "/dir%3Fx/y",
        "/dir/::$DATA",
        "/dir/%3Fx",
    ] {
        let found = found(&snapshot, path);
        assert!(found.is_err(), "{path}: {found:?}");
    }
    for (path, expected) in [
        ("/dir/x", 0),
        ("/x", 0),
        ("/user/7/x", 0),
        ("/open/", 5),
        ("/dir/%C3%A9", 0),
        ("/dir/.x", 0),
    ] {
        assert_eq!(found(&snapshot, path), Ok(expected), "{path}");
    }
}

/// FAULTS S6: upstreams that fold case. Other inputs of the kind: a folder, letters beyond ASCII, a
/// tail as well, a pattern with capitals.
#[test]
fn a_free_wildcard_does_not_open_a_priced_path_in_other_letters() {
    let snapshot = compiled(vec![
        Route::free("/{*rest}"),
        priced("/paid", "paid", 1),
        priced("/Api/{id}", "api", 2),
        priced("/caf%C3%A9", "cafe", 3),
        priced("/all/{*rest}", "all", 4),
        Route::free("/Docs"),
    ])
    .expect("a lawful table");
    for path in [
        "/PAID",
        "/Paid/",
        "/pAID.json",
        "/PAID/x",
        "/api",
        "/api/7",
        "/API/7",
        "/api/7/x",
        "/CAF%C3%89",
        "/ALL/x/y",
        "/ALL",
        "/All/",
    ] {
        assert_eq!(found(&snapshot, path), Err(Problem::NoRoute), "{path}");
    }
    for (path, expected) in [
        ("/paid", 1),
        ("/Api/7", 2),
        ("/PAIDX", 0),
        ("/docs", 0),
        ("/Docs", 5),
    ] {
        assert_eq!(found(&snapshot, path), Ok(expected), "{path}");
    }
}

/// FAULTS S6: the route option for such upstreams.
#[test]
fn a_route_for_an_upstream_that_folds_case_takes_all_letters() {
    let folding = |mut route: Route| {
        route.case_insensitive = true;
        route
    };
    let snapshot = compiled(vec![
        Route::free("/{*rest}"),
        folding(priced("/paid", "paid", 1)),
        folding(priced("/api/{id}", "api", 2)),
        folding(Route::free("/open/{*rest}")),
    ])
    .expect("a lawful table");
    for (path, expected) in [
        ("/PAID", Ok(1)),
        ("/paid", Ok(1)),
        ("/PAID/x", Err(Problem::NoRoute)),
        ("/API/X", Ok(2)),
        ("/OPEN/a", Ok(3)),
        ("/Other", Ok(0)),
    ] {
        assert_eq!(found(&snapshot, path), expected, "{path}");
    }
    let twice = compiled(vec![folding(priced("/paid", "a", 1)), Route::free("/PAID")]);
    assert!(matches!(twice, Err(SnapshotError::Overlap { .. })));
}

/// FAULTS G6: what servers read differently passes where all readings lead to one route.
#[test]
fn an_ambiguous_path_is_refused_only_where_the_ambiguity_matters() {
    let all = compiled(vec![priced("/", "all", 1), priced("/{*rest}", "all", 1)]).unwrap();
    for path in [
        "/route/v1/driving/13.38,52.51;13.39,52.52",
        "/api/v4/projects/group%2Fproject",
        "/@scope%2fname",
        "/web/2020/http://example.com/",
        "/a/./b",
        "/a/../b",
        "/a//b;c%2Fd",
    ] {
        assert_eq!(found(&all, path), Ok(1), "{path}");
    }
    for path in [
        "/a/..",
        "/..",
        "/../b",
        "/a/..;/..;/b",
        "/;",
        "/a%5Cb",
        "/a%00",
        "/%zz",
    ] {
        assert_eq!(found(&all, path), Err(Problem::BadRequest), "{path}");
    }
    let mixed = compiled(vec![
        Route::free("/{*rest}"),
        priced("/paid", "paid", 1),
        priced("/api/{*rest}", "api", 2),
    ])
    .unwrap();
    for path in [
        "/paid;x",
        "/;x/paid",
        "/x;/../paid",
        "//paid",
        "//host/paid",
        "/x//../paid",
        "/x/..%2Fpaid",
        "/x/%2e%2e/paid",
        "/api%2Fx",
        "/x/..;/api/y",
        "/./PAID",
        "/api/../x",
    ] {
        assert_eq!(found(&mixed, path), Err(Problem::BadRequest), "{path}");
    }
    assert_eq!(found(&mixed, "/paid//x"), Err(Problem::NoRoute));
    for (path, expected) in [("/docs//x;y", 0), ("/a%2Fb", 0), ("/api/a;b//c%2Fd", 2)] {
        assert_eq!(found(&mixed, path), Ok(expected), "{path}");
    }
}

/// FAULTS G6: Python's CGI server decodes twice, as the generator of targets found. Other inputs of the
/// kind: slashes, dots, an escape of the escape, one whose digits are escaped.
#[test]
fn a_path_that_is_another_if_decoded_twice_is_refused() {
    let snapshot = compiled(vec![
        Route::free("/{*rest}"),
        priced("/cgi-bin/paid.py", "cgi", 1),
        priced("/api/{id}", "api", 2),
    ])
    .unwrap();
    for path in [
        "/cgi-bin/pai%64.p%2579",
        "/cgi-bin%252Fpaid.py",
        "/x/%252e%252e/cgi-bin/paid.py",
        "/cgi-bin/paid%252epy",
        "/cgi-bin/paid%25252epy",
        "/cgi-bin/paid%25%32%65py",
        "/ap%2569/7",
        "/x%2500",
    ] {
        assert_eq!(found(&snapshot, path), Err(Problem::BadRequest), "{path}");
    }
    for (path, expected) in [
        ("/100%25", 0),
        ("/100%25/2", 0),
        ("/x%2520y", 0),
        ("/api/%2541", 2),
    ] {
        assert_eq!(found(&snapshot, path), Ok(expected), "{path}");
    }
}

/// FAULTS G9: a pattern takes its own folder.
#[test]
fn a_pattern_with_rest_takes_the_path_before_it() {
    let snapshot = compiled(vec![
        Route::free("/{*rest}"),
        priced("/x/{*rest}", "x", 1),
        priced("/y/{*rest}", "y", 2),
        Route::free("/y/"),
        priced("/z", "z", 3),
        priced("/v/{id}", "v", 4),
    ])
    .unwrap();
    for (path, expected) in [
        ("/", Ok(0)),
        ("/x/", Ok(1)),
        ("/y/", Ok(3)),
        ("/x", Err(Problem::NoRoute)),
        ("/z/", Err(Problem::NoRoute)),
        ("/v/", Err(Problem::NoRoute)),
        ("/w/", Ok(0)),
    ] {
        assert_eq!(found(&snapshot, path), expected, "{path}");
    }
    let open = compiled(vec![
        Route::free("/open/{*rest}"),
        priced("/open", "open", 1),
    ])
    .unwrap();
    assert_eq!(found(&open, "/open/"), Err(Problem::NoRoute));
    assert_eq!(found(&open, "/open/x"), Ok(0));
}

/// One free route of these hosts, whose answers pages of these origins may read.
fn for_names(hosts: &[&str], origins: &[&str]) -> Result<Snapshot, SnapshotError> {
    let mut route = Route::free("/");
    route.cors_origins = origins.iter().map(|text| (*text).to_owned()).collect();
    let hosts = hosts.iter().map(|text| (*text).to_owned()).collect();
    Snapshot::new(vec![route], hosts, keys(), Network::Regtest)
}

/// FAULTS S19: what can never match is put right or refused. Other inputs of the kind: a default
/// port, capitals, a long IPv6 address, a path, a star.
#[test]
fn hosts_and_origins_are_compared_as_requests_spell_them() {
    let asked = |snapshot: &Snapshot, host: &str| {
        let request = Request::get("/")
            .header("host", host)
            .body(())
            .expect("a request");
        let request = CanonicalRequest::from_parts(&request.into_parts().0, [127, 0, 0, 1].into());
        matches!(
            decide(&request.expect("one reading"), snapshot, NOW),
            Decision::Free(_)
        )
    };
    for (written, host) in [
        ("shop.example.", "shop.example"),
        ("Shop.Example", "shop.example."),
        ("[0:0::1]", "[::1]:80"),
    ] {
        assert!(
            asked(&for_names(&[written], &[]).expect("a host"), host),
            "{written}"
        );
    }
    for (written, origin) in [
        ("https://x/", "https://x"),
        ("HTTPS://X:443", "https://x"),
        ("http://x:8080", "http://x:8080"),
        ("null", "null"),
        ("chrome-extension://abc", "chrome-extension://abc"),
    ] {
        let snapshot = for_names(&[], &[written]).expect("an origin");
        assert_eq!(snapshot.routes()[0].cors_origins, [origin]);
    }
}

/// FAULTS S19.
#[test]
fn hosts_and_origins_that_no_request_names_are_refused() {
    for host in [
        "",
        "shop:80",
        "http://shop",
        "a b",
        "[::1",
        "*.shop",
        "user@shop",
        "shop/x",
    ] {
        let refused = for_names(&[host], &[]);
        assert!(matches!(refused, Err(SnapshotError::Host { .. })), "{host}");
    }
    for origin in [
        "",
        "*",
        "x.example",
        "https://x/path",
        "https://",
        "https://x?y",
        "https://é",
    ] {
        let refused = for_names(&[], &[origin]);
        assert!(
            matches!(refused, Err(SnapshotError::Origin { .. })),
            "{origin}"
        );
    }
}

/// What a service gets behind a prefix has readings of its own: the host of `//host/path`, and a
/// path above the root. Other inputs of the kind: an escaped slash, a slash from a dot segment.
#[test]
fn the_readings_behind_a_prefix_count_too() {
    let free = placed(Route::free("/api/{*rest}"), "u", "/api", "");
    let paid = placed(priced("/api/paid", "paid", 9), "u", "/api", "");
    let deep = placed(priced("/api/api/paid", "deep", 9), "u", "/api", "");
    let snapshot = compiled(vec![free, paid, deep]).expect("routes");
    for path in [
        "/api//x/paid",
        "/api/%2Fx/paid",
        "/api/.//x/paid",
        "/api/a/..//x/paid",
        "/api/a/../../api/paid",
    ] {
        assert_eq!(found(&snapshot, path), Err(Problem::BadRequest), "{path}");
    }
    assert_eq!(found(&snapshot, "/api/a//b"), Ok(0));
    assert_eq!(found(&snapshot, "/api//a/b"), Ok(0));
}

/// A payment for several answers at once is dearer than a cheaper one for a single answer. Also: two
/// packets, and no false alarm at the same price for each answer.
#[test]
fn what_costs_more_for_each_answer_is_dearer() {
    let terms = |path: &str, sat, policy: &str| {
        let policy = policy.parse().expect("a policy");
        priced(path, &format!("s{sat}"), sat).with_policy(policy)
    };
    for (cheap, policy, guarded) in [
        (1, "request", true),
        (100, "uses=2", true),
        (101, "request", false),
        (100, "request", false),
        (1001, "uses=11", false),
    ] {
        let rest = terms("/{*rest}", cheap, policy);
        let snapshot = compiled(vec![rest, terms("/gold", 1000, "uses=10")]).expect("routes");
        let expected = if guarded {
            Err(Problem::NoRoute)
        } else {
            Ok(0)
        };
        assert_eq!(found(&snapshot, "/gold.json"), expected, "{cheap} {policy}");
    }
}

/// What file systems drop behind the name of a folder: dots and spaces, and the name of a stream.
#[test]
fn a_folder_of_a_dearer_route_is_known_by_what_stands_behind_its_name() {
    let paid = [
        priced("/paid/{*rest}", "all", 9),
        priced("/one/{id}", "one", 9),
        priced("/a/b", "deep", 9),
    ];
    let routes = [vec![Route::free("/{*rest}")], paid.to_vec()].concat();
    let snapshot = compiled(routes).expect("routes");
    for path in [
        "/paid./x",
        "/paid.../x/y",
        "/paid%20/x",
        "/paid.%20./x",
        "/PAID./x",
        "/paid::$INDEX_ALLOCATION/x",
        "/paid:$i30:$INDEX_ALLOCATION/x",
        "/one./5",
        "/a./b",
        "/a%20/b.json",
        "/a:x/b/",
    ] {
        assert_eq!(found(&snapshot, path), Err(Problem::NoRoute), "{path}");
    }
    for path in [
        "/docs./x",
        "/v1/users:list",
        "/paidx./y",
        "/a./c",
        "/free/paid./x",
    ] {
        assert_eq!(found(&snapshot, path), Ok(0), "{path}");
    }
}
