//! Commands that open no channel, and how each command line is understood.

mod advice;
mod capabilities;
mod completions_and_man;
mod config;
mod doctor;
mod help;
mod partials;
mod pasted_code;
mod routing;
mod schema;
