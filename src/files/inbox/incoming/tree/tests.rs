use super::*;

const FINISH: Finish = Finish { mode: 0, modified: None };

#[test]
fn a_million_folders_are_small_and_their_names_have_a_bound() {
    assert!(size_of::<Node>() <= 72, "{}", size_of::<Node>());
    let mut tree = Tree::default();
    let top = tree.add(0, Err(0), b"", FINISH).unwrap();
    let long = [b'x'; 255];
    let most = u32::try_from(FOLDER_NAMES / 255).unwrap();
    for number in 1..=most {
        tree.add(number, Ok(top), &long, FINISH).unwrap();
    }
    assert!(tree.add(most + 1, Ok(top), &long, FINISH).is_err());
}

#[test]
fn folders_are_found_and_say_where_they_are() {
    let mut tree = Tree::default();
    let top = tree.add(3, Err(1), b"", FINISH).unwrap();
    let a = tree.add(4, Ok(top), b"a\x01", FINISH).unwrap();
    let b = tree.add(9, Ok(a), b"b", FINISH).unwrap();
    tree.rename(a, &FileName::parse(b"a_").unwrap().name).unwrap();
    assert_eq!([3, 4, 5, 9].map(|entry| tree.find(entry)), [Some(top), Some(a), None, Some(b)]);
    assert_eq!(
        (tree.item(b), tree.of_item(1), tree.is_item(top), tree.is_item(a)),
        (Some(1), Some(top), true, false)
    );
    assert_eq!(
        (tree.path(b), tree.original_path(b)),
        (PathBuf::from("a_/b"), b"/a\x01/b".to_vec())
    );
    let (all, at) = (tree.by_hash(), |folder, name: &[u8]| tree.hash_in(folder, name));
    assert_eq!(
        [at(top, b"a\x01"), at(top, b"a_"), at(a, b"b")].map(|hash| all.get(&hash).copied()),
        [Some(a), None, Some(b)]
    );
    assert!(
        tree.is_inside(b, b"../../x")
            && !tree.is_inside(b, b"../../../x")
            && !tree.is_inside(top, b"..")
    );
    assert!(
        tree.goes_by_renamed(b, b"../../a\x01")
            && !tree.goes_by_renamed(b, b"../x")
            && !tree.goes_by_renamed(top, b"a_")
    );
}
