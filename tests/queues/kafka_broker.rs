//! Kafka's own server, alone in its cluster, as jars from Maven's repository.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::consumer::program;
use crate::server::{Server, free_port};
use crate::support::until;

const MISSING: &str = "on Debian: apt-get install --no-install-recommends default-jre-headless maven";

const POM: &str = "tests/queues/kafka/pom.xml";

/// Whom the listener for users lets in. Its ACLs forbid nothing from the beginning.
pub const USER: &str = "leads:s3cret-of-leads";

pub struct Kafka {
    pub server: Server,
    ports: Ports,
}

#[derive(Clone, Copy)]
struct Ports {
    controller: u16,
    users: u16,
    named: u16,
}

/// All jars, fetched by the first test that asks.
fn jars() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let (home, stamp) = (target.join("kafka"), target.join("kafka/pom.xml"));
    // Let go by the system if the process dies.
    let held = File::create(target.join("kafka.lock")).unwrap();
    held.lock().unwrap();
    let wanted = fs::read_to_string(manifest.join(POM)).unwrap();
    // Written last: what is there is whole.
    if fs::read_to_string(&stamp).is_ok_and(|fetched| fetched == wanted) {
        return home;
    }
    let _ = fs::remove_dir_all(&home);
    let mut command = Command::new("mvn");
    command.args(["--quiet", "--batch-mode", "dependency:copy-dependencies", "--file"]).arg(manifest.join(POM));
    command.arg(format!("-DoutputDirectory={}", home.display()));
    let ran = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; is it installed? {MISSING}"));
    assert!(ran.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ran.stdout));
    fs::write(&stamp, wanted).unwrap();
    home
}

fn java(jars: &Path, class: &str) -> Command {
    let mut command = Command::new("java");
    command.args([
        "-Xmx256m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    ]);
    command.arg("-cp").arg(jars.join("*")).arg(class);
    command
}

impl Ports {
    fn properties(self, port: u16, directory: &Path) -> String {
        let Ports { controller, users, named } = self;
        let (user, password) = USER.split_once(':').unwrap();
        format!(
            "process.roles=broker,controller\n\
             node.id=1\n\
             controller.quorum.voters=1@127.0.0.1:{controller}\n\
             controller.listener.names=CONTROLLER\n\
             inter.broker.listener.name=PLAIN\n\
             listeners=PLAIN://127.0.0.1:{port},USERS://127.0.0.1:{users},NAMED://127.0.0.1:{named},\
                 CONTROLLER://127.0.0.1:{controller}\n\
             advertised.listeners=PLAIN://127.0.0.1:{port},USERS://127.0.0.1:{users},NAMED://localhost:{named}\n\
             listener.security.protocol.map=PLAIN:PLAINTEXT,USERS:SASL_PLAINTEXT,NAMED:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
             sasl.enabled.mechanisms=PLAIN\n\
             listener.name.users.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule \
                 required user_{user}=\"{password}\";\n\
             authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n\
             super.users=User:ANONYMOUS\n\
             allow.everyone.if.no.acl.found=true\n\
             offsets.topic.replication.factor=1\n\
             transaction.state.log.replication.factor=1\n\
             transaction.state.log.min.isr=1\n\
             log.dirs={}\n",
            directory.join("logs").display()
        )
    }

    /// Formats its directory at the first start, and runs in it.
    fn server(self, jars: &Path, port: u16, directory: &Path) -> Command {
        let properties = directory.join("server.properties");
        fs::write(&properties, self.properties(port, directory)).unwrap();
        if !directory.join("logs").exists() {
            let mut format = java(jars, "kafka.tools.StorageTool");
            format.args(["format", "--cluster-id", "bGVhZGhvb2stcXVldWVzLQ", "--config"]).arg(&properties);
            let ran = format.output().unwrap_or_else(|error| panic!("{format:?}: {error}; is it installed? {MISSING}"));
            assert!(ran.status.success(), "{ran:?}");
        }
        let mut command = java(jars, "kafka.Kafka");
        command.arg(properties).current_dir(directory);
        command
    }
}

impl Kafka {
    pub async fn start() -> Kafka {
        let (jars, ports) = (jars(), Ports { controller: free_port(), users: free_port(), named: free_port() });
        let server = Server::start(MISSING, move |port, directory| ports.server(&jars, port, directory)).await;
        let kafka = Kafka { server, ports };
        kafka.is_ready().await;
        kafka
    }

    /// It listens before it knows anything of its topics.
    pub async fn is_ready(&self) {
        let asks = || program("kafka_side.py").args(["topics", &self.address()]).output().unwrap();
        until("Kafka tells of its topics", || asks().status.success()).await;
    }

    /// Without a user: `127.0.0.1:PORT`
    pub fn address(&self) -> String {
        self.server.address()
    }

    /// For users.
    pub fn for_users(&self) -> String {
        format!("127.0.0.1:{}", self.ports.users)
    }

    /// Here the broker says of itself that it is at `localhost`.
    pub fn named(&self) -> String {
        format!("127.0.0.1:{}", self.ports.named)
    }

    /// Runs `kafka_side.py`, which must succeed, and gives what it printed.
    pub fn side(&self, does: &str, more: &[&str]) -> String {
        let ran = program("kafka_side.py").args([does, &self.address()]).args(more).output().unwrap();
        assert!(ran.status.success(), "{does} {more:?}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    }
}
