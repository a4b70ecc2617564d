//! One reading of each request, default deny, CORS, gRPC, and a real socket.

use std::net::SocketAddr;

use axum::body::Body;
use http::{Request, StatusCode};
use l402::{Network, Problem};
use l402_server::{Access, CanonicalRequest, Decision, Route, Snapshot, SnapshotError, decide};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::world::{NOW, ORIGIN, World, keys, priced};

/// ATTACKS H-01 to H-10, H-15: the free wildcard is never a way into what is priced.
#[tokio::test]
async fn every_way_to_write_a_priced_path_is_priced_or_refused() {
    let world = World::new();
    for (target, status) in [
        ("/open/anything", 200),
        ("/open/secret", 402),
        ("/open/%73ecret", 402),
        ("/open/%73%65%63%72%65%74?x=1", 402),
        ("/open/secret/", 404),
        ("/open/secret.", 404),
        ("/open/secret%20", 404),
        ("/open//secret", 400),
        ("/open/./secret", 400),
        ("/open/x/../secret", 400),
        ("/open/%2e%2e/joke", 400),
        ("/open/..%2fjoke", 400),
        ("/open/%5cjoke", 400),
        ("/open/secret%00", 400),
        ("/open/secret;x=1", 400),
        ("/open/%zz", 400),
        ("/open/%c0%ae", 400),
        ("/open/x?a=%0d%0a", 400),
        ("/joke/", 404),
        ("/JOKE", 404),
        ("/joke%2e", 404),
        ("/nothing", 404),
        ("/unpaid", 404),
        ("http://user@shop.example/open/x", 400),
    ] {
        let answer = world.get(target).await;
        assert_eq!(answer.status.as_u16(), status, "{target}");
        assert_eq!(
            answer.headers.contains_key("connection"),
            status == 400,
            "{target}"
        );
    }
    let long = format!("/open/{}", "a".repeat(9000));
    assert_eq!(world.get(&long).await.status, StatusCode::URI_TOO_LONG);
    for method in ["TRACE", "CONNECT"] {
        let request = Request::builder()
            .method(method)
            .uri("/joke")
            .body(Body::empty())
            .unwrap();
        assert_eq!(
            world.send(request).await.status,
            StatusCode::METHOD_NOT_ALLOWED
        );
    }
}

#[tokio::test]
async fn a_method_that_no_route_names_is_told_which_ones_are() {
    let world = World::new();
    let answer = world
        .send(Request::post("/quote").body(Body::empty()).unwrap())
        .await;
    assert_eq!(answer.code(), (405, "method_not_allowed".to_owned()));
    assert_eq!(answer.headers["allow"], "GET, HEAD");
}

/// ATTACKS H-14, H-33.
#[tokio::test]
async fn only_a_listed_origin_may_read_the_answer() {
    let world = World::new();
    let preflight = |origin: &str| {
        let request = Request::options("/joke").header("origin", origin);
        request
            .header("access-control-request-method", "GET")
            .body(Body::empty())
            .unwrap()
    };
    let answer = world.send(preflight(ORIGIN)).await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.headers["access-control-allow-origin"], ORIGIN);
    assert_eq!(answer.headers["access-control-allow-methods"], "GET");
    assert!(answer.body.is_empty() && answer.problem.is_none());
    let answer = world.send(preflight("https://evil.example")).await;
    assert_eq!(answer.status, 204);
    assert!(!answer.headers.contains_key("access-control-allow-origin"));

    let from = |origin: &str| {
        Request::get("/joke")
            .header("origin", origin)
            .body(Body::empty())
            .unwrap()
    };
    let answer = world.send(from(ORIGIN)).await;
    assert_eq!(answer.status, 402);
    assert_eq!(answer.headers["access-control-allow-origin"], ORIGIN);
    assert!(
        answer.headers["access-control-expose-headers"]
            .to_str()
            .unwrap()
            .contains("www-auth")
    );
    let answer = world.send(from("https://evil.example")).await;
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
    let bare = Request::options("/joke").body(Body::empty()).unwrap();
    assert_eq!(
        world.send(bare).await.status,
        402,
        "no true preflight is priced"
    );
}

#[tokio::test]
async fn grpc_is_told_in_its_own_way_where_the_route_declares_it() {
    let world = World::new();
    let call = |path: &str, credential: Option<&str>| {
        let request = Request::post(path).header("content-type", "application/grpc+proto");
        let request = credential
            .into_iter()
            .fold(request, |r, c| r.header("authorization", c));
        request.body(Body::empty()).unwrap()
    };
    let answer = world.send(call("/pkg.Shop/Buy", None)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/grpc");
    assert_eq!(answer.headers["grpc-status"], "13");
    assert_eq!(answer.headers["grpc-message"], "payment required");
    assert_eq!(answer.problem, Some(Problem::PaymentRequired));
    assert!(answer.body.is_empty());
    assert!(answer.challenge().invoice().starts_with("lnbcrt"));
    let answer = world
        .send(call("/pkg.Shop/Buy", Some("L402 garbage")))
        .await;
    assert_eq!(answer.headers["grpc-status"], "16");
    // ATTACKS H-17: a plain route stays a plain 402.
    assert_eq!(world.send(call("/joke", None)).await.status, 402);
}

fn request(method: &str, uri: &str, host: Option<&str>) -> CanonicalRequest {
    let builder = Request::builder().method(method).uri(uri);
    let builder = host
        .into_iter()
        .fold(builder, |b, host| b.header("host", host));
    let (parts, ()) = builder.body(()).expect("a request").into_parts();
    CanonicalRequest::from_parts(&parts, [127, 0, 0, 1].into()).expect("one reading")
}

fn compiled(routes: Vec<Route>, hosts: &[&str]) -> Result<Snapshot, SnapshotError> {
    let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
    Snapshot::new(routes, hosts, keys(), Network::Regtest)
}

/// The index of the route that a request comes to.
fn found(snapshot: &Snapshot, method: &str, path: &str) -> Result<usize, Problem> {
    match decide(&request(method, path, None), snapshot, NOW) {
        Decision::Refuse(_, problem) => Err(problem),
        Decision::Challenge(matched, _) | Decision::Free(matched) => Ok(matched.index),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_most_specific_route_wins_whatever_the_order() {
    let routes = vec![
        priced("/api/{*rest}", "all", 1),
        priced("/api/users/{id}", "users", 2).with_methods(&[http::Method::GET]),
        priced("/api/users/{name}", "edit", 3).with_methods(&[http::Method::PUT]),
        Route::free("/api/users/me"),
        priced("/mail/user@home", "mail", 4),
    ];
    let snapshot = compiled(routes, &[]).unwrap();
    for (method, path, expected) in [
        ("GET", "/api/x/y", Ok(0)),
        ("GET", "/api/users/7", Ok(1)),
        ("HEAD", "/api/users/7", Ok(1)),
        ("PUT", "/api/users/7", Ok(2)),
        ("DELETE", "/api/users/7", Err(Problem::MethodNotAllowed)),
        ("GET", "/api/users/me", Ok(3)),
        ("GET", "/mail/user%40home", Ok(4)),
        ("GET", "/api", Err(Problem::NoRoute)),
        ("GET", "/api/", Ok(0)),
        ("GET", "/", Err(Problem::NoRoute)),
        ("BREW", "/api/coffee", Ok(0)),
    ] {
        assert_eq!(found(&snapshot, method, path), expected, "{method} {path}");
    }
}

/// ATTACKS H-06, H-40.
#[test]
fn a_free_wildcard_does_not_open_a_priced_path_spelt_with_a_tail() {
    let get = [http::Method::GET];
    let routes = vec![
        Route::free("/{*rest}").with_methods(&get),
        priced("/{*rest}", "posts", 1).with_methods(&[http::Method::POST]),
        priced("/paid", "paid", 2),
        priced("/both", "both", 3),
        Route::free("/both/"),
        priced("/user/{id}", "user", 4),
    ];
    let snapshot = compiled(routes, &[]).unwrap();
    for (path, expected) in [
        ("/paid", Ok(2)),
        ("/paid/", Err(Problem::NoRoute)),
        ("/paid.", Err(Problem::NoRoute)),
        ("/paid%20/", Err(Problem::NoRoute)),
        ("/user/7/", Err(Problem::NoRoute)),
        ("/both/", Ok(4)),
        ("/paid/x/", Err(Problem::NoRoute)),
        ("/else/", Ok(0)),
        ("/notpaid", Ok(0)),
    ] {
        assert_eq!(found(&snapshot, "GET", path), expected, "{path}");
    }
}

/// ATTACKS H-06: many upstreams answer for a folder with what is in it.
#[test]
fn a_free_wildcard_does_not_open_the_folder_of_what_is_priced() {
    let routes = vec![
        Route::free("/{*rest}"),
        priced("/paid/{*rest}", "paid", 1),
        priced("/api/{id}", "api", 2),
        Route::free("/api/x"),
        priced("/open/{id}", "open", 3),
        Route::free("/open"),
        Route::free("/open/"),
        Route::free("/user/{id}"),
        priced("/user/{id}/{file}", "file", 4),
    ];
    let snapshot = compiled(routes, &[]).unwrap();
    for path in [
        "/paid",
        "/paid.",
        "/paid%20",
        "/paid%20/",
        "/api",
        "/api/",
        "/api.",
        "/open.",
        "/user/7/",
    ] {
        let refused = found(&snapshot, "GET", path);
        assert_eq!(refused, Err(Problem::NoRoute), "{path}");
    }
    for (path, expected) in [
        ("/paid/x", 1),
        ("/paid/", 1),
        ("/api/7", 2),
        ("/api/x", 3),
        ("/open", 5),
        ("/open/", 6),
        ("/user/7", 7),
        ("/user/7/a", 8),
        ("/else", 0),
        ("/else/where", 0),
    ] {
        assert_eq!(found(&snapshot, "GET", path), Ok(expected), "{path}");
    }
    let routes = vec![Route::free("/{page}"), priced("/api/{id}", "api", 1)];
    let snapshot = compiled(routes, &[]).unwrap();
    assert_eq!(found(&snapshot, "GET", "/api"), Err(Problem::NoRoute));
    assert_eq!(found(&snapshot, "GET", "/about"), Ok(0));
}

#[test]
fn an_unknown_host_is_misdirected() {
    let snapshot = compiled(vec![Route::free("/")], &["Shop.example"]).unwrap();
    let decided = |host| decide(&request("GET", "/", host), &snapshot, NOW);
    assert!(matches!(
        decided(Some("shop.EXAMPLE:8080")),
        Decision::Free(_)
    ));
    for host in [Some("other.example"), None] {
        assert!(matches!(
            decided(host),
            Decision::Refuse(None, Problem::Misdirected)
        ));
    }
}

/// ATTACKS P-11, P-12, H-39, T-11.
#[test]
fn routes_that_contradict_each_other_do_not_compile() {
    let get = [http::Method::GET];
    let overlap = |path: &str| SnapshotError::Overlap {
        path: path.to_owned(),
    };
    let path = |path: &str| SnapshotError::Path {
        path: path.to_owned(),
    };
    let refused = |routes| compiled(routes, &[]).unwrap_err();
    assert_eq!(
        refused(vec![priced("/a", "a", 1), Route::free("/a")]),
        overlap("/a")
    );
    let twice = vec![
        priced("/{x}", "a", 1).with_methods(&get),
        Route::free("/{y}"),
    ];
    assert_eq!(refused(twice), overlap("/{y}"));
    assert!(matches!(
        refused(vec![priced("/{x}", "a", 1), Route::free("/{*rest}")]),
        SnapshotError::Overlap { .. }
    ));
    for bad in [
        "", "a", "/a//b", "/a/../b", "/%61", "/a%2fb", "/a%40b", "/{", "/{}", "/{x", "/a}",
        "/{*x}/y", "/a{*x}", "/{{x}}", "/a b", "/é", "/a;b",
    ] {
        assert_eq!(refused(vec![Route::free(bad)]), path(bad), "{bad}");
    }
    for sat in [0, 1_000_001] {
        let price = SnapshotError::Price {
            path: "/a".to_owned(),
        };
        assert_eq!(refused(vec![priced("/a", "a", sat)]), price);
    }
    let two = vec![priced("/a", "a", 1), priced("/b", "a", 2)];
    assert_eq!(
        refused(two),
        SnapshotError::TwoPrices {
            service: "a".to_owned()
        }
    );
    assert!(compiled(vec![priced("/a", "a", 1), priced("/b", "a", 1)], &[]).is_ok());
    let mut capable = priced("/a", "a", 1);
    if let Access::Priced(priced) = &mut capable.access {
        priced.capability = Some("a,b".to_owned());
    }
    assert_eq!(
        refused(vec![capable]),
        SnapshotError::Terms {
            path: "/a".to_owned()
        }
    );
}

/// The server stops asking for the body when it has sent what was declared.
#[tokio::test]
async fn over_a_socket_an_answer_of_known_length_is_spent() {
    let world = World::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = world
        .app
        .clone()
        .into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let credential = world.buy("/joke").await;
    for status in ["200", "402"] {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let head = format!(
            "GET /joke HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: {credential}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
    }
}
