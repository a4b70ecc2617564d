//! Boxed futures and streams, for traits that must be object-safe.

use core::pin::Pin;

/// A boxed future that can be sent between threads. The traits that return one are called at most a
/// few times for each request, so the allocation does not matter.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A boxed stream that can be sent between threads.
pub type BoxStream<'a, T> = Pin<Box<dyn futures_core::Stream<Item = T> + Send + 'a>>;
