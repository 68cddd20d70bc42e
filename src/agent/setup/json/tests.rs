use super::*;
use proptest::prelude::*;

const SERVERS: &[&str] = &["mcpServers", "pinhole"];
const DEEPER: &[&str] = &["mcp", "servers", "pinhole"];
const VALUE: &str = r#"{"command": "pinhole", "args": ["mcp"]}"#;

/// Puts the entry in and takes it out again.
#[track_caller]
fn there_and_back(text: &str, path: &[&str]) -> String {
    let put = put(Some(text), path, VALUE).unwrap();
    assert_eq!(get(&put, path).unwrap(), Some(serde_json::from_str(VALUE).unwrap()), "{put}");
    assert_eq!(take(&put, path).unwrap().as_deref(), Some(text), "{put}");
    put
}

#[test]
fn a_new_file_comes_and_goes() {
    let new = put(None, SERVERS, VALUE).unwrap();
    assert_eq!(new, format!("{{\n  \"mcpServers\": {{\n    \"pinhole\": {VALUE}\n  }}\n}}\n"));
    assert_eq!(take(&new, SERVERS), Ok(None));
    let deep = put(None, DEEPER, VALUE).unwrap();
    assert_eq!((get(&deep, DEEPER).unwrap().is_some(), take(&deep, DEEPER)), (true, Ok(None)));
}

#[test]
fn the_entry_stands_as_the_others_do() {
    let text = "{\n  \"mcpServers\": {\n    \"other\": {}\n  },\n  \"x\": 1\n}\n";
    let put = there_and_back(text, SERVERS);
    assert_eq!(
        put,
        format!(
            "{{\n  \"mcpServers\": {{\n    \"other\": {{}},\n    \"pinhole\": {VALUE}\n  }},\n  \
             \"x\": 1\n}}\n"
        )
    );
    let text = "{\n\t// of mine\n\t\"x\": 1 // one\n}";
    let put = there_and_back(text, SERVERS);
    assert_eq!(
        put,
        format!(
            "{{\n\t// of mine\n\t\"x\": 1, // one\n\t\
             \"mcpServers\": {{\n\t  \"pinhole\": {VALUE}\n\t}}\n}}"
        )
    );
}

#[test]
fn everything_around_it_stays_byte_for_byte() {
    for text in [
        "{}",
        "{ }\n",
        "{\n}\n",
        "{ /* nothing yet */ }",
        "// mine\n{\n}\n// end",
        "{\"a\":1}",
        "{ \"a\": 1 }",
        "{\"a\":1,}",
        "{\"a\":1 // c\n}",
        "{\r\n  \"a\": 1\r\n}\r\n",
        "{\n  \"a\": 1, // c\n}",
        "{\n  \"a\": 1 // c  \n  , \n}",
        "{\n  \"a\": 1 /* b */ /* c */\n  // d\n}",
        "{\n  \"a\": \"}, // no\" }",
        "{\"mcpServers\": {}}",
        "{\"mcpServers\": { }, \"b\": 2}",
        "{\n  \"mcpServers\": {\n  }\n}",
        "{\"mcpServers\": {\"other\": {\"command\": \"x\"}}}",
        "{\n  \"mcpServers\": {\n    \"other\": {\n      \"command\": \"x\"\n    }, /* last */ \
         // really\n  },\n}",
        "{\"mcp\": {\"servers\": {}}}",
        "{\n  \"mcp\": {\n    \"servers\": { \"x\": {} }\n  }\n}",
        "{\"\u{1F512}\": \"\\u007d\"}",
    ] {
        for path in [SERVERS, DEEPER] {
            there_and_back(text, path);
        }
    }
}

#[test]
fn what_has_come_since_stays() {
    let put = |text| put(Some(text), SERVERS, VALUE).unwrap();
    let first = put("{\n  \"a\": 1\n}\n");
    let later = first.replace(&format!("{VALUE}\n"), &format!("{VALUE},\n    \"new\": {{}}\n"));
    assert_eq!(
        take(&later, SERVERS).unwrap().unwrap(),
        "{\n  \"a\": 1,\n  \"mcpServers\": {\n    \"new\": {}\n  }\n}\n"
    );
    let noted = first.replace("\"pinhole\"", "// of the office\n    \"pinhole\"");
    let rest = take(&noted, SERVERS).unwrap().unwrap();
    assert!(rest.contains("// of the office") && get(&rest, SERVERS).unwrap().is_none(), "{rest}");
    let last = take(&format!("{{\"mcpServers\": {{\"pinhole\": {VALUE}, \"b\": 1}}}}"), SERVERS)
        .unwrap()
        .unwrap();
    assert_eq!(get(&last, &["mcpServers", "b"]).unwrap(), Some(1.into()), "{last}");
    // As another program writes it anew, with our part in it.
    let whole: serde_json::Value = serde_json::from_str(&first).unwrap();
    let rest = take(&serde_json::to_string_pretty(&whole).unwrap(), SERVERS).unwrap().unwrap();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&rest).unwrap(),
        serde_json::json!({ "a": 1 })
    );
    assert_eq!(take("{\"a\": 1}", SERVERS), Ok(Some("{\"a\": 1}".to_owned())));
}

#[test]
fn an_entry_is_replaced_where_it_stands() {
    let text = "{\n  // mine\n  \"mcpServers\": \
                { \"pinhole\": {\"command\": \"/old/pinhole\"}, \"b\": {} } // end\n}";
    let new = put(Some(text), SERVERS, VALUE).unwrap();
    assert_eq!(new, text.replace("{\"command\": \"/old/pinhole\"}", VALUE));
}

#[test]
fn what_is_not_understood_is_said() {
    for (text, says) in [
        ("", "has no JSON in it"),
        ("[]", "is not a JSON object"),
        ("{\n  \"a\": \n}", "is not JSON, line "),
        ("{'a': 1}", "is not JSON, line 1"),
        ("{\"a\" 1}", "is not JSON, line 1"),
        ("{\"mcpServers\": {}, \"mcpServers\": {}}", "has the key \"mcpServers\" twice"),
        ("{\"mcpServers\": {\"pinhole\": 1, \"pinhole\": 2}}", "has the key \"pinhole\" twice"),
        ("{\"mcpServers\": []}", "something other than an object as \"mcpServers\""),
        ("{} {}", "is not JSON, line 1"),
        ("\u{feff}{\"a\": 1}", "is not JSON, line 1"),
    ] {
        let Fault(why) = put(Some(text), SERVERS, VALUE).unwrap_err();
        assert!(why.contains(says), "{text}: {why}");
        assert!(take(text, SERVERS).is_err() && get(text, SERVERS).is_err(), "{text}");
    }
    let deep = format!("{{\"a\": {}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(get(&deep, SERVERS).is_err());
}

/// Configurations as people and programs write them.
fn configuration() -> impl Strategy<Value = String> {
    let blank = || {
        prop_oneof![
            4 => Just(String::new()),
            4 => "[ \t]{1,3}",
            4 => "(\r?\n[ \t]{0,4}){1,2}",
            1 => Just(" // c, } \"\n".to_owned()),
            1 => Just("/* c, } \" */".to_owned()),
        ]
    };
    let leaf = prop_oneof![
        Just("1".to_owned()),
        Just("null".to_owned()),
        "\"[a-z/*,{}]{0,4}\"",
        Just("[1, {}]".to_owned()),
        Just("{}".to_owned())
    ];
    let key = || {
        prop_oneof![
            3 => "\"[a-f]{1,6}\"",
            1 => Just("\"mcpServers\"".to_owned()),
            1 => Just("\"other\"".to_owned()),
        ]
    };
    let object = move |value: BoxedStrategy<String>| {
        let member = (blank(), key(), blank(), blank(), value, blank())
            .prop_map(|(a, key, b, c, value, d)| format!("{a}{key}{b}:{c}{value}{d}"));
        (proptest::collection::vec(member, 0..4), blank(), any::<bool>()).prop_map(
            |(members, blank, trailing)| {
                let comma = if trailing && !members.is_empty() { "," } else { "" };
                format!("{{{}{comma}{blank}}}", members.join(","))
            },
        )
    };
    let inner = prop_oneof![leaf.clone(), object(leaf.boxed())].boxed();
    (blank(), object(inner), blank()).prop_map(|(before, object, after)| before + &object + &after)
}

proptest! {
    #[test]
    fn any_configuration_is_as_before_when_the_entry_has_gone(text in configuration()) {
        if let Ok(new) = put(Some(&text), SERVERS, VALUE) {
            prop_assert_eq!(
                get(&new, SERVERS).unwrap(),
                Some(serde_json::from_str(VALUE).unwrap())
            );
            prop_assert_eq!(take(&new, SERVERS).unwrap(), Some(text));
        }
    }

    #[test]
    fn any_text_is_survived(text in prop_oneof![any::<String>(), "[{}\\[\\]:,\"a/* \n]{0,40}"]) {
        let _ = (get(&text, SERVERS), put(Some(&text), SERVERS, VALUE), take(&text, SERVERS));
    }
}
