//! One call of a tool, from the request to the answer.
//!
//! ```text
//!   call ─▶ answer ────────────────────────────────────────────▶ result
//!            │ waits for a person, and the client can show a page:
//!            ├─ modern ─▶ input_required + sealed state ─▶ the same call with the state ─┐
//!            ├─ legacy ─▶ the client is asked to show the page ──────────────────────────┤
//!            │                                   wait for the row in the journal ◀───────┘
//!            │                                     approved: the tool once more
//!            └─ slow, and the client has tasks ─▶ task
//! ```
//!
//! What a client answers is never the approval. It only says whether waiting is worth while.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{
    CallToolResponse, ElicitRequest, ElicitRequestParams, ElicitationAction, ErrorData,
    InputRequest, InputRequiredResult, InputResponses, ProgressNotificationParam,
};
use rmcp::service::RequestContext;
use serde_json::{Map, Value};
use url::Url;

use super::approvals::{self, Decision};
use super::calls::Running;
use super::client::Client;
use super::handler::{Shared, meta};
use super::result;
use super::sealed::Binding;
use super::task::Place;
use crate::mcp::tool::{Call, Tool, ToolAnswer, Waiting, digest};

/// The longest wait for a payment before a call is answered with *pending*.
const PATIENCE: Duration = Duration::from_secs(20);

/// The same if the client asks for the outcome later.
pub(super) const TASK_PATIENCE: Duration = Duration::from_secs(600);

/// The longest that a client may take to show a page.
const SHOW_TIME: Duration = Duration::from_secs(120);

/// The error of a call that is given up.
const GIVEN_UP: &str = "the call was given up: nothing more is begun for it, and a payment that was begun goes on. \
                        Read `receipts` before you make it again";

/// The times for which the server waits for others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// The time after which a call becomes a task, if the client has them.
    pub(super) moment: Duration,
    /// The longest wait for a person, in one request.
    pub(super) person: Duration,
    /// The pause between two notes of progress.
    pub(super) progress: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            moment: Duration::from_secs(2),
            // Clients give up after a minute.
            person: Duration::from_secs(45),
            progress: Duration::from_secs(5),
        }
    }
}

/// The name of our only question in a modern result.
pub(super) const QUESTION: &str = "approval";

/// A call that has been understood.
pub(super) struct ClientCall {
    pub(super) server: Arc<Shared>,
    pub(super) tool: Arc<dyn Tool>,
    pub(super) arguments: Map<String, Value>,
    pub(super) client: Client,
    context: RequestContext<RoleServer>,
}

/// The progress of a call.
enum Progressed {
    Answered(ToolAnswer),
    /// To be continued as a task, which has a place.
    Slow(Running, Place),
}

impl ClientCall {
    /// Finds the tool of a call, and reads what its client can do.
    ///
    /// # Errors
    /// If there is no such tool.
    pub(super) fn new(
        server: &Arc<Shared>,
        name: &str,
        arguments: Map<String, Value>,
        context: RequestContext<RoleServer>,
    ) -> Result<Self, ErrorData> {
        let Some(tool) = server.tools.find(name) else {
            let name = l402::text::escape_within(name, 64);
            return Err(ErrorData::invalid_params(
                format!("Unknown tool: {name}"),
                None,
            ));
        };
        Ok(Self {
            server: Arc::clone(server),
            tool: Arc::clone(tool),
            arguments,
            client: Client::of(&context),
            context,
        })
    }

    /// Answers a call that comes for the first time.
    pub(super) async fn first(self) -> Result<CallToolResponse, ErrorData> {
        let answer = match self.run().await? {
            Progressed::Answered(answer) => answer,
            Progressed::Slow(call, place) => return Ok(self.into_task(call, place)),
        };
        let Some((waiting, page)) = self.question(&answer) else {
            return Ok(self.complete(answer));
        };
        if self.client.is_modern {
            return Ok(match self.input_required(&waiting, &page) {
                Some(question) => question.into(),
                None => self.complete(answer),
            });
        }
        match self.ask(&waiting, page).await? {
            Decision::Waiting => Ok(self.complete(answer)),
            decision => self.decided(waiting.approval, decision).await,
        }
    }

    /// Answers the same call with what an earlier answer had sealed.
    pub(super) async fn repeated(
        self,
        state: &str,
        responses: InputResponses,
    ) -> Result<CallToolResponse, ErrorData> {
        let opened = self.server.states.open(state, &self.binding());
        let approval =
            opened.map_err(|error| ErrorData::invalid_params(error.to_string(), None))?;
        // Anything but a yes: the person does not see the page, and nothing is worth waiting for.
        let is_shown = responses.get(QUESTION).is_some_and(|response| {
            response.get("action").and_then(Value::as_str) == Some("accept")
        });
        let limit = if is_shown {
            self.server.times.person
        } else {
            Duration::ZERO
        };
        let decision = self.wait(approval, limit).await?;
        self.decided(approval, decision).await
    }

    /// Goes on after a person was asked: the tool finds an approved row, or says again that it waits.
    async fn decided(
        self,
        approval: i64,
        decision: Decision,
    ) -> Result<CallToolResponse, ErrorData> {
        if decision == Decision::Denied {
            return Ok(self.complete(declined(approval)));
        }
        match self.run().await? {
            Progressed::Answered(answer) => Ok(self.complete(answer)),
            Progressed::Slow(call, place) => Ok(self.into_task(call, place)),
        }
    }

    /// Runs the tool, for as long as the client waits.
    async fn run(&self) -> Result<Progressed, ErrorData> {
        let is_long = self.client.has_tasks && !self.tool.card().hints.read_only;
        let place = is_long.then(|| self.server.tasks.place()).flatten();
        let call = Call {
            arguments: self.arguments.clone(),
            patience: if place.is_some() {
                TASK_PATIENCE
            } else {
                PATIENCE
            },
        };
        let running = async {
            let mut call = self.server.calls.start(Arc::clone(&self.tool), call).await;
            let Some(place) = place else {
                return Progressed::Answered(call.answer().await);
            };
            match tokio::time::timeout(self.server.times.moment, call.answer()).await {
                Ok(answer) => Progressed::Answered(answer),
                Err(_) => Progressed::Slow(call, place),
            }
        };
        self.unless_abandoned(running, "working").await
    }

    /// Waits for something, telling the client that it goes on. What a client cancels ends here.
    async fn unless_abandoned<T>(
        &self,
        work: impl Future<Output = T>,
        word: &'static str,
    ) -> Result<T, ErrorData> {
        let mut work = std::pin::pin!(work);
        let mut step = 0_u32;
        loop {
            tokio::select! {
                done = work.as_mut() => return Ok(done),
                // Told if the server ends; the error goes nowhere if the client has given up.
                () = self.context.ct.cancelled() => {
                    return Err(ErrorData::internal_error(GIVEN_UP, None));
                }
                () = tokio::time::sleep(self.server.times.progress) => {
                    step += 1;
                    self.tell(step, word).await;
                }
            }
        }
    }

    /// Sends a note of progress, if the client has asked for them.
    async fn tell(&self, step: u32, word: &'static str) {
        if let Some(token) = self.context.meta.get_progress_token() {
            let note = ProgressNotificationParam::new(token, f64::from(step)).with_message(word);
            // A client that is gone is noticed elsewhere.
            let _ = self.context.peer.notify_progress(note).await;
        }
    }

    async fn wait(&self, approval: i64, limit: Duration) -> Result<Decision, ErrorData> {
        let waiting = approvals::wait(&self.server.approvals, approval, limit);
        self.unless_abandoned(waiting, "waiting for a person").await
    }

    /// Returns what a person has to be asked, if the client can show the page.
    pub(super) fn question(&self, answer: &ToolAnswer) -> Option<(Waiting, Url)> {
        let waiting = answer.waiting.clone().filter(|_| self.client.shows_pages)?;
        let page = waiting
            .page
            .clone()
            .unwrap_or_else(|| self.server.page.clone());
        Some((waiting, page))
    }

    /// Returns the modern question, unless too many wait for an answer.
    fn input_required(&self, waiting: &Waiting, page: &Url) -> Option<InputRequiredResult> {
        let state = self.server.states.make(&self.binding(), waiting.approval)?;
        let questions = BTreeMap::from([(QUESTION.to_owned(), show(waiting, page))]);
        let mut result = InputRequiredResult::new(Some(questions), Some(state));
        result.meta = meta(self.client);
        Some(result)
    }

    /// Asks a client of the earlier generation to show the page, and waits for the decision.
    async fn ask(&self, waiting: &Waiting, page: Url) -> Result<Decision, ErrorData> {
        let id = format!("approval-{}", waiting.approval);
        let asking =
            self.context
                .peer
                .elicit_url_with_timeout(&waiting.question, page, id, Some(SHOW_TIME));
        match self
            .unless_abandoned(asking, "waiting for a person")
            .await?
        {
            Ok(ElicitationAction::Accept) => {
                self.wait(waiting.approval, self.server.times.person).await
            }
            // Not shown. The answer that says so stands.
            _ => Ok(Decision::Waiting),
        }
    }

    fn into_task(self, call: Running, place: Place) -> CallToolResponse {
        Arc::clone(&self.server)
            .tasks
            .continue_as_task(self, call, place)
            .into()
    }

    fn complete(&self, mut answer: ToolAnswer) -> CallToolResponse {
        if answer.waiting.is_some() {
            // For clients that cannot show it; a model may hand it on, for it approves nothing.
            answer.line += &format!("; a person can also decide at {}", self.server.page);
        }
        let mut result = result::of(answer);
        result.meta = meta(self.client);
        result.into()
    }

    fn binding(&self) -> Binding {
        let tool = self.tool.card().name;
        Binding {
            agent: self.server.agent.clone(),
            tool: tool.to_owned(),
            arguments: digest(tool, &self.arguments),
        }
    }
}

/// Returns the request to show a page to a person.
pub(super) fn show(waiting: &Waiting, page: &Url) -> InputRequest {
    InputRequest::Elicitation(ElicitRequest::new(
        ElicitRequestParams::UrlElicitationParams {
            meta: None,
            message: waiting.question.clone(),
            url: page.to_string(),
            // Of the earlier generation.
            elicitation_id: String::new(),
        },
    ))
}

/// Returns the answer after a person has said no.
pub(super) fn declined(approval: i64) -> ToolAnswer {
    ToolAnswer {
        structured: Value::Null,
        line: format!(
            "Nothing was paid: approval {approval} was declined, or its time is over. Do not ask again \
             unless a person says so."
        ),
        is_error: true,
        parts: Vec::new(),
        waiting: None,
    }
}
