//! Cookies of users: what each one's client was told to keep.

use std::collections::BTreeMap;

use crate::base::Span;
use crate::engine::live::clock::Moment;

/// Cookies by user. A cookie without `Max-Age` is kept as long as the run; paths and domains do not
/// matter, because there is one host.
#[derive(Debug, Default)]
pub(super) struct Jar {
    users: BTreeMap<u32, Vec<Cookie>>,
}

#[derive(Debug)]
struct Cookie {
    name: Vec<u8>,
    value: Vec<u8>,
    expires: Moment,
}

/// Cookies that are kept for one user; the oldest makes room.
const MOST: usize = 16;

impl Jar {
    /// Does what a `Set-Cookie` header says at `now`. Returns the cookie's name, or `None` when it
    /// is not a cookie.
    pub(super) fn set<'h>(&mut self, user: u32, header: &'h [u8], now: Moment) -> Option<&'h [u8]> {
        let mut parts = header.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let pair = parts.next()?;
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (pair[..equals].trim_ascii(), pair[equals + 1..].trim_ascii());
        if name.is_empty() {
            return None;
        }
        let expires = parts
            .find_map(max_age)
            .map_or(Moment::NEVER, |age| match age {
                ..=0 => now,
                age => now + Span::from_secs(age as u64),
            });
        let kept = self.users.entry(user).or_default();
        let place = kept.iter().position(|cookie| cookie.name == name);
        match place {
            Some(place) if expires <= now => {
                kept.remove(place);
            }
            None if expires <= now => {}
            Some(place) => {
                let cookie = &mut kept[place];
                cookie.value.clear();
                cookie.value.extend_from_slice(value);
                cookie.expires = expires;
            }
            None => {
                if kept.len() == MOST {
                    kept.remove(0);
                }
                kept.push(Cookie {
                    name: name.to_vec(),
                    value: value.to_vec(),
                    expires,
                });
            }
        }
        Some(name)
    }

    /// Names and values of a user's cookies that have not expired at `now`.
    pub(super) fn of(&self, user: u32, now: Moment) -> impl Iterator<Item = (&[u8], &[u8])> {
        let kept = self.users.get(&user).map_or(&[][..], Vec::as_slice);
        kept.iter()
            .filter(move |cookie| now < cookie.expires)
            .map(|cookie| (&cookie.name[..], &cookie.value[..]))
    }
}

/// Seconds of a `Max-Age` attribute; none of any other, nor of what is not a number.
fn max_age(attribute: &[u8]) -> Option<i64> {
    let equals = attribute.iter().position(|byte| *byte == b'=')?;
    let name = attribute[..equals].trim_ascii();
    if !name.eq_ignore_ascii_case(b"max-age") {
        return None;
    }
    let text = std::str::from_utf8(attribute[equals + 1..].trim_ascii()).ok()?;
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(jar: &Jar, user: u32, now: Moment) -> Vec<String> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        jar.of(user, now)
            .map(|(name, value)| format!("{}={}", text(name), text(value)))
            .collect()
    }

    #[test]
    fn a_cookie_is_its_users_until_its_age_is_over() {
        let (mut jar, now) = (Jar::default(), Moment::now());
        let name = jar.set(
            1,
            b"coalmine-version=canary; Path=/; max-age=2; HttpOnly",
            now,
        );
        assert_eq!(name, Some(&b"coalmine-version"[..]));
        jar.set(1, b"theme=dark", now);
        assert_eq!(
            held(&jar, 1, now),
            ["coalmine-version=canary", "theme=dark"]
        );
        assert_eq!(held(&jar, 2, now), [""; 0]);
        let later = now + Span::from_secs(2);
        assert_eq!(held(&jar, 1, later), ["theme=dark"]);
        // Set again, it lasts from then on; an age of zero takes it away.
        jar.set(1, b"coalmine-version=stable; Max-Age=2", later);
        assert_eq!(
            held(&jar, 1, later),
            ["coalmine-version=stable", "theme=dark"]
        );
        jar.set(1, b"coalmine-version=; Max-Age=0", later);
        jar.set(1, b"theme=; Max-Age=-1", later);
        assert_eq!(held(&jar, 1, later), [""; 0]);
    }

    #[test]
    fn what_is_no_cookie_is_ignored_and_a_jar_holds_so_many() {
        let (mut jar, now) = (Jar::default(), Moment::now());
        assert_eq!(jar.set(1, b"nothing", now), None);
        assert_eq!(jar.set(1, b"=x; Max-Age=1", now), None);
        for number in 0..40 {
            jar.set(1, format!("n{number}=v").as_bytes(), now);
        }
        let held = held(&jar, 1, now);
        assert_eq!((held.len(), held[0].as_str()), (MOST, "n24=v"));
    }
}
