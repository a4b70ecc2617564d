//! The settings of several upstreams, and the mistakes in them.

use l402_gateway::Config;

#[test]
fn upstreams_of_one_route_differ_in_host_and_port_alone() {
    let read = |list: &str, more: &str| {
        let text = format!("[[route]]\npath = \"/a\"\nfree = true\nupstream = {list}\n{more}");
        Config::from_toml(&text, "shop.toml")
    };
    let config = read("[\"http://a:1/v1\", \"http://b:2/v1/\"]", "").unwrap();
    let urls: Vec<_> = config.routes()[0]
        .upstreams()
        .map(ToString::to_string)
        .collect();
    assert_eq!(urls, ["http://a:1/v1", "http://b:2/v1"]);
    for (list, mend) in [
        ("[]", "empty; write"),
        ("[\"http://a\", \"https://b\"]", "another scheme"),
        ("[\"http://a/x\", \"http://b\"]", "another path"),
        ("[\"http://a\", \"http://a:80\"]", "twice"),
        ("[\"http://a\", \"b\"]", "the scheme is missing"),
        ("[\"http://a\", \"http://127.0.0.1:8402\"]", "circle"),
        ("[1]", "in quotes"),
    ] {
        let found = read(list, "").unwrap_err();
        assert_eq!(
            (found[0].key(), found[0].line()),
            ("route[0].upstream", Some(4))
        );
        assert!(found[0].to_string().contains(mend), "{list}: {found:?}");
    }
    for (table, key) in [
        ("path = \"healthz\"", "path"),
        ("path = \"/a b\"", "path"),
        ("status = \"2xx\"", "status"),
        ("every_secs = 0", "every_secs"),
        ("unhealthy = 0", "unhealthy"),
        ("intervall = 1", "intervall"),
    ] {
        let found = read("\"http://a\"", &format!("[route.health]\n{table}\n")).unwrap_err();
        assert_eq!(found[0].key(), format!("route[0].health.{key}"));
        let found = read("\"http://a\"", &format!("[health]\n{table}\n")).unwrap_err();
        assert_eq!(found[0].key(), format!("health.{key}"));
    }
}

/// A cheaper way to a server is one also if the server is one of several, or reached by way of others.
#[test]
fn a_way_around_a_price_is_found_at_each_of_several_upstreams() {
    let read = |cheap: &str, between: &str| {
        let route = |path: &str, upstream: &str, more: &str| {
            format!("[[route]]\npath = \"{path}\"\nupstream = {upstream}\n{more}\n")
        };
        let text = route(
            "/dear",
            "[\"http://a\", \"http://b\"]",
            "price = \"50 sat\"",
        ) + &route("/x/{*rest}", cheap, "free = true\nstrip_prefix = \"/x\"")
            + between;
        Config::from_toml(&text, "shop.toml")
    };
    for around in [
        "\"http://a\"",
        "\"http://b\"",
        "[\"http://c\", \"http://b\"]",
    ] {
        let found = read(around, "").unwrap_err();
        assert!(found[0].to_string().contains("/dear"), "{found:?}");
    }
    assert!(read("\"http://c\"", "").is_ok());
    let between = "[[route]]\npath = \"/y\"\nfree = true\n\
                   upstream = [\"http://c\", \"http://a\"]\n";
    let found = read("\"http://c\"", between).unwrap_err();
    assert!(found[0].to_string().contains("/dear"), "{found:?}");
}
