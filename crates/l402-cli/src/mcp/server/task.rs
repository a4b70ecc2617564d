//! Calls that take long, for clients that ask for the outcome later.

use std::sync::Arc;
use std::time::Duration;

use l402_client::Approval;
use rmcp::model::{CreateTaskResult, DetailedTask, ErrorData, InputResponses};
use rmcp::task_manager::{TaskContext, TaskExit, TaskManager, TaskOptions};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::approvals::{self, Decision};
use super::calls::Running;
use super::client_call::{ClientCall, QUESTION, TASK_PATIENCE, declined, show};
use super::handler::meta;
use super::result;
use crate::mcp::tool::{Call, ToolAnswer};

/// The longest that a task may work, and that its outcome is kept afterwards.
const TASK_TIME: Duration = Duration::from_secs(1200);

/// The pause that is suggested to clients between two looks, in milliseconds.
const POLL_PAUSE: u64 = 1000;

/// The most tasks that work or are kept. Further calls are answered in their own request.
const TASKS_MAX: usize = 64;

/// The longest wait for a person within a task: as long as an approval waits.
const PERSON_TIME: Duration = Approval::LIFE;

/// The place of one task.
pub(super) type Place = OwnedSemaphorePermit;

/// The tasks of one server.
pub(super) struct Tasks {
    manager: TaskManager,
    places: Arc<Semaphore>,
}

impl Default for Tasks {
    fn default() -> Self {
        Self {
            manager: TaskManager::new(),
            places: Arc::new(Semaphore::new(TASKS_MAX)),
        }
    }
}

impl Tasks {
    /// Returns a place for a call that may become a task, if there is one. Taken before the call waits for
    /// its turn, so that no more calls can become tasks than there are places.
    pub(super) fn place(&self) -> Option<Place> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// Returns the state of a task, with its outcome if there is one.
    ///
    /// # Errors
    /// If there is no such task.
    pub(super) fn get(&self, id: &str) -> Result<DetailedTask, ErrorData> {
        self.manager.get_task(&checked(id)?)
    }

    /// Hands over what the client answers to a question of a task.
    ///
    /// # Errors
    /// If there is no such task.
    pub(super) fn update(&self, id: &str, responses: InputResponses) -> Result<(), ErrorData> {
        self.manager.update_task(&checked(id)?, responses)
    }

    /// Gives a task up. A payment under way goes on, and its outcome is in the journal.
    ///
    /// # Errors
    /// If there is no such task.
    pub(super) fn cancel(&self, id: &str) -> Result<(), ErrorData> {
        self.manager.cancel_task(&checked(id)?)
    }

    /// Gives up all tasks: the server ends, and nobody can ask for an outcome any more. What is paid for
    /// goes on, and nothing more begins to be paid.
    pub(super) fn end(&self) {
        self.manager.shutdown();
    }

    /// Continues a call as a task.
    pub(super) fn continue_as_task(
        &self,
        call: ClientCall,
        running: Running,
        place: Place,
    ) -> CreateTaskResult {
        let options = TaskOptions::new()
            .with_ttl_ms(u64::try_from(TASK_TIME.as_millis()).unwrap_or(u64::MAX))
            .with_poll_interval_ms(POLL_PAUSE)
            .with_status_message("paying, or waiting for the answer");
        let client = call.client;
        let task = self.manager.spawn(options, move |context| {
            Box::pin(async move {
                let cancelled = context.cancelled();
                let outcome = tokio::select! {
                    answer = finish(&call, running, &context) => answer,
                    // Only the wait ends: a payment that was begun goes on in its own task.
                    () = cancelled => Err(TaskExit::Cancelled),
                };
                // Not given back yet: the outcome is kept for a while, and takes memory as well.
                keep(place);
                let mut result = result::of(outcome?);
                result.meta = meta(call.client);
                Ok(result)
            })
        });
        let mut result = CreateTaskResult::new(task);
        result.meta = meta(client);
        result
    }
}

/// Gives a place back once the outcome is no longer kept.
fn keep(place: Place) {
    tokio::spawn(async move {
        tokio::time::sleep(TASK_TIME).await;
        drop(place);
    });
}

/// Waits for the answer, and asks a person in between if that is what it waits for.
async fn finish(
    call: &ClientCall,
    mut running: Running,
    context: &TaskContext,
) -> Result<ToolAnswer, TaskExit> {
    let answer = running.answer().await;
    // A task outlives the request, so the question is the task's own.
    let Some((waiting, page)) = call.question(&answer) else {
        return Ok(answer);
    };
    let response = context
        .request_input(QUESTION, show(&waiting, &page))
        .await?;
    if response.get("action").and_then(Value::as_str) != Some("accept") {
        return Ok(answer);
    }
    context.set_status_message("waiting for a person");
    match approvals::wait(&call.server.approvals, waiting.approval, PERSON_TIME).await {
        Decision::Waiting => Ok(answer),
        Decision::Denied => Ok(declined(waiting.approval)),
        Decision::Approved => {
            let again = Call {
                arguments: call.arguments.clone(),
                patience: TASK_PATIENCE,
            };
            let mut running = call.server.calls.start(Arc::clone(&call.tool), again).await;
            Ok(running.answer().await)
        }
    }
}

/// Returns the id of a task if it has the form of one, so that no error repeats a stranger's text.
fn checked(id: &str) -> Result<String, ErrorData> {
    let has_form = id.len() <= 64
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    has_form
        .then(|| id.to_owned())
        .ok_or_else(|| ErrorData::invalid_params("unknown task", None))
}
