//! What a loop does with an error: every error that reaches one answers this question.

/// What to do with the thing that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// The world may be different later: keep it and try again.
    Retry,
    /// It will never work as it is: to dead letters, with the reason; its neighbours go on.
    Park,
    /// It is of no interest: counted and forgotten.
    Drop,
}
