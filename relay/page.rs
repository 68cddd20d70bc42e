//! The page for people who open a link in a browser.

use axum::body::Body;
use axum::http::{HeaderValue, Method, Response, StatusCode, header};

const TEXT: &str = "This is a pinhole relay. Copy this page's address and run: pinhole take '<address>'\n";

/// The page, for any path.
#[must_use]
pub fn answer(method: &Method) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    if matches!(*method, Method::GET | Method::HEAD) {
        *response.body_mut() = Body::from(TEXT);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    } else {
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    }
    response
}
