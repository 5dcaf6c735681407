import Foundation
import OctavoPostgres
import OctavoTestSupport
import Testing

extension CommandLineTests {
    /// TLS as libpq has it, and passwords, which nobody gets to see.
    @Suite(.serialized) struct ConnectionSecurityTests {
        private static let openssl = ["/usr/bin/openssl", "/usr/local/bin/openssl"]
            .first { (path: String) in access(path, X_OK) == 0 }.map { URL(fileURLWithPath: $0) }

        /// A server by TCP at an address of this machine that hardly anybody else uses, with a certificate for octavo.test.
        private struct SecureServer {
            let cluster: PrivateCluster
            let address = "127.\(Int.random(in: 64...250)).\(Int.random(in: 1...250)).\(Int.random(in: 2...250))"

            init(in bench: Workbench) async throws {
                cluster = TestDatabase.makeCluster(in: bench.directory.appending(path: "server"))
                let session = try PostgresSession(PostgresConfiguration(connectionString: cluster.start()))
                let data = cluster.dataDirectory
                try await Self.makeCertificate(bench, key: "\(data)/server.key", certificate: "\(data)/server.crt")
                _ = try await Self.makeCertificate(
                    bench, key: bench.path("other.key"), certificate: bench.path("other.crt"))
                var owner = stat()
                stat(data, &owner)
                for name in ["server.key", "server.crt"] { chown("\(data)/\(name)", owner.st_uid, owner.st_gid) }
                chmod("\(data)/server.key", 0o600)
                try FileManager.default.copyItem(atPath: "\(data)/server.crt", toPath: bench.path("server.crt"))
                try Data("local all all trust\nhost all guarded all scram-sha-256\nhost all all all trust\n".utf8)
                    .write(to: URL(fileURLWithPath: "\(data)/pg_hba.conf"), options: [])
                try session.query("ALTER SYSTEM SET listen_addresses = '\(address)'")
                try session.query("ALTER SYSTEM SET ssl = on")
                try session.query("CREATE ROLE guarded LOGIN SUPERUSER PASSWORD 'very-secret-word'")
                try cluster.stop()
                try cluster.start()
            }

            func url(_ mode: String, host: String = "octavo.test", root: String? = nil, user: String = "octavo")
                -> String
            {
                "postgresql://\(user)@\(host)/octavo?hostaddr=\(address)&sslmode=\(mode)"
                    + (root.map { "&sslrootcert=\($0)" } ?? "")
            }

            func setTLS(_ isOn: Bool) throws {
                let session = try PostgresSession(PostgresConfiguration(connectionString: cluster.connectionString))
                try session.query("ALTER SYSTEM SET ssl = \(isOn ? "on" : "off")")
                try session.query("SELECT pg_reload_conf()")
            }

            @discardableResult
            private static func makeCertificate(
                _ bench: Workbench, key: String, certificate: String
            ) async throws -> ProcessOutcome {
                let program = try #require(openssl)
                let made = try await runProcess(
                    program,
                    [
                        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
                        "2",
                        "-subj", "/CN=octavo.test", "-addext", "subjectAltName=DNS:octavo.test", "-keyout", key, "-out",
                        certificate,
                    ], environment: bench.environment)
                try #require(made.status == 0, "\(made.standardError)")
                return made
            }
        }

        @Test(.enabled(if: openssl != nil, "openssl, which makes the certificates, is not installed"))
        func `the server's certificate is checked as sslmode says`() async throws {
            try await Workbench.withoutDatabase { bench in
                let server = try await SecureServer(in: bench)
                defer { try? server.cluster.stop() }
                let (good, wrong) = (bench.path("server.crt"), bench.path("other.crt"))
                let verified = server.url("verify-full", root: good)
                let migrated = try await bench.octavo("database", "migrate", "--database", verified)
                #expect(migrated.status == 0, "\(migrated.standardError)")
                let session = try PostgresSession(PostgresConfiguration(connectionString: verified))
                #expect(try session.query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").only().bool(0))

                func refusal(_ url: String) async throws -> String {
                    let outcome = try await bench.octavo("status", "--database", url)
                    #expect(outcome.status == 69, "\(url): \(outcome)")
                    return outcome.standardError
                }
                #expect(try await refusal(server.url("verify-full", root: wrong)).contains("certificate verify failed"))
                #expect(try await refusal(server.url("verify-ca", root: wrong)).contains("certificate verify failed"))
                let misnamed = try await refusal(server.url("verify-full", host: "octavo.example", root: good))
                #expect(misnamed.contains("does not match host name \"octavo.example\""))
                #expect(
                    try await bench.octavo("status", "--database", server.url("verify-ca", host: "x", root: good))
                        .status == 0)
                // By libpq's variables, which the environment of a service may set.
                var other = bench
                other.environment.merge([
                    "OCTAVO_DATABASE_URL": "postgresql://octavo@octavo.test/octavo?hostaddr=\(server.address)",
                    "PGSSLMODE": "verify-full", "PGSSLROOTCERT": good,
                ]) { $1 }
                #expect(try await other.octavo("status").status == 0)

                try server.setTLS(false)
                let isRefused = try await eventually(within: .seconds(30)) {
                    let plain = try await bench.octavo("status", "--database", server.url("require"))
                    return plain.status == 69 && plain.standardError.contains("server does not support SSL")
                }
                #expect(isRefused)
                #expect(try await bench.octavo("status", "--database", server.url("prefer")).status == 0)
            }
        }

        @Test(.enabled(if: openssl != nil, "openssl, which makes the certificates, is not installed"))
        func `no password is printed, logged or shown to other users of the machine`() async throws {
            try await Workbench.withoutDatabase { bench in
                let server = try await SecureServer(in: bench)
                defer { try? server.cluster.stop() }
                let secret = "very-secret-word"
                let right = server.url("require", user: "guarded:\(secret)")
                let wrong = server.url("require", user: "guarded:wrong-\(secret)")
                let away = "postgresql://guarded:\(secret)@octavo.test:1/octavo?hostaddr=127.0.0.1"
                let unreadable = "postgresql://guarded:\(secret)@[octavo.test/octavo"
                let path = try bench.write("in.jsonl", #"{"prompt": "x", "max_tokens": 3}"#)
                for url in [wrong, away, unreadable] {
                    for command in [
                        ["status"], ["worker", "--model", TestModels.tiny], ["enqueue", path], ["database", "migrate"],
                        ["database", "doctor", "--json"],
                    ] {
                        var failing = bench
                        failing.environment["OCTAVO_DATABASE_URL"] = url
                        let outcome = try await failing.octavo(
                            command + ["--log-level", "trace", "--log-format", "json"])
                        #expect(outcome.status == 69, "\(command): \(outcome)")
                        #expect(!(outcome.standardOutput + outcome.standardError).contains(secret))
                    }
                }

                var working = bench
                working.environment["OCTAVO_DATABASE_URL"] = right
                #expect(try await working.octavo("database", "migrate", "--log-level", "trace").status == 0)
                let worker = try working.start(["worker", "--model", TestModels.tiny, "--log-level", "trace"])
                let admin = try PostgresSession(
                    PostgresConfiguration(connectionString: server.cluster.connectionString))
                let isWorking = try await eventually {
                    try admin.query("SELECT count(*) FROM octavo.workers").only().int(0) == 1
                }
                #expect(isWorking, "\(worker.standardError)")
                for file in ["cmdline", "comm", "status"] {
                    let shown = try Data(contentsOf: URL(fileURLWithPath: "/proc/\(worker.processID)/\(file)"))
                    #expect(!String(decoding: shown, as: UTF8.self).contains(secret), "\(file)")
                }
                worker.signal(SIGTERM)
                #expect(try await status(of: worker) == 130)
                #expect(!(worker.standardOutput + worker.standardError).contains(secret))
                #expect(!(try String(contentsOfFile: server.cluster.logFile, encoding: .utf8)).contains(secret))

                // A password that is in no URL at all.
                try bench.write("pgpass", "*:*:*:guarded:\(secret)\n")
                chmod(bench.path("pgpass"), 0o600)
                var safest = bench
                safest.environment["OCTAVO_DATABASE_URL"] = server.url("require", user: "guarded")
                #expect(try await safest.octavo("status").status == 69)
                safest.environment["PGPASSFILE"] = bench.path("pgpass")
                #expect(try await safest.octavo("status").status == 0)
            }
        }
    }
}
