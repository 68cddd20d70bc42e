//! Misuse that the types forbid does not compile, and its permitted twin does: a typo would fail to
//! compile too.
//!
//! `TRYBUILD=overwrite cargo test -p pinhole-protocol --test compile` writes the compiler's
//! messages anew after a new toolchain; each must still name the misuse.

#[test]
fn misuse_does_not_compile_and_use_does() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/compile/use/*.rs");
    cases.compile_fail("tests/compile/misuse/*.rs");
}
