//! The closed lists: intents, channels, emotional stages.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! closed_list {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $text)] $variant),+
        }

        impl $name {
            /// Every value, in the order of the language.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word used in files and on screens.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The value of a word; `None` where it is not in the list.
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

closed_list!(
    /// Why a moment exists.
    Intent {
        /// The first hello after the signature.
        Welcome = "welcome",
        /// What comes next, before it is asked for.
        Anticipate = "anticipate",
        /// A look at how the first days went.
        CheckIn = "check_in",
        /// A question, and an answer that is read.
        Listen = "listen",
        /// Something was reached.
        Celebrate = "celebrate",
        /// Something useful.
        Value = "value",
        /// An offer to go further; never a push to buy.
        NextStep = "next_step",
        /// Thanks.
        Appreciate = "appreciate",
        /// Making good.
        Repair = "repair",
    }
);

closed_list!(
    /// How a touchpoint reaches somebody.
    Channel {
        /// A gift with its mail: one touchpoint, two ledger steps.
        Gift = "gift",
        /// A mail to the recipient.
        Mail = "mail",
        /// A piece of work for the owner; in this release a mail to the owner.
        Task = "task",
    }
);

closed_list!(
    /// The emotional stages of a customer.
    Stage {
        /// Before the product is in use.
        Anticipation = "anticipation",
        /// The product is in use.
        Usage = "usage",
        /// Was it the right decision?
        Doubt = "doubt",
        /// It was.
        Satisfaction = "satisfaction",
        /// It hurts.
        Frustration = "frustration",
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_values_agree() {
        for intent in Intent::ALL {
            assert_eq!(Intent::parse(intent.as_str()), Some(*intent));
        }
        assert_eq!(Channel::parse("fax"), None);
        assert_eq!(Stage::ALL.len(), 5);
    }
}
