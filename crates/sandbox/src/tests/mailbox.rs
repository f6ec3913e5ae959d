use std::future::ready;
use std::time::Duration;

use afterglow_providers::{Class, Envelope, Mail, Mailbox, Mailer, Outcome, Smtp, smtp};
use lettre::message::MultiPart;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::mailbox::Faults;

fn mailer(world: &World) -> Smtp {
    let settings = smtp::Settings {
        host: "127.0.0.1".to_owned(),
        port: world.sandbox.smtp.port(),
        security: smtp::Security::Plain,
        login: None,
        timeout: Duration::from_secs(20),
        hello_name: Some("afterglow.test".to_owned()),
    };
    Smtp::new(settings).unwrap()
}

fn mail(no: u32) -> Mail {
    Mail {
        message_id: format!("tp-{no}@afterglow.example"),
        date: noon(),
        from: Mailbox::new("Mia Brandt", "mia@afterglow.example"),
        reply_to: None,
        to: Mailbox::new("Jonas Wéber", "jonas@northwind.example"),
        subject: "Welcome, Jonas. <Coffee> is on us".into(),
        text: "Grüße.\n.\n..two dots\n".into(),
        html: Some("<p>Grüße &amp; mehr</p><script>no</script>".into()),
        list_unsubscribe_url: Some("https://u.example/t".to_owned()),
    }
}

async fn send(world: &World, mail: &Mail) -> Outcome<afterglow_providers::MailAccepted> {
    let mailer = mailer(world);
    mailer.send(&mail.envelope(), &mailer.compose(mail).unwrap(), ready(Ok(()))).await
}

#[tokio::test]
async fn in_bulk_a_mails_id_is_kept_and_nothing_of_its_reader() {
    let folder = tempfile::tempdir().unwrap();
    let world = world_with(Some(folder.path().to_owned()), true).await;
    assert!(matches!(send(&world, &mail(1)).await, Outcome::Accepted(_)));
    world.end().await;
    let text = std::fs::read_to_string(folder.path().join("mailbox.jsonl")).unwrap();
    assert!(text.len() < 200 && !text.contains("northwind"), "{text}");
    let again = world_with(Some(folder.path().to_owned()), true).await;
    assert_eq!(again.sandbox.mailbox.message_ids(), ["tp-1@afterglow.example"]);
}

#[tokio::test]
async fn a_mail_of_ours_is_kept_and_shown() {
    let world = world().await;
    assert!(matches!(send(&world, &mail(1)).await, Outcome::Accepted(_)));
    let kept = &world.sandbox.mailbox.mails()[0];
    assert_eq!(
        (kept.from.as_str(), kept.to[0].as_str()),
        ("mia@afterglow.example", "jonas@northwind.example")
    );
    let letter = kept.letter();
    assert_eq!(letter.message_id.as_deref(), Some("tp-1@afterglow.example"));
    assert_eq!(letter.subject, "Welcome, Jonas. <Coffee> is on us");
    assert_eq!(letter.to, "Jonas Wéber <jonas@northwind.example>");
    assert_eq!(letter.text.replace("\r\n", "\n").trim_end(), "Grüße.\n.\n..two dots");
    assert_eq!(letter.list_unsubscribe.as_deref(), Some("<https://u.example/t>"));
    assert_eq!(letter.list_unsubscribe_post.as_deref(), Some("List-Unsubscribe=One-Click"));
    assert!(world.page("mailbox").await.contains("&lt;Coffee&gt; is on us</a>"));
    let shown = world.page("mailbox/1").await;
    assert!(shown.contains("srcdoc=\"&lt;p&gt;Grüße &amp;amp; mehr"), "{shown}");
    assert!(!shown.contains("<script>"));
    let json = world.json("mailbox.json").await;
    assert_eq!(json[0]["message_id"], "tp-1@afterglow.example");
    assert_eq!(json[0]["envelope"]["to"][0], "jonas@northwind.example");
    world.end().await;
}

#[tokio::test]
async fn a_swallowed_answer_leaves_the_mail_and_the_doubt() {
    let world = world().await;
    world.sandbox.mailbox.set_faults(Faults { swallow_mails: [2].into(), ..Faults::default() });
    assert!(matches!(send(&world, &mail(1)).await, Outcome::Accepted(_)));
    assert!(matches!(send(&world, &mail(2)).await, Outcome::Unknown { .. }));
    assert_eq!(world.sandbox.mailbox.mails().len(), 2);
    world.end().await;
}

#[tokio::test]
async fn refusals_keep_nothing() {
    let world = world().await;
    let refuse = Some("451 4.3.0 later".to_owned());
    let address = "jonas@northwind.example".to_owned();
    let unknown = [(address, "550 5.1.1 no such user".to_owned())].into();
    for (faults, expected) in [
        (Faults { refuse, ..Faults::default() }, Class::Retry { after: None }),
        (Faults { refuse_recipients: unknown, ..Faults::default() }, Class::BadAddress),
    ] {
        world.sandbox.mailbox.set_faults(faults);
        let Outcome::Rejected(rejection) = send(&world, &mail(1)).await else { panic!() };
        assert_eq!(rejection.class, expected);
    }
    let large = vec![b'x'; 11 * 1024 * 1024];
    world.sandbox.mailbox.set_faults(Faults::default());
    let envelope = Envelope { from: "a@b.example".into(), to: "c@d.example".into() };
    let Outcome::Rejected(rejection) = mailer(&world).send(&envelope, &large, ready(Ok(()))).await else {
        panic!()
    };
    assert_eq!(rejection.class, Class::Permanent);
    assert!(world.sandbox.mailbox.mails().is_empty());
    world.end().await;
}

#[tokio::test]
async fn another_client_is_understood() {
    let world = world().await;
    let message = Message::builder()
        .from("Sam <sam@afterglow.example>".parse().unwrap())
        .to("priya@bluebird.example".parse().unwrap())
        .subject("Hello")
        .multipart(MultiPart::alternative_plain_html("plain".to_owned(), "<b>bold</b>".to_owned()))
        .unwrap();
    let transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("127.0.0.1")
        .port(world.sandbox.smtp.port())
        .build();
    transport.send(message).await.unwrap();
    let letter = world.sandbox.mailbox.mails()[0].letter();
    assert_eq!(
        (letter.text.trim_end(), letter.html.as_deref().map(str::trim_end)),
        ("plain", Some("<b>bold</b>"))
    );
    world.end().await;
}

#[tokio::test]
async fn commands_may_come_in_one_piece_and_wrong_ones_do_no_harm() {
    let world = world().await;
    let mut stream = tokio::net::TcpStream::connect(world.sandbox.smtp).await.unwrap();
    let piece = "EHLO me\r\nDATA\r\nRCPT TO:<x@y.example>\r\nMAIL FROM:nobody\r\nVRFY x\r\nMAIL FROM:<a@b.example> BODY=8BITMIME\r\n\
                 RCPT TO:<x@y.example>\r\nDATA\r\nSubject: hi\r\n\r\n..stuffed\r\n.\r\nQUIT\r\n";
    stream.write_all(piece.as_bytes()).await.unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).await.unwrap();
    let codes: Vec<&str> =
        answers.lines().filter(|line| line.as_bytes()[3] == b' ').map(|line| &line[..3]).collect();
    assert_eq!(codes, ["220", "250", "503", "503", "501", "502", "250", "250", "354", "250", "221"]);
    assert!(world.sandbox.mailbox.mails()[0].raw().ends_with(b"\r\n\r\n.stuffed\r\n"));
    world.end().await;
}
