import Dispatch
import Foundation
import OctavoPostgres
import OctavoTestSupport
import Synchronization

/// The PostgreSQL of all trials: a private cluster in a temporary directory.
final class ChaosServer: Sendable {
    /// Few, so that they can be used up.
    static let connectionLimit = 60

    private let cluster: PrivateCluster
    private let databases = Atomic(0)

    /// Makes the cluster and starts it.
    init() throws {
        cluster = PrivateCluster(
            home: try TemporaryDirectory.make().path, environment: ProcessInfo.processInfo.environment,
            settings: ["shared_buffers": "32MB", "fsync": "off", "max_connections": "\(Self.connectionLimit)"],
            initdbOptions: ["--no-sync"])
        try cluster.start()
    }

    /// The Unix socket.
    var socketPath: String {
        get throws { "\(cluster.status().socketDirectory)/.s.PGSQL.5432" }
    }

    /// Where the Unix socket is.
    var socketDirectory: String { cluster.status().socketDirectory }

    /// The postmaster; nil when the server is down.
    var processID: Int32? { cluster.status().processID }

    /// Makes an empty database and returns its name.
    func makeDatabase() throws -> String {
        let name = "trial_\(databases.add(1, ordering: .relaxed).newValue)"
        try administer("CREATE DATABASE \(name)")
        return name
    }

    /// Removes a database, whoever is still connected.
    func dropDatabase(_ name: String) throws { try administer("DROP DATABASE \(name) WITH (FORCE)") }

    /// The connection string of a database, by the Unix socket.
    func url(_ database: String) -> String { cluster.connectionString.replacing("@/octavo?", with: "@/\(database)?") }

    /// How `pg_ctl stop` stops.
    enum StopMode: Int32 {
        /// Sessions are ended, then everything is written.
        case fast = 2  // SIGINT
        /// Everything ends at once, as in a crash.
        case immediate = 3  // SIGQUIT
    }

    /// Stops the server and waits until it is down.
    func stop(_ mode: StopMode) async throws {
        guard let processID else { return }
        kill(processID, mode.rawValue)
        let isDown = await eventually(within: .seconds(60)) { self.processID == nil }
        guard isDown else { throw TrialError("PostgreSQL does not stop") }
    }

    /// Starts the server and waits until it takes connections.
    func start() async throws {
        try await offPool { [cluster] in _ = try cluster.start() }
    }

    /// Removes the server.
    func shutDown() { try? cluster.stop() }

    private func administer(_ sql: String) throws {
        try PostgresSession(PostgresConfiguration(connectionString: cluster.connectionString)).execute(sql)
    }
}

/// Something that a trial could not do.
struct TrialError: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}

/// Runs what blocks on a thread of its own.
func offPool<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
}

/// Holds a thread until it is opened.
final class Latch: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)

    /// Lets the thread go on.
    func open() { semaphore.signal() }

    /// Blocks until `open`.
    func wait() { semaphore.wait() }
}
