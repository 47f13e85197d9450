use super::*;

/// A token that takes one PIN, and counts what it is sent.
struct Token {
    tries: Tries,
    initialised: bool,
    sent: usize,
}

impl Token {
    fn saying(tries: Tries) -> Self {
        Self { tries, initialised: true, sent: 0 }
    }
}

impl Door for Token {
    fn holder(&self) -> Holder {
        Holder::Token("lab".to_owned())
    }

    fn identity(&self) -> Vec<String> {
        vec!["lab".to_owned()]
    }

    fn key(&self) -> String {
        String::new()
    }

    fn takes_what_is_configured(&self) -> bool {
        true
    }

    fn may_have_its_own_pin(&self) -> bool {
        false
    }

    fn state(&mut self) -> Result<PinState, Failure> {
        Ok(PinState { tries: self.tries, initialised: self.initialised })
    }

    fn enter(&mut self, _: Pin) -> Result<(), Failure> {
        self.sent += 1;
        Ok(())
    }
}

fn etiquette(last_try: bool) -> Etiquette {
    let rules = PinRules { last_try, no_prompt: true, ..PinRules::default() };
    Etiquette::new(rules, None)
}

/// What opening comes to, with nothing configured and nobody to ask.
fn opened(door: &mut Token, last_try: bool) -> Failure {
    let answer = etiquette(last_try).open(door, &mut |_| Ok(()));
    assert_eq!(door.sent, 0);
    answer.expect_err("there is no PIN")
}

#[test]
fn a_locked_pin_is_never_tried() {
    for last_try in [false, true] {
        let failure = opened(&mut Token::saying(Tries::None), last_try);
        assert!(matches!(failure, Failure::PinLocked { sent: None, .. }));
    }
}

#[test]
fn the_last_try_is_used_only_by_name() {
    let failure = opened(&mut Token::saying(Tries::One), false);
    assert!(matches!(failure, Failure::PinAtLastTry { .. }));
    let failure = opened(&mut Token::saying(Tries::One), true);
    assert!(matches!(failure, Failure::NoTerminal { prompts: false, .. }));
}

#[test]
fn a_token_without_a_user_pin_is_left_alone() {
    let mut token = Token { initialised: false, ..Token::saying(Tries::Unknown) };
    assert!(matches!(opened(&mut token, false), Failure::NoPinSet { .. }));
    for tries in [Tries::Unknown, Tries::Few] {
        let failure = opened(&mut Token::saying(tries), false);
        assert!(matches!(failure, Failure::NoTerminal { .. }));
    }
}

#[test]
fn a_failure_that_is_no_refusal_is_the_end() {
    let lost = Failure::Removed { subject: "token 'lab'".to_owned(), cause: String::new() };
    let answer = etiquette(false).second_pin(&mut Token::saying(Tries::Few), lost, &mut |_| Ok(()));
    assert!(matches!(answer, Err(Failure::Removed { .. })));
}

#[test]
fn what_a_person_is_told_depends_on_what_they_know() {
    assert_eq!(tries_left(Tries::Unknown, "PIN", false), None);
    assert!(tries_left(Tries::Unknown, "PIN", true).is_some());
    assert_ne!(tries_left(Tries::Few, "PIN", false), tries_left(Tries::Few, "PIN", true));
}
