//! Patience with a store that gives no answer at all.
//!
//! A server's own timeouts bound what it does, and say nothing where it hangs or its host has vanished: then a
//! statement waits until the operating system gives the connection up, a quarter of an hour later. Whoever asks
//! stops waiting long before. What became of a COMMIT is then unknown, as after a lost answer, and doing it again
//! is a no-op by the dedupe marks.

use std::future::Future;

use crate::error::Error;
use crate::store::Store;

/// What is asked of a store, given up where the store has an [`Store::answer_max`] and takes longer.
pub async fn answered<S: Store, T>(
    store: &S,
    asked: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    // Whole turns pass through here: in the caller's own future each would have its place.
    let mut asked = Box::pin(asked);
    let Some(max) = store.answer_max() else { return asked.await };
    if let Ok(answer) = tokio::time::timeout(max, asked.as_mut()).await {
        return answer;
    }
    // Said before its connection is given back, which is when the last one of `asked` goes.
    store.not_answered();
    Err(Error::Unavailable(format!("it gives no answer within {max:?}")))
}
