//! Random lives from seeds, the reproductions of what they found, and the proof that they would find it.
//!
//! `AFTERGLOW_SEED=7` runs that seed alone; `AFTERGLOW_SEEDS=2000` runs so many.

mod proofs;
mod reproductions;
mod seeds;
