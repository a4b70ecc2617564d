//! Boxed futures and streams, for traits that must be object-safe.

use core::pin::Pin;

/// A boxed future. The traits that return one are called a few times a request at most, so the
/// allocation does not matter.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A boxed stream.
pub type BoxStream<'a, T> = Pin<Box<dyn futures_core::Stream<Item = T> + Send + 'a>>;
