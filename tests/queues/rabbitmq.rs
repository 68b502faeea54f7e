//! A RabbitMQ of one's own, with its name server.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::server::{Server, free_port};
use crate::support::until;
use crate::tls::Authority;

const MISSING: &str = "on Debian: apt-get install --no-install-recommends rabbitmq-server";

/// Where Debian has the programs themselves; the ones on the path want to be run as its user.
const PROGRAMS: &str = "/usr/lib/rabbitmq/bin";

/// Who may what. `guest` may all; `reader` may write nothing. `narrow` is full from the beginning.
const DEFINITIONS: &str = r#"{
    "users": [
        {"name": "guest", "password": "guest", "tags": "administrator"},
        {"name": "reader", "password": "s3cret-of-reader", "tags": ""}
    ],
    "vhosts": [{"name": "/"}],
    "permissions": [
        {"user": "guest", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"},
        {"user": "reader", "vhost": "/", "configure": ".*", "write": "^$", "read": ".*"}
    ],
    "exchanges": [{
        "name": "leads", "vhost": "/", "type": "topic", "durable": true, "auto_delete": false, "internal": false, "arguments": {}
    }],
    "queues": [
        {"name": "all", "vhost": "/", "durable": true, "auto_delete": false, "arguments": {}},
        {
            "name": "narrow", "vhost": "/", "durable": true, "auto_delete": false,
            "arguments": {"x-max-length": 0, "x-overflow": "reject-publish"}
        }
    ],
    "bindings": [{
        "source": "leads", "vhost": "/", "destination": "all", "destination_type": "queue", "routing_key": "finished.#", "arguments": {}
    }]
}"#;

pub struct RabbitMq {
    pub server: Server,
    node: Node,
}

/// What the server and its tools have to agree on.
#[derive(Clone)]
struct Node {
    names: u16,
    others: u16,
    tls: u16,
    shown: [String; 3],
}

impl Node {
    fn new(authority: &Authority) -> Node {
        let pair = authority.sign(&["127.0.0.1"]);
        let shown = [authority.pem(), pair.certificate_pem(), pair.key_pem()];
        Node { names: free_port(), others: free_port(), tls: free_port(), shown }
    }

    fn environment(&self, command: &mut Command, port: u16, directory: &Path) {
        let at = |name: &str| directory.join(name);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", directory)
            .env("RABBITMQ_NODENAME", format!("leadhook{}@localhost", self.others))
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", port.to_string())
            .env("RABBITMQ_DIST_PORT", self.others.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_EPMD_PORT", self.names.to_string())
            .env("RABBITMQ_MNESIA_BASE", at("mnesia"))
            .env("RABBITMQ_LOG_BASE", at("log"))
            .env("RABBITMQ_LOGS", "-")
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", at("plugins"))
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
            .env("RABBITMQ_CONFIG_FILE", at("rabbitmq.conf"));
    }

    fn server(&self, port: u16, directory: &Path) -> Command {
        let files = ["ca.pem", "cert.pem", "key.pem"].map(|name| directory.join(name));
        for (file, text) in files.iter().zip(&self.shown) {
            std::fs::write(file, text).unwrap();
        }
        let definitions = directory.join("definitions.json");
        std::fs::write(&definitions, DEFINITIONS).unwrap();
        let [ca, certificate, key] = files.map(|file| file.display().to_string());
        let conf = format!(
            "load_definitions = {}\nmax_message_size = 65536\nlisteners.ssl.1 = 127.0.0.1:{}\n\
             ssl_options.cacertfile = {ca}\nssl_options.certfile = {certificate}\nssl_options.keyfile = {key}\n\
             ssl_options.verify = verify_none\n",
            definitions.display(),
            self.tls
        );
        std::fs::write(directory.join("rabbitmq.conf"), conf).unwrap();
        // Left to itself, RabbitMQ starts a name server that outlives it. This one is of the same process group.
        let mut command = Command::new("sh");
        command.args(["-c", &format!("epmd & exec {PROGRAMS}/rabbitmq-server")]);
        self.environment(&mut command, port, directory);
        command
    }
}

impl RabbitMq {
    pub async fn start() -> RabbitMq {
        let authority = Authority::new("A CA for RabbitMQ");
        let node = Node::new(&authority);
        let of_server = node.clone();
        let server = Server::start(MISSING, move |port, directory| of_server.server(port, directory)).await;
        let rabbit = RabbitMq { server, node };
        rabbit.is_ready().await;
        rabbit
    }

    /// After its port, the one for TLS is opened as the last thing.
    pub async fn is_ready(&self) {
        until("RabbitMQ listens for TLS", || std::net::TcpStream::connect(self.secure_address()).is_ok()).await;
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> String {
        self.server.address()
    }

    /// The same for TLS.
    pub fn secure_address(&self) -> String {
        format!("127.0.0.1:{}", self.node.tls)
    }

    /// Lets it believe that it has used up its memory, or no longer.
    pub fn is_out_of_memory(&self, yes: bool) {
        let mut command = Command::new(Path::new(PROGRAMS).join("rabbitmqctl"));
        let port = self.address().rsplit(':').next().unwrap().parse().unwrap();
        self.node.environment(&mut command, port, self.server.directory());
        let mark = if yes { "0.000001" } else { "0.8" };
        let ran = command.args(["--quiet", "set_vm_memory_high_watermark", mark]).output().unwrap();
        assert!(ran.status.success(), "{ran:?}");
    }

    /// A file with the CA's certificate.
    pub fn ca(&self) -> PathBuf {
        self.server.directory().join("ca.pem")
    }
}
