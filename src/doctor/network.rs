//! The way to the service, and whether it is the service: nothing that is signed is sent.

use std::time::{Duration, Instant};

use crate::deadline::Deadline;
use crate::doctor::sheet::Sheet;
use crate::doctor::{Case, Service};
use crate::exchange::http::Answer;
use crate::exchange::http::trial::{self, Trial};
use crate::exchange::proxy::{Between, between};
use crate::exchange::roles_anywhere::{self, answer};
use crate::exchange::{self, Error};
use crate::output::doctor::{Facts, Name};

/// Beyond this, in seconds, a clock will soon be a nuisance; and signatures are refused.
const CLOCK: (u64, u64) = (60, 300);

/// The steps between the proxy and the clock.
const BEYOND: [Name; 5] = [Name::Name, Name::Connection, Name::Tls, Name::Endpoint, Name::Clock];

pub(super) async fn examine(case: &Case, sheet: &mut Sheet) {
    let Some(service) = &case.service else {
        let because = "no region is known: give --trust-anchor-arn or --region";
        sheet.skip(Name::Proxy, because);
        return BEYOND.into_iter().for_each(|step| sheet.skip(step, because));
    };
    let way = Way { service, deadline: &case.settings.deadline };
    let proxied = match way.proxy(sheet).await {
        Ok(proxied) => proxied,
        Err(()) => return way.end_before(&BEYOND, "the proxy cannot be reached", sheet),
    };
    if proxied {
        sheet.skip(Name::Name, "the proxy looks the name up");
    } else if let Err((steps, because)) = way.connection(sheet).await {
        return way.end_before(BEYOND.get(steps..).unwrap_or_default(), because, sheet);
    }
    way.beyond(proxied, sheet).await;
}

/// What is tried, and until when.
struct Way<'a> {
    service: &'a Service,
    deadline: &'a Deadline,
}

impl Way<'_> {
    fn end_before(&self, steps: &[Name], because: &str, sheet: &mut Sheet) {
        for step in steps {
            match step {
                Name::Endpoint => sheet.skip_knowing(*step, self.endpoint(None), because),
                step => sheet.skip(*step, because),
            }
        }
    }

    /// Whether there is one.
    async fn proxy(&self, sheet: &mut Sheet) -> Result<bool, ()> {
        let none = |excepted| Facts::Proxy { url: None, from: None, excepted };
        match between(&self.service.endpoint) {
            Between::Nothing => sheet.ok(Name::Proxy, none(false)),
            Between::Excepted => sheet.ok(Name::Proxy, none(true)),
            Between::Unclear { variable } => {
                let about = format!("{variable} is not the URL of a proxy, and is ignored");
                sheet.warn(Name::Proxy, none(false), about, "write it as http://host:port");
            }
            Between::Proxy { url, host, port, variable } => {
                let facts = Facts::Proxy { url: Some(url), from: Some(variable), excepted: false };
                if let Err(error) = reach_proxy(&host, port).await {
                    sheet.fail(Name::Proxy, Some(facts), error);
                    return Err(());
                }
                sheet.ok(Name::Proxy, facts);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Name and TCP; how many steps were tried where one failed.
    async fn connection(&self, sheet: &mut Sheet) -> Result<(), (usize, &'static str)> {
        let (host, port) = self.service.endpoint.place();
        let found = match trial::addresses(&host, port).await {
            Ok(found) => found,
            Err(error) => {
                sheet.fail(Name::Name, None, error);
                return Err((1, "its name has no address"));
            }
        };
        let addresses = found.iter().map(|address| address.ip().to_string()).collect();
        sheet.ok(Name::Name, Facts::Name { host, addresses });
        match trial::reach(&self.service.endpoint.host(), &found).await {
            Ok((address, took)) => {
                let address = Some(address.to_string());
                let milliseconds = milliseconds(took);
                sheet.ok(Name::Connection, Facts::Connection { address, milliseconds });
                Ok(())
            }
            Err(error) => {
                sheet.fail(Name::Connection, None, error);
                Err((2, "there is no connection"))
            }
        }
    }

    /// TLS, a proxy's tunnel before it, and what answers.
    async fn beyond(&self, proxied: bool, sheet: &mut Sheet) {
        let endpoint = &self.service.endpoint;
        let trial = match Trial::new(endpoint.clone(), self.service.roots.clone()).await {
            Ok(trial) => trial,
            Err(error) => {
                if proxied {
                    sheet.skip(Name::Connection, "TLS cannot begin");
                }
                sheet.fail(Name::Tls, None, error);
                return self.end_before(&BEYOND[3..], "TLS cannot begin", sheet);
            }
        };
        let start = Instant::now();
        let connected = trial.connect().await;
        let refused = matches!(connected, Err(Error::Insecure { .. }));
        if proxied {
            let facts =
                Facts::Connection { address: None, milliseconds: milliseconds(start.elapsed()) };
            match connected {
                Err(error) if !refused => {
                    sheet.fail(Name::Connection, None, error);
                    return self.end_before(&BEYOND[2..], "there is no connection", sheet);
                }
                _ => sheet.ok(Name::Connection, facts),
            }
        }
        match connected {
            _ if endpoint.is_plain() => sheet.skip(Name::Tls, "plain http stays on this computer"),
            Ok(()) => sheet.ok(Name::Tls, self.tls(&trial)),
            Err(error) => {
                sheet.fail(Name::Tls, Some(self.tls(&trial)), error);
                return self.end_before(&BEYOND[3..], "TLS failed", sheet);
            }
        }
        self.answer(&trial, sheet).await;
    }

    fn tls(&self, trial: &Trial) -> Facts {
        let seen = trial.handshake();
        let roots = self.service.trusted.clone();
        Facts::Tls { version: seen.version, issuer: seen.issuer, roots }
    }

    /// An unsigned request, which the service refuses in its own way.
    async fn answer(&self, trial: &Trial, sheet: &mut Sheet) {
        let start = Instant::now();
        match trial.ask(roles_anywhere::PATH, self.deadline).await {
            Err(error) => {
                sheet.fail(Name::Endpoint, Some(self.endpoint(None)), error);
                sheet.skip(Name::Clock, "no service has answered");
            }
            Ok(answer) => {
                let facts = self.endpoint(Some((answer.status, milliseconds(start.elapsed()))));
                if let Err(error) = self.judged(&answer) {
                    sheet.fail(Name::Endpoint, Some(facts), error);
                    return sheet.skip(Name::Clock, "no service has answered");
                }
                sheet.ok(Name::Endpoint, facts);
                clock(&answer, sheet);
            }
        }
    }

    fn judged(&self, answer: &Answer) -> Result<(), Error> {
        let host = self.service.endpoint.host();
        if answer.status == 429 || answer.status >= 500 {
            return Err(Error::Refused { host, refusal: answer::refusal(answer) });
        }
        if answer::is_of_a_service(answer) {
            return Ok(());
        }
        let reason = format!("a request without a signature got HTTP status {}", answer.status);
        Err(Error::Answer { host, reason })
    }

    fn endpoint(&self, answered: Option<(u16, u64)>) -> Facts {
        Facts::Endpoint {
            url: self.service.endpoint.to_string(),
            from: self.service.from,
            http_status: answered.map(|(status, _)| status),
            milliseconds: answered.map(|(_, time)| time),
        }
    }
}

async fn reach_proxy(host: &str, port: u16) -> Result<(), Error> {
    let addresses = trial::addresses(host, port).await?;
    trial::reach(&format!("the proxy {host}:{port}"), &addresses).await.map(drop)
}

fn clock(answer: &Answer, sheet: &mut Sheet) {
    let Some(ahead) = answer.clock_ahead else {
        return sheet.skip(Name::Clock, "the answer has no time");
    };
    let facts = Facts::Clock { service_ahead: ahead };
    match ahead.unsigned_abs() {
        off if off > CLOCK.1 => {
            sheet.fail(Name::Clock, Some(facts), exchange::Error::Clock { ahead })
        }
        off if off > CLOCK.0 => {
            let about = "signatures are good for five minutes";
            sheet.warn(Name::Clock, facts, about, "set it right, and keep it so by NTP");
        }
        _ => sheet.ok(Name::Clock, facts),
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
