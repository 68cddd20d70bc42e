//! Folders in which programs act on whatever lies there: the homes of accounts and what is below
//! their dot folders, `/etc`, and the folders of PATH. They are known by device and inode, so that
//! no other way to one of them hides it.

use super::folded;
use crate::platform::file::{AsHandle, Facts, FileId, How, open_at};
use crate::platform::folder::ancestry;
use crate::platform::name::bytes;
use crate::platform::places::{HOMES, SYSTEM, accounts, homes};
use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::DirEntry;
use std::path::{Path, PathBuf};

/// Kind of place that a folder is on the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The home of an account.
    Home,
    /// A dot folder of such a home, or a folder below one.
    Settings,
    /// `/etc`, or a folder below it.
    System,
    /// A folder of PATH.
    Programs,
}

impl Place {
    /// True if programs act there on whatever lies there, and in a home only on what they know by
    /// its name.
    #[must_use]
    pub const fn takes_all(self) -> bool {
        !matches!(self, Self::Home)
    }

    /// The words for it in a sentence.
    #[must_use]
    pub const fn named(self) -> &'static str {
        match self {
            Self::Home => "the home of an account",
            Self::Settings => "a dot folder of an account's home",
            Self::System => "the configuration of this machine",
            Self::Programs => "a folder of PATH",
        }
    }
}

/// The places of a machine, and of whoever runs the program.
#[derive(Clone, Debug)]
pub struct Places {
    homes: Vec<Account>,
    system: PathBuf,
    programs: Vec<PathBuf>,
}

/// The home of an account.
#[derive(Clone, Debug)]
struct Account {
    home: PathBuf,
    /// True if it is that of whoever runs the program. In the home of another a link leads wherever
    /// that other likes, and is not followed.
    own: bool,
}

impl Places {
    /// Those of this machine and this process.
    #[must_use]
    pub fn here() -> Self {
        // Without the file, the variables say what can be known.
        Self::of(|name| std::env::var_os(name), &accounts())
    }

    /// Those that variables and the text of passwd(5) name.
    pub(in crate::files) fn of(
        variable: impl Fn(&str) -> Option<OsString>,
        accounts: &[u8],
    ) -> Self {
        let named = ["HOME", "SUDO_HOME"].into_iter().filter_map(&variable).map(PathBuf::from);
        let called = ["SUDO_USER", "DOAS_USER"].into_iter().filter_map(&variable);
        // A name that is a path of its own would lead elsewhere.
        let guessed = called
            .filter(|name| !name.is_empty() && !bytes(name).contains(&b'/'))
            .map(|name| Path::new(HOMES).join(name));
        let own = named.chain(guessed).map(|home| Account { home, own: true });
        let listed = homes(accounts).into_iter().map(|(home, own)| Account { home, own });
        let mut homes: Vec<Account> =
            own.chain(listed).filter(|account| account.home.is_absolute()).collect();
        // Of two that are one, that with the links.
        homes.sort_by(|one, other| one.home.cmp(&other.home).then(other.own.cmp(&one.own)));
        homes.dedup_by(|other, one| other.home == one.home);
        let path = variable("PATH").unwrap_or_default();
        // An empty entry there is the current folder.
        let programs = std::env::split_paths(&path)
            .map(|folder| if folder.as_os_str().is_empty() { ".".into() } else { folder });
        Self {
            homes,
            system: SYSTEM.into(),
            programs: programs.filter(|_| !path.is_empty()).collect(),
        }
    }

    /// The kind of place that this folder is, if programs act on whatever lies there. The folder is
    /// held open, and found by itself and not by its path. It reads the homes, and no more than the
    /// names in them.
    #[must_use]
    pub fn place(&self, folder: impl AsHandle) -> Option<Place> {
        let marked = self.marked();
        ancestry(folder).into_iter().rev().fold(None, |above, own| marked.step(above, own))
    }

    /// The names, folded, of folders in this one, whether they are there or not, that are a home,
    /// the configuration or a folder of PATH, or above one: `go`, where PATH has `~/go/bin`. The
    /// path is one without links.
    #[must_use]
    pub fn ahead(&self, folder: &Path) -> HashSet<String> {
        let homes = self.homes.iter().map(|account| &account.home);
        let all =
            homes.chain([&self.system]).chain(&self.programs).filter_map(|path| settled(path));
        all.filter_map(|path| {
            Some(folded(&path.strip_prefix(folder).ok()?.iter().next()?.to_string_lossy()))
        })
        .collect()
    }

    /// All of them, looked up once.
    #[must_use]
    pub fn marked(&self) -> Marked {
        Marked {
            homes: self.homes.iter().filter_map(|account| identity(&account.home)).collect(),
            settings: self.homes.iter().flat_map(dot_folders).collect(),
            system: identity(&self.system),
            programs: self.programs.iter().filter_map(|folder| identity(folder)).collect(),
        }
    }
}

/// The places as they are now: for whoever goes from folder to folder, and knows what those are
/// that he has come through.
#[derive(Debug)]
pub struct Marked {
    homes: HashSet<FileId>,
    settings: HashSet<FileId>,
    system: Option<FileId>,
    programs: HashSet<FileId>,
}

impl Marked {
    /// The kind of place of a folder that lies in one of the kind `above`.
    #[must_use]
    pub fn below(&self, above: Option<Place>, folder: impl AsHandle) -> Option<Place> {
        self.step(above, Facts::of(folder).ok()?.id())
    }

    /// The same of the folder itself. What is below the configuration or a dot folder is one too,
    /// and what is below a home or a folder of PATH is not.
    fn step(&self, above: Option<Place>, own: FileId) -> Option<Place> {
        // A home is the last of them: accounts of the system have `/usr/bin` and its like for one.
        if above == Some(Place::System) || self.system == Some(own) {
            return Some(Place::System);
        }
        if above == Some(Place::Settings) || self.settings.contains(&own) {
            return Some(Place::Settings);
        }
        if self.programs.contains(&own) {
            return Some(Place::Programs);
        }
        self.homes.contains(&own).then_some(Place::Home)
    }
}

/// A path without the links that are on it, as far as anything is there.
fn settled(path: &Path) -> Option<PathBuf> {
    let whole = std::path::absolute(path).ok()?;
    let there = whole.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    there.and_then(|(above, real)| Some(real.join(whole.strip_prefix(above).ok()?)))
}

/// Device and inode of what is at a path, behind links too.
fn identity(path: &Path) -> Option<FileId> {
    Facts::at(path).ok().map(|facts| facts.id())
}

/// The dot folders of a home, also those that lie elsewhere and are linked from there, if it is
/// one's own; not what the home itself is in.
fn dot_folders(Account { home, own }: &Account) -> HashSet<FileId> {
    let (Ok(entries), Ok(held)) = (home.read_dir(), open_at(home, How::Look)) else {
        return HashSet::new();
    };
    let dotted =
        entries.filter_map(Result::ok).filter(|entry| bytes(&entry.file_name()).starts_with(b"."));
    let held_there = |path: PathBuf| Facts::at_itself(&path).ok().map(|facts| facts.id());
    let which =
        |entry: DirEntry| if *own { identity(&entry.path()) } else { held_there(entry.path()) };
    let mut found: HashSet<FileId> = dotted.filter_map(which).collect();
    for above in ancestry(held) {
        found.remove(&above);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::name::from_bytes;
    use std::fs::{self, File};
    use std::os::unix::fs::symlink;

    /// A machine in a folder, with two homes, of which one is known by `$HOME` and the other to
    /// passwd(5).
    struct Machine(tempfile::TempDir);

    impl Machine {
        fn new() -> Self {
            let machine = Self(tempfile::tempdir().unwrap());
            for folder in [
                "home/mo/.config/a/b",
                "home/mo/work",
                "home/eve/.local/bin",
                "home/mo/programs/below",
                "etc/x",
                "elsewhere/c",
                "tmp",
                "sbin",
            ] {
                fs::create_dir_all(machine.path(folder)).unwrap();
            }
            machine
        }

        fn path(&self, below: &str) -> PathBuf {
            self.0.path().join(below)
        }

        fn places(&self) -> Places {
            let passwd = format!(
                "root:x:0:0::{}:/bin/sh\n# no line\neve:x:1:1:Eve:{}:\n:::::\nx:x\n\
                 daemon:x:2:2::{}:\nx:x:3:3::{}:\ny:x:4:4::{}:\n",
                "/nonexistent",
                self.path("home/eve").display(),
                self.path("sbin").display(),
                self.path("etc/x").display(),
                self.path("home/mo/.config/a").display(),
            );
            let variable = |name: &str| match name {
                "HOME" => Some(self.path("home/mo").into()),
                "PATH" => {
                    let (programs, sbin) = (self.path("home/mo/programs"), self.path("sbin"));
                    Some(format!("{}:/nonexistent:{}", programs.display(), sbin.display()).into())
                }
                _ => None,
            };
            Places { system: self.path("etc"), ..Places::of(variable, passwd.as_bytes()) }
        }

        fn place(&self, below: &str) -> Option<Place> {
            self.places().place(File::open(self.path(below)).unwrap())
        }
    }

    #[test]
    fn homes_their_dot_folders_the_configuration_and_path_are_places() {
        let machine = Machine::new();
        for (folder, place) in [
            ("home/mo", Some(Place::Home)),
            ("home/eve", Some(Place::Home)),
            ("home/mo/.config", Some(Place::Settings)),
            ("home/mo/.config/a/b", Some(Place::Settings)),
            ("home/eve/.local/bin", Some(Place::Settings)),
            ("etc", Some(Place::System)),
            ("etc/x", Some(Place::System)),
            ("home/mo/programs", Some(Place::Programs)),
            // Accounts of the system have homes that are more than that.
            ("sbin", Some(Place::Programs)),
            ("home/mo/.config/a", Some(Place::Settings)),
            ("home/mo/programs/below", None),
            ("home/mo/work", None),
            ("home", None),
            ("elsewhere/c", None),
            ("tmp", None),
        ] {
            assert_eq!(machine.place(folder), place, "{folder}");
            // The same for who has come from above.
            let (places, mut at) = (machine.places(), None);
            let marked = places.marked();
            for above in Path::new(folder).ancestors().collect::<Vec<_>>().into_iter().rev() {
                at = marked.below(at, File::open(machine.0.path().join(above)).unwrap());
            }
            assert_eq!(at, place, "{folder}");
        }
    }

    #[test]
    fn no_other_way_to_a_place_hides_it() {
        let machine = Machine::new();
        symlink(machine.path("home/eve"), machine.path("tmp/link")).unwrap();
        assert_eq!(machine.place("tmp/link"), Some(Place::Home));
        assert_eq!(machine.place("tmp/link/.local/bin"), Some(Place::Settings));
        assert_eq!(machine.place("tmp/../home/./mo/work/.."), Some(Place::Home));
        // Programs follow a link in a home; what it leads to acts as if it were there.
        symlink(machine.path("elsewhere"), machine.path("home/mo/.dotfiles")).unwrap();
        assert_eq!(machine.place("elsewhere/c"), Some(Place::Settings));
        // In the home of another account a link leads wherever that account likes.
        symlink(machine.path("tmp"), machine.path("home/eve/.tmp")).unwrap();
        assert_eq!(machine.place("tmp"), None);
        // A link to what the home is in makes nothing of all the machine.
        symlink("/", machine.path("home/mo/.root")).unwrap();
        symlink(machine.path("home"), machine.path("home/mo/.homes")).unwrap();
        assert_eq!(machine.place("home/mo/work"), None);
        assert_eq!(machine.place("tmp"), None);
        // A home that is reached by a link itself.
        fs::rename(machine.path("home/mo"), machine.path("moved")).unwrap();
        symlink(machine.path("moved"), machine.path("home/mo")).unwrap();
        assert_eq!(machine.place("moved"), Some(Place::Home));
        assert_eq!(machine.place("moved/.config/a"), Some(Place::Settings));
    }

    #[test]
    fn a_folder_that_is_moved_while_it_is_held_is_where_it_is_now() {
        let machine = Machine::new();
        let held = File::open(machine.path("tmp")).unwrap();
        assert_eq!(machine.places().place(&held), None);
        fs::rename(machine.path("tmp"), machine.path("home/mo/.config/tmp")).unwrap();
        assert_eq!(machine.places().place(&held), Some(Place::Settings));
    }

    #[test]
    fn homes_are_named_by_variables_and_by_accounts() {
        let homes = |variables: &[(&str, &str)], accounts: &[u8]| {
            let variable = |name: &str| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
            };
            Places::of(variable, accounts)
                .homes
                .into_iter()
                .map(|account| account.home)
                .collect::<Vec<_>>()
        };
        let paths = |paths: &[&[u8]]| {
            paths.iter().map(|path| PathBuf::from(from_bytes(path))).collect::<Vec<_>>()
        };
        assert_eq!(homes(&[], b""), paths(&[]));
        assert_eq!(
            homes(
                &[
                    ("HOME", "/root"),
                    ("SUDO_USER", "mo"),
                    ("SUDO_HOME", "/data/mo"),
                    ("DOAS_USER", "eve")
                ],
                b"root:x:0:0:root:/root:/bin/sh"
            ),
            paths(&[b"/data/mo", b"/home/eve", b"/home/mo", b"/root"])
        );
        assert_eq!(
            homes(
                &[("HOME", ""), ("SUDO_USER", "../etc"), ("SUDO_HOME", "here")],
                b"+@all::::::\na:b:c:d:e:f:g\n"
            ),
            paths(&[])
        );
        assert_eq!(homes(&[], b"a:x:1:1::/caf\xe9:\nb:x:2:2:,,,:/b"), paths(&[b"/b", b"/caf\xe9"]));
    }

    #[test]
    fn an_empty_part_of_path_is_the_folder_that_one_is_in() {
        let programs = |path: Option<&str>| {
            Places::of(|name| path.filter(|_| name == "PATH").map(Into::into), b"").programs
        };
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(programs(Some("/bin::/usr/bin")), paths(&["/bin", ".", "/usr/bin"]));
        assert_eq!(programs(Some("")), paths(&[]));
        assert_eq!(programs(None), paths(&[]));
    }

    #[test]
    fn this_machine_has_its_places() {
        let places = Places::here();
        assert_eq!(places.place(File::open("/etc").unwrap()), Some(Place::System));
        for place in [Place::Home, Place::Settings, Place::System, Place::Programs] {
            assert!(!place.named().is_empty());
        }
    }
}
