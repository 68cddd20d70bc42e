//! Words that programs read and write (EVENTS.md), each spelt once.

/// Makes an enum of variants with a word each, by which serde knows them too.
macro_rules! spelt {
    (
        $(#[$about:meta])*
        pub enum $name:ident { $($(#[$one:meta])* $variant:ident = $word:literal,)+ }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[derive(serde::Deserialize, serde::Serialize)]
        pub enum $name {
            $($(#[$one])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$variant),+];

            /// Its word in EVENTS.md.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }
    };
}

pub(crate) use spelt;
