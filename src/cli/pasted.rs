//! A code as it is pasted out of a chat or a mail: with marks around it, letters that nobody sees,
//! or the command line that it stood in.

use zeroize::Zeroizing;

/// The commands whose lines are passed on with a code in them.
const VERBS: [&str; 10] =
    ["take", "connect", "receive", "rx", "get", "recv", "give", "send", "ask", "close"];

/// The most options that are named as not heeded, and the longest.
const NAMED: usize = 8;
const LONGEST: usize = 24;

/// Parts of a pasted text that count.
pub(super) struct Pasted {
    /// The code alone, with its place if one was named. Nothing says yet that it is one.
    pub code: Zeroizing<String>,
    /// Options of the command line that it stood in, by their names.
    pub unheeded: Vec<String>,
}

/// Finds the code in `text`. What is no command line is the code as a whole, so that nothing of it
/// is passed over.
pub(super) fn pasted(text: &str) -> Pasted {
    let text = visible(text);
    let words: Vec<&str> =
        text.split_whitespace().map(unwrapped).filter(|word| !word.is_empty()).collect();
    let (is_line, front, words) = without_lead(&words);
    if !is_line {
        return Pasted { code: joined(words), unheeded: Vec::new() };
    }
    let begin = (0..words.len()).find(|at| begins_at(words, *at)).unwrap_or(0);
    // Words before a code are options and their values; with anything else this is no line that was
    // passed on with a code.
    let (before, rest) = words.split_at(begin);
    if !are_options(before) {
        return Pasted { code: joined(words), unheeded: Vec::new() };
    }
    let length = match rest.first() {
        Some(first) if is_whole(first) => 1,
        // A code with spaces in it goes up to its place, or to what can be no word of one.
        Some(_) => {
            let more = rest.get(1..).unwrap_or_default();
            let words = more.iter().take_while(|word| is_word(word)).count();
            words.saturating_add(1).saturating_add(usize::from(
                more.get(words).is_some_and(|last| ends_with_place(last)),
            ))
        }
        None => 0,
    };
    let (code, after) = rest.split_at(length.min(rest.len()));
    let options = front
        .iter()
        .chain(before)
        .chain(after)
        .filter(|word| is_option(word) && **word != "--" && !word.starts_with("--code"));
    let unheeded = options.take(NAMED).map(|option| named(option)).collect();
    Pasted { code: joined(code), unheeded }
}

/// A word without the marks around it and letters that nobody sees, where it may be something else
/// than a code.
pub(super) fn bare(word: &str) -> String {
    unwrapped(visible(word).trim()).to_owned()
}

/// The text without letters that nobody sees, and with those of full width as keyboards have them.
fn visible(text: &str) -> Zeroizing<String> {
    let mut visible = Zeroizing::new(String::with_capacity(text.len()));
    visible.extend(text.chars().filter_map(|letter| match letter {
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' => None,
        '\u{2060}'..='\u{2069}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' => None,
        '\u{ff01}'..='\u{ff5e}' => u32::from(letter).checked_sub(0xfee0).and_then(char::from_u32),
        letter => Some(letter),
    }));
    visible
}

/// A word without the quotes, brackets and marks around it. A dash at its end stays: a word of the
/// code is missing then.
fn unwrapped(word: &str) -> &str {
    let around = |letter: char| {
        let quotes = matches!(
            letter,
            '"' | '\'' | '`' | '´' | '«' | '»' | '\u{2018}'..='\u{201f}' | '\u{2039}' | '\u{203a}'
        );
        quotes
            || matches!(
                letter,
                '*' | '|' | '•' | '「' | '」' | '『' | '』' | '(' | '{' | '<' | ')' | '}' | '>'
            )
    };
    let word =
        word.trim_start_matches(|letter| around(letter) || matches!(letter, '[' | '_' | '~'));
    // A host may end with a bracket or a full stop, and a path with more than that.
    let is_host = word.contains('@') && !word.contains('#');
    word.trim_end_matches(|letter| {
        let stops = matches!(letter, ',' | ';' | '!');
        let bracket = letter == ']' && !(is_host && word.contains('['));
        around(letter)
            || stops
            || bracket
            || (!is_host && matches!(letter, '.' | ':' | '?' | '_' | '~'))
    })
}

/// True if all of them are options and what those are set to.
fn are_options(words: &[&str]) -> bool {
    let is_set = |at: usize| {
        at.checked_sub(1).and_then(|last| words.get(last)).is_some_and(|last| is_option(last))
    };
    words.iter().enumerate().all(|(at, word)| is_option(word) || is_set(at))
}

/// The words after a prompt, `Code:` and a command, whether there was a command, and the options
/// before its name.
fn without_lead<'a>(words: &'a [&'a str]) -> (bool, &'a [&'a str], &'a [&'a str]) {
    let mut words = skip(words, |word| !word.contains(char::is_alphanumeric));
    if words.first().is_some_and(|word| word.eq_ignore_ascii_case("code")) {
        words =
            skip(words.get(1..).unwrap_or_default(), |word| !word.contains(char::is_alphanumeric));
    }
    let is_program = |word: &&str| *word == "pinhole" || word.ends_with("/pinhole");
    let program = words.first().is_some_and(is_program);
    let words = words.get(usize::from(program)..).unwrap_or_default();
    // The first word that is a command's name may be what an option is set to, and then stands for
    // nothing here.
    let named = words.iter().position(|word| VERBS.contains(word)).filter(|_| program).unwrap_or(0);
    let (front, words) =
        Some(words.split_at(named)).filter(|(front, _)| are_options(front)).unwrap_or((&[], words));
    let verb = words.first().is_some_and(|word| VERBS.contains(word));
    (program || verb, front, words.get(usize::from(verb)..).unwrap_or_default())
}

fn skip<'a>(words: &'a [&'a str], passed: impl Fn(&str) -> bool) -> &'a [&'a str] {
    let kept = words.iter().position(|word| !passed(word)).unwrap_or(words.len());
    words.get(kept..).unwrap_or_default()
}

/// True if a code begins at this word of a command line.
fn begins_at(words: &[&str], at: usize) -> bool {
    let Some(word) = words.get(at) else { return false };
    if word.starts_with("--code=") || is_link(word) {
        return true;
    }
    let digits = word.trim_start_matches(|letter: char| letter.is_ascii_digit());
    if digits.len() == word.len() {
        return false;
    }
    let mut rest = digits.chars();
    match rest.next() {
        Some(separator) => separates(separator) && rest.next().is_some_and(char::is_alphabetic),
        // A number alone, which may be what an option is set to.
        None => {
            let option = at
                .checked_sub(1)
                .and_then(|last| words.get(last))
                .is_some_and(|last| is_option(last) && *last != "--code");
            !option && words.get(at.saturating_add(1)).is_some_and(|next| is_word(next))
        }
    }
}

/// True if nothing of the code follows this word.
fn is_whole(word: &str) -> bool {
    let code = word.split_once('#').map_or(word, |(_, code)| code);
    word.contains('@') || code.split(separates).filter(|part| !part.is_empty()).count() > 3
}

fn is_word(word: &str) -> bool {
    !is_option(word) && word.chars().all(|letter| letter.is_alphabetic() || separates(letter))
}

fn ends_with_place(word: &str) -> bool {
    word.split_once('@').is_some_and(|(last, place)| is_word(last) && !place.is_empty())
}

fn is_option(word: &str) -> bool {
    word.starts_with("--")
        || (word.starts_with('-')
            && word.chars().nth(1).is_some_and(|letter| letter.is_ascii_alphanumeric()))
}

fn is_link(word: &str) -> bool {
    let at = |scheme: &str| {
        word.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme))
    };
    word.contains('#') && (at("https://") || at("http://"))
}

/// Separators that people put into a code by hand, besides those that it may have (SPEC 2.2).
fn separates(letter: char) -> bool {
    matches!(letter, '-' | '_' | '.' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

/// The name of an option, without what it is set to.
fn named(option: &str) -> String {
    let name = option.split('=').next().unwrap_or_default();
    name.chars()
        .filter(|letter| letter.is_ascii_alphanumeric() || *letter == '-')
        .take(LONGEST)
        .collect()
}

/// The words as one code, with dashes between its parts, and its place as it was.
fn joined(words: &[&str]) -> Zeroizing<String> {
    let length = words.iter().map(|word| word.len().saturating_add(1)).sum();
    let mut code = Zeroizing::new(String::with_capacity(length));
    let mut place = false;
    for (at, word) in words.iter().enumerate() {
        if at > 0 {
            code.push('-');
        }
        let word = without_label(word);
        let (before, word) = match word.split_once('#') {
            Some((link, fragment)) if is_link(word) => (Some(link), fragment),
            _ => (None, word),
        };
        if let Some(link) = before {
            code.push_str(link);
            code.push('#');
        }
        for letter in word.chars() {
            place |= letter == '@';
            code.push(if !place && matches!(letter, '_' | '.') { '-' } else { letter });
        }
    }
    code
}

/// A word without a label that stands before the code in it.
fn without_label(word: &str) -> &str {
    ["code:", "--code="]
        .iter()
        .find_map(|label| {
            word.split_at_checked(label.len()).filter(|(head, _)| head.eq_ignore_ascii_case(label))
        })
        .map_or(word, |(_, code)| code)
}
