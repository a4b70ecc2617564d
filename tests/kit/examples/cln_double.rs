//! Runs the fake Core Lightning until its input ends, for clients in other languages. Prints one
//! line of JSON with the socket, the address of clnrest, its authority, and a rune without limits.

use std::io::Read as _;

use l402_testkit::cln::{FakeCln, rune};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let fake = FakeCln::start().await;
    let report = serde_json::json!({
        "socket": fake.socket,
        "rest": format!("https://{}", fake.rest),
        "ca": fake.authority.pem,
        "rune": rune("rate=600"),
    });
    #[expect(clippy::print_stdout, reason = "the report is for the caller")]
    {
        println!("{report}");
    }
    // A caller that ends, however it ends, closes the input.
    let input = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    drop(input.await);
}
