//! The access token: fetched once with client credentials, kept until Salesforce ends it.

use std::sync::Arc;

use afterglow_domain::Crm;
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;

use super::{Options, status, wire};
use crate::read::Error;
use crate::transport::Transport;

/// What a login gave.
pub(super) struct Token {
    pub(super) access_token: SecretString,
    /// Where the org answers, without a slash at the end.
    pub(super) instance_url: String,
}

/// The current token, if any. The lock is held while logging in, so that many readers log in once.
#[derive(Default)]
pub(super) struct Session(Mutex<Option<Arc<Token>>>);

impl Session {
    /// The token; logs in if there is none.
    pub(super) async fn token(
        &self,
        transport: &Transport,
        http: &reqwest::Client,
        options: &Options,
    ) -> Result<Arc<Token>, Error> {
        let mut current = self.0.lock().await;
        if let Some(token) = &*current {
            return Ok(token.clone());
        }
        let token = Arc::new(login(transport, http, options).await?);
        *current = Some(token.clone());
        Ok(token)
    }

    /// Forgets this token, unless another reader has already replaced it.
    pub(super) async fn end(&self, token: &Arc<Token>) {
        let mut current = self.0.lock().await;
        if current.as_ref().is_some_and(|held| Arc::ptr_eq(held, token)) {
            *current = None;
        }
    }
}

async fn login(transport: &Transport, http: &reqwest::Client, options: &Options) -> Result<Token, Error> {
    let base = options.base_url.trim_end_matches('/');
    let url = format!("{base}/services/oauth2/token");
    let build = || {
        http.post(&url)
            .basic_auth(&options.client_id, Some(options.client_secret.expose_secret()))
            .form(&[("grant_type", "client_credentials")])
    };
    let answer = transport.call(build, status::judge).await?;
    if !answer.status.is_success() {
        // A refused login is `{"error": …}` with 400 or 401; neither gets better by itself.
        return Err(status::unauthorised(answer.status.as_u16()));
    }
    let login: wire::Login = answer.read("the reply to the login")?;
    if !is_theirs(base, &login.instance_url) {
        let what = "an instance_url that is neither the configured host nor one of Salesforce's".to_owned();
        return Err(Error::Invalid { vendor: Crm::Salesforce, what });
    }
    let instance_url = login.instance_url.trim_end_matches('/').to_owned();
    Ok(Token { access_token: login.access_token.into(), instance_url })
}

/// The token goes only where it came from, or to Salesforce over the same scheme.
fn is_theirs(base: &str, instance: &str) -> bool {
    let (Ok(base), Ok(instance)) = (Url::parse(base), Url::parse(instance)) else { return false };
    let salesforce = |host: &str| host.ends_with(".salesforce.com") || host.ends_with(".force.com");
    base.origin() == instance.origin()
        || (base.scheme() == instance.scheme() && instance.host_str().is_some_and(salesforce))
}

#[cfg(test)]
mod tests {
    use super::is_theirs;

    #[test]
    fn a_token_does_not_leave_salesforce() {
        assert!(is_theirs("http://127.0.0.1:8080", "http://127.0.0.1:8080/"));
        assert!(is_theirs("https://acme.my.salesforce.com", "https://eu12.salesforce.com"));
        for bad in [
            "https://evil.example",
            "http://acme.my.salesforce.com",
            "https://salesforce.com.evil.example",
            "x",
        ] {
            assert!(!is_theirs("https://acme.my.salesforce.com", bad), "{bad}");
        }
    }
}
