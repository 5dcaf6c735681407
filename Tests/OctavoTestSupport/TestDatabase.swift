public import Foundation
public import OctavoPostgres
import Synchronization

/// Real PostgreSQL for tests: one private cluster for the whole test process, started when it is first needed, and a
/// fresh database for each test.
public enum TestDatabase {
    private static let count = Atomic(0)

    private static let cluster = Result {
        let cluster = try makeCluster(in: TemporaryDirectory.make())
        try cluster.start()
        return cluster
    }

    /// Describes a cluster of a test's own: small, and it never waits for the disk, so that it survives the death of its
    /// processes but not the machine's.
    public static func makeCluster(
        in home: URL, environment: [String: String] = ProcessInfo.processInfo.environment
    ) -> PrivateCluster {
        PrivateCluster(
            home: home.path, environment: environment,
            settings: [
                "shared_buffers": "32MB", "fsync": "off", "max_prepared_transactions": "4", "max_connections": "1000",
            ],
            initdbOptions: ["--no-sync"])
    }

    /// Makes an empty database, and drops it after `body`, whoever is still connected.
    ///
    /// - Parameter body: is given the connection string.
    public static func withDatabase<T>(_ body: (String) async throws -> T) async throws -> T {
        let cluster = try Self.cluster.get()
        let name = "test_\(count.add(1, ordering: .relaxed).newValue)"
        try administer(cluster, "CREATE DATABASE \(name)")
        defer { try? administer(cluster, "DROP DATABASE \(name) WITH (FORCE)") }
        return try await body(cluster.connectionString.replacing("@/octavo?", with: "@/\(name)?"))
    }

    /// The directory of the socket of the tests' cluster.
    public static var socketDirectory: String { get throws { try cluster.get().status().socketDirectory } }

    private static func administer(_ cluster: PrivateCluster, _ sql: String) throws {
        let configuration = PostgresConfiguration(connectionString: cluster.connectionString)
        try PostgresSession(configuration).execute(sql)
    }
}
