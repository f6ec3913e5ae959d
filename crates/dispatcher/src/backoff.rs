//! How long to wait before a vendor is asked again.

use std::time::Duration;

use afterglow_domain::TouchpointId;

/// The first pause.
const BASE: Duration = Duration::from_secs(2);

/// The longest pause: a vendor that is back is noticed within a quarter of an hour.
const CAP: Duration = Duration::from_mins(15);

/// The pause after the `tries`th disappointment: doubling, between half and all of it by the touchpoint's
/// id, so that those who failed together do not come back together.
pub(crate) fn pause(tries: u32, id: TouchpointId) -> Duration {
    let full = BASE.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(CAP);
    let spread = u32::from(id.as_bytes()[15].wrapping_add(u8::try_from(tries % 256).unwrap_or(0)));
    full / 2 + full / 2 * spread / 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_growing() {
        let id = TouchpointId::from_slice(&[255; 16]).unwrap();
        let mut last = Duration::ZERO;
        for tries in 1..200 {
            let pause = pause(tries, id);
            assert!(pause <= CAP && pause >= BASE / 2, "{pause:?}");
            last = pause;
        }
        assert!(last >= CAP / 2);
    }
}
