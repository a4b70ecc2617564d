//! The server on standard input and output.

use std::time::Duration;

use rmcp::service::serve_directly;
use tokio::io::{AsyncRead, AsyncWrite};

use super::handler::McpServer;
use super::lines::Lines;
use crate::error::CliError;
use crate::signal::Stop;

/// The longest wait at the end for calls of tools under way.
pub(super) const END_TIME: Duration = Duration::from_secs(30);

/// Serves until the input ends or a signal asks for the end. Nothing but messages goes to stdout.
///
/// # Errors
/// If the server ends by a defect.
pub(crate) async fn serve_stdio(server: McpServer, stop: Stop) -> Result<(), CliError> {
    serve_lines(
        server,
        stop.requested(),
        tokio::io::stdin(),
        tokio::io::stdout(),
    )
    .await
}

/// Serves until the input ends, or `stop` does.
pub(super) async fn serve_lines(
    server: McpServer,
    stop: impl Future<Output = ()> + Send + 'static,
    input: impl AsyncRead + Send + Unpin + 'static,
    output: impl AsyncWrite + Send + Unpin + 'static,
) -> Result<(), CliError> {
    let lines = Lines::new(input, output);
    // Without the SDK's start, which ends at a first message of another kind: each request says itself
    // to which generation it belongs.
    let running = serve_directly(server.clone(), lines, None);
    let end = running.cancellation_token();
    let served = tokio::spawn(running.waiting());
    let watch = tokio::spawn(async move {
        stop.await;
        end.cancel();
    });
    let outcome = served.await;
    watch.abort();
    server.0.tasks.end();
    server.0.calls.finish(END_TIME).await;
    match outcome {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(CliError::internal(error)),
        Err(error) => Err(CliError::internal(error)),
    }
}
