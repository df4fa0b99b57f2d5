//! Arguments, as Juju's flag package reads them: flags anywhere, `--flag=value` or `--flag value`, `--` ends them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::halt::{Halt, usage};
use super::output::Format;

/// What a tool takes.
pub(super) struct Spec {
    /// Its name.
    pub(super) name: &'static str,
    /// Its arguments beside flags, for the help.
    pub(super) args: &'static str,
    /// What it is for, for the help.
    pub(super) purpose: &'static str,
    /// Its flags.
    pub(super) flags: &'static [Flag],
    /// How many arguments it takes at most beside flags.
    pub(super) most: usize,
}

/// A flag.
pub(super) struct Flag {
    /// Its names without dashes; the first is its key.
    pub(super) names: &'static [&'static str],
    /// Whether it takes a value; if not it is a switch, which may be given as `--flag=false`.
    pub(super) value: bool,
    /// For the help.
    pub(super) help: &'static str,
}

pub(super) const FORMAT: Flag = Flag {
    names: &["format"],
    value: true,
    help: "Specify output format (json|smart|yaml)",
};
pub(super) const OUTPUT: Flag = Flag {
    names: &["output", "o"],
    value: true,
    help: "Specify an output file",
};
pub(super) const RELATION: Flag = Flag {
    names: &["relation", "r"],
    value: true,
    help: "Specify a relation by id",
};

/// The arguments of one call.
#[derive(Debug)]
pub(super) struct Parsed {
    /// By the flag's key: the name as typed, and the value.
    flags: BTreeMap<&'static str, (String, String)>,
    /// The rest.
    pub(super) args: Vec<String>,
}

impl Spec {
    /// Reads the arguments.
    pub(super) fn parse(&self, args: &[String]) -> Result<Parsed, Halt> {
        let mut parsed = Parsed {
            flags: BTreeMap::new(),
            args: Vec::new(),
        };
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            if arg == "--" {
                parsed.args.extend(rest.cloned());
                break;
            }
            let Some(text) = arg.strip_prefix('-').filter(|text| !text.is_empty()) else {
                parsed.args.push(arg.clone());
                continue;
            };
            let (typed, given) = split(text);
            if matches!(typed.as_str(), "--help" | "-h") {
                return Err(Halt::Help(self.help()));
            }
            let bare = typed.trim_start_matches('-');
            let Some(flag) = self.flags.iter().find(|flag| flag.names.contains(&bare)) else {
                return usage(format!("option provided but not defined: {typed}"));
            };
            let value = match given {
                Some(value) if flag.value || go_bool(&value).is_some() => value,
                Some(value) => {
                    return usage(format!(
                        "invalid boolean value {value:?} for {typed}: strconv.ParseBool: parsing {value:?}: invalid syntax"
                    ));
                }
                None if flag.value => match rest.next() {
                    Some(value) => value.clone(),
                    None => return usage(format!("option needs an argument: {typed}")),
                },
                None => "true".to_owned(),
            };
            parsed.flags.insert(flag.names[0], (typed, value));
        }
        if let Some(extra) = parsed
            .args
            .get(self.most..)
            .filter(|extra| !extra.is_empty())
        {
            let extra: Vec<String> = extra.iter().map(|arg| format!("{arg:?}")).collect();
            return usage(format!("unrecognized args: [{}]", extra.join(" ")));
        }
        if parsed.has("output") {
            return Err(Halt::Failure(
                "--output is not supported by the lab: redirect stdout".into(),
            ));
        }
        Ok(parsed)
    }

    fn help(&self) -> String {
        let mut text = format!("Usage: {} [options] {}\n\n", self.name, self.args);
        let _ = write!(text, "Summary:\n{}\n", self.purpose);
        if !self.flags.is_empty() {
            text.push_str("\nOptions:\n");
        }
        for flag in self.flags {
            let dashed = |name: &&str| {
                if name.len() == 1 {
                    format!("-{name}")
                } else {
                    format!("--{name}")
                }
            };
            let mut names: Vec<String> = flag.names.iter().map(dashed).collect();
            names.sort_by_key(String::len);
            let value = if flag.value {
                " (= \"\")"
            } else {
                " (= false)"
            };
            let _ = writeln!(text, "{}{value}\n    {}", names.join(", "), flag.help);
        }
        text
    }
}

/// The flag as typed, and the value that came with it: `-r7` and `--format=json` carry one.
fn split(text: &str) -> (String, Option<String>) {
    if let Some(long) = text.strip_prefix('-') {
        return match long.split_once('=') {
            Some((name, value)) => (format!("--{name}"), Some(value.to_owned())),
            None => (format!("--{long}"), None),
        };
    }
    let end = text.chars().next().map_or(0, char::len_utf8);
    let (name, value) = text.split_at(end);
    let value = (!value.is_empty()).then(|| value.strip_prefix('=').unwrap_or(value).to_owned());
    (format!("-{name}"), value)
}

/// A truth value as Go spells it.
pub(super) fn go_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

impl Parsed {
    /// A flag's value.
    pub(super) fn value(&self, key: &str) -> Option<&str> {
        self.flags.get(key).map(|(_, value)| value.as_str())
    }

    /// A flag as it was typed, for messages.
    pub(super) fn typed(&self, key: &str) -> &str {
        self.flags.get(key).map_or("", |(typed, _)| typed.as_str())
    }

    /// Whether a switch is on (or a flag with a value was given).
    pub(super) fn has(&self, key: &str) -> bool {
        self.value(key)
            .is_some_and(|value| go_bool(value).unwrap_or(true))
    }

    /// The argument at this place.
    pub(super) fn arg(&self, place: usize) -> Option<&str> {
        self.args.get(place).map(String::as_str)
    }

    /// The output format asked for.
    pub(super) fn format(&self) -> Result<Format, Halt> {
        match self.value("format") {
            None | Some("smart") => Ok(Format::Smart),
            Some("json") => Ok(Format::Json),
            Some("yaml") => Ok(Format::Yaml),
            Some(other) => usage(format!(
                "invalid value {other:?} for option --format: unknown format {other:?}"
            )),
        }
    }

    /// The arguments from this place on as `key=value` pairs.
    pub(super) fn pairs(&self, from: usize) -> Result<Vec<(&str, &str)>, Halt> {
        let args = self.args.get(from..).unwrap_or_default();
        args.iter()
            .map(|arg| match arg.split_once('=') {
                Some((key, value)) if !key.is_empty() => Ok((key, value)),
                _ => usage(format!("expected \"key=value\", got {arg:?}")),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: Spec = Spec {
        name: "tool",
        args: "[key]",
        purpose: "Try flags.",
        flags: &[
            FORMAT,
            RELATION,
            Flag {
                names: &["app"],
                value: false,
                help: "App",
            },
        ],
        most: 2,
    };

    fn parse(args: &[&str]) -> Result<Parsed, Halt> {
        SPEC.parse(&args.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn flags_may_stand_anywhere_and_take_their_value_either_way() {
        for args in [
            &["key", "-r", "peer:7", "--app", "--format=json"][..],
            &["--app=True", "-rpeer:7", "--format", "json", "key"],
            &[
                "--relation=peer:7",
                "--format",
                "json",
                "--app",
                "--",
                "key",
            ],
        ] {
            let parsed = parse(args).unwrap();
            assert_eq!(parsed.value("relation"), Some("peer:7"));
            assert_eq!(parsed.format().unwrap(), Format::Json);
            assert!(parsed.has("app"));
            assert_eq!(parsed.args, ["key"]);
        }
        assert!(!parse(&["--app=false"]).unwrap().has("app"));
    }

    #[test]
    fn wrong_calls_are_told_apart() {
        let usage = |text: &str| Some(Halt::Usage(text.to_owned()));
        assert_eq!(
            parse(&["--nope"]).err(),
            usage("option provided but not defined: --nope")
        );
        assert_eq!(parse(&["-r"]).err(), usage("option needs an argument: -r"));
        assert_eq!(
            parse(&["a", "b", "c"]).err(),
            usage("unrecognized args: [\"c\"]")
        );
    }

    #[test]
    fn a_single_dash_is_an_argument_and_what_follows_two_is_never_a_flag() {
        assert_eq!(parse(&["-", "--", "--app"]).unwrap().args, ["-", "--app"]);
    }

    #[test]
    fn help_names_every_flag() {
        let Err(Halt::Help(help)) = parse(&["--help"]) else {
            panic!("no help")
        };
        for flag in ["--format", "-r, --relation", "--app"] {
            assert!(help.contains(flag), "{help}");
        }
    }
}
