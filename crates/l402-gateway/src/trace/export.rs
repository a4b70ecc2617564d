//! Sends spans to a collector: OTLP over HTTP, in protobuf.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Url};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::otlp;
use super::span::Span;
use super::traces::TraceCounts;
use crate::config::TraceSettings;

/// The most spans of one request to the collector.
const BATCH: usize = 512;

/// The longest that a span waits for others to be sent with it.
const GATHER: Duration = Duration::from_secs(1);

/// The longest that the collector may take for a batch. It is lost then.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest answer of a collector that is read, in bytes.
const ANSWER_MAX: usize = 64 * 1024;

/// The collector's end of the queue.
pub(super) struct Export {
    spans: mpsc::Receiver<Span>,
    flushes: mpsc::Receiver<oneshot::Sender<()>>,
    counts: Arc<TraceCounts>,
    client: Client,
    url: Url,
    resource: Resource,
    /// The spans that were lost before this time, if the last batch was.
    failing_since: Option<u64>,
}

impl Export {
    /// Makes an exporter for the collector at this address.
    ///
    /// # Errors
    /// The text of what is wrong, if no client can be made.
    pub(super) fn new(
        url: &Url,
        settings: &TraceSettings,
        spans: mpsc::Receiver<Span>,
        flushes: mpsc::Receiver<oneshot::Sender<()>>,
        counts: &Arc<TraceCounts>,
    ) -> Result<Self, String> {
        // A proxy named in the environment is for what goes out of the machine's network.
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build()
            .map_err(|error| format!("trace.endpoint: no client can be made: {error}"))?;
        Ok(Self {
            spans,
            flushes,
            counts: Arc::clone(counts),
            client,
            url: url.clone(),
            resource: otlp::resource(&settings.service_name),
            failing_since: None,
        })
    }

    /// Sends until the gateway is gone.
    pub(super) async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let flush = tokio::select! {
                biased;
                flush = self.flushes.recv() => match flush {
                    Some(flush) => Some(flush),
                    None => return,
                },
                // What it has gathered stays in the batch if a flush comes between.
                () = gather(&mut self.spans, &mut batch) => None,
            };
            self.send(&mut batch).await;
            let Some(flush) = flush else {
                continue;
            };
            // What is queued while it sends is not waited for.
            for _ in 0..self.spans.len().div_ceil(BATCH) {
                take(&mut self.spans, &mut batch);
                self.send(&mut batch).await;
            }
            // Nobody waits any more: then nobody misses it.
            let _ = flush.send(());
        }
    }

    /// Sends a batch and empties it. One that fails is lost: the next spans are of more use than an
    /// old batch, and memory is bounded.
    async fn send(&mut self, batch: &mut Vec<Span>) {
        if batch.is_empty() {
            return;
        }
        let count = batch.len();
        let request = otlp::request(&self.resource, batch.drain(..));
        match self.post(request.encode_to_vec()).await {
            Ok(rejected) => {
                self.counts.drop_spans(rejected.min(count));
                if let Some(before) = self.failing_since.take() {
                    let lost = self.counts.dropped().saturating_sub(before);
                    tracing::info!(lost, "the collector of traces takes spans again");
                }
            }
            Err(error) => {
                if self.failing_since.is_none() {
                    self.failing_since = Some(self.counts.dropped());
                    tracing::warn!(%error, "the collector of traces takes no spans; they are dropped");
                }
                self.counts.drop_spans(count);
            }
        }
    }

    /// Posts a message, and returns the number of spans that the collector did not want.
    async fn post(&self, body: Vec<u8>) -> Result<usize, String> {
        let request = self.client.post(self.url.clone()).body(body);
        let sent = request.header(CONTENT_TYPE, "application/x-protobuf");
        let mut answer = sent.send().await.map_err(|error| with_causes(&error))?;
        if !answer.status().is_success() {
            return Err(format!("it answers {}", answer.status()));
        }
        let mut text = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(|error| with_causes(&error))? {
            text.extend_from_slice(&piece);
            if text.len() > ANSWER_MAX {
                return Err("its answer is too long".to_owned());
            }
        }
        // An answer that is none of OTLP says nothing of spans.
        let answer = ExportTraceServiceResponse::decode(&*text).unwrap_or_default();
        let rejected = answer.partial_success.map_or(0, |part| part.rejected_spans);
        Ok(usize::try_from(rejected).unwrap_or_default())
    }
}

/// Returns an error with its causes: the first one alone says no more than that a request failed.
fn with_causes(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

/// Waits for a span, and then for others until the batch is full or its time is over.
async fn gather(spans: &mut mpsc::Receiver<Span>, batch: &mut Vec<Span>) {
    if batch.is_empty() && spans.recv_many(batch, BATCH).await == 0 {
        // The gateway is gone, and `flushes` ends with it.
        return core::future::pending().await;
    }
    let fill = async {
        while batch.len() < BATCH {
            let room = BATCH - batch.len();
            if spans.recv_many(batch, room).await == 0 {
                return;
            }
        }
    };
    // Whatever has come by then is sent.
    let _ = timeout(GATHER, fill).await;
}

/// Takes what is there, up to a batch.
fn take(spans: &mut mpsc::Receiver<Span>, batch: &mut Vec<Span>) {
    while batch.len() < BATCH {
        let Ok(span) = spans.try_recv() else {
            return;
        };
        batch.push(span);
    }
}
