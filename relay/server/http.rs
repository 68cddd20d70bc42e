//! HTTP: the upgrade, a page for people, and the relay's health.

use super::Relay;
use super::hall::Admission;
use super::side::Side;
use super::socket::{Socket, Stream};
use crate::counters::CONTENT_TYPE;
use crate::page;
use crate::request;
use crate::source::is_forwarded;
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use axum::routing::get;
use axum::{Router, body::Bytes};
use core::net::IpAddr;
use hyper::service::{Service, service_fn};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use pinhole_protocol::rendezvous::{Refusal, VERSION, Verb, WEBSOCKET_VERSION};
use std::sync::{Arc, Mutex, PoisonError};

/// The longest head of a request, in bytes: what hyper allows at least. One of ours has some
/// hundred.
const REQUEST: usize = 8192;

/// A connection that was accepted and has yet to say what it wants.
pub struct Arrival {
    peer: IpAddr,
    /// Nothing if its source is over its limits, or not known yet.
    admission: Mutex<Option<Admission<Side>>>,
    upgraded: Mutex<Option<Upgraded>>,
}

/// Everything that an upgrade leaves for the time after it.
struct Upgraded {
    upgrade: OnUpgrade,
    verb: Verb,
    admission: Admission<Side>,
    seen: IpAddr,
}

/// Serves one request on a connection from `peer`, and returns the connection if that was an
/// upgrade.
pub async fn serve(
    relay: &Arc<Relay>,
    routes: Router,
    stream: Stream,
    peer: IpAddr,
    admission: Option<Admission<Side>>,
    open: Arc<()>,
) -> Option<Side> {
    let arrival =
        Arc::new(Arrival { peer, admission: Mutex::new(admission), upgraded: Mutex::default() });
    let routes = TowerToHyperService::new(routes);
    let service = service_fn(|mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(Arc::clone(&arrival));
        let answer = routes.call(request);
        async {
            let mut answer = answer.await?;
            if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, core::convert::Infallible>(answer)
        }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    // Were this to end each connection, hyper would add `close` to the 101 too, where clients take
    // nothing but `Upgrade`.
    http.max_buf_size(REQUEST);
    // An error here is the client's or the network's, and the client has seen it.
    http.serve_connection(TokioIo::new(stream), service).with_upgrades().await.ok()?;
    let Upgraded { upgrade, verb, admission, seen } =
        arrival.upgraded.lock().unwrap_or_else(PoisonError::into_inner).take()?;
    let parts = upgrade.await.ok()?.downcast::<TokioIo<Stream>>().ok()?;
    let socket = Socket::new(parts.io.into_inner(), &parts.read_buf);
    Some(Side::new(Arc::clone(relay), socket, verb, admission, seen, open))
}

/// Routes of the address where everybody comes.
pub fn routes(relay: &Arc<Relay>, metrics: bool) -> Router {
    let mut routes = Router::new().route("/health", get(health));
    if metrics {
        routes = routes.route("/metrics", get(self::metrics));
    }
    routes.fallback(meet).with_state(Arc::clone(relay))
}

/// Routes of an address for metrics alone.
pub fn metrics_routes(relay: &Arc<Relay>) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .with_state(Arc::clone(relay))
}

async fn health(State(relay): State<Arc<Relay>>) -> Response<Body> {
    let (status, text) = if relay.hall.is_draining() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining")
    } else {
        (StatusCode::OK, "ok")
    };
    let body = format!("{{\"status\":\"{text}\"}}\n");
    answer(status, &[(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body)
}

async fn metrics(State(relay): State<Arc<Relay>>) -> Response<Body> {
    match relay.counters.text(&relay.moment()) {
        Ok(text) => answer(
            StatusCode::OK,
            &[(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE))],
            text,
        ),
        Err(_) => answer(StatusCode::INTERNAL_SERVER_ERROR, &[], ""),
    }
}

/// An upgrade on any path, because a proxy may have left some of its own; for everybody else the
/// page.
async fn meet(
    State(relay): State<Arc<Relay>>,
    Extension(arrival): Extension<Arc<Arrival>>,
    request: Request,
) -> Response<Body> {
    if !request::wants_upgrade(request.headers()) {
        return page::answer(request.method());
    }
    let whole = request::is_whole(request.headers());
    match upgrade(&relay, &arrival, request) {
        Ok(response) => response,
        Err(refusal) => {
            relay.counters.refused(refusal);
            let status = refusal.status();
            tracing::debug!(target: "pinhole_relay", event = "refused", status);
            // A request that was not cut is of another version: the answer names those there are.
            let versions = [
                (header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static(WEBSOCKET_VERSION)),
                (header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(VERSION)),
            ];
            let said = match refusal {
                Refusal::Upgrade if whole => versions.as_slice(),
                Refusal::Upgrade => versions.get(..1).unwrap_or_default(),
                _ => &[],
            };
            let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
            answer(status, said, "")
        }
    }
}

fn upgrade(
    relay: &Arc<Relay>,
    arrival: &Arrival,
    request: Request,
) -> Result<Response<Body>, Refusal> {
    if relay.hall.is_draining() {
        return Err(Refusal::Ending);
    }
    let seen = relay.proxies.source(arrival.peer, request.headers());
    if !relay.proxies.contain(arrival.peer) && is_forwarded(request.headers()) {
        relay.warn_of_proxy();
    }
    let admission = match arrival.admission.lock().unwrap_or_else(PoisonError::into_inner).take() {
        Some(admission) => admission,
        None => relay.hall.admit(seen.into()).map_err(|_| Refusal::Limit)?,
    };
    let (mut parts, _) = request.into_parts();
    let asked = request::parse(&parts)?;
    relay.admits(&asked.request)?;
    let upgrade = parts.extensions.remove::<OnUpgrade>().ok_or(Refusal::Upgrade)?;
    let accept = HeaderValue::from_str(&asked.accept).map_err(|_| Refusal::Malformed)?;
    *arrival.upgraded.lock().unwrap_or_else(PoisonError::into_inner) =
        Some(Upgraded { upgrade, verb: asked.request.verb, admission, seen });
    let headers = [
        (header::CONNECTION, HeaderValue::from_static("Upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::SEC_WEBSOCKET_ACCEPT, accept),
        (header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(VERSION)),
    ];
    Ok(answer(StatusCode::SWITCHING_PROTOCOLS, &headers, ""))
}

/// A response with these headers.
fn answer(
    status: StatusCode,
    headers: &[(HeaderName, HeaderValue)],
    body: impl Into<Bytes>,
) -> Response<Body> {
    let mut response = Response::new(Body::from(body.into()));
    *response.status_mut() = status;
    response.headers_mut().extend(headers.iter().cloned());
    response
}
