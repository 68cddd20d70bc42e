//! One side gives and the other takes, once: what arrives, and what is said where it cannot.

mod acting;
mod another_day;
mod bad_input;
mod changing;
mod code_comes_first;
mod code_still_good;
mod destinations;
mod disks;
mod existing;
mod faithful;
mod first;
mod inherited;
mod interrupts;
mod left_out;
mod lost_links;
mod made_up;
mod merging;
mod outages;
mod outlets;
mod pairings;
mod sizes;
mod streams;
mod unattended;
mod unheard;
mod wrong_code;
mod yes;
