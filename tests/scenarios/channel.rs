//! Channels that stay open, and the commands that use them from other processes.

mod asking;
mod bell;
mod control;
mod crowd;
mod detached;
mod feeding;
mod following;
mod handlers;
mod in_the_way;
mod lost_links;
mod messages;
mod other_users;
mod outages;
mod path_changes;
mod predecessor;
mod striped;
mod transcripts;
mod unread;
mod which;
