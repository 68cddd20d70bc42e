//! Names by which programs act unasked, as a line lists them.

/// Names that a list has.
const NAMES: usize = 20;
/// Bytes of these.
const BYTES: usize = 8 << 10;

/// Names by which programs act: the first of them, and how many more there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acting {
    names: Vec<String>,
    more: u32,
}

impl Acting {
    /// The same from a line.
    #[must_use]
    pub const fn read(names: Vec<String>, more: u32) -> Self {
        Self { names, more }
    }

    /// Notes one more. `name` makes it, and is only asked if there may be room for it: once one was
    /// not named, none is.
    pub fn add(&mut self, name: impl FnOnce() -> String) {
        let named = (self.more == 0 && self.names.len() < NAMES).then(name);
        let bytes: usize = self.names.iter().map(String::len).sum();
        match named.filter(|name| bytes.saturating_add(name.len()) <= BYTES) {
            Some(name) => self.names.push(name),
            None => self.more = self.more.saturating_add(1),
        }
    }

    /// The first.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The number of those that are not named.
    #[must_use]
    pub const fn more(&self) -> u32 {
        self.more
    }

    /// True if there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.names.is_empty() && self.more == 0
    }

    /// The same names below a folder.
    #[must_use]
    pub fn below(&self, folder: &str) -> Self {
        let mut all = Self::default();
        for name in &self.names {
            all.add(|| format!("{folder}/{name}"));
        }
        all.more = all.more.saturating_add(self.more);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_bounds_and_what_is_beyond_is_counted() {
        let mut many = Acting::default();
        for number in 0..30 {
            many.add(|| format!("{number}/Makefile"));
        }
        assert_eq!((many.names().len(), many.more()), (20, 10));
        assert_eq!(
            (many.below("a").names()[1].as_str(), many.below("a").more()),
            ("a/1/Makefile", 10)
        );
        let mut long = Acting::default();
        for _ in 0..3 {
            long.add(|| "x".repeat(4_096));
        }
        long.add(|| panic!("there is no room for another"));
        assert_eq!((long.names().len(), long.more()), (2, 2));
        assert_eq!((long.below("a").names().len(), long.below("a").more()), (1, 3));
        assert!(Acting::default().is_empty() && !many.is_empty());
    }
}
