//! Against a real socket whose server answers with the bytes it is given.

use std::sync::Once;

use afterglow_domain::Money;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;
use crate::gift::OrderStatus;

/// A server that hears one request for each answer; an empty answer closes the connection.
struct Server {
    vendor: Tremendous,
    heard: JoinSet<Vec<String>>,
}

#[expect(
    clippy::disallowed_methods,
    reason = "the product's client builder lives in a crate beside this one"
)]
fn client() -> Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| rustls::crypto::ring::default_provider().install_default().unwrap());
    Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

fn settings(base_url: String) -> Settings {
    Settings {
        base_url,
        secret: "test-key".into(),
        funding_source: "balance".into(),
        calls_per_second: NonZeroU32::new(10).unwrap(),
        timeout: Duration::from_secs(20),
    }
}

async fn server(answers: Vec<String>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let mut heard = JoinSet::new();
    heard.spawn(async move {
        let mut requests = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            requests.push(read_request(&mut stream).await);
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        requests
    });
    Server { vendor: Tremendous::new(client(), settings(base)).unwrap(), heard }
}

impl Server {
    async fn requests(mut self) -> Vec<String> {
        self.heard.join_next().await.unwrap().unwrap()
    }
}

async fn read_request(stream: &mut tokio::net::TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
            if body.len() >= length.parse().unwrap() {
                return text;
            }
        }
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "request broke off: {text}");
    }
}

fn answer(status: u16, extra: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n{extra}\r\n{body}")
}

fn order_json(status: &str) -> String {
    format!(
        r#"{{"order":{{"id":"TR7K2Q","external_id":"tp_1","status":"{status}","news":1,
        "payment":{{"subtotal":25.0,"total":26.25,"fees":1.25,"currency_code":"USD"}},
        "rewards":[{{"id":"RW1","delivery":{{"method":"LINK","status":"LATER","link":"https://gift.example/abc"}}}}]}}}}"#
    )
}

fn gift() -> GiftOrder {
    GiftOrder {
        external_id: "tp_1".into(),
        amount: Money::new(2550, afterglow_domain::Currency::USD),
        product: "campaign:IVM0I3WNJJL0".into(),
        recipient_name: "Jonas Weber".into(),
        recipient_email: "jonas@northwind.example".into(),
    }
}

async fn outcome(answer: String) -> Outcome<Ordered> {
    let server = server(vec![answer]).await;
    let bytes = server.vendor.request(&gift()).unwrap();
    server.vendor.order(&bytes).await
}

#[tokio::test]
async fn an_order_is_sent_as_stored_and_its_answer_read() {
    let server = server(vec![answer(200, "", &order_json("EXECUTED"))]).await;
    let bytes = server.vendor.request(&gift()).unwrap();
    assert_eq!(bytes, server.vendor.request(&gift()).unwrap());
    let ordered = Ordered {
        order_id: "TR7K2Q".into(),
        reward_id: Some("RW1".into()),
        link: Some("https://gift.example/abc".into()),
        charged: Some(Money::new(2625, afterglow_domain::Currency::USD)),
        status: OrderStatus::Executed,
    };
    assert_eq!(server.vendor.order(&bytes).await, Outcome::Accepted(ordered));
    let request = server.requests().await.remove(0);
    assert!(request.starts_with("POST /api/v2/orders HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("authorization: Bearer test-key\r\n"));
    let body = request.split_once("\r\n\r\n").unwrap().1;
    assert_eq!(
        body,
        r#"{"external_id":"tp_1","payment":{"funding_source_id":"balance"},"reward":{"campaign_id":"IVM0I3WNJJL0","value":{"denomination":25.5,"currency_code":"USD"},"recipient":{"name":"Jonas Weber","email":"jonas@northwind.example"},"delivery":{"method":"LINK"}}}"#
    );
}

#[tokio::test]
async fn a_replay_and_a_waiting_order_are_accepted() {
    assert!(matches!(outcome(answer(201, "", &order_json("EXECUTED"))).await, Outcome::Accepted(_)));
    let Outcome::Accepted(ordered) = outcome(answer(202, "", &order_json("A NEW WORD"))).await else {
        panic!()
    };
    assert_eq!(ordered.status, OrderStatus::Pending);
}

#[tokio::test]
async fn a_lost_or_unreadable_answer_is_unknown() {
    let huge = format!("{{\"order\":\"{}\"}}", "x".repeat(60_000));
    let broken = "HTTP/1.1 200 X\r\ncontent-length: 500\r\n\r\n{\"order\":";
    let lost = [String::new(), broken.to_owned(), answer(200, "", "<html>"), answer(200, "", &huge)];
    let errors = [500, 502, 503, 504, 409, 204].map(|status| answer(status, "", ""));
    for case in lost.into_iter().chain(errors) {
        let got = outcome(case.clone()).await;
        assert!(matches!(got, Outcome::Unknown { .. }), "{got:?} for {}", &case[..case.len().min(40)]);
    }
}

#[tokio::test]
async fn silence_is_unknown_and_a_refused_connection_is_not() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = settings(format!("http://{}", listener.local_addr().unwrap()));
    settings.timeout = Duration::from_millis(300);
    let vendor = Tremendous::new(client(), settings).unwrap();
    let bytes = vendor.request(&gift()).unwrap();
    assert!(matches!(vendor.order(&bytes).await, Outcome::Unknown { .. }));
    drop(listener);
    let Outcome::Rejected(rejection) = vendor.order(&bytes).await else { panic!() };
    assert_eq!(rejection.class, Class::Retry { after: None });
}

#[tokio::test]
async fn refusals_have_their_classes() {
    let errors = r#"{"errors":{"message":"no such campaign","payload":{}}}"#;
    let error = r#"{"error":{"message":"slow down"}}"#;
    let second = Some(Duration::from_secs(1));
    for (answer, class, reason) in [
        (answer(400, "", errors), Class::Permanent, "Tremendous: 400 no such campaign"),
        (answer(422, "", errors), Class::Permanent, "Tremendous: 422 no such campaign"),
        (answer(401, "", ""), Class::Configuration, "Tremendous: 401; check secret and base_url"),
        (answer(402, "", errors), Class::NoFunds, "Tremendous: 402 no such campaign"),
        (answer(429, "", error), Class::Retry { after: second }, "Tremendous: 429 slow down"),
        (
            answer(429, "retry-after: 7\r\n", ""),
            Class::Retry { after: Some(Duration::from_secs(7)) },
            "Tremendous: 429",
        ),
        (
            answer(308, "location: /x\r\n", ""),
            Class::Configuration,
            "Tremendous: 308; base_url is not the API's",
        ),
        (
            answer(200, "", &order_json("FAILED")),
            Class::Permanent,
            "Tremendous: order TR7K2Q failed or was cancelled at the vendor",
        ),
    ] {
        let reason = reason.to_owned();
        assert_eq!(outcome(answer).await, Outcome::Rejected(Rejection { class, reason }));
    }
}

#[tokio::test]
async fn a_message_that_names_the_recipient_is_withheld() {
    for message in ["WEBER is blocked", "a@b.example is not valid"] {
        let body = format!(r#"{{"errors":{{"message":"{message}"}}}}"#);
        let Outcome::Rejected(rejection) = outcome(answer(422, "", &body)).await else { panic!() };
        assert!(rejection.reason.contains("withheld"), "{}", rejection.reason);
    }
}

#[tokio::test]
async fn a_lookup_believes_only_the_vendor() {
    let not_found = r#"{"errors":{"message":"not found"}}"#;
    let server = server(vec![
        answer(200, "", &order_json("EXECUTED")),
        answer(404, "", not_found),
        answer(404, "", "<html>another server</html>"),
        answer(200, "", &order_json("EXECUTED").replace("tp_1", "tp_2").replace("TR7K2Q", "TR")),
        answer(500, "", ""),
        String::new(),
    ])
    .await;
    let vendor = &server.vendor;
    assert!(matches!(vendor.lookup("tp_1").await, Lookup::Found(_)));
    assert_eq!(vendor.lookup("tp_1").await, Lookup::NotFound);
    for _ in 0..4 {
        assert!(matches!(vendor.lookup("tp_1").await, Lookup::Unavailable { .. }));
    }
    assert!(server.requests().await[0].starts_with("GET /api/v2/orders/tp_1 HTTP/1.1"));
}

#[tokio::test]
async fn a_link_is_made_without_a_new_order() {
    let found = r#"{"order":{"id":"TR7K2Q","external_id":"tp_1","status":"EXECUTED","reward":{"id":"RW1"}}}"#;
    let link = r#"{"reward":{"id":"RW1","link":"https://gift.example/new"}}"#;
    let refused = answer(403, "", r#"{"errors":{"message":"not a link"}}"#);
    let server =
        server(vec![answer(200, "", found), answer(200, "", found), answer(200, "", link), refused]).await;
    let Lookup::Found(mut order) = server.vendor.lookup("tp_1").await else { panic!() };
    assert_eq!((order.link.clone(), order.charged), (None, None));
    order.reward_id = None;
    assert_eq!(server.vendor.link(&order).await, Lookup::Found("https://gift.example/new".into()));
    order.reward_id = Some("RW1".into());
    assert_eq!(server.vendor.link(&order).await, Lookup::NotFound);
    let requests = server.requests().await;
    assert!(requests[1].starts_with("GET /api/v2/orders/TR7K2Q "), "{}", requests[1]);
    assert!(requests[2].starts_with("POST /api/v2/rewards/RW1/generate_link "));
}

#[test]
fn what_cannot_be_ordered_is_refused_before_any_call() {
    let vendor = Tremendous::new(client(), settings("https://www.tremendous.com/".into())).unwrap();
    let nothing = Money::new(0, afterglow_domain::Currency::USD);
    for order in [
        GiftOrder { product: "coffee".into(), ..gift() },
        GiftOrder { product: "products:OKMHM2X2OHYV,".into(), ..gift() },
        GiftOrder { amount: nothing, ..gift() },
        GiftOrder { recipient_email: "nobody".into(), ..gift() },
        GiftOrder { external_id: String::new(), ..gift() },
    ] {
        assert!(vendor.request(&order).is_err());
    }
    let products = GiftOrder { product: "products:OKMHM2X2OHYV,KV934TZ93NQM".into(), ..gift() };
    let body = String::from_utf8(vendor.request(&products).unwrap()).unwrap();
    assert!(body.contains(r#""products":["OKMHM2X2OHYV","KV934TZ93NQM"]"#) && !body.contains("campaign_id"));
    assert!(Tremendous::new(client(), settings("mailto:a@b.example".into())).is_err());
}
