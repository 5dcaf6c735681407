import Foundation
import Logging
import OctavoPostgres
import OctavoTestSupport
import Testing

/// Each test makes a cluster of its own, and several at once would only wait for each other's disk.
@Suite(.serialized) struct PrivateClusterTests {
    /// Runs `body` with a cluster in an empty home, and stops it.
    private func withCluster(
        in path: String = "home", environment: [String: String] = ProcessInfo.processInfo.environment,
        _ body: (PrivateCluster) async throws -> Void
    ) async throws {
        try await TemporaryDirectory.with { directory in
            let cluster = TestDatabase.makeCluster(in: directory.appending(path: path), environment: environment)
            do {
                try await body(cluster)
            } catch {
                try? cluster.stop()
                throw error
            }
            try cluster.stop()
            try? FileManager.default.removeItem(atPath: cluster.status().socketDirectory)
        }
    }

    private func processID(_ cluster: PrivateCluster) throws -> Int32 {
        try #require(cluster.status().processID)
    }

    private func answers(_ cluster: PrivateCluster) throws -> Bool {
        try session(cluster.connectionString).query("SELECT 1").count == 1
    }

    @Test func `a cluster is absent, running, stopped and running again`() async throws {
        try await withCluster { cluster in
            #expect(cluster.status().state == .absent)
            let url = try cluster.start()
            let running = cluster.status()
            #expect(running.state == .running)
            #expect(running.connectionString == url)
            #expect(url.hasSuffix("&port=5432"), "PGPORT must not lead astray")
            #expect(running.version?.contains(".") == true)
            #expect(running.sizeInBytes ?? 0 > 1_000_000)
            try session(url).execute("CREATE TABLE kept ()")

            #expect(try cluster.start() == url, "starting twice is starting once")
            #expect(cluster.status().processID == running.processID)

            try cluster.stop()
            #expect(cluster.status().state == .stopped)
            #expect(cluster.status().processID == nil)
            try cluster.stop()

            try cluster.start()
            #expect(try session(url).query("SELECT FROM kept").isEmpty)
        }
    }

    @Test func `only the socket is open, in a directory that nobody else enters`() async throws {
        try await withCluster { cluster in
            try cluster.start()
            let session = try session(cluster.connectionString)
            #expect(try session.query("SHOW listen_addresses").only().string(0) == "")
            let directory = cluster.status().socketDirectory
            for path in [directory, "\(cluster.home)/postgres", cluster.dataDirectory] {
                let attributes = try FileManager.default.attributesOfItem(atPath: path)
                #expect(attributes[.posixPermissions] as? Int == 0o700, "\(path)")
            }
            #expect(try session.query("SHOW server_encoding").only().string(0) == "UTF8")
        }
    }

    @Test func `two processes that start it at once get one server`() async throws {
        try await withCluster { cluster in
            let home = cluster.home
            async let first: Void = {
                await #expect(processExitsWith: .success) { [home = home as String] in
                    try TestDatabase.makeCluster(in: URL(fileURLWithPath: home)).start()
                }
            }()
            async let second: Void = {
                await #expect(processExitsWith: .success) { [home = home as String] in
                    try TestDatabase.makeCluster(in: URL(fileURLWithPath: home)).start()
                }
            }()
            _ = await (first, second)
            #expect(try answers(cluster), "the server outlives those who started it")
            let log = try String(contentsOfFile: cluster.logFile, encoding: .utf8)
            #expect(log.matches(of: #/ready to accept connections/#).count == 1)
        }
    }

    @Test func `a server whose postmaster was killed recovers`() async throws {
        try await withCluster { cluster in
            try cluster.start()
            try session(cluster.connectionString).execute("CREATE TABLE kept (id int); INSERT INTO kept VALUES (7)")
            let killed = try processID(cluster)
            kill(killed, SIGKILL)
            #expect(await eventually { cluster.status().state == .stopped })
            try cluster.start()
            #expect(try processID(cluster) != killed)
            #expect(try session(cluster.connectionString).query("SELECT id FROM kept").only().int("id") == 7)
        }
    }

    @Test func `a pid file whose number now belongs to another program is stale, and that program is left alone`()
        async throws
    {
        try await withCluster { cluster in
            try cluster.start()
            let lines = try String(contentsOfFile: "\(cluster.dataDirectory)/postmaster.pid", encoding: .utf8)
            try cluster.stop()
            let stranger = try RunningProcess(URL(fileURLWithPath: "/bin/sleep"), ["60"])
            let stale = ["\(stranger.processID)"] + lines.split(separator: "\n").dropFirst().map(String.init)
            let text = stale.joined(separator: "\n") + "\n"
            try text.write(toFile: "\(cluster.dataDirectory)/postmaster.pid", atomically: false, encoding: .utf8)
            let lock = "\(cluster.status().socketDirectory)/.s.PGSQL.5432.lock"
            try text.write(toFile: lock, atomically: false, encoding: .utf8)

            #expect(cluster.status().state == .stopped)
            try cluster.stop()
            #expect(await stranger.wait(timeout: .milliseconds(50)) == nil, "stop must not hit a stranger")
            try cluster.start()
            #expect(try answers(cluster))
            #expect(await stranger.wait(timeout: .milliseconds(50)) == nil)
        }
    }

    @Test func `an initdb that was cut short leaves nothing in the way`() async throws {
        try await withCluster { cluster in
            let draft = "\(cluster.dataDirectory).new"
            try FileManager.default.createDirectory(atPath: draft, withIntermediateDirectories: true)
            try Data("15\n".utf8).write(to: URL(fileURLWithPath: "\(draft)/PG_VERSION"))
            let postgres = try FileManager.default.attributesOfItem(atPath: cluster.home)[.ownerAccountID] as? Int
            if postgres == 0, let entry = getpwnam("postgres") {
                chown("\(cluster.home)/postgres", entry.pointee.pw_uid, entry.pointee.pw_gid)
            }
            #expect(cluster.status().state == .absent)
            try cluster.start()
            #expect(!FileManager.default.fileExists(atPath: draft))
        }
    }

    @Test func `a long home has its socket elsewhere, which may vanish`() async throws {
        let path = (0..<4).map { "\($0)" + String(repeating: "long", count: 10) }.joined(separator: "/")
        try await withCluster(in: path) { cluster in
            let url = try cluster.start()
            #expect(!cluster.status().socketDirectory.hasPrefix(cluster.home))
            #expect(try answers(cluster))
            try cluster.stop()
            try FileManager.default.removeItem(atPath: cluster.status().socketDirectory)
            #expect(try cluster.start() == url)
        }
    }

    @Test func `a home with a space, a quote and a comma works`() async throws {
        try await withCluster(in: "it's my, home") { cluster in
            try cluster.start()
            #expect(try answers(cluster))
        }
    }

    @Test func `without a server's programs the error says what to install`() async throws {
        try await TemporaryDirectory.with { directory in
            let cluster = TestDatabase.makeCluster(in: directory, environment: ["OCTAVO_PG_BIN": directory.path])
            let error = await postgresError { try cluster.start() }
            #expect(error?.kind == .cluster)
            #expect(error?.message.contains("OCTAVO_PG_BIN=\(directory.path): none was found") == true)
        }
    }

    @Test func `a cluster of another version needs that version's programs`() async throws {
        try await withCluster { cluster in
            try cluster.start()
            try cluster.stop()
            let file = URL(fileURLWithPath: "\(cluster.dataDirectory)/PG_VERSION")
            let version = try String(contentsOf: file, encoding: .utf8)
            try "9999\n".write(to: file, atomically: false, encoding: .utf8)
            let error = await postgresError { try cluster.start() }
            #expect(error?.message.contains("version 9999, which made this cluster, is needed") == true)
            #expect(error?.hint?.contains("apt-get install postgresql-9999") == true)
            try version.write(to: file, atomically: false, encoding: .utf8)
        }
    }

    @Test func `a server that does not start has its log quoted`() async throws {
        try await withCluster { cluster in
            try cluster.start()
            try session(cluster.connectionString).execute(
                "ALTER SYSTEM SET shared_preload_libraries = 'no_such_library'")
            try cluster.stop()
            let error = await postgresError { try cluster.start() }
            #expect(error?.message.contains("PostgreSQL did not start; its log") == true)
            #expect(error?.message.contains("no_such_library") == true)
        }
    }

    @Test(.enabled(if: geteuid() == 0, "only root is refused by PostgreSQL"))
    func `root is told when the server's user cannot reach the home`() async throws {
        try await TemporaryDirectory.with { directory in
            chmod(directory.path, 0o700)
            let cluster = TestDatabase.makeCluster(in: directory.appending(path: "home"))
            let error = await postgresError { try cluster.start() }
            #expect(error?.message.contains("cannot reach") == true)
            #expect(error?.hint?.contains("OCTAVO_HOME") == true)
        }
    }

    @Test func `work waits for a server that restarts under it`() async throws {
        try await withCluster { cluster in
            let url = try cluster.start()
            try session(url).execute("CREATE TABLE t (id bigint PRIMARY KEY)")
            let connection = PostgresConnection(
                PostgresConfiguration(connectionString: url),
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
            try await connection.run { try $0.execute("SELECT 1") }
            let writing = Task {
                for id in 0..<200 as Range<Int64> {
                    _ = try await connection.runRetrying { session in
                        try session.query("INSERT INTO t VALUES ($1) ON CONFLICT DO NOTHING", [.int(id)])
                        try session.query("SELECT pg_sleep(0.005)")
                    }
                }
            }
            for _ in 0..<2 {
                try await Task.sleep(for: .milliseconds(200))
                kill(try processID(cluster), SIGQUIT)  // as pg_ctl stop -m immediate
                #expect(await eventually { cluster.status().state == .stopped })
                try cluster.start()
            }
            try await writing.value
            #expect(try session(url).query("SELECT FROM t").count == 200)
            await connection.close()
        }
    }

    @Test func `the default home is OCTAVO_HOME, else the user's`() {
        #expect(PrivateCluster.defaultHome(environment: ["OCTAVO_HOME": "/x"]) == "/x")
        let expected = geteuid() == 0 ? "/var/lib/octavo" : "/home/ada/.local/share/octavo"
        #expect(PrivateCluster.defaultHome(environment: ["HOME": "/home/ada"]) == expected)
    }
}
