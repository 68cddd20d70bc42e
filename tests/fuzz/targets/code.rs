//! Whatever is typed for a code: a code that reads back as itself, or a sentence that says what is
//! wrong (SPEC 2).
#![no_main]

use libfuzzer_sys::fuzz_target;
use pinhole_protocol::code::{Code, CodeAddress, Nameplate, RelayUrl, shape};

fuzz_target!(|text: &str| {
    let _ = (shape(text), Nameplate::parse(text));
    match CodeAddress::parse(text) {
        Ok(address) => {
            let said = address.code.reveal();
            let Ok(again) = Code::parse(&said) else { panic!("cannot be read back") };
            assert!(again.reveal() == said);
        }
        Err(error) => assert!(!error.explain().is_empty()),
    }
    if let Ok(url) = RelayUrl::parse(text) {
        assert_eq!(RelayUrl::parse(&url.to_string()), Ok(url));
    }
    match Code::parse(text) {
        Ok(code) => assert!((3..=8).contains(&(code.reveal().split('-').count() - 1))),
        Err(error) => assert!(!error.explain().is_empty()),
    }
});
