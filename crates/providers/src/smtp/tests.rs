//! Against a real socket whose server follows a script.

use std::future::{Ready, ready};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::*;

/// What the server does at a verb; the others it answers well. `.` is the end of the message.
#[derive(Clone, Copy)]
enum Act {
    Say(&'static str),
    Hang,
    Close,
}

fn usual(verb: &str) -> &'static str {
    match verb {
        "greeting" => "220 test ready",
        "EHLO" => "250-test\r\n250-AUTH PLAIN\r\n250 8BITMIME",
        "AUTH" => "235 ok",
        "DATA" => "354 go on",
        "." => "250 2.0.0 queued as 4F2A",
        "QUIT" => "221 bye",
        _ => "250 ok",
    }
}

/// Serves one connection; gives back the verbs heard and the message.
async fn serve(listener: TcpListener, deviations: Vec<(&'static str, Act)>) -> (Vec<String>, String) {
    let (stream, _) = listener.accept().await.unwrap();
    let mut stream = BufReader::new(stream);
    let (mut heard, mut message, mut verb, mut in_data) =
        (Vec::new(), String::new(), "greeting".to_owned(), false);
    loop {
        let act =
            deviations.iter().find(|(at, _)| *at == verb).map_or(Act::Say(usual(&verb)), |(_, act)| *act);
        match act {
            Act::Say(line) => stream.write_all(format!("{line}\r\n").as_bytes()).await.unwrap(),
            Act::Hang => drain(&mut stream).await,
            Act::Close => return (heard, message),
        }
        in_data = verb == "DATA" && matches!(act, Act::Say(line) if line.starts_with('3'))
            || in_data && verb != ".";
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return (heard, message);
            }
            if in_data && line != ".\r\n" {
                message.push_str(&line);
                continue;
            }
            verb = line.split_whitespace().next().unwrap_or_default().to_owned();
            heard.push(line.trim_end().to_owned());
            break;
        }
    }
}

async fn drain(stream: &mut BufReader<TcpStream>) {
    let mut sink = Vec::new();
    while stream.read_until(b'\n', &mut sink).await.unwrap_or(0) > 0 {
        sink.clear();
    }
}

fn settings(port: u16) -> Settings {
    Settings {
        host: "127.0.0.1".into(),
        port,
        security: Security::Plain,
        login: None,
        timeout: Duration::from_secs(20),
        hello_name: Some("afterglow.test".into()),
    }
}

fn envelope() -> Envelope {
    Envelope { from: "mia@vendor.example".into(), to: "jonas@northwind.example".into() }
}

/// The caller's word that the mail may leave.
fn go() -> Ready<Result<(), Rejection>> {
    ready(Ok(()))
}

/// Sends a small mail to a server with one deviation.
async fn outcome_at(verb: &'static str, act: Act) -> Outcome<MailAccepted> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = settings(listener.local_addr().unwrap().port());
    if matches!(act, Act::Hang) {
        settings.timeout = Duration::from_millis(300);
    }
    let mut tasks = JoinSet::new();
    tasks.spawn(serve(listener, vec![(verb, act)]));
    Smtp::new(settings).unwrap().send(&envelope(), b"Subject: hi\r\n\r\nhello\r\n", go()).await
}

fn class(outcome: Outcome<MailAccepted>) -> Class {
    match outcome {
        Outcome::Rejected(rejection) => {
            assert!(!rejection.reason.contains("jonas"), "{}", rejection.reason);
            rejection.class
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_mail_arrives_as_it_was_composed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = settings(listener.local_addr().unwrap().port());
    settings.login = Some(Login { user: "u".into(), password: "p".into() });
    let mut tasks = JoinSet::new();
    tasks.spawn(serve(listener, Vec::new()));
    let outcome =
        Smtp::new(settings).unwrap().send(&envelope(), b"Subject: hi\r\n\r\n.hidden dot\r\n", go()).await;
    let note = Some("2.0.0 queued as 4F2A".to_owned());
    assert_eq!(outcome, Outcome::Accepted(MailAccepted { server: "127.0.0.1".into(), note }));
    let (heard, message) = tasks.join_next().await.unwrap().unwrap();
    assert_eq!(heard[0], "EHLO afterglow.test");
    assert_eq!(heard[1], "AUTH PLAIN AHUAcA==");
    assert_eq!(heard[2..5], ["MAIL FROM:<mia@vendor.example>", "RCPT TO:<jonas@northwind.example>", "DATA"]);
    assert!(message.starts_with("Subject: hi\r\n\r\n..hidden dot\r\n"), "dots are stuffed: {message:?}");
    assert_eq!(heard[5..], [".", "QUIT"]);
}

#[tokio::test]
async fn without_the_callers_word_no_data_is_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let smtp = Smtp::new(settings(listener.local_addr().unwrap().port())).unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(serve(listener, Vec::new()));
    let held = Rejection { class: Class::Retry { after: None }, reason: "not marked".to_owned() };
    let outcome = smtp.send(&envelope(), b"Subject: hi\r\n\r\nhello\r\n", ready(Err(held.clone()))).await;
    assert_eq!(outcome, Outcome::Rejected(held));
    let (heard, message) = tasks.join_next().await.unwrap().unwrap();
    assert_eq!(heard.last().map(String::as_str), Some("QUIT"), "the connection is closed: {heard:?}");
    assert!(heard.iter().any(|line| line.starts_with("RCPT")), "the word is asked for late: {heard:?}");
    assert!(!heard.iter().any(|line| line == "DATA") && message.is_empty(), "{heard:?} {message:?}");
}

/// Whatever stops the dialogue before DATA stops it before the caller is asked.
#[tokio::test]
async fn the_callers_word_is_asked_for_once_all_else_is_settled() {
    for (verb, asked) in [("greeting", false), ("MAIL", false), ("RCPT", false), ("DATA", true), (".", true)]
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let smtp = Smtp::new(settings(listener.local_addr().unwrap().port())).unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, vec![(verb, Act::Say("451 4.3.0 later"))]));
        let mut word = false;
        let leave = async {
            word = true;
            Ok(())
        };
        assert_eq!(class(smtp.send(&envelope(), b"x\r\n", leave).await), Class::Retry { after: None });
        assert_eq!(word, asked, "{verb}");
    }
}

#[tokio::test]
async fn an_answer_lost_after_the_dot_is_unknown() {
    for act in [Act::Close, Act::Hang, Act::Say("garbage")] {
        assert!(matches!(outcome_at(".", act).await, Outcome::Unknown { .. }));
    }
}

#[tokio::test]
async fn a_break_before_the_dot_is_a_certain_rejection() {
    for verb in ["greeting", "EHLO", "MAIL", "RCPT", "DATA"] {
        for act in [Act::Close, Act::Hang] {
            assert_eq!(class(outcome_at(verb, act).await), Class::Retry { after: None }, "{verb}");
        }
    }
}

#[tokio::test]
async fn a_break_within_the_message_is_a_certain_rejection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let smtp = Smtp::new(settings(listener.local_addr().unwrap().port())).unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        for answer in ["220 test\r\n", "250 test\r\n", "250 ok\r\n", "250 ok\r\n", "354 go on\r\n"] {
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.read_line(&mut String::new()).await.unwrap();
        }
        // Gone with most of the message unread: far more than the sockets' buffers hold.
    });
    let long = b"a line of a long mail\r\n".repeat(1_000_000);
    assert_eq!(class(smtp.send(&envelope(), &long, go()).await), Class::Retry { after: None });
}

#[tokio::test]
async fn answers_have_their_classes() {
    let retry = Class::Retry { after: None };
    for (verb, line, expected) in [
        ("greeting", "421 too busy", retry),
        ("greeting", "554 no", Class::Configuration),
        ("MAIL", "530 5.7.0 login first", Class::Configuration),
        ("RCPT", "451 4.7.1 greylisted", retry),
        ("RCPT", "452 4.2.2 full", retry),
        ("RCPT", "550 5.1.1 <jonas@northwind.example> unknown", Class::BadAddress),
        ("RCPT", "550 5.7.1 jonas may not get this", Class::Permanent),
        ("DATA", "554 5.7.1 no", Class::Permanent),
        (".", "552 5.3.4 too big", Class::Permanent),
        (".", "451 4.3.0 try again", retry),
    ] {
        assert_eq!(class(outcome_at(verb, Act::Say(line)).await), expected, "{verb} {line}");
    }
}

#[tokio::test]
async fn nobody_listening_and_wrong_logins() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut with_login = settings(port);
    with_login.login = Some(Login { user: "u".into(), password: "wrong".into() });
    let mut tasks = JoinSet::new();
    tasks.spawn(serve(listener, vec![("AUTH", Act::Say("535 5.7.8 wrong"))]));
    let smtp = Smtp::new(with_login).unwrap();
    assert_eq!(class(smtp.send(&envelope(), b"x\r\n", go()).await), Class::Configuration);
    tasks.shutdown().await;
    assert_eq!(class(smtp.send(&envelope(), b"x\r\n", go()).await), Class::Retry { after: None });
}

#[tokio::test]
async fn a_server_without_starttls_gets_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = settings(listener.local_addr().unwrap().port());
    settings.security = Security::StartTls;
    let mut tasks = JoinSet::new();
    tasks.spawn(serve(listener, Vec::new()));
    let outcome = Smtp::new(settings).unwrap().send(&envelope(), b"x\r\n", go()).await;
    assert_eq!(class(outcome), Class::Configuration);
    let (heard, _) = tasks.join_next().await.unwrap().unwrap();
    assert!(!heard.iter().any(|line| line.starts_with("MAIL")), "{heard:?}");
}

#[test]
fn plain_is_for_loopback_only() {
    let away = Settings { host: "smtp.example.com".into(), ..settings(25) };
    let error = Smtp::new(away.clone()).err().unwrap();
    assert!(error.to_string().contains("starttls"), "{error}");
    assert!(Smtp::new(Settings { security: Security::Tls, ..away }).is_ok());
    assert!(is_loopback("[::1]") && is_loopback("localhost") && !is_loopback("10.0.0.1"));
}
