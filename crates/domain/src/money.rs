//! Money: integer minor units with an ISO 4217 code; never a float.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The largest amount accepted anywhere, in minor units: 10^12 is far above any deal or gift, and
/// sums of many still fit an i64.
pub const MINOR_MAX: i64 = 1_000_000_000_000;

/// Why a text is not money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMoney {
    /// Not three letters A to Z.
    #[error("{0:?} is not an ISO 4217 currency code such as USD")]
    Currency(String),
    /// Not a plain decimal number.
    #[error("{0:?} is not a plain decimal amount such as 25 or 25.50")]
    Amount(String),
    /// More decimals than the currency has.
    #[error("{amount:?} has more decimals than {currency} has ({digits})")]
    Precision {
        /// The text given.
        amount: String,
        /// The currency.
        currency: Currency,
        /// How many decimals it has.
        digits: u32,
    },
    /// Beyond [`MINOR_MAX`].
    #[error("{0:?} is too large")]
    TooLarge(String),
    /// Not "amount CODE".
    #[error("{0:?} is not money; write it as 25 USD")]
    Form(String),
}

/// An ISO 4217 code, three letters A to Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    /// US dollars, the default budget's currency.
    pub const USD: Self = Self(*b"USD");
    /// Euro.
    pub const EUR: Self = Self(*b"EUR");

    /// Checks the code; lower case is refused, since one currency has one spelling.
    pub fn new(code: &str) -> Result<Self, InvalidMoney> {
        match code.as_bytes() {
            [a, b, c] if [a, b, c].iter().all(|x| x.is_ascii_uppercase()) => Ok(Self([*a, *b, *c])),
            _ => Err(InvalidMoney::Currency(code.chars().take(16).collect())),
        }
    }

    /// The three letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("checked to be ASCII at construction")
    }

    /// How many decimals the currency has (ISO 4217 minor unit exponent).
    pub fn digits(self) -> u32 {
        match self.as_str() {
            "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI"
            | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
            "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
            "CLF" | "UYW" => 4,
            _ => 2,
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Currency {
    type Err = InvalidMoney;
    fn from_str(code: &str) -> Result<Self, InvalidMoney> {
        Self::new(code)
    }
}

impl TryFrom<String> for Currency {
    type Error = InvalidMoney;
    fn try_from(code: String) -> Result<Self, InvalidMoney> {
        Self::new(&code)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> String {
        currency.as_str().to_owned()
    }
}

/// An amount in minor units (cents) of one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Minor units: cents for USD, whole yen for JPY.
    pub minor: i64,
    /// The currency of the minor units.
    pub currency: Currency,
}

impl Money {
    /// An amount from minor units.
    pub fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Reads an exact decimal such as `120000.0` or `25.50`. Zeros beyond the currency's decimals
    /// are accepted (CRMs send `120000.0` for yen too), other digits there are not.
    pub fn parse_decimal(amount: &str, currency: Currency) -> Result<Self, InvalidMoney> {
        let digits = currency.digits();
        let bad = || InvalidMoney::Amount(amount.chars().take(40).collect());
        let (negative, unsigned) = amount.strip_prefix('-').map_or((false, amount), |rest| (true, rest));
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !plain(whole) || !plain(fraction) || unsigned.ends_with('.') {
            return Err(bad());
        }
        let kept = fraction.len().min(digits as usize);
        if fraction[kept..].bytes().any(|b| b != b'0') {
            return Err(InvalidMoney::Precision { amount: amount.to_owned(), currency, digits });
        }
        let padded = format!("{whole}{:0<width$}", &fraction[..kept], width = digits as usize);
        let too_large = || InvalidMoney::TooLarge(amount.chars().take(40).collect());
        let minor: i64 = padded.parse().map_err(|_| too_large())?;
        if minor > MINOR_MAX {
            return Err(too_large());
        }
        Ok(Self { minor: if negative { -minor } else { minor }, currency })
    }

    /// The amount as an exact decimal without the code: `25.00`.
    pub fn decimal(&self) -> String {
        let digits = self.currency.digits();
        let scale = 10_u64.pow(digits);
        let (whole, rest) = (self.minor.unsigned_abs() / scale, self.minor.unsigned_abs() % scale);
        let sign = if self.minor < 0 { "-" } else { "" };
        if digits == 0 {
            format!("{sign}{whole}")
        } else {
            format!("{sign}{whole}.{rest:0width$}", width = digits as usize)
        }
    }
}

/// `25 USD`, or `25.50 USD` where there are cents: the form of the journey file.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimal = self.decimal();
        let short = decimal.split_once('.').filter(|(_, cents)| cents.bytes().all(|b| b == b'0'));
        write!(f, "{} {}", short.map_or(decimal.as_str(), |(whole, _)| whole), self.currency)
    }
}

impl std::str::FromStr for Money {
    type Err = InvalidMoney;
    fn from_str(text: &str) -> Result<Self, InvalidMoney> {
        let (amount, code) = text.split_once(' ').ok_or_else(|| InvalidMoney::Form(text.to_owned()))?;
        Self::parse_decimal(amount, Currency::new(code)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_exact() {
        assert_eq!("25 USD".parse::<Money>().unwrap(), Money::new(2500, Currency::USD));
        assert_eq!("25.5 USD".parse::<Money>().unwrap().minor, 2550);
        assert_eq!("-0.07 EUR".parse::<Money>().unwrap().decimal(), "-0.07");
        let yen = Currency::new("JPY").unwrap();
        assert_eq!(Money::parse_decimal("120000.0", yen).unwrap().minor, 120_000);
        assert_eq!(Money::new(2500, Currency::USD).to_string(), "25 USD");
        assert_eq!(Money::new(2550, Currency::USD).to_string(), "25.50 USD");
    }

    #[test]
    fn what_is_not_exact_money_is_refused() {
        for bad in [
            "25",
            "25USD",
            "25 usd",
            "1e3 USD",
            "NaN USD",
            "2.555 USD",
            " 25 USD",
            "25. USD",
            ".5 USD",
            "1000000000000 USD",
        ] {
            assert!(bad.parse::<Money>().is_err(), "{bad}");
        }
    }
}
