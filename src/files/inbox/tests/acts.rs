//! Names by which programs act, and places in which they act on whatever lies there.

use super::*;
use pinhole_protocol::secret::SecretVec;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

/// A machine with a home, a dot folder in it, a folder of PATH and one that is nothing of that.
struct Machine(TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        for folder in ["home/.config/x", "programs", "work", "private"] {
            fs::create_dir_all(machine.0.path().join(folder)).unwrap();
        }
        machine
    }

    fn open(&self, folder: &str, acting: bool) -> Inbox {
        let path = |folder: &str| Some(self.0.path().join(folder).into_os_string());
        let variable = |name: &str| match name {
            "HOME" => path("home"),
            "PATH" => Some(
                format!("{0}/programs:{0}/home/go/bin:{0}/work/scripts", self.0.path().display())
                    .into(),
            ),
            _ => None,
        };
        let policy = Policy { acting, keep_free: 0.0, ..Policy::default() };
        Inbox::open_among(&self.0.path().join(folder), policy, Some(&Places::of(variable, b"")))
            .unwrap()
    }

    fn private(&self) -> Inbox {
        Inbox::private(
            &self.0.path().join("private"),
            Policy { keep_free: 0.0, ..Policy::default() },
        )
        .unwrap()
    }

    /// The names in a folder, sorted.
    fn names(&self, folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(self.0.path().join(folder)).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn planned(inbox: &Inbox, name: &str) -> String {
    let plan = inbox.plan(&offer(&[item(name, ItemKind::File, Some(1))]), None, true).unwrap();
    plan.items()[0].name.as_str().to_owned()
}

#[test]
fn an_inbox_knows_what_of_the_machine_it_is() {
    let machine = Machine::new();
    symlink(machine.0.path().join("home"), machine.0.path().join("work/link")).unwrap();
    for (folder, place) in [
        ("home", Some(acting::Place::Home)),
        ("work/link", Some(acting::Place::Home)),
        ("home/.config/x", Some(acting::Place::Settings)),
        ("programs", Some(acting::Place::Programs)),
        ("work", None),
    ] {
        assert_eq!(machine.open(folder, true).machine(), place, "{folder}");
    }
    // Nobody looks into those of others, wherever they are made.
    let private =
        Inbox::private(&machine.0.path().join("home/.config"), Policy::default()).unwrap();
    assert_eq!((private.machine(), planned(&private, ".bashrc").as_str()), (None, ".bashrc"));
}

#[test]
fn what_programs_would_act_on_gets_a_name_on_which_none_does() {
    let machine = Machine::new();
    let work = machine.open("work", false);
    for (name, stored) in [
        ("Makefile", "_Makefile"),
        (".git", "_.git"),
        ("report.pdf", "report.pdf"),
        (".unknown", ".unknown"),
        // Programs know these by their end.
        ("x.pth", "_x.pth_"),
        ("x.desktop", "_x.desktop_"),
        ("vite.config.js", "_vite.config.js_"),
    ] {
        assert_eq!(planned(&work, name), stored);
        assert_eq!(planned(&machine.open("work", true), name), name);
    }
    // In a home what begins with a dot is some program's.
    assert_eq!(planned(&machine.open("home", false), ".unknown"), "_.unknown");
    assert_eq!(planned(&machine.open("home", false), "report.pdf"), "report.pdf");
}

#[test]
fn no_name_that_was_set_aside_acts() {
    let work = Machine::new().open("work", false);
    for name in include_str!("../../acting/names.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(str::split_whitespace)
    {
        assert!(
            !work.acts_on(&FileName::parse(planned(&work, name).as_bytes()).unwrap().name, true),
            "{name}"
        );
    }
}

/// A folder `f` with these entries is received whole.
fn received(inbox: &Inbox, aside: Option<&Inbox>, name: &str, entries: &[Entry]) -> Saved {
    let plan = inbox.plan(&offer(&[item(name, ItemKind::Folder, None)]), None, true).unwrap();
    let plan = match aside {
        Some(aside) => plan.beside(inbox, aside).unwrap(),
        None => plan,
    };
    let incoming = inbox.begin(plan).unwrap();
    let all: Vec<Entry> = std::iter::once(folder(name)).chain(entries.iter().cloned()).collect();
    incoming.register(&part(0, all.clone())).unwrap();
    let mut bytes = 0;
    for (number, entry) in (0..).zip(&all) {
        let content = vec![b'x'; usize::try_from(entry.size.unwrap_or(0)).unwrap()];
        if !content.is_empty() {
            incoming.write(number, 0, &content).unwrap();
        }
        bytes += entry.size.unwrap_or(0);
    }
    if let Some(aside) = aside {
        // Nothing of it is yet where it is to go, whatever ends this process.
        assert!(incoming.parts(Rest::Removed).remove(0).starts_with(aside.path()));
        let hidden =
            |entry: fs::DirEntry| entry.file_name().to_string_lossy().starts_with(".pinhole-");
        assert!(!fs::read_dir(inbox.path()).unwrap().any(|entry| hidden(entry.unwrap())));
    }
    incoming.commit_all(u32::try_from(all.len()).unwrap(), bytes).unwrap().remove(0)
}

#[test]
fn names_inside_are_kept_and_listed() {
    let machine = Machine::new();
    let inbox = machine.open("work", false);
    let saved = received(
        &inbox,
        None,
        "f",
        &[
            file("f/Makefile", 1),
            file("f/empty.desktop", 0),
            file("f/plain", 1),
            folder("f/.git"),
            // One of many in what is listed.
            file("f/.git/config", 1),
            folder("f/.git/hooks"),
            file("f/.git/hooks/CLAUDE.md", 1),
            folder("f/a"),
            folder("f/a/.config"),
            folder("f/a/.config/fish"),
            file("f/a/.config/fish/x", 1),
            folder("f/a/.config/other"),
            folder("f/a/.local"),
            folder("f/a/.local/share"),
            folder("f/a/.local/share/applications"),
            folder("f/share"),
            folder("f/share/applications"),
            link("f/.envrc", "plain"),
        ],
    );
    let mut listed = saved.acts.names().to_vec();
    listed.sort();
    assert_eq!(
        listed,
        [
            "f/.envrc",
            "f/.git",
            "f/Makefile",
            "f/a/.config/fish",
            "f/a/.local/share/applications",
            "f/empty.desktop"
        ]
    );
    assert_eq!((saved.acts.more(), saved.set_aside), (0, false));
    assert!(machine.names("work/f".as_ref()).contains(&".git".to_owned()));
    // The item itself stands for all that is in it, under the name that it has here.
    let inbox = machine.open("work", true);
    assert_eq!(received(&inbox, None, ".git", &[file(".git/HEAD", 1)]).acts.names(), [".git"]);
    assert_eq!(
        received(&inbox, None, ".git", &[file(".git/HEAD", 1)]).acts.names(),
        [".git (1)/HEAD"]
    );
    // It leads to names that act.
    assert_eq!(
        received(&inbox, None, ".config", &[folder(".config/fish")]).acts.names(),
        [".config/fish"]
    );
}

#[test]
fn a_list_of_what_acts_has_bounds() {
    let machine = Machine::new();
    let mut entries = Vec::new();
    for number in 0..30 {
        entries.extend([folder(&format!("f/{number}")), file(&format!("f/{number}/Makefile"), 0)]);
    }
    let saved = received(&machine.open("work", true), None, "f", &entries);
    assert_eq!((saved.acts.names().len(), saved.acts.more()), (20, 10));
}

#[test]
fn a_folder_in_which_something_acts_goes_to_the_private_directory_beside() {
    let machine = Machine::new();
    let (inbox, private) = (machine.open("work", false), machine.private());
    assert!(inbox.takes_from(&private));
    assert!(machine.names("work".as_ref()).is_empty() && machine.names(private.path()).is_empty());
    let deep = [folder("f/a"), folder("f/a/b"), file("f/a/b/CLAUDE.md", 3), link("f/l", "a")];
    let saved = received(&inbox, Some(&private), "f", &deep);
    assert!(
        saved.set_aside && saved.path == Some(private.path().join("f")) && saved.original.is_none(),
        "{saved:?}"
    );
    assert_eq!(fs::read(private.path().join("f/l/b/CLAUDE.md")).unwrap(), b"xxx");
    // By its own name, which it keeps there.
    let saved = received(&inbox, Some(&private), ".git", &[file(".git/x", 1)]);
    assert!(
        saved.set_aside
            && saved.path == Some(private.path().join(".git"))
            && saved.acts.names() == [".git"],
        "{saved:?}"
    );
    assert!(machine.names("work".as_ref()).is_empty());
    // Twice, and with something in its place.
    assert_eq!(received(&inbox, Some(&private), ".git", &[]).name.as_str(), ".git (1)");
    // Nothing acts in it.
    let saved = received(&inbox, Some(&private), "f", &[folder("f/a"), file("f/a/b", 3)]);
    assert!(
        !saved.set_aside
            && saved.path == Some(machine.0.path().canonicalize().unwrap().join("work/f")),
        "{saved:?}"
    );
    assert_eq!(machine.names("work".as_ref()), ["f"]);
}

#[test]
fn what_another_program_has_put_in_its_place_is_not_moved() {
    let machine = Machine::new();
    let (inbox, private) = (machine.open("work", false), machine.private());
    let plan = inbox
        .plan(&offer(&[item("f", ItemKind::Folder, None)]), None, true)
        .unwrap()
        .beside(&inbox, &private)
        .unwrap();
    let incoming = inbox.begin(plan).unwrap();
    incoming.register(&part(0, [folder("f"), file("f/Makefile", 0)])).unwrap();
    let hidden = incoming.parts(Rest::Removed).remove(0);
    let elsewhere = machine.0.path().join("elsewhere");
    fs::rename(&hidden, &elsewhere).unwrap();
    symlink(&elsewhere, &hidden).unwrap();
    assert_eq!(reason(incoming.commit_all(2, 0)), Reason::Disk);
    drop(incoming);
    assert!(machine.names("work".as_ref()).is_empty());
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 1);
}

#[test]
fn folders_on_another_disk_cannot_be_moved() {
    let machine = Machine::new();
    let Ok(shm) = tempfile::tempdir_in("/dev/shm") else { return };
    let there = Inbox::open_among(shm.path(), Policy { keep_free: 0.0, ..Policy::default() }, None)
        .unwrap();
    assert_eq!(there.takes_from(&machine.private()), {
        use std::os::unix::fs::MetadataExt;
        shm.path().metadata().unwrap().dev() == machine.0.path().metadata().unwrap().dev()
    });
    assert_eq!(fs::read_dir(shm.path()).unwrap().count(), 0);
}

#[test]
fn names_of_any_bytes_are_judged_and_listed() {
    let machine = Machine::new();
    let inbox = machine.open("work", true);
    let plan = inbox.plan(&offer(&[item("f", ItemKind::Folder, None)]), None, true).unwrap();
    let incoming = inbox.begin(plan).unwrap();
    let mut part = part(0, [folder("f"), file("f/x", 0)]);
    part.entries[1] = Wire {
        size: Some(0),
        ..Wire::inside(0, PeerName::new(b"caf\xe9.desktop".to_vec()), EntryKind::File)
    };
    incoming.register(&part).unwrap();
    let saved = incoming.commit_all(2, 0).unwrap().remove(0);
    assert_eq!(saved.acts.names(), ["f/caf\u{fffd}.desktop"]);
    assert!(saved.path.unwrap().join(std::ffi::OsStr::from_bytes(b"caf\xe9.desktop")).exists());
}

#[test]
fn what_is_not_there_yet_and_would_be_a_place_acts() {
    let machine = Machine::new();
    let name = |folder: &str, acting, name: &str, kind| {
        let inbox = machine.open(folder, acting);
        let size = (kind == ItemKind::File).then_some(1);
        let plan = inbox.plan(&offer(&[item(name, kind, size)]), None, true).unwrap();
        (plan.items()[0].name.as_str().to_owned(), plan.names(&inbox).1.names().to_vec())
    };
    let (harmless, marked) = (
        |name: &str| (name.to_owned(), vec![]),
        |name: &str| (name.to_owned(), vec![name.to_owned()]),
    );
    for (folder, called) in
        [("home", "go"), ("work", "scripts"), ("work", "Scripts"), ("", "programs"), ("", "home")]
    {
        assert_eq!(
            name(folder, false, called, ItemKind::Folder),
            harmless(&format!("_{called}")),
            "{folder}/{called}"
        );
        assert_eq!(name(folder, true, called, ItemKind::Folder), marked(called));
        // A file makes no such folder.
        assert_eq!(name(folder, false, called, ItemKind::File), harmless(called));
    }
    assert_eq!(name("work", false, "go", ItemKind::Folder), harmless("go"));
    assert_eq!(name("work", true, "private", ItemKind::Folder), harmless("private"));
}

#[test]
fn a_label_is_no_persons_word() {
    let machine = Machine::new();
    let stored = |inbox: &Inbox, label: &str| {
        let path = inbox
            .store_secret(Some(&PeerText::new(label.into())), &SecretVec::new(b"hush".to_vec()))
            .unwrap();
        path.file_name().unwrap().to_str().unwrap().to_owned()
    };
    for acting in [false, true] {
        let work = machine.open("work", acting);
        assert!(["_CLAUDE.md", "_CLAUDE (1).md"].contains(&stored(&work, "CLAUDE.md").as_str()));
    }
    assert_eq!(stored(&machine.private(), "CLAUDE.md"), "CLAUDE.md");
}

#[test]
fn a_name_that_is_other_on_its_disk_is_judged_there() {
    let machine = Machine::new();
    for acting in [false, true] {
        let inbox = machine.open("work", acting);
        // As on FAT and exFAT.
        let probe =
            Probe { permissions: 0o700, longest_name: 255, drops_dots: true, only_text: true };
        inbox.0.probe.set(probe).unwrap();
        let mut offer = offer(&[item("x", ItemKind::File, Some(0))]);
        offer.items[0].exact = Some(PeerName::new(b".bash\xffprofile".to_vec()));
        let incoming = inbox.begin(inbox.plan(&offer, None, true).unwrap()).unwrap();
        let mut part = part(0, [file("x", 0)]);
        part.entries[0] = Wire { size: Some(0), ..Wire::of_item(0, EntryKind::File) };
        incoming.register(&part).unwrap();
        let saved = incoming.commit_all(1, 0).unwrap().remove(0);
        assert!(
            ["_.bash_profile", "_ (1).bash_profile"].contains(&saved.name.as_str()),
            "{:?}",
            saved.name
        );
    }
}

#[test]
fn the_longest_name_that_acts_has_room_for_what_sets_it_aside() {
    let work = Machine::new().open("work", false);
    let long = format!("{}.desktop", "x".repeat(247));
    let stored = planned(&work, &long);
    assert!(
        stored.len() <= 255 && stored.starts_with("_x") && stored.ends_with("x.desktop_"),
        "{stored}"
    );
}

/// Receives a folder of these entries into one that is there.
fn joined(inbox: &Inbox, entries: &[Entry]) -> Result<Committed, Refusal> {
    let name = &entries[0].path;
    let mut plan = inbox.plan(&offer(&[item(name, ItemKind::Folder, None)]), None, true)?;
    let planned = plan.items()[0].name.clone();
    plan.resolve(&planned, Conflict::Merge);
    let incoming = inbox.begin(plan)?;
    incoming.register(&part(0, entries.iter().cloned()))?;
    incoming.commit_counted(u32::try_from(entries.len()).unwrap(), 0, &Differences::default())
}

#[test]
fn nothing_is_joined_with_where_programs_act_but_by_a_persons_yes_to_that() {
    let machine = Machine::new();
    let root = machine.0.path().join("home");
    fs::create_dir(root.join("work")).unwrap();
    for name in [".bashrc", "work/Makefile"] {
        fs::write(root.join(name), "old").unwrap();
    }
    let read = |name: &str| fs::read_to_string(machine.0.path().join(name)).unwrap();
    // Unasked, nothing that comes into what a home is in is called so, and nothing what a folder of
    // PATH is.
    for (name, inside) in [("home", "home/.bashrc"), ("programs", "programs/ls")] {
        let committed = joined(&machine.open("", false), &[folder(name), file(inside, 0)]).unwrap();
        assert_eq!(committed.items[0].name.as_str(), format!("_{name}"));
        assert!(!committed.items[0].merged);
    }
    assert!(read("home/.bashrc") == "old" && machine.names("programs".as_ref()).is_empty());
    // Whoever takes a home into what it is in is asked about its name, and not about what is in it.
    let home = [
        folder("home"),
        file("home/.bashrc", 0),
        file("home/.unknown", 0),
        folder("home/.config"),
        folder("home/.config/x"),
        file("home/.config/x/rc", 0),
        folder("home/work"),
        file("home/work/Makefile", 0),
        file("home/plain", 0),
    ];
    for _again in 0..2 {
        let committed = joined(&machine.open("", true), &home).unwrap();
        assert_eq!(committed.told.missing(), 0, "{:?}", committed.told);
        assert_eq!(
            machine.names("home".as_ref()),
            [".bashrc", ".config", "_.bashrc", "_.config", "_.unknown", "plain", "work"]
        );
        assert!(
            machine.names("home/.config/x".as_ref()).is_empty() && read("home/.bashrc") == "old"
        );
        // Elsewhere a person who says that they are joined has seen what comes.
        assert_eq!(
            (read("home/work/Makefile").as_str(), committed.items[0].acts.names()),
            ("", &["home".to_owned()][..])
        );
    }
    // A person was asked about this name, or about the whole place.
    joined(
        &machine.open("home", true),
        &[folder(".config"), folder(".config/x"), file(".config/x/rc", 0)],
    )
    .unwrap();
    assert_eq!(machine.names("home/.config/x".as_ref()), ["rc"]);
    joined(&machine.open("home/.config", true), &[folder("x"), file("x/more", 0)]).unwrap();
    assert_eq!(machine.names("home/.config/x".as_ref()), ["more", "rc"]);
    joined(&machine.open("", true), &[folder("programs"), file("programs/ls", 0)]).unwrap();
    assert_eq!(machine.names("programs".as_ref()), ["ls"]);
}

#[test]
fn what_goes_by_its_end_is_closed_in_a_folder_that_is_there() {
    let machine = Machine::new();
    fs::create_dir_all(machine.0.path().join("work/t/.local/share")).unwrap();
    let entries =
        ["t/x.pth", "t/.local/share/kio", "t/.local/share/other"].map(|path| file(path, 0));
    let entries: Vec<_> =
        ["t", "t/.local", "t/.local/share"].map(folder).into_iter().chain(entries).collect();
    joined(&machine.open("work", false), &entries).unwrap();
    assert_eq!(machine.names("work/t".as_ref()), [".local", "_x.pth_"]);
    assert_eq!(machine.names("work/t/.local/share".as_ref()), ["_kio", "other"]);
}
