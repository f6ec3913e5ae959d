use super::*;

#[test]
fn knowledge_is_as_old_as_the_latest_mark() {
    let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
    let lag = SignalsLag::default();
    assert!(!lag.is_fresh(at(0)), "nothing was read yet");
    lag.decided_up_to(at(900));
    assert_eq!(lag.behind(at(1000)), Duration::from_secs(100));
    assert!(!lag.is_fresh(at(1000)));
    lag.decided_up_to(at(999));
    lag.decided_up_to(at(950));
    assert_eq!(lag.behind(at(1000)), Duration::from_secs(1), "an earlier instant changes nothing");
    assert!(lag.is_fresh(at(1059)));
    assert!(!lag.is_fresh(at(1060)), "a reader that does not come back grows old");
}
