//! The page for a person who opens a link, or the relay's address, in a browser. The words of a
//! code stand after the `#` of a link and stay in the browser. But whatever page a server sends
//! could read them there. So this one holds nothing that can: no script, no event handler, no form,
//! nothing from anywhere else. Its policy would have the browser refuse them.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};

/// The page, for a relay's address may have a path, on any.
#[must_use]
pub fn answer(method: &Method) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    if matches!(*method, Method::GET | Method::HEAD) {
        *response.body_mut() = Body::from(PAGE);
        let headers = HEADERS.map(|(name, value)| (name, HeaderValue::from_static(value)));
        response.headers_mut().extend(headers);
    } else {
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}

const PAGE: &str = include_str!("page.html");

/// Its headers. The style is allowed by its SHA-256, so that the policy allows nothing else.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'sha256-HuJsPAU/ww1lqJvyy1PEQ4vXyF9hp0M9Cf5UyYdHPao='; \
        base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // It changes with the relay's version, and is small.
    (header::CACHE_CONTROL, "no-cache"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use html5gum::{Token, Tokenizer};
    use sha2::{Digest, Sha256};

    /// Everything the page may be made of: elements, each with the attributes that it may have.
    /// None runs, loads, sends or leads anywhere.
    const ALLOWED: [(&str, &[&str]); 16] = [
        ("html", &["lang"]),
        ("head", &[]),
        ("meta", &["charset", "name", "content"]),
        ("title", &[]),
        ("style", &[]),
        ("body", &[]),
        ("main", &[]),
        ("h1", &[]),
        ("h2", &[]),
        ("p", &[]),
        ("b", &[]),
        ("ol", &[]),
        ("li", &[]),
        ("pre", &[]),
        ("code", &[]),
        ("footer", &["class"]),
    ];

    /// Elements and attributes of a page that are not allowed.
    fn strange(page: &str) -> Vec<String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut strange = Vec::new();
        for Ok(token) in Tokenizer::new(page) {
            let Token::StartTag(tag) = token else {
                continue;
            };
            let name = text(&tag.name);
            let Some((_, attributes)) = ALLOWED.iter().find(|(allowed, _)| *allowed == name) else {
                strange.push(name);
                continue;
            };
            let found = tag.attributes.keys().map(|key| text(key));
            strange.extend(
                found
                    .filter(|found| !attributes.contains(&found.as_str()))
                    .map(|found| format!("{name} {found}")),
            );
        }
        strange
    }

    fn style(page: &str) -> &str {
        page.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>")).unwrap().0
    }

    #[test]
    fn nothing_in_the_page_runs_loads_sends_or_leads_anywhere() {
        assert_eq!(strange(PAGE), [""; 0]);
        for loads in ["url(", "@import", "image(", "src(", "\\"] {
            assert!(!style(PAGE).contains(loads), "the style has {loads}");
        }
    }

    #[test]
    fn what_would_run_load_send_or_lead_somewhere_is_found() {
        for (bad, found) in [
            ("<script>0</script>", "script"),
            ("<SCRIPT src=x>", "script"),
            ("<p OnClick='0'>", "p onclick"),
            ("<b/onmouseover=0>", "b onmouseover"),
            ("<meta http-equiv=refresh content='0;url=//x'>", "meta http-equiv"),
            ("<form action=x>", "form"),
            ("<a href='javascript:0'>", "a"),
            ("<img src=x>", "img"),
            ("<link rel=icon href=x>", "link"),
            ("<base href=x>", "base"),
            ("<svg><a/>", "svg"),
            ("<p style='background:url(x)'>", "p style"),
        ] {
            assert!(
                strange(&PAGE.replace("<footer", &format!("{bad}<footer")))
                    .contains(&found.to_owned()),
                "{bad}"
            );
        }
    }

    #[test]
    fn it_is_for_reading_alone() {
        assert_eq!(
            [Method::GET, Method::HEAD, Method::POST]
                .map(|method| answer(&method).status().as_u16()),
            [200, 200, 405]
        );
        let answer = answer(&Method::GET);
        let header = |name: &str| answer.headers().get(name).unwrap().to_str().unwrap();
        let headers =
            ["content-type", "referrer-policy", "x-content-type-options", "cache-control"]
                .map(header);
        assert_eq!(headers, ["text/html; charset=utf-8", "no-referrer", "nosniff", "no-cache"]);
    }

    #[test]
    fn the_policy_allows_the_style_of_the_page_and_nothing_else() {
        let policy = answer(&Method::GET).headers()[header::CONTENT_SECURITY_POLICY].clone();
        let hash = data_encoding::BASE64.encode(&Sha256::digest(style(PAGE)));
        let expected = format!(
            "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; \
            frame-ancestors 'none'"
        );
        assert_eq!(policy, expected);
    }
}
