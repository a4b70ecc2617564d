//! Reading a long list of services with one of them in memory at a time.

use std::fmt;
use std::io::Read;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// Reads each service of `{"services": […]}`, of a bare list, or of several of them one after the other, as the
/// pages of an API are when they are written to one file. `each` returns false to stop.
///
/// # Errors
/// A sentence for people: where the JSON is broken, or that there is no list. Every service before it has been
/// given to `each`.
pub(crate) fn read_services<F>(from: impl Read, mut each: F) -> Result<(), String>
where
    F: FnMut(Value) -> bool,
{
    let mut input = serde_json::Deserializer::from_reader(from);
    let mut lists = 0_u64;
    // A file without anything in it has no list, and is told so.
    while lists == 0 || input.end().is_err() {
        let found = Document(&mut each).deserialize(&mut input);
        let found = found.map_err(|error| error.to_string())?;
        if !found {
            return Err("there is no list `services` in it".to_owned());
        }
        lists += 1;
    }
    Ok(())
}

/// A document; it tells if it has a list.
struct Document<'a, F>(&'a mut F);

impl<'de, F: FnMut(Value) -> bool> DeserializeSeed<'de> for Document<'_, F> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<bool, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de, F: FnMut(Value) -> bool> Visitor<'de> for Document<'_, F> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a list `services`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut found = false;
        while let Some(key) = map.next_key::<String>()? {
            if key == "services" {
                map.next_value_seed(List(&mut *self.0))?;
                found = true;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<bool, A::Error> {
        List(self.0).visit_seq(list)?;
        Ok(true)
    }
}

/// The list of services.
struct List<'a, F>(&'a mut F);

impl<'de, F: FnMut(Value) -> bool> DeserializeSeed<'de> for List<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(Value) -> bool> Visitor<'de> for List<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of services")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(service) = list.next_element::<Value>()? {
            if !(self.0)(service) {
                return Err(A::Error::custom("the reading was stopped"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<u64>, Result<(), String>) {
        let mut numbers = Vec::new();
        let read = read_services(text.as_bytes(), |service| {
            numbers.extend(service.as_u64());
            true
        });
        (numbers, read)
    }

    #[test]
    fn reads_lists_alone_within_an_object_and_one_after_the_other() {
        let all = (vec![1, 2, 3], Ok(()));
        assert_eq!(read("[1, 2, 3]"), all);
        assert_eq!(
            read(r#"{"total": [9], "services": [1, 2, 3], "limit": 9}"#),
            all
        );
        assert_eq!(
            read("{\"services\": [1]}\n{\"services\": [2, 3]}\n[]\n"),
            all
        );
    }

    #[test]
    fn says_where_a_list_breaks_after_it_has_read_what_was_whole() {
        let (numbers, read) = read("{\"services\": [1, 2, {]}");
        assert_eq!(numbers, [1, 2]);
        let fault = read.expect_err("broken");
        assert!(fault.contains("line 1"), "{fault}");
    }

    #[test]
    fn refuses_what_has_no_list() {
        for text in ["", "{}", "5", "{\"services\": 5}", "<html>", "[1] 5"] {
            assert!(read(text).1.is_err(), "{text}");
        }
    }
}
