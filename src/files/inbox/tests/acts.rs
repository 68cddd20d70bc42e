//! Names by which programs act.

use super::*;

fn desk(acting: bool) -> Desk {
    Desk::with(Policy { acting, keep_free: 0.0, ..Policy::default() })
}

fn planned(inbox: &Inbox, name: &str) -> String {
    let plan = inbox.plan(&offer(&[item(name, ItemKind::File, Some(1))]), None, true).unwrap();
    plan.items()[0].name.as_str().to_owned()
}

#[test]
fn what_programs_would_act_on_gets_a_name_on_which_none_does() {
    let work = desk(false);
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
        assert_eq!(planned(&work.inbox, name), stored);
        assert_eq!(planned(&desk(true).inbox, name), name);
    }
}

#[test]
fn no_name_that_was_set_aside_acts() {
    let work = desk(false);
    for name in include_str!("../../acting/names.txt").lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace) {
        assert!(!work.inbox.0.acts_on(&FileName::parse(planned(&work.inbox, name).as_bytes()).unwrap().name), "{name}");
    }
}
