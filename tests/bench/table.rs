//! The table: what a row is, how its rounds are run, and how it is printed.

use crate::program::Program;
use crate::report;
use std::fmt;
use std::io;

/// Memory that no process may exceed, in MiB.
const MEMORY: f64 = 48.0;

/// One line of the table.
pub struct Row {
    pub figure: String,
    pub reference: String,
    pub wanted: Wanted,
    /// Unit of the absolute figures.
    pub unit: &'static str,
}

/// The aim of a row, for the median of its rounds.
#[derive(Clone, Copy)]
pub enum Wanted {
    /// A ratio of at least so much.
    Least(f64),
    /// A ratio, or a count, of at most so much.
    Most(f64),
    /// At most so much more than the reference: the row shows the difference.
    More(f64),
    /// Shown, but no aim.
    Nothing,
}

/// Figures of one round for a row.
pub struct Sample {
    /// Ratio to the reference, or what `Wanted` calls for.
    pub ratio: f64,
    pub ours: f64,
    /// The reference's absolute figure, if it has one.
    pub reference: Option<f64>,
}

/// Rows that the same rounds fill.
pub struct Measurement<'a> {
    /// The name for `--only`.
    pub name: String,
    pub rows: Vec<Row>,
    /// Prepares what all rounds share. `Unsupported` means that something is not here.
    pub begin: Box<dyn FnOnce() -> io::Result<Round<'a>> + 'a>,
}

/// One round, by its number: a sample for each row, in their order.
pub type Round<'a> = Box<dyn FnMut(usize) -> io::Result<Vec<Sample>> + 'a>;

impl Row {
    pub fn new(
        figure: impl Into<String>,
        reference: impl Into<String>,
        wanted: Wanted,
        unit: &'static str,
    ) -> Self {
        Self { figure: figure.into(), reference: reference.into(), wanted, unit }
    }

    /// The row with its samples, as Markdown.
    fn filled(&self, samples: &[&Sample]) -> String {
        let all = |of: fn(&Sample) -> f64| samples.iter().map(|sample| of(sample)).collect();
        let ratios: Vec<f64> = all(|sample| sample.ratio);
        let of_reference = samples.iter().filter_map(|sample| sample.reference).collect::<Vec<_>>();
        let reference = match of_reference.as_slice() {
            [] => String::new(),
            _ => format!(": {}", self.absolute(report::median(of_reference))),
        };
        format!(
            "| {} | {}{reference} | {} | {} | {} | {} |",
            self.figure,
            self.reference,
            self.wanted,
            report::range(&ratios, 2),
            self.absolute(report::median(all(|sample| sample.ours))),
            self.wanted.met(report::median(ratios))
        )
    }

    /// The row without figures, and the reason.
    fn empty(&self, reason: &str, met: &str) -> String {
        format!("| {} | {} | {} | {reason} | | {met} |", self.figure, self.reference, self.wanted)
    }

    fn absolute(&self, value: f64) -> String {
        let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
        format!("{value:.digits$} {}", self.unit)
    }
}

impl Wanted {
    fn met(self, value: f64) -> &'static str {
        let met = match self {
            Self::Least(least) => value >= least,
            Self::Most(most) | Self::More(most) => value <= most,
            Self::Nothing => return "",
        };
        if met { "yes" } else { "**no**" }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Least(least) => write!(f, "at least {least}"),
            Self::Most(most) => write!(f, "at most {most}"),
            Self::More(more) => write!(f, "at most +{more}"),
            Self::Nothing => Ok(()),
        }
    }
}

impl Sample {
    /// A time beside that of the reference, as a ratio of speeds; the figures are of `amount` a
    /// second.
    pub fn speed(amount: f64, ours: f64, reference: f64) -> Self {
        let (ratio, ours, reference) = (reference / ours, amount / ours, amount / reference);
        Self { ratio, ours, reference: Some(reference) }
    }

    /// A time as a ratio of that of the reference.
    pub fn time(ours: f64, reference: f64) -> Self {
        Self { ratio: ours / reference, ours, reference: Some(reference) }
    }

    /// A figure beyond that of the reference.
    pub fn beyond(ours: f64, reference: f64) -> Self {
        Self { ratio: ours - reference, ours, reference: Some(reference) }
    }

    /// A figure that is not compared.
    pub const fn alone(ours: f64) -> Self {
        Self { ratio: ours, ours, reference: None }
    }
}

/// Prints the table, each row as soon as its rounds are over, and then the peak of memory.
pub fn print(measurements: Vec<Measurement<'_>>, rounds: usize, program: &Program) {
    println!(
        "| figure | reference | wanted | median (least to most) | ours | met |\n\
         |---|---|---|---|---|---|"
    );
    let mut peaks = Vec::new();
    for Measurement { name, rows, begin } in measurements {
        program.take_peak();
        match run(&name, begin, rounds) {
            Ok(samples) => {
                for (at, row) in rows.iter().enumerate() {
                    let own: Vec<_> = samples.iter().filter_map(|round| round.get(at)).collect();
                    println!("{}", row.filled(&own));
                }
            }
            Err(error) => {
                let (reason, met) = match error.kind() {
                    io::ErrorKind::Unsupported => (format!("not here: {error}"), ""),
                    _ => (
                        format!("failed: {}", error.to_string().replace(['\n', '|'], " ")),
                        "**no**",
                    ),
                };
                rows.iter().for_each(|row| println!("{}", row.empty(&reason, met)));
            }
        }
        peaks.push((program.take_peak() as f64 / 1024.0, name));
    }
    peaks.retain(|(peak, _)| *peak > 0.0);
    if let Some((peak, name)) = peaks.iter().max_by(|one, other| one.0.total_cmp(&other.0)) {
        let row = Row::new(
            format!("peak memory of any process, in `{name}`"),
            "the limit",
            Wanted::Most(1.0),
            "MiB",
        );
        println!("{}", row.filled(&[&Sample::time(*peak, MEMORY)]));
        let all = peaks.iter().map(|(peak, name)| format!("{name} {peak:.1}"));
        println!("\nPeaks, MiB: {}", all.collect::<Vec<_>>().join(", "));
    }
}

/// All rounds, unless one fails.
fn run<'a>(
    name: &str,
    begin: impl FnOnce() -> io::Result<Round<'a>>,
    rounds: usize,
) -> io::Result<Vec<Vec<Sample>>> {
    eprintln!("{name}");
    let mut round = begin()?;
    (0..rounds)
        .map(|number| {
            eprintln!("{name}: round {} of {rounds}", number + 1);
            round(number)
        })
        .collect()
}

/// The error of a measurement that cannot be made on this machine.
pub fn not_here(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, reason.into())
}

/// Does each of `works` once, in an order that begins with another one in each round, so that none
/// always finds the machine as the same other one left it. The results are in the order of `works`.
pub fn in_turns<W, T>(
    round: usize,
    works: &[W],
    mut work: impl FnMut(&W) -> io::Result<T>,
) -> io::Result<Vec<T>> {
    let first = round % works.len().max(1);
    let order = (first..works.len()).chain(0..first);
    let mut done = order.map(|at| Ok((at, work(&works[at])?))).collect::<io::Result<Vec<_>>>()?;
    done.sort_by_key(|(at, _)| *at);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_shown_with_its_median_and_says_if_it_is_met() {
        let row = Row::new("a file", "a plain copy", Wanted::Least(0.9), "MB/s");
        let samples = [(2.0, 1.0), (1.0, 1.0), (4.0, 1.0)]
            .map(|(ours, reference)| Sample::speed(100.0, ours, reference));
        assert_eq!(
            row.filled(&samples.each_ref()),
            "| a file | a plain copy: 100 MB/s | at least 0.9 | 0.50 (0.25 to 1.00) | 50.0 MB/s | \
             **no** |"
        );
        let row = Row::new("a start", "`true`", Wanted::More(3.0), "ms");
        assert_eq!(
            row.filled(&[&Sample::beyond(2.5, 1.0)]),
            "| a start | `true`: 1.00 ms | at most +3 | 1.50 (1.50 to 1.50) | 2.50 ms | yes |"
        );
    }

    #[test]
    fn turns_begin_with_another_one_and_results_keep_their_order() {
        let mut seen = Vec::new();
        let doubled = in_turns(4, &[1, 2, 3], |work| {
            seen.push(*work);
            Ok(work * 2)
        });
        assert_eq!((doubled.unwrap(), seen), (vec![2, 4, 6], vec![2, 3, 1]));
    }
}
