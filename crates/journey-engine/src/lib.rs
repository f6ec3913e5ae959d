//! journey-engine
