//! The etcd charm at the other end of a relation. The lab has no relations with other applications, so scripts answer for that
//! relation's hook tools, and for secrets.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ops_coordinator_trial::Cluster;
use serde_json::{Value, json};

use crate::application::{Application, until};

/// Keeps the values of a secret as files of a directory, whose name is its id.
const SECRET_ADD: &str = r#"
    new=$(mktemp -d $place/secrets/XXXXXX)
    for value; do case $value in *'#file='*) cp "${value#*#file=}" "$new/${value%%#*}" ;; esac; done
    echo secret:${new##*/}"#;
/// Prints them as JSON.
const SECRET_GET: &str = r#"
    for uri; do :; done
    before='{'
    for file in $place/secrets/${uri#secret:}/*; do
        printf '%s"%s": "' "$before" "${file##*/}"
        awk '{ printf "%s\\n", $0 }' "$file"
        printf '"'
        before=', '
    done
    echo '}'"#;

/// What the etcd charm says, as its relation and its secret have it.
pub(crate) struct Provider {
    directory: PathBuf,
}

impl Provider {
    /// It has not answered yet.
    pub(crate) fn new(cluster: &Cluster) -> Self {
        let directory = cluster.directory().join("provider");
        fs::create_dir(&directory).unwrap();
        let provider = Self { directory };
        provider.write("ids", &json!(["etcd:9"]));
        provider.write("databag", &json!({}));
        provider
    }

    pub(crate) fn write(&self, file: &str, content: &Value) {
        // The hook tools read it at any time.
        let new = self.directory.join("new");
        fs::write(&new, content.to_string()).unwrap();
        fs::rename(new, self.directory.join(file)).unwrap();
    }

    /// It answers.
    pub(crate) fn is_ready(&self, endpoints: &str, authority: &Path) {
        let pem = fs::read_to_string(authority).unwrap();
        self.write("secret", &json!({"tls": "True", "tls-ca": pem}));
        let databag = json!({
            "endpoints": endpoints, "secret-tls": "secret:tls", "secret-user": "secret:user", "version": "3.6.5"
        });
        self.write("databag", &databag);
    }

    /// The relation is removed.
    pub(crate) fn leaves(&self) {
        self.write("ids", &json!([]));
    }

    /// What the application has asked for in its databag, if it has.
    pub(crate) fn asked(&self) -> Option<Value> {
        let text = fs::read_to_string(self.directory.join("asked")).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// A file of what the hook tools have noted.
    pub(crate) fn noted(&self, name: &str) -> String {
        fs::read_to_string(self.directory.join(name)).unwrap()
    }

    /// Where the content of a secret of the application is, one file for each key.
    pub(crate) fn secret(&self, uri: &Value) -> PathBuf {
        let id = uri.as_str().unwrap().strip_prefix("secret:").unwrap();
        self.directory.join("secrets").join(id)
    }

    /// Gives the charm hook tools that know the relation.
    pub(crate) fn answers(&self, application: &Application) {
        let bin = application.charm().join("bin");
        fs::create_dir(&bin).unwrap();
        fs::create_dir(self.directory.join("secrets")).unwrap();
        let place = self.directory.display();
        let answer = |tool: &str, cases: &[(&str, &str)]| {
            let cases = cases.iter();
            let cases = cases.map(|(words, script)| format!("{words}) {script}; exit ;;\n"));
            let cases: String = cases.collect();
            let text = format!(
                "#!/bin/sh\nset -eu\nplace={place}\ncase \"$*\" in\n{cases}esac\nPATH=${{PATH#*:}} exec {tool} \"$@\"\n"
            );
            let tool = bin.join(tool);
            fs::write(&tool, text).unwrap();
            fs::set_permissions(tool, fs::Permissions::from_mode(0o755)).unwrap();
        };
        answer("relation-ids", &[("*' etcd'", "cat $place/ids")]);
        let name = "echo '\"charmed-etcd\"'";
        answer("relation-list", &[("*'-r etcd:9 --app'", name)]);
        let own = "cat $place/asked 2>/dev/null || echo '{}'";
        answer(
            "relation-get",
            &[
                ("*'-r etcd:9 --app - charmed-etcd'", "cat $place/databag"),
                ("*'-r etcd:9 --app - app'", own),
            ],
        );
        let set = "cat >$place/asked.new; mv $place/asked.new $place/asked";
        answer("relation-set", &[("'-r etcd:9 --app --file -'", set)]);
        let model = "echo $JUJU_MODEL_UUID >$place/model; echo \"{\\\"uuid\\\": \\\"$JUJU_MODEL_UUID\\\"}\"";
        answer("relation-model-get", &[("*'-r etcd:9'", model)]);
        answer(
            "secret-get",
            &[
                ("*' --refresh secret:tls'", "cat $place/secret"),
                ("'--format=json secret:'*", SECRET_GET),
            ],
        );
        answer(
            "secret-add",
            &[("'--owner application --label '*", SECRET_ADD)],
        );
        let grant = "echo \"$*\" >>$place/granted";
        answer("secret-grant", &[("'-r etcd:9 secret:'*", grant)]);
        let dispatch = application.charm().join("dispatch");
        let text = fs::read_to_string(&dispatch).unwrap();
        let (head, rest) = text.split_once('\n').unwrap();
        fs::write(
            &dispatch,
            format!("{head}\nPATH=$CHARM_DIR/bin:$PATH\n{rest}"),
        )
        .unwrap();
    }
}

/// The servers, without the scheme, as the etcd charm names them.
pub(crate) fn endpoints(cluster: &Cluster) -> String {
    cluster.endpoints().replace("https://", "")
}

pub(crate) fn said(application: &Application, words: &str) {
    until(words, || application.file(0, "said").contains(words));
}

/// Runs the charm, as Juju does when the other end of the relation has said something. Another hook may have seen that
/// already, and ended the roll and its lab.
pub(crate) fn changed(application: &Application, unit: u32) {
    let command = "JUJU_DISPATCH_PATH=hooks/etcd-relation-changed ./dispatch";
    application.try_step(&format!(
        "exec = {{ unit = \"app/{unit}\", command = \"{command}\" }}"
    ));
}
