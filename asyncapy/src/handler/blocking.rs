use std::panic::resume_unwind;

/// Runs code that blocks (disk, a slow computation, a library that is not async) on the blocking pool, and gives its
/// result; AsyncAPY's `run_sync_task`. A panic in it is a panic here.
///
/// Dropping the future does not stop code that has begun: it runs to its end, and nobody hears of it. A plain
/// (non-async) annotated function runs here as a whole.
///
/// ```
/// # #[tokio::main]
/// # async fn main() {
/// let sum = asyncapy::blocking(|| (1..=1_000u64).sum::<u64>()).await;
/// assert_eq!(sum, 500_500);
/// # }
/// ```
///
/// # Panics
/// With what the code panicked with; outside a tokio runtime; when the runtime shuts down before the code has begun.
pub async fn blocking<R: Send + 'static>(code: impl FnOnce() -> R + Send + 'static) -> R {
    let span = tracing::Span::current();
    match tokio::task::spawn_blocking(move || span.in_scope(code)).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(error) => panic!("the blocking pool is gone: {error}"),
        },
    }
}
