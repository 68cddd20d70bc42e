//! Things that arrived and are not as they were.

use super::effects::Effects;
use super::happened::Happened;
use crate::failure::sentences::Side;
use crate::failure::{Failure, Kind};
use pinhole_protocol::wire::Differences;

/// The failure of things that did not arrive whole, or with `--strict` not under their names;
/// `side` has them.
pub(super) fn differ(differences: &Differences, side: Side, strict: bool) -> Effects {
    if let Some(failure) = incomplete(differences, side) {
        return Effects::none().then(Happened::Trouble(failure));
    }
    if strict && differences.renamed() > 0 {
        let detail = "something has another name at its receiver, which is a failure with --strict";
        return Effects::none().then(Happened::Fail(Failure::new(Kind::Renamed, detail)));
    }
    Effects::none()
}

/// The failure of things that are missing, if some are; `side` has the rest.
pub(super) fn incomplete(differences: &Differences, side: Side) -> Option<Failure> {
    let what = match differences.missing() {
        0 => return None,
        1 => "one of the files is".to_owned(),
        missing => format!("{missing} of the files are"),
    };
    let detail = match side {
        Side::Here => format!("{what} missing or incomplete here; the rest has arrived"),
        Side::There => {
            format!("{what} missing or incomplete on the other side; the rest has arrived")
        }
    };
    Some(Failure::new(Kind::Incomplete, detail).next("check what is missing, and send that again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_strict_another_name_at_the_receiver_is_a_failure() {
        let mut differences = Differences::default();
        differences.add_unnamed([1, 0, 0]);
        let renamed = differ(&differences, Side::There, true);
        assert!(differ(&differences, Side::There, false).is_none());
        assert!(matches!(
            renamed.then.as_slice(),
            [Happened::Fail(failure)] if failure.kind == Kind::Renamed
        ));
    }
}
