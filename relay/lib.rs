//! The blind pairing relay's home. The pairing core comes here with the relay; the direct link needs none of it.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects))]
