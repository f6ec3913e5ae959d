//! What every store promises, as tests that each adapter runs on a fresh store of its own.
