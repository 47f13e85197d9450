//! The hand of the person who owns the card: it inserts it, pulls it and touches it, or does not.

use std::fmt;
use std::net::{Shutdown, TcpStream};
use std::str::FromStr;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// When the sensor is touched.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Touch {
    /// That long after it is asked for.
    After(Duration),
    /// It is refused, after a short wait.
    Deny,
    /// Nobody touches.
    Never,
}

/// How a wait for the touch ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Touched {
    /// Refused.
    Denied,
    /// Touched.
    Given,
    /// The card was pulled meanwhile.
    Pulled,
    /// Nobody touched in time.
    Timeout,
}

/// The hand, shared by the card and by those who lead it.
pub struct Hand {
    intent: Mutex<Intent>,
    changed: Condvar,
    patience: Duration,
}

/// What the hand is about to do, and the line while it is up.
struct Intent {
    touch: Touch,
    holds_in: bool,
    leaves: bool,
    line: Option<TcpStream>,
}

/// How long a refusal takes.
const REFUSAL: Duration = Duration::from_millis(200);
/// How long an insertion may take: vpcd answers at once, unless its pcscd is down.
const INSERTION: Duration = Duration::from_secs(10);

impl Hand {
    /// A hand that inserts the card at once; a touch is waited for as long as `patience`.
    pub fn new(touch: Touch, patience: Duration) -> Self {
        let intent = Intent { touch, holds_in: true, leaves: false, line: None };
        Self { intent: Mutex::new(intent), changed: Condvar::new(), patience }
    }

    /// What the hand does about touches from now on, and about one that is being waited for.
    pub fn set_touch(&self, touch: Touch) {
        self.change(|intent| intent.touch = touch);
    }

    /// Pulls the card.
    pub fn remove(&self) {
        self.change(|intent| {
            intent.holds_in = false;
            intent.cut();
        });
    }

    /// Inserts the card; false when no reader takes it.
    pub fn insert(&self) -> bool {
        self.change(|intent| intent.holds_in = true);
        let without = |intent: &mut Intent| intent.holds_in && intent.line.is_none();
        let waited = self.changed.wait_timeout_while(self.intent(), INSERTION, without);
        waited.unwrap_or_else(PoisonError::into_inner).0.line.is_some()
    }

    /// Pulls the card for good.
    pub fn leave(&self) {
        self.change(|intent| {
            intent.leaves = true;
            intent.cut();
        });
    }

    /// Waits until the card is to be in the reader, and puts it back by itself after `back`. False when that will
    /// not be any more.
    pub fn awaits_insertion(&self, back: Option<Duration>) -> bool {
        let out = |intent: &mut Intent| !intent.holds_in && !intent.leaves;
        let mut intent = match back {
            Some(time) => {
                let waited = self.changed.wait_timeout_while(self.intent(), time, out);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => {
                self.changed.wait_while(self.intent(), out).unwrap_or_else(PoisonError::into_inner)
            }
        };
        intent.holds_in = true;
        !intent.leaves
    }

    /// Whether the card is to be in the reader.
    pub fn holds_in(&self) -> bool {
        let intent = self.intent();
        intent.holds_in && !intent.leaves
    }

    /// Notes the line to the reader, to be cut when the card is pulled, or that there is none any more.
    pub fn note(&self, line: Option<TcpStream>) {
        self.change(|intent| {
            intent.line = line;
            if !intent.holds_in || intent.leaves {
                intent.cut();
            }
        });
    }

    /// Waits that long, or until the card is pulled.
    pub fn pause(&self, time: Duration) {
        let inside = |intent: &mut Intent| intent.holds_in && !intent.leaves;
        drop(self.changed.wait_timeout_while(self.intent(), time, inside));
    }

    /// Waits for a touch.
    pub fn awaits_touch(&self) -> Touched {
        let start = Instant::now();
        let mut intent = self.intent();
        loop {
            if !intent.holds_in || intent.leaves {
                return Touched::Pulled;
            }
            let (wait, end) = self.decision(intent.touch);
            let left = wait.saturating_sub(start.elapsed());
            if left.is_zero() {
                return end;
            }
            let waited = self.changed.wait_timeout(intent, left);
            intent = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn decision(&self, touch: Touch) -> (Duration, Touched) {
        match touch {
            Touch::After(time) if time < self.patience => (time, Touched::Given),
            Touch::After(_) | Touch::Never => (self.patience, Touched::Timeout),
            Touch::Deny => (REFUSAL, Touched::Denied),
        }
    }

    fn change(&self, how: impl FnOnce(&mut Intent)) {
        how(&mut self.intent());
        self.changed.notify_all();
    }

    fn intent(&self) -> MutexGuard<'_, Intent> {
        self.intent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intent {
    fn cut(&mut self) {
        if let Some(line) = self.line.take() {
            // whoever reads from it hears the end, and closes it; an error says that the reader was quicker
            let _ = line.shutdown(Shutdown::Read);
        }
    }
}

impl fmt::Display for Touched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Denied => "denied",
            Self::Given => "given",
            Self::Pulled => "pulled",
            Self::Timeout => "timeout",
        })
    }
}

impl FromStr for Touch {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match (word, word.parse()) {
            ("auto", _) => Ok(Self::After(Duration::ZERO)),
            ("deny", _) => Ok(Self::Deny),
            ("never", _) => Ok(Self::Never),
            (_, Ok(milliseconds)) => Ok(Self::After(Duration::from_millis(milliseconds))),
            _ => Err(format!("no touch {word}: auto, deny, never, or milliseconds")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_millis(60);

    #[test]
    fn a_touch_ends_as_the_hand_intends() {
        for (touch, end) in [
            ("auto", Touched::Given),
            ("10", Touched::Given),
            ("1000", Touched::Timeout),
            ("never", Touched::Timeout),
            ("deny", Touched::Denied),
        ] {
            let hand = Hand::new(touch.parse().expect("a touch"), PATIENCE);
            assert_eq!(hand.awaits_touch(), end, "{touch}");
        }
        assert!("perhaps".parse::<Touch>().is_err());
    }

    #[test]
    fn a_change_of_mind_ends_the_wait() {
        let hand = Hand::new(Touch::Never, Duration::from_secs(60));
        std::thread::scope(|scope| {
            let wait = scope.spawn(|| hand.awaits_touch());
            hand.set_touch(Touch::After(Duration::ZERO));
            assert_eq!(wait.join().expect("no panic"), Touched::Given);
        });
        hand.set_touch(Touch::Never);
        hand.remove();
        assert_eq!(hand.awaits_touch(), Touched::Pulled);
    }

    #[test]
    fn a_card_can_come_back_by_itself() {
        let hand = Hand::new(Touch::Never, PATIENCE);
        hand.remove();
        assert!(!hand.holds_in());
        assert!(hand.awaits_insertion(Some(Duration::from_millis(5))));
        assert!(hand.holds_in());
        hand.leave();
        assert!(!hand.awaits_insertion(None));
    }
}
