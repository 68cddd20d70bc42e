//! The rows of the table: what is wanted of pinhole.

use crate::bench::Bench;
use crate::line::{self, Of};
use crate::options::Line;
use crate::table::Wanted::{Least, Most};
use crate::table::{Measurement, Wanted};
use crate::{commands, copies, rivals};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// All of them, small ones if it has to be quick.
pub fn all<'a>(bench: &'a Bench<'_>, quick: bool) -> Vec<Measurement<'a>> {
    let size = |full: u64, small: u64| if quick { small } else { full };
    let file = size(2 * GIB, 256 * MIB);
    let files = if quick { 1_000 } else { 10_000 };
    let commands = if quick { 20 } else { 200 };
    let mut all = vec![
        copies::direct(bench, true, file, 0.95),
        copies::direct(bench, false, file, 0.75),
        copies::relayed(bench, file, 0.65),
        rivals::file(bench, false, file),
        rivals::file(bench, true, file),
        rivals::folder(bench, "folder", files),
        rivals::folder(bench, "folder-large", files * 10),
        rivals::text(bench),
        commands::start(bench, commands),
        commands::code(bench, files * 10),
        commands::channel(bench, commands),
    ];
    let mut over = |name: String, line: Line, rows: Vec<(Of, Wanted)>| {
        all.push(line::measurement(bench, name, line, rows));
    };
    let long = |loss, size| Line::new(1000.0, 50.0, loss, size);
    let folder = Line { files: Some(files), ..long(0.0, 0) };
    over("folder-line".to_owned(), folder, vec![(Of::File, Most(1.2))]);
    for (loss, rate) in [(0.0, 0.87), (0.1, 0.78), (1.0, 0.68)] {
        let line =
            Line { texts: if quick { 10 } else { 20 }, ..long(loss, size(2 * GIB, 128 * MIB)) };
        let rows = vec![
            (Of::Rate, Least(rate)),
            (Of::Raw, Least(0.95)),
            (Of::Text(50), Most(1.5)),
            (Of::Text(95), Most(4.0)),
        ];
        over(format!("line-{loss}"), line, rows);
    }
    for (loss, full, small) in [(0.0, 512, 128), (0.1, 64, 32), (1.0, 64, 8)] {
        let line = long(loss, size(full * MIB, small * MIB));
        let line = Line { as_user: true, streams: vec![8], ..line };
        over(format!("cubic-{loss}"), line, vec![(Of::Raw, Least(0.85))]);
    }
    for (loss, rate) in [(0.0, 0.8), (0.1, 0.7), (1.0, 0.5)] {
        let line = Line { relay: true, ..long(loss, size(GIB, 128 * MIB)) };
        over(format!("legs-{loss}"), line, vec![(Of::Rate, Least(rate))]);
    }
    let slow = Line::new(100.0, 200.0, 0.5, size(512 * MIB, 64 * MIB));
    over("slow".to_owned(), slow, vec![(Of::Rate, Least(0.8))]);
    let local = Line::new(0.0, 0.0, 0.0, file);
    over("local".to_owned(), local, vec![(Of::Plain, Least(0.75)), (Of::Links, Most(1.0))]);
    over("links-small".to_owned(), long(0.0, 8 * MIB), vec![(Of::Links, Most(1.0))]);
    all.push(line::loopback(bench, file));
    all.push(line::pairs(bench, long(0.0, size(256 * MIB, 32 * MIB)), 8));
    all
}
