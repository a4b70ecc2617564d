//! The page for sellers: list, claim, edit, hand over.

use maud::{Markup, html};
use url::Url;

use crate::page::command::quoted;
use crate::page::layout::{Place, code, layout};

/// An address for the examples.
const EXAMPLE: &str = "https://api.example.com/v1/joke";

/// Returns the page.
pub(in crate::page) fn owner(public: &Url) -> Markup {
    let registry = public.as_str().trim_end_matches('/');
    let command = |words: &str, flags: &str| {
        format!(
            "l402 registry {words} {} --registry {}{flags}",
            quoted(EXAMPLE),
            quoted(registry)
        )
    };
    let announce = format!(
        "l402 registry announce {} --registry {}",
        quoted("https://api.example.com"),
        quoted(registry)
    );
    let body = html! {
        div.prose {
            h1 { "For sellers" }
            p.lead { "There are no accounts here. A listing is yours if you prove that its address, or the node that signs its invoices, "
                "is yours." }
            h2 { "List a service" }
            p { "By its address, or by the address of a document that describes several: " code { "/.well-known/l402-services" } ", "
                code { "/.well-known/l402.json" } ", or an " code { "openapi.json" } " with " code { "x-payment-info" } ". It must answer "
                "402 to a request without a credential, before it looks at the body." }
            (code("list a service", &command("add", "")))
            p { "A gateway that runs " code { "l402 serve" } " publishes such a document by itself. One command lists all of it:" }
            (code("list a gateway", &announce))
            h2 { "Claim it" }
            p { "Three proofs; the first two outrank the third, since many sellers may share the node of one custodian." }
            dl.facts.proofs {
                div { dt { "A file" } dd { "at " code { "/.well-known/l402-registry-verify.txt" } " of the host" } }
                div { dt { "A DNS record" } dd { "of type TXT at " code { "_l402-registry." } "HOST" } }
                div { dt { "A signature" } dd { "of the node, over a text that names the address and this registry (lnd, CLN, LDK)" } }
            }
            p { "The command says what to publish, and keeps the owner's key in a private file on your machine. The registry keeps a hash "
                "of it alone. It checks the proof again every week." }
            (code("claim by a file", &command("claim", " --proof file")))
            (code("when it is published", &command("claim", " --finish")))
            (code("claim by a node", &command("claim", " --proof node --wallet shop")))
            h2 { "Edit or remove it" }
            p { "The words of an owner replace all others. What the registry sees stays as it is seen." }
            (code("edit", &command("edit", " --name 'Jokes' --description 'One joke a request.'")))
            (code("ask not to be checked", &command("edit", " --no-probe")))
            (code("remove", &command("remove", "")))
            h2 { "Hand it over, or give it up" }
            p { "A transfer makes a new key in a file for somebody else, and voids yours. The new owner makes one that you have "
                "never seen. After a revocation nobody owns the listing." }
            (code("transfer", &command("transfer", " --key-file owner.key")))
            (code("what the new owner runs", &command("own", " --key-file owner.key")))
            (code("revoke", &command("revoke", "")))
            h2 { "Reviews" }
            p { "You can answer each review. It is named by the hash of its payment, which " code { "l402 registry show" } " prints; the "
                a href="/api" { "API" } " also takes reports of abuse." }
            (code("answer a review", &command("answer", " HASH --text 'Thank you.'")))
        }
    };
    layout(Place::Owner, "For sellers", &body)
}
