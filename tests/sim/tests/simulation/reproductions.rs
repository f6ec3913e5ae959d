//! What random lives found, as short readable lists.
