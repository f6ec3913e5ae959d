//! The resolver as a whole, on both stores: hints in, deal events out.

mod crashes;
mod random;
mod running;
mod scenarios;
mod world;
